#!/bin/sh
# Prints a folder for LOCPATH that has the locale en_US.UTF-8: locale.sh
#
# ONNX Runtime makes texts lower case by that locale, and starts no session of such a graph without it. Compiled by
# localedef into bench/.bin, from the sources of glibc; nothing else of the machine changes. LOCPATH is kept where it is set.
set -eu

name=en_US.UTF-8
bin=$(cd "$(dirname "$0")/.." && pwd)/.bin

if [ -n "${LOCPATH:-}" ]; then
  echo "$LOCPATH"
  exit
fi
if [ ! -d "$bin/locale/$name" ]; then
  command -v localedef >/dev/null && [ -e /usr/share/i18n/locales/en_US ] ||
    { echo "the locale $name is compiled here: install Debian's locales, or set LOCPATH" >&2; exit 1; }
  mkdir -p "$bin/locale"
  localedef -i en_US -f UTF-8 "$bin/locale/$name.part"
  mv "$bin/locale/$name.part" "$bin/locale/$name"
fi
echo "$bin/locale"
