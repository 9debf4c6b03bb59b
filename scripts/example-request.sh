#!/bin/sh
# Sends a running service the examples of its profile, and shows each with its answer: example-request.sh PROFILE URL
#
# A service that asks for a key gets that of CHORUS_KEY.
set -eu

key=${CHORUS_KEY:+--key}
requests=$(node dist/cli/main.js requests "$1" --as curl --url "$2" $key)
echo "$requests" | grep -e " -d '" | while IFS= read -r request; do
  echo "$request"
  eval "$request --silent --show-error --fail-with-body --write-out '\n\n'"
done
