#!/bin/sh
# Prints the path of redis-server: that of the machine, else Debian's package, fetched by apt and unpacked
# into bench/.bin without being installed. REDIS_SERVER names another binary.
#
# No root is needed and nothing else of the machine changes: apt's lists and downloads go into a folder of
# their own. What Redis needs and the machine lacks comes with it.
set -eu

bin=$(cd "$(dirname "$0")/.." && pwd)/.bin
folder=$bin/redis

if [ -n "${REDIS_SERVER:-}" ]; then
  echo "$REDIS_SERVER"
  exit
fi
if command -v redis-server >/dev/null; then
  command -v redis-server
  exit
fi
fetch() {
  echo "fetching Debian's redis-server into $folder" >&2
  rm -rf "$folder"
  mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/root"
  apt() {
    # Without the sandbox's user, who may not write here; without apt's lock, which needs root.
    apt-get -qq -y -o Dir::State::lists="$folder/lists" -o Dir::Cache::archives="$folder/archives" \
      -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true "$@" >&2
  }
  apt update
  apt install --no-install-recommends --download-only redis-server
  for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
  rm -rf "$folder/lists" "$folder/archives"
  libraries=$(dirname "$(find "$folder/root" -name 'lib*.so*' | head -n 1)")
  # By this name: the package's binary decides by it whether it is the server.
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$folder/root/usr/bin/redis-server" \
    >"$bin/redis-server.part"
  chmod +x "$bin/redis-server.part"
  mv "$bin/redis-server.part" "$bin/redis-server"
}

if [ ! -x "$bin/redis-server" ]; then
  command -v apt-get >/dev/null || { echo "install Redis, or set REDIS_SERVER" >&2; exit 1; }
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one fetches, the others find it.
  exec 9>"$bin/redis.lock"
  flock 9
  [ -x "$bin/redis-server" ] || fetch
fi
echo "$bin/redis-server"
