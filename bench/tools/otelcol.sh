#!/bin/sh
# Prints the path of OpenTelemetry's collector, after building it with Go from bench/tools/collector, whose go.mod pins
# it, where it is absent (about a minute). OTELCOL names another binary, which must know the exporter `lines`. The build
# stays in bench/.bin; nothing else of the machine changes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(dirname "$here")/.bin

if [ -n "${OTELCOL:-}" ]; then
  echo "$OTELCOL"
  exit
fi
if [ ! -x "$bin/otelcol" ]; then
  command -v go >/dev/null || { echo "the collector is built with Go: install Go 1.26 or later, or set OTELCOL" >&2; exit 1; }
  echo "building OpenTelemetry's collector into $bin" >&2
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one builds, the others find it.
  exec 9>"$bin/otelcol.lock"
  flock 9
  [ -x "$bin/otelcol" ] || (cd "$here/collector" && go build -trimpath -ldflags '-s -w' -o "$bin/otelcol" .) >&2
fi
echo "$bin/otelcol"
