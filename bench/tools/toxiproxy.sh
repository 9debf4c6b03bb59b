#!/bin/sh
# Prints the path of toxiproxy's server, after building the pinned version with Go where it is absent (seconds).
# TOXIPROXY names another binary. The build stays in bench/.bin; nothing else of the machine changes.
set -eu

version=v2.12.0
bin=$(cd "$(dirname "$0")/.." && pwd)/.bin

if [ -n "${TOXIPROXY:-}" ]; then
  echo "$TOXIPROXY"
  exit
fi
if [ ! -x "$bin/toxiproxy" ]; then
  command -v go >/dev/null || { echo "toxiproxy is built with Go: install Go 1.23 or later, or set TOXIPROXY" >&2; exit 1; }
  echo "building toxiproxy $version into $bin" >&2
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one builds, the others find it.
  exec 9>"$bin/toxiproxy.lock"
  flock 9
  if [ ! -x "$bin/toxiproxy" ]; then
    built=$(mktemp -d "$bin/toxiproxy.XXXXXX")
    # Its program is called `server`.
    GOBIN=$built go install "github.com/Shopify/toxiproxy/v2/cmd/server@$version" >&2
    mv "$built/server" "$bin/toxiproxy"
    rmdir "$built"
  fi
fi
echo "$bin/toxiproxy"
