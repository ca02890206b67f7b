#!/usr/bin/env bash
# Installs what test/peer runs, from Debian's packages, each only if its program is missing. No daemon is started: the
# tests run the programs themselves, on loopback, with folders of their own. Needs root or sudo.
set -euo pipefail

PATH="$PATH:/usr/sbin:/sbin"
# Newer servers, for what Debian's have not got. Without them their tests are skipped.
timeout 180 "$(dirname "$0")/newer.sh" "${XDG_CACHE_HOME:-$HOME/.cache}/zonelog-test/newer" ||
  echo "newer servers can't be had: what needs Knot 3.4 and NSD 4.9 is skipped"

missing=()
needs() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
needs named bind9
needs dig bind9-dnsutils
needs knotd knot
needs kdig knot-dnsutils
needs nsd nsd
needs unbound unbound
needs pdns_server pdns-server
[ -e "$(find /usr/lib -path '*pdns/libgsqlite3backend.so' -print -quit 2>/dev/null)" ] || missing+=(pdns-backend-sqlite3)
needs ldns-compare-zones ldnsutils
needs zsh zsh
needs fish fish
if [ "${#missing[@]}" -eq 0 ]; then
  echo "all there"
  exit 0
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

# invoke-rc.d asks this program before it starts a service (101: no). One that is there already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || echo "apt-get update failed; going on with the lists that are here"
# One by one: a package that can't be had costs the tests that need it, not all of them.
failed=0
for package in "${missing[@]}"; do
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null || {
    echo "could not install $package"
    failed=1
  }
done
exit "$failed"
