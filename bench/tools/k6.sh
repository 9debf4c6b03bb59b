#!/bin/sh
# Prints the path of k6, built where it is absent (about a minute); K6 names another binary (go.sh).
exec "$(dirname "$0")/go.sh" k6 go.k6.io/k6@v1.8.1 1.25
