#!/bin/sh
# Prints the path of a program that Debian has as a package: debian.sh PROGRAM [PACKAGE]
#
# That of the machine, else Debian's own, fetched by apt and unpacked into bench/.bin without being installed. Debian's
# release pins the version. A variable of the program's name in capitals (REDIS_SERVER) names another binary. A file
# that is no program, such as a library to preload, is found by its name just so.
#
# No root is needed and nothing else of the machine changes: apt's lists and downloads go into a folder of
# their own. What the program needs and the machine lacks comes with it.
set -eu

program=$1
package=${2:-$1}
bin=$(cd "$(dirname "$0")/.." && pwd)/.bin
folder=$bin/debian/$package

variable=$(echo "$program" | tr 'a-z.-' 'A-Z__')
eval "named=\${$variable:-}"
if [ -n "$named" ]; then
  echo "$named"
  exit
fi
if command -v "$program" >/dev/null; then
  command -v "$program"
  exit
fi
fetch() {
  echo "fetching Debian's $package into $folder" >&2
  rm -rf "$folder"
  mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/root"
  apt() {
    # Without the sandbox's user, who may not write here; without apt's lock, which needs root.
    apt-get -qq -y -o Dir::State::lists="$folder/lists" -o Dir::Cache::archives="$folder/archives" \
      -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true "$@" >&2
  }
  apt update
  apt install --no-install-recommends --download-only "$package"
  for archive in "$folder"/archives/*.deb; do dpkg-deb -x "$archive" "$folder/root"; done
  rm -rf "$folder/lists" "$folder/archives"
  # Some are links: the server of Redis is its checker under another name. Some in bin only start that in lib, by its
  # place in a system where it is installed.
  file=$(find "$folder/root" ! -type d \( -path "*bin/$program" -o -path "*/lib/*/$program" \) | sort -r | head -n 1)
  [ -n "$file" ] || { echo "Debian's $package has no $program" >&2; exit 1; }
  if [ -x "$file" ]; then
    libraries=$(find "$folder/root" -name 'lib*.so*' -exec dirname {} \; | sort -u | paste -sd : -)
    # Its own name stays: redis-server decides by it whether it is the server.
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$file" >"$bin/$program.part"
    chmod +x "$bin/$program.part"
    mv "$bin/$program.part" "$bin/$program"
  else
    ln -s "$file" "$bin/$program"
  fi
}

if [ ! -e "$bin/$program" ]; then
  command -v apt-get >/dev/null || { echo "install $package, or set $variable" >&2; exit 1; }
  mkdir -p "$bin"
  # Test files run side by side and ask at the same time: one fetches, the others find it.
  exec 9>"$bin/$program.lock"
  flock 9
  [ -e "$bin/$program" ] || fetch
fi
echo "$bin/$program"
