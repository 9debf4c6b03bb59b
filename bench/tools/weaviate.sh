#!/bin/sh
# Prints the path of Weaviate's server, after building it with Go from bench/tools/weaviate, whose go.mod pins it, where it
# is absent (some minutes). WEAVIATE names another binary. The build stays in bench/.bin; nothing else of the machine
# changes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(dirname "$here")/.bin

if [ -n "${WEAVIATE:-}" ]; then
  echo "$WEAVIATE"
  exit
fi
if [ ! -x "$bin/weaviate" ]; then
  command -v go >/dev/null || { echo "Weaviate is built with Go: install Go 1.26 or later, or set WEAVIATE" >&2; exit 1; }
  echo "building Weaviate into $bin, which takes some minutes" >&2
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one builds, the others find it.
  exec 9>"$bin/weaviate.lock"
  flock 9
  [ -x "$bin/weaviate" ] || (cd "$here/weaviate" && go build -trimpath -ldflags '-s -w' -o "$bin/weaviate" github.com/weaviate/weaviate/cmd/weaviate-server) >&2
fi
echo "$bin/weaviate"
