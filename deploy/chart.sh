#!/usr/bin/env bash
# The chart and what is made from it: deploy/chart.sh check | write
#
#   check   lint, unit tests, schemas of everything rendered, and that what is derived is current
#   write   write what is derived: kustomize's base
#
# `make chart` builds the tools into deploy/.bin first. Needs neither a cluster nor a network.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/deploy/.bin
base=deploy/kustomize/base/chorus.yaml

# Kustomize's base is the chart as it is, without what only Helm means.
render_base() {
  "$bin/helm" template chorus helm --skip-tests |
    sed -E '/^ +(namespace: default|helm\.sh\/chart: .*|app\.kubernetes\.io\/managed-by: Helm)$/d; /^# Source:/d'
}

# validate NAME: the manifests on standard input.
validate() {
  printf '%-44s' "$1"
  "$bin/kubeconform" -strict -summary \
    -schema-location 'deploy/schemas/{{.ResourceKind}}{{.KindSuffix}}.json' |
    sed 's/^Summary: //; s/ found parsing stdin//'
}

write() {
  render_base >"$base"
}

check() {
  local file overlay
  diff -u "$base" <(render_base) || { echo "$base is stale: deploy/chart.sh write" >&2; return 1; }

  "$bin/helm-unittest" --strict helm
  for file in helm/ci/*.yaml helm/envs/*.yaml; do
    "$bin/helm" lint --strict --quiet helm --values "$file"
    "$bin/helm" template chorus helm --namespace texts --values "$file" | validate "$file"
  done
  for overlay in deploy/kustomize/overlays/*; do
    "$bin/kustomize" build "$overlay" | validate "$overlay"
  done
  "$bin/helm" lint --strict --quiet autotests/helm
  "$bin/helm" template autotests autotests/helm --namespace texts | validate autotests/helm
  for file in deploy/kserve/*.yaml; do validate "$file" <"$file"; done
}

case ${1:-} in
check | write) "$1" ;;
*)
  echo "usage: $0 check | write" >&2
  exit 2
  ;;
esac
