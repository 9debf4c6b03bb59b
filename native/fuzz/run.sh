#!/usr/bin/env bash
# Tries inputs nobody thought of, one target after the other: `run.sh [TARGET|all|properties] [SECONDS]`; see `make fuzz`.
#
# `properties` are those of the service (`src/**/*.property.test.ts`), `all` is everything. Seeds of fuzz targets are
# committed; what a run adds goes to corpus/, what fails to artifacts/. `cargo fuzz run TARGET ARTIFACT` repeats one
# input, `cargo fuzz tmin TARGET ARTIFACT` makes it small.
set -euo pipefail
cd "$(dirname "$0")"

toolchain=${NIGHTLY:-nightly}
wanted=${1:-all}
seconds=${2:-60}
# What an input may take: memory in all and at once in MiB, seconds. An instrumented program takes several times what
# the engine takes.
limits=(-rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=10 -max_len=65536)

fuzz() {
  cargo +"$toolchain" fuzz "$@"
}

properties() {
  local files
  mapfile -t files < <(find ../../dist -name '*.property.test.js')
  echo "==> properties of the service, $seconds seconds each"
  FUZZ_SECONDS=$seconds node --test --test-reporter=spec --test-concurrency=1 "${files[@]}"
}

run() {
  local name=$1
  echo "==> $name, $seconds seconds"
  mkdir -p "corpus/$name"
  fuzz run --fuzz-dir . "$name" "corpus/$name" "seeds/$name" -- "${limits[@]}" \
    -dict="dictionaries/$name.dict" -max_total_time="$seconds" -print_final_stats=1
}

# Files of an input cost least in memory.
[ -w /dev/shm ] && export TMPDIR=/dev/shm

if [ "$wanted" = properties ]; then
  properties
  exit
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.1
if [ "$wanted" = all ]; then
  properties
  for name in $(fuzz list --fuzz-dir .); do run "$name"; done
else
  run "$wanted"
fi
