#!/bin/sh
# Builds the image of the server, and with --push sends it to its registry: docker, podman or buildah, whichever is there.
#   deploy/build-image.sh NAME[:TAG] [--push] [BUILD OPTIONS…]
set -eu
name=${1:?"usage: deploy/build-image.sh NAME[:TAG] [--push] [BUILD OPTIONS…]"}
shift
push=
if [ "${1:-}" = --push ]; then
  push=yes
  shift
fi
cd "$(dirname "$0")/.."
for builder in docker podman buildah; do
  # A client without its engine can't build.
  if command -v "$builder" >/dev/null && "$builder" info >/dev/null 2>&1; then
    "$builder" build --tag "$name" --file Dockerfile "$@" .
    [ -z "$push" ] || "$builder" push "$name"
    exit
  fi
done
echo "needs docker, podman or buildah" >&2
exit 1
