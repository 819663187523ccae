#!/usr/bin/env bash
# All that needs no test to run: style, types, who imports whom. Every step runs; fails if one does.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

failed=()
step() {
    local name=$1
    shift
    if quiet "$name" "$@"; then say "ok      $name"; else
        say "FAILED  $name"
        failed+=("$name")
    fi
}
step ruff .venv/bin/ruff check .
step ruff-format .venv/bin/ruff format --check .
step mypy .venv/bin/mypy
step lint-imports .venv/bin/lint-imports --no-logo
[ ${#failed[@]} = 0 ]
