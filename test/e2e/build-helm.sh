#!/bin/sh
# Builds Helm from its Go module, for the tests of the chart in examples/k8s_gateway, into a cache outside of this repository:
#
#     ${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test/bin/helm
#
# Idempotent. Exit status: 0 there, 3 no Go tool chain, otherwise the failure's.
set -eu

HELM_VERSION=${HELM_VERSION:-v3.19.0}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test
bin=$cache/bin
[ -x "$bin/helm" ] && [ "$(cat "$bin/.helm.version" 2>/dev/null)" = "$HELM_VERSION" ] && exit 0
if ! command -v go >/dev/null 2>&1; then
    echo "build-helm: no Go tool chain to build Helm with" >&2
    exit 3
fi

mkdir -p "$bin"
# One builder at a time; whoever comes second finds it built.
if [ -z "${ZONELOG_BUILD_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    ZONELOG_BUILD_LOCKED=1 exec flock "$cache/build.lock" sh "$0" "$@"
fi

echo "build-helm: building Helm $HELM_VERSION" >&2
new=$(mktemp -d "$bin/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=mod -trimpath -buildvcs=false' GOBIN=$new \
    go install -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@$HELM_VERSION"
mv -f "$new/helm" "$bin/helm"
printf '%s\n' "$HELM_VERSION" >"$bin/.helm.version"
