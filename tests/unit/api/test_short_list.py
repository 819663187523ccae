"""Pages of lists that are in no table of their own."""

import pytest

from svcfabric import errors
from svcfabric.api.resource import ListQuery
from svcfabric.api.short_list import page


def test_pages_of_short_lists():
    rows = [{"id": str(n), "max": n % 3} for n in range(6)]

    def ids(**query):
        return "".join(row["id"] for row in page(rows, ListQuery(**query)))

    assert ids() == "012345"
    assert ids(sorts=(("max", "desc"),)) == "251403"
    assert ids(filters={"max": (0, 1)}) == "0134"
    assert ids(limit=2, marker="1") == "23"
    assert ids(limit=2, marker="4", reverse=True) == "23"
    with pytest.raises(errors.BadRequest):
        ids(marker="9")
