#!/bin/sh
# Fetches the definitions (YAML) of the custom kinds that the end-to-end tests create objects of, from the Go modules that
# they are published in, into a cache outside of this repository:
#
#     ${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test/definitions/MODULE@VERSION
#
# Prints the folder of each module, one a line, in the order below. Idempotent: what is there isn't fetched again.
# Exit status: 0 all there, 3 no Go tool chain, otherwise the failure's.
set -eu

MCS_API_VERSION=${MCS_API_VERSION:-v0.5.2}
GATEWAY_API_VERSION=${GATEWAY_API_VERSION:-v1.6.3}
EXTERNAL_DNS_VERSION=${EXTERNAL_DNS_VERSION:-v0.21.0}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test
definitions=$cache/definitions

fetch() { # module version folder-of-the-definitions
    target=$definitions/${1##*/}@$2
    if [ ! -d "$target" ]; then
        if ! command -v go >/dev/null 2>&1; then
            echo "fetch-definitions: no Go tool chain to get $1 with" >&2
            exit 3
        fi
        echo "fetch-definitions: getting $1 $2" >&2
        # Another fetch may be under way: whoever is first moves the finished folder to its place.
        new=$(mktemp -d "$definitions/.new.XXXXXX")
        (cd "$new" && GOWORK=off GOFLAGS=-mod=mod go mod download -json "$1@$2" >answer.json) || true
        source=$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$new/answer.json")
        if [ -z "$source" ]; then
            cat "$new/answer.json" >&2
            rm -rf "$new"
            exit 1
        fi
        mkdir "$new/yaml"
        cp "$source/$3"/*.yaml "$new/yaml"
        chmod -R u+w "$new/yaml"
        mv -T "$new/yaml" "$target" 2>/dev/null || [ -d "$target" ]
        rm -rf "$new"
    fi
    echo "$target"
}

mkdir -p "$definitions"
fetch sigs.k8s.io/mcs-api "$MCS_API_VERSION" config/crd
fetch sigs.k8s.io/gateway-api "$GATEWAY_API_VERSION" config/crd/standard
fetch sigs.k8s.io/external-dns "$EXTERNAL_DNS_VERSION" config/crd/standard
