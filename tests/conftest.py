"""Options of the test suite; what needs root; what a run leaves behind."""

from __future__ import annotations

import os
import pathlib

import pytest

from tests import leaks

NEED_ROOT = ("functional/dataplane", "functional/drivers", "functional/faults", "e2e")
FIGURE = "figure"  # the user property that holds one
_watch = pytest.StashKey[leaks.Watch]()


def pytest_addoption(parser):
    """``--openrc``: the cloud the client tests talk to, instead of one they start."""
    parser.addoption("--openrc", help="file with an administrator's OS_* variables; see tests/e2e/conftest.py")


def pytest_collection_modifyitems(items):
    """Without root what changes the kernel's networks cannot run."""
    if os.geteuid() == 0:
        return
    top = pathlib.Path(__file__).parent
    for item in items:
        if item.path.relative_to(top).as_posix().startswith(NEED_ROOT):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_sessionstart(session):
    """Look at the machine before the tests (once, not in each process of a parallel run)."""
    if os.geteuid() == 0 and not hasattr(session.config, "workerinput"):
        session.config.stash[_watch] = leaks.Watch()


@pytest.fixture
def say(record_property):
    """``say(text)``: a figure the test measured; all are printed at the end of the run."""
    return lambda text: record_property(FIGURE, text)


def pytest_terminal_summary(terminalreporter):
    """Print the figures."""
    found = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == FIGURE
    ]
    if found:
        terminalreporter.section("figures")
    for text in found:
        terminalreporter.write_line(text)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Look again: a run that leaves something on the machine has failed."""
    watch = session.config.stash.get(_watch, None)
    found = watch.leaks() if watch else []
    if found:
        print("\n\nLEFT ON THE MACHINE:", *found, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
