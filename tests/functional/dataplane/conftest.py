"""The real kernel: test beds of namespaces."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import beds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root there is no data plane to test."""
    if os.geteuid() != 0:
        for item in items:
            if "functional/dataplane" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def bed() -> Iterator[beds.Bed]:
    """Two hosts and an outside."""
    with beds.bed(2) as made:
        yield made


@pytest.fixture
def lone_bed() -> Iterator[beds.Bed]:
    """One host and an outside."""
    with beds.bed(1) as made:
        yield made
