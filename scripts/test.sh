#!/usr/bin/env bash
# What `make test` runs once everything is installed; arguments go to pytest.
# The tests run even if lint fails, so that one run shows all; pytest's closing line is the last of its output.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$top"

status=0
scripts/lint.sh || status=1
# Functional tests use the kernel: root. Two at a time, each file on one process (its servers are its own).
as_root .venv/bin/pytest -n "${TEST_PROCESSES:-2}" --dist loadfile --cov --cov-report term:skip-covered -rs "$@" || status=1
[ "$status" = 0 ] || say "make test: something failed, see above"
exit "$status"
