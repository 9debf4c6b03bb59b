#!/bin/sh
# Opens a page in a browser, and says where it is: open.sh URL
set -eu

echo "$1"
case $(uname) in
  Darwin) opener=open ;;
  *) opener=xdg-open ;;
esac
# Without a screen there is no browser, whatever is installed.
if [ "$opener" = open ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  if command -v "$opener" >/dev/null; then exec "$opener" "$1"; fi
fi
