#!/usr/bin/env bash
# Builds tools of the versions in go.mod into deploy/.bin: deploy/tools/build.sh chart | cluster | node
#
# `cluster` is a control plane with nodes that only pretend, `node` what runs containers. The first build
# fetches modules and takes minutes; later ones take seconds.
set -euo pipefail
cd "$(dirname "$0")"

chart=(
  github.com/helm-unittest/helm-unittest/cmd/helm-unittest
  github.com/yannh/kubeconform/cmd/kubeconform
  helm.sh/helm/v4/cmd/helm
  sigs.k8s.io/kustomize/kustomize/v5
)
cluster=(
  ./cmd/controlplane
  sigs.k8s.io/metrics-server/cmd/metrics-server
)
node=(
  ./cmd/node
  ./cmd/pause
  github.com/containerd/containerd/v2/cmd/containerd
  github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
  github.com/containerd/containerd/v2/cmd/ctr
)

command -v go >/dev/null || {
  echo "chorus: go is missing; version $(sed -n 's/^go //p' go.mod) or newer is needed (https://go.dev/dl)" >&2
  exit 1
}

case ${1:-} in
chart) packages=("${chart[@]}") ;;
cluster) packages=("${cluster[@]}") ;;
node) packages=("${node[@]}") ;;
*)
  echo "usage: $0 chart | cluster | node" >&2
  exit 2
  ;;
esac

# Kubernetes' programs learn their version from the linker; without, a chart's kubeVersion is not met.
kubernetes=$(sed -nE 's#^\tk8s.io/kubernetes (v1\.([0-9]+)\.[0-9]+)$#\1 \2#p' go.mod)
version=k8s.io/component-base/version
flags="-s -w -X $version.gitVersion=${kubernetes% *} -X $version.gitMajor=1 -X $version.gitMinor=${kubernetes#* }"

echo "==> Building ${packages[*]##*/} (minutes the first time)"
mkdir -p ../.bin
go build -trimpath -ldflags "$flags" -o ../.bin/ "${packages[@]}"
