#!/usr/bin/env bash
# Builds tools of the versions in go.mod into deploy/.bin: deploy/tools/build.sh chart | cluster
#
# The first build of `chart` takes a few minutes and fetches modules; later ones take seconds.
set -euo pipefail
cd "$(dirname "$0")"

chart=(
  github.com/helm-unittest/helm-unittest/cmd/helm-unittest
  github.com/yannh/kubeconform/cmd/kubeconform
  helm.sh/helm/v4/cmd/helm
  sigs.k8s.io/kustomize/kustomize/v5
)

command -v go >/dev/null || {
  echo "chorus: go is missing; version $(sed -n 's/^go //p' go.mod) or newer is needed (https://go.dev/dl)" >&2
  exit 1
}

case ${1:-} in
chart) packages=("${chart[@]}") ;;
*)
  echo "usage: $0 chart" >&2
  exit 2
  ;;
esac

echo "==> Building ${packages[*]##*/} (a few minutes the first time)"
mkdir -p ../.bin
go build -trimpath -ldflags '-s -w' -o ../.bin/ "${packages[@]}"
