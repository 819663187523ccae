#!/usr/bin/env bash
# Install the Debian packages that are missing: packages.sh demo|test|bench
# Daemons among them are not started; quick when nothing is missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

demo=(dnsmasq-base haproxy iproute2 libnftables1 nftables python3-venv radvd)
test=("${demo[@]}"
    conntrack iputils-ping isc-dhcp-client mariadb-server postgresql rabbitmq-server # what the tests run or look with
    gcc libmariadb-dev pkg-config python3-dev)                        # what mysqlclient is built with
bench=("${test[@]}" wrk)

case ${1:-} in
demo) wanted=("${demo[@]}") ;;
test) wanted=("${test[@]}") ;;
bench) wanted=("${bench[@]}") ;;
*) die "usage: $0 demo|test|bench" ;;
esac

missing() {
    local installed
    installed=" $(dpkg-query -W -f='${db:Status-Status}/${Package} ' "${wanted[@]}" 2>/dev/null || true)"
    for package in "${wanted[@]}"; do
        [[ $installed == *" installed/$package "* ]] || printf '%s ' "$package"
    done
}

if ! command -v apt-get >/dev/null; then
    say "not a Debian machine: make sure yourself that these are there: ${wanted[*]}"
    exit 0
fi
[ -n "$(missing)" ] || exit 0

# From here on one at a time on this machine, and as root.
[ "$(id -u)" = 0 ] || exec sudo --preserve-env "$0" "$@"
exec 9>/run/lock/svcfabric-packages.lock
flock 9
packages=$(missing)
[ -n "$packages" ] || exit 0
say "installing Debian packages: $packages"

# Debian starts a daemon when its package is installed, unless this file answers 101. One that permits
# starting is put aside; the trap brings it back, and so does the next run if this one is killed.
policy=/usr/sbin/policy-rc.d
aside=$policy.svcfabric-aside
mine='# by svcfabric: no daemon starts while packages are installed'
restore() {
    if grep -qs "$mine" "$policy"; then rm -f "$policy"; fi
    if [ -e "$aside" ]; then mv "$aside" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP
restore
answer=0
if [ -x "$policy" ]; then "$policy" svcfabric start >/dev/null 2>&1 || answer=$?; fi
if [ "$answer" != 101 ]; then
    [ ! -e "$policy" ] || mv "$policy" "$aside"
    printf '#!/bin/sh\n%s\nexit 101\n' "$mine" >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o DPkg::Lock::Timeout=600)
install=("${apt[@]}" install -y --no-install-recommends)
# The lists are fetched only if the ones that are there do not know a package or are out of date.
# shellcheck disable=SC2086 # a list of names
if ! { "${install[@]}" --simulate $packages && "${install[@]}" --download-only $packages; } >"$logs/apt-lists.log" 2>&1; then
    quiet apt-update "${apt[@]}" update
fi
# shellcheck disable=SC2086
quiet apt-install "${install[@]}" $packages
