#!/usr/bin/env bash
# Writes the folder that the challenge's organisers build: deploy/examples/challenge/solution.sh FOLDER
#
# They run `docker build .` in it, without arguments. So it holds what an image is made of, as the last commit has it, with one
# Dockerfile: this repository's for a GPU, with other defaults. FOLDER must not be there, or be empty.
set -euo pipefail

[[ $# == 1 ]] || {
  echo "usage: $0 FOLDER" >&2
  exit 2
}
folder=$(realpath --canonicalize-missing "$1")
[[ ! -e $folder || (-d $folder && -z $(ls -A "$folder")) ]] || {
  echo "$1 is there and not empty; name another folder, or remove it." >&2
  exit 2
}
cd "$(dirname "$0")/../../.."
example=deploy/examples/challenge

mkdir -p "$folder"
# What a build is sent, by the same list; not the autotests, which the organisers have.
sed -n 's/^!//p' .dockerignore | grep -vE '^(autotests|bench)/' |
  xargs git archive --format=tar HEAD .dockerignore | tar -x -C "$folder"
cp -r "$example/helm" "$folder/"

home=$(sed -n 's/^ *HF_HOME: //p' "$example/helm/envs/chorus.yaml")
sed -E "s|^ARG PROFILE=.*|ARG PROFILE=challenge|; s|^ARG HF_HOME=.*|ARG HF_HOME=$home|" Dockerfile-gpu >"$folder/Dockerfile"
echo "$1: now docker build in it, and commit it as solution/"
