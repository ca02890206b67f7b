#!/usr/bin/env bash
# Puts newer servers than this Debian has into a folder of their own: Knot DNS (transfers over TLS from 3.4 on) and NSD
# (catalog zones from 4.9 on), with all that they need, libc included, from Debian 13. Nothing is installed: the packages
# are unpacked, and the programs are run by their own loader (see test/peer/newer.ts). Needs no root.
#
# Usage: newer.sh FOLDER
set -euo pipefail

folder=${1:?a folder is wanted}
suite=trixie
mirror=${ZONELOG_DEBIAN_MIRROR:-http://deb.debian.org/debian}
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "only for amd64"; exit 1; }
if [ -e "$folder/complete" ]; then
  echo "all there"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,etc,root}
: >"$work/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/etc/sources.list"
apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status" -o "Dir::Cache=$work"
  -o "Dir::Cache::Archives=$work/archives" -o Acquire::Languages=none -o APT::Sandbox::User= -o Debug::NoLocking=true
  -o APT::Get::AllowUnauthenticated=false)
"${apt[@]}" update
"${apt[@]}" install --yes --download-only --no-install-recommends knot knot-dnsutils nsd
for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$work/root"; done
rm -rf "$work/root/usr/share/doc" "$work/root/usr/share/man" "$work/root/usr/share/locale"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/root" "$folder"
touch "$folder/complete"
