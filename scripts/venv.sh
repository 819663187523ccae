#!/usr/bin/env bash
# Make .venv with the product and these extras: venv.sh [EXTRA,EXTRA...]
# Does nothing when it is there and setup.cfg has not changed. PYTHON names the interpreter to use.
set -euo pipefail
. "$(dirname "$0")/common.sh"

extras=${1:-}
venv=$top/.venv
# the place is part of it: a virtual environment cannot be moved
wanted=$(cat "$top/setup.cfg" "$top/pyproject.toml" <(echo "$venv") | sha256sum | cut -d' ' -f1)

installed() { # the stamp of an installation is .installed-EXTRAS with the hash in it; one with more extras will do
    local stamp
    for stamp in "$venv"/.installed-${extras:-*}; do
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return 0; fi
    done
    return 1
}

fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3}; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11 or later with venv among: ${PYTHON:-python3, python3.11 to python3.14, /usr/bin/python3}"
}

if installed; then exit 0; fi
exec 9>"$top/.cache/venv.lock"
flock 9
if installed; then exit 0; fi
say "making .venv${extras:+ with $extras} (a minute or two the first time)"
# a stamp of another place, or an interpreter that is gone: from the start
if [ -d "$venv" ] && ! "$venv/bin/pip" --version >/dev/null 2>&1; then rm -rf "$venv"; fi
if [ ! -d "$venv" ]; then
    python=$(python)
    quiet venv "$python" -m venv "$venv"
fi
rm -f "$venv"/.installed-*
quiet pip "$venv/bin/python" -m pip install --disable-pip-version-check -e "$top${extras:+[$extras]}"
echo "$wanted" >"$venv/.installed-$extras"
