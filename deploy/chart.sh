#!/usr/bin/env bash
# The chart and what is made from it: deploy/chart.sh check | write
#
#   check   lint, unit tests, schemas of everything rendered, and that what is derived is current
#   write   write what is derived: kustomize's bases
#
# `make chart` builds the tools into deploy/.bin first. Needs neither a cluster nor a network.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/deploy/.bin
base=deploy/kustomize/base/chorus.yaml
monitor=deploy/kustomize/components/monitoring/service-monitor.yaml
example=deploy/examples/two-services
example_base=$example/kustomize/base/services.yaml

# Without what only Helm means.
without_helm() {
  sed -E '/^ +(namespace: "default"|helm\.sh\/chart: .*|app\.kubernetes\.io\/managed-by: Helm)$/d; /^# Source:/d'
}

# Kustomize's base is the chart as it is.
render_base() {
  "$bin/helm" template chorus helm --skip-tests | without_helm
}

# Beside it, where Prometheus' operator runs.
render_monitor() {
  "$bin/helm" template chorus helm --set serviceMonitor.enabled=true --show-only templates/servicemonitor.yaml | without_helm
}

# The same of both services. Their password is no part of it: it would be another each time, and in git.
render_example_base() {
  "$bin/helm" template project helm --skip-tests --values "$example/project.yaml" \
    --set cache.redis.existingSecret.name=redis-service,cache.redis.existingSecret.passwordKey=password | without_helm
  "$bin/helm" template lab helm --skip-tests --values "$example/lab.yaml" | without_helm
}

# Both releases and the route of the folder $1, as the README there has them installed.
render_example() {
  local release
  for release in project lab; do
    "$bin/helm" template "$release" helm --skip-tests --namespace texts --values "$example/$release.yaml"
  done
  echo ---
  "$bin/kustomize" build "$example/routes/$1"
}

# count NAME ROUTE: the manifests on standard input are three services, three deployments, two autoscalers
# and one route of that kind, and no other.
count() {
  local all kind found expected
  all=$(cat)
  for expected in Service=3 Deployment=3 HorizontalPodAutoscaler=2 VirtualService=0 HTTPRoute=0 Ingress=0; do
    kind=${expected%=*}
    [[ $kind != "$2" ]] || expected=$kind=1
    found=$(grep -c "^kind: $kind$" <<<"$all" || true)
    [[ $kind=$found == "$expected" ]] || { echo "$1: $kind=$found, not $expected" >&2; return 1; }
  done
  validate "$1" <<<"$all"
}

# validate NAME: the manifests on standard input.
validate() {
  printf '%-44s' "$1"
  "$bin/kubeconform" -strict -summary \
    -schema-location 'deploy/schemas/{{.ResourceKind}}{{.KindSuffix}}.json' |
    sed 's/^Summary: //; s/ found parsing stdin//'
}

# `kustomize edit set namespace` reaches every object, the namespace itself too.
check_namespace() {
  local copy left
  copy=$(mktemp -d)
  cp -r "$example" "$copy"
  (cd "$copy/two-services/kustomize/overlays/prod" && "$bin/kustomize" edit set namespace student)
  left=$("$bin/kustomize" build "$copy/two-services/kustomize/overlays/prod" | grep -c texts-prod || true)
  rm -r "$copy"
  [[ $left == 0 ]] || { echo "$left objects keep their namespace after kustomize edit" >&2; return 1; }
}

# The challenge's own form of values reaches the load; what is not read is refused.
check_autotests() {
  local values=deploy/examples/challenge/autotests.yaml url all
  url=$(sed -n 's/^ *api_host: //p' "$values")
  all=$("$bin/helm" template autotests autotests/helm --namespace texts --values "$values")
  validate "$values" <<<"$all"
  grep -qF "value: \"$url\"" <<<"$all" || { echo "$values does not reach the CronJob" >&2; return 1; }
  ! "$bin/helm" template autotests autotests/helm --set global.image.tag=mine >/dev/null 2>&1 || {
    echo 'autotests/helm takes global.image, which it does not read' >&2
    return 1
  }
}

# Overlays take the image that they are told of, and name none of a registry that anybody could have meant.
check_image() {
  local overlay copy images
  copy=$(mktemp -d)
  cp -r deploy/kustomize "$copy"
  for overlay in "$copy"/kustomize/overlays/*; do
    images=$("$bin/kustomize" build "$overlay" | sed -n 's/^ *image: //p')
    [[ $images == registry.example/* ]] || { echo "${overlay##*/}: the image is $images" >&2; return 1; }
    (cd "$overlay" && "$bin/kustomize" edit set image chorus-cpu=other.example/chorus-cpu:1 &&
      "$bin/kustomize" edit add component ../../components/monitoring)
    images=$("$bin/kustomize" build "$overlay" | sed -n 's/^ *image: //p')
    [[ $images == other.example/chorus-cpu:1 ]] || { echo "${overlay##*/}: the image is $images" >&2; return 1; }
    "$bin/kustomize" build "$overlay" | validate "${overlay##*/} with monitoring"
  done
  rm -r "$copy"
}

write() {
  render_base >"$base"
  render_monitor >"$monitor"
  render_example_base >"$example_base"
}

check() {
  local file overlay
  diff -u "$base" <(render_base) || { echo "$base is stale: deploy/chart.sh write" >&2; return 1; }
  diff -u "$monitor" <(render_monitor) || { echo "$monitor is stale: deploy/chart.sh write" >&2; return 1; }
  diff -u "$example_base" <(render_example_base) || { echo "$example_base is stale: deploy/chart.sh write" >&2; return 1; }

  "$bin/helm-unittest" --strict helm
  for file in helm/ci/*.yaml helm/envs/*.yaml deploy/examples/retrieval-store/chorus.yaml; do
    "$bin/helm" lint --strict --quiet helm --values "$file"
    "$bin/helm" template chorus helm --namespace texts --values "$file" | validate "$file"
  done
  "$bin/helm" template chorus helm --namespace texts --values helm/ci/most-values.yaml |
    node deploy/observability/rendered.mjs texts texts-of-all
  for overlay in deploy/kustomize/overlays/*; do
    "$bin/kustomize" build "$overlay" | validate "$overlay"
  done
  check_image
  render_example istio | count "$example with istio" VirtualService
  render_example gateway | count "$example with gateway" HTTPRoute
  render_example ingress | count "$example with ingress" Ingress
  "$bin/kustomize" build "$example/kustomize/overlays/dev" | count "$example/…/dev" Ingress
  "$bin/kustomize" build "$example/kustomize/overlays/prod" | count "$example/…/prod" VirtualService
  check_namespace
  "$bin/helm" lint --strict --quiet autotests/helm
  "$bin/helm" template autotests autotests/helm --namespace texts | validate autotests/helm
  check_autotests
  for file in deploy/kserve/*.yaml deploy/examples/retrieval-store/publish.yaml; do validate "$file" <"$file"; done
}

case ${1:-} in
check | write) "$1" ;;
*)
  echo "usage: $0 check | write" >&2
  exit 2
  ;;
esac
