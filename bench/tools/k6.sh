#!/bin/sh
# Prints the path of k6, after building the pinned version with Go where it is absent (about a
# minute). K6 names another binary. The build stays in bench/.bin; nothing else of the machine changes.
set -eu

version=v1.8.1
bin=$(cd "$(dirname "$0")/.." && pwd)/.bin

if [ -n "${K6:-}" ]; then
  echo "$K6"
  exit
fi
if [ ! -x "$bin/k6" ]; then
  command -v go >/dev/null || { echo "k6 is built with Go: install Go 1.25 or later, or set K6" >&2; exit 1; }
  echo "building k6 $version into $bin" >&2
  GOBIN=$bin go install "go.k6.io/k6@$version" >&2
fi
echo "$bin/k6"
