#!/bin/sh
# Makes the peer ready: its Python environment, then its fused graphs from the checkpoints of
# `make synthetic`. Run once; what is there is kept. Needs 16 GB of memory for the export and 5 GB of disk.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
synthetic=$(cd "$root" && realpath -m "${CHORUS_SYNTHETIC_DIR:-../chorus-synthetic}")

[ -d "$synthetic/challenge/jy46604790" ] || { echo "no checkpoints in $synthetic: run make synthetic" >&2; exit 1; }
python=$("$root/bench/tools/venv.sh" peer "$here/requirements.txt")
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 "$python" "$here/export.py" "$synthetic/challenge" "$synthetic/peer"
"$python" "$here/quantize.py" "$synthetic/peer" "$synthetic/peer-int8"
