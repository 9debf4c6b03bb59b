#!/bin/sh
# Prints the path of toxiproxy's server, built where it is absent (seconds); TOXIPROXY names another binary (go.sh).
exec "$(dirname "$0")/go.sh" toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0 1.23
