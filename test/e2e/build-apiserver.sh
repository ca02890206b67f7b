#!/bin/sh
# Builds the real etcd, kube-apiserver, kube-controller-manager (and kubectl, where the system has none) for the
# end-to-end tests, from their Go modules, into a cache outside of this repository:
#
#     ${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test/bin
#
# k8s.io/kubernetes can't be installed with `go install MODULE@VERSION`, because its go.mod points each staging module
# (k8s.io/api, k8s.io/client-go, ...) to a folder of its own tree. So a small main module is generated that requires it
# and points each staging module to its own release instead: v1.34.4 of the whole goes with v0.34.4 of the parts.
#
# Idempotent: a program that is there in the wanted version isn't built again. The first run takes about seven minutes on
# two cores, and 4 GB of Go's caches.
# Exit status: 0 all there, 3 no Go tool chain (the callers skip their tests, loudly), otherwise the failure's.
set -eu

KUBERNETES_VERSION=${KUBERNETES_VERSION:-v1.34.4}
ETCD_VERSION=${ETCD_VERSION:-v3.6.16}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test
bin=$cache/bin
staging_version=v0.${KUBERNETES_VERSION#v1.}

say() { printf 'build-apiserver: %s\n' "$*" >&2; }

is_built() { # program version
    [ -x "$bin/$1" ] && [ "$(cat "$bin/.$1.version" 2>/dev/null)" = "$2" ]
}

wanted='kube-apiserver kube-controller-manager'
command -v kubectl >/dev/null 2>&1 || wanted="$wanted kubectl"
missing=
for program in $wanted; do
    is_built "$program" "$KUBERNETES_VERSION" || missing="$missing $program"
done
is_built etcd "$ETCD_VERSION" || missing="$missing etcd"
[ -n "$missing" ] || { say "all there, in $bin"; exit 0; }

if ! command -v go >/dev/null 2>&1; then
    say '**********************************************************************'
    say "NO GO TOOL CHAIN: can't build$missing"
    say 'The end-to-end tests need a real kube-apiserver. Install Go 1.24 or later.'
    say '**********************************************************************'
    exit 3
fi

mkdir -p "$bin"
# One builder at a time; whoever comes second finds all of it built.
if [ -z "${ZONELOG_BUILD_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    ZONELOG_BUILD_LOCKED=1 exec flock "$cache/build.lock" sh "$0" "$@"
fi

export CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=mod -trimpath -buildvcs=false'

new_module() { # name
    module=$cache/src/$1
    rm -rf "$module"
    mkdir -p "$module"
    cd "$module"
    go mod init "zonelog.test/$1" 2>/dev/null
}

build() { # program version package linker-flags
    is_built "$1" "$2" && return
    say "building $1 $2"
    begin=$(date +%s)
    go build -ldflags "-s -w $4" -o "$bin/.$1.new" "$3"
    mv -f "$bin/.$1.new" "$bin/$1"
    printf '%s\n' "$2" >"$bin/.$1.version"
    say "built $1 in $(($(date +%s) - begin)) s"
}

if ! is_built etcd "$ETCD_VERSION"; then
    new_module etcd
    go mod edit -require="go.etcd.io/etcd/server/v3@$ETCD_VERSION"
    build etcd "$ETCD_VERSION" go.etcd.io/etcd/server/v3 ''
fi

case $missing in *kube*)
    new_module kubernetes
    say "getting the modules of k8s.io/kubernetes $KUBERNETES_VERSION"
    go mod download "k8s.io/kubernetes@$KUBERNETES_VERSION"
    gomod=$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/$KUBERNETES_VERSION.mod
    go mod edit -require="k8s.io/kubernetes@$KUBERNETES_VERSION"
    for part in $(sed -n 's/^[[:space:]]*\(k8s\.io\/[a-z0-9-]*\) => \.\/staging\/.*/\1/p' "$gomod"); do
        go mod edit -replace="$part=$part@$staging_version"
    done
    # The language version of the original: the defaults of the Go runtime (GODEBUG) follow from it.
    go mod edit -go="$(sed -n 's/^go //p' "$gomod")"
    version=k8s.io/component-base/version
    flags="-X $version.gitVersion=$KUBERNETES_VERSION -X $version.gitMajor=1"
    flags="$flags -X $version.gitMinor=$(printf %s "$KUBERNETES_VERSION" | cut -d. -f2)"
    for program in $wanted; do
        build "$program" "$KUBERNETES_VERSION" "k8s.io/kubernetes/cmd/$program" "$flags"
    done
    ;;
esac
say "done: $bin"
