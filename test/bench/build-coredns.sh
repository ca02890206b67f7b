#!/bin/sh
# Builds CoreDNS, the peer of the benchmark, once, into a cache outside the repository, and prints its path.
# All plugins of its release are inside; kubernetai too, where the Go module proxy has it and it compiles.
# Exit 3: there is no Go. Other failures keep the exit status of the Go tool.
set -eu

version=${COREDNS_VERSION:-v1.15.0}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test
bin=$cache/bin/coredns
stamp=$cache/bin/coredns.version

if [ -x "$bin" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then
  echo "$bin"
  exit 0
fi

if ! command -v go >/dev/null 2>&1; then
  {
    echo '************************************************************************'
    echo '* NO GO TOOLCHAIN: CoreDNS cannot be built, so nothing is compared.    *'
    echo '* Get Go 1.26 or newer (https://go.dev/dl/) and run this again, or put *'
    echo "* a CoreDNS binary at"
    echo "*   $bin"
    echo "* and the line $version at"
    echo "*   $stamp"
    echo '************************************************************************'
  } >&2
  exit 3
fi

# main.go: what CoreDNS's own coredns.go is; with an argument, kubernetai is put before kubernetes.
write_main() {
  rm -rf "$work"
  mkdir -p "$work"
  if [ "$1" = kubernetai ]; then
    cat >"$work/main.go" <<'GO'
package main

import (
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/kubernetai/plugin/kubernetai"
)

func init() {
	at := slices.Index(dnsserver.Directives, "kubernetes")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, "kubernetai")
}

func main() { coremain.Run() }
GO
  else
    cat >"$work/main.go" <<'GO'
package main

import (
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
GO
  fi
}

# One compiler at a time, and nice: the machine stays usable in the minutes that this takes.
build() {
  write_main "$1"
  (
    cd "$work"
    export GOFLAGS="-p=${ZONELOG_BUILD_JOBS:-1}" GOTOOLCHAIN="${GOTOOLCHAIN:-local}" CGO_ENABLED=0
    go mod init zonelog-test/coredns &&
      go get "github.com/coredns/coredns@$version" &&
      if [ "$1" = kubernetai ]; then
        # the plugin may ask for another CoreDNS: the one that is compared stays
        go get github.com/coredns/kubernetai@latest && go get "github.com/coredns/coredns@$version"
      fi &&
      go mod tidy &&
      nice -n 10 go build -trimpath -ldflags '-s -w' -o "$bin.new" .
  ) >&2
}

mkdir -p "$cache/bin"
work=$cache/build/coredns.$$
trap 'rm -rf "$work"; rm -f "$bin.new"' EXIT

if build kubernetai; then
  echo "CoreDNS $version with kubernetai" >&2
else
  echo "kubernetai is not to be had or does not compile with CoreDNS $version: building without it" >&2
  build plain
fi
"$bin.new" -version >&2
mv "$bin.new" "$bin"
echo "$version" >"$stamp"
echo "$bin"
