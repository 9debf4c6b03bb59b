#!/bin/sh
# Builds the CPU image with the models of a profile, and serves it until Ctrl-C: run-container.sh PROFILE
#
# With docker or podman, whichever answers; ENGINE names one. PORT is this machine's, 8080 by default.
set -eu

engine=${ENGINE:-}
for candidate in docker podman; do
  if [ -z "$engine" ] && "$candidate" info >/dev/null 2>&1; then engine=$candidate; fi
done
[ -n "$engine" ] || { echo 'neither docker nor podman answers; ENGINE names another' >&2; exit 1; }
# Podman leaves the health check out of an image in its own format.
case $engine in *podman) set -- "$1" --format docker ;; esac
profile=$1
shift
"$engine" build "$@" -t chorus-cpu -f Dockerfile-cpu --build-arg "PROFILE=$profile" .
exec "$engine" run --rm -p "${PORT:-8080}:8080" chorus-cpu
