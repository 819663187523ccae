"""svcfabric doctor: what this machine has, what it lacks, and what is used instead.

Everything is tried, not guessed: kernel features in a throwaway network namespace.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from svcfabric.cmd.doctor import kernel, machine
from svcfabric.cmd.doctor.finding import Finding, State

_COLOURS = {State.OK: "green", State.DEGRADED: "yellow", State.MISSING: "red"}


def main(argv: Sequence[str]) -> int:
    """The command; exit status 1 when something that is needed is missing."""
    parser = argparse.ArgumentParser(prog="svcfabric doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a list of {name, state, found, advice}")
    args = parser.parse_args(argv)
    findings = examine()
    if args.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        show(findings, Console())
    return 1 if any(finding.state is State.MISSING for finding in findings) else 0


def examine() -> list[Finding]:
    """Look at everything. Leaves nothing behind."""
    findings = machine.examine()
    if any(finding.name == "privilege" and finding.state is State.MISSING for finding in findings):
        return findings
    return findings + kernel.examine()


def show(findings: Iterable[Finding], console: Console) -> None:
    """A line for each finding, the advice where there is any."""
    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "found"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        advice = f"\n[{colour}]{escape(finding.advice)}[/]" if finding.advice else ""
        table.add_row(f"[{colour}]{finding.state.value}[/]", finding.name, escape(finding.found) + advice)
    console.print(table)
