#!/bin/sh
# Prints the path of a program that is built with Go: go.sh PROGRAM PACKAGE@VERSION GO
#
# Built where it is absent, into bench/.bin; nothing else of the machine changes. The package's only program becomes
# PROGRAM; GO is the oldest Go that builds it. A variable of the program's name in capitals (K6) names another binary.
set -eu

program=$1
package=$2
oldest=$3
bin=$(cd "$(dirname "$0")/.." && pwd)/.bin

variable=$(echo "$program" | tr 'a-z' 'A-Z')
eval "named=\${$variable:-}"
if [ -n "$named" ]; then
  echo "$named"
  exit
fi
if [ ! -x "$bin/$program" ]; then
  command -v go >/dev/null || { echo "$program is built with Go: install Go $oldest or later, or set $variable" >&2; exit 1; }
  echo "building $package into $bin" >&2
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one builds, the others find it.
  exec 9>"$bin/$program.lock"
  flock 9
  if [ ! -x "$bin/$program" ]; then
    built=$(mktemp -d "$bin/$program.XXXXXX")
    GOBIN=$built go install "$package" >&2
    mv "$built"/* "$bin/$program"
    rmdir "$built"
  fi
fi
echo "$bin/$program"
