#!/bin/sh
# Prints the Python of a virtual environment that has a requirements file installed, made on first use.
#
#   bench/tools/venv.sh parity bench/parity/requirements.txt
#
# It lies in bench/.venv/<name> and is brought up to date when the requirements change. PyTorch comes
# from PyPI, with its GPU libraries: several gigabytes on the first run. A name's own variable, such
# as CHORUS_PARITY_PYTHON, names another Python that has everything already.
set -eu

name=$1
requirements=$2
folder=$(cd "$(dirname "$0")/.." && pwd)/.venv/$name

override=$(printenv "CHORUS_$(echo "$name" | tr '[:lower:]' '[:upper:]')_PYTHON" || true)
if [ -n "$override" ]; then
  echo "$override"
  exit
fi
command -v python3 >/dev/null || { echo "python3 (3.10 or later) is missing" >&2; exit 1; }
if ! cmp -s "$requirements" "$folder/requirements.txt"; then
  echo "installing $requirements into $folder" >&2
  python3 -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$folder/requirements.txt"
fi
echo "$folder/bin/python"
