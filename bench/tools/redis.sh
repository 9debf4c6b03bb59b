#!/bin/sh
# Prints the path of redis-server; REDIS_SERVER names another binary (debian.sh).
exec "$(dirname "$0")/debian.sh" redis-server
