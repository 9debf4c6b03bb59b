#!/usr/bin/env bash
# Names every missing or too old tool in one line each, with the version wanted.
set -u

# at_least FOUND WANTED: whether version FOUND is WANTED or newer.
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

missing=0

# check TOOL WANTED HINT: TOOL --version must print WANTED or newer.
check() {
  local found
  found=$("$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1)
  if [ -z "$found" ]; then
    echo "chorus: $1 is missing; version $2 or newer is needed ($3)" >&2
    missing=1
  elif ! at_least "$found" "$2"; then
    echo "chorus: $1 $found is too old; version $2 or newer is needed ($3)" >&2
    missing=1
  fi
}

check node 20.19.2 https://nodejs.org
check npm 10.0.0 'comes with Node.js'
check cargo 1.95.0 https://rustup.rs
check cc 4.0 'a C compiler, such as gcc or clang'
exit "$missing"
