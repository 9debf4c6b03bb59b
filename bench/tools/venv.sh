#!/bin/sh
# Prints the Python of a virtual environment that has a requirements file installed, made on first use.
#
#   bench/tools/venv.sh parity bench/parity/requirements.txt
#   bench/tools/venv.sh litserve bench/peers/litserve/requirements.txt parity
#
# It lies in bench/.venv/<name> (CHORUS_BENCH_VENVS names another folder) and is brought up to date when
# the requirements change. A third argument names an environment made before whose packages it sees too,
# after its own: PyTorch comes from PyPI with its GPU libraries, several gigabytes, and so lies in one
# only. A name's own variable, such as CHORUS_PARITY_PYTHON, names another Python that has everything.
set -eu

name=$1
requirements=$2
base=${3:-}
folders=${CHORUS_BENCH_VENVS:-$(cd "$(dirname "$0")/.." && pwd)/.venv}
folder=$folders/$name

override=$(printenv "CHORUS_$(echo "$name" | tr '[:lower:]-' '[:upper:]_')_PYTHON" || true)
if [ -n "$override" ]; then
  echo "$override"
  exit
fi
command -v python3 >/dev/null || { echo "python3 (3.10 or later) is missing" >&2; exit 1; }
if ! cmp -s "$requirements" "$folder/requirements.txt"; then
  echo "installing $requirements into $folder" >&2
  python3 -m venv "$folder"
  if [ -n "$base" ]; then
    own=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$folders/$base/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$own/base.pth"
  fi
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$folder/requirements.txt"
fi
echo "$folder/bin/python"
