"""Drivers against the real daemons, in namespaces of the tests' own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import lbbeds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Namespaces need root."""
    if os.geteuid() != 0:
        for item in items:
            if "functional/drivers" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def lb_bed() -> Iterator[lbbeds.Bed]:
    """A network with a client, and a HAProxy driver."""
    with lbbeds.bed() as made:
        yield made
