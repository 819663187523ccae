# Shared by the other scripts; sourced, not run.
# shellcheck shell=bash
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$top/.cache/logs
mkdir -p "$logs"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

# quiet NAME COMMAND...: output goes to a log file; when the command fails, its end is shown.
quiet() {
    local log=$logs/$1.log status=0
    shift
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] && return
    tail -n 40 "$log" >&2
    say "failed (status $status): $*"
    say "all of its output: $log"
    return "$status"
}

# as_root COMMAND...: what needs root, by sudo if we are somebody else.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}
