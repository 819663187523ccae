"""Keyset paging, filters and tag filters on a real database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from svcfabric.db import page
from svcfabric.db.base import Id, Json, Name
from svcfabric.db.engine import Database

META = sa.MetaData()
THINGS = sa.Table(
    "page_things",
    META,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Name, nullable=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("tags", Json, nullable=False),
)
COLUMNS = {c.name: c for c in THINGS.c}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    META.create_all(made.engine)
    yield made
    META.drop_all(made.engine)
    made.dispose()


def fill(database: Database, rows: list[dict[str, Any]]) -> None:
    database.write(lambda conn: conn.execute(THINGS.insert(), rows))


def walk(database: Database, sorts: list[tuple[str, str]], limit: int, *, reverse: bool = False) -> list[str]:
    seen: list[str] = []
    marker: dict[str, Any] | None = None
    while True:
        stmt = page.order_and_page(sa.select(THINGS), COLUMNS, sorts=sorts, limit=limit, marker=marker, reverse=reverse)
        with database.read() as conn:
            rows = [dict(row._mapping) for row in conn.execute(stmt)]
        seen += [row["id"] for row in rows]
        if len(rows) < limit:
            return seen
        marker = rows[-1]


@pytest.mark.parametrize("sorts", [[("name", "asc")], [("size", "desc"), ("name", "asc")], [("name", "desc")], []])
def test_pages_are_the_whole_list_in_order_both_ways(database: Database, sorts: list[tuple[str, str]]) -> None:
    chance = random.Random(7)
    fill(
        database,
        [
            {"id": f"{n:04}", "name": chance.choice([None, "a", "B", "b", "é"]), "size": n % 3, "tags": []}
            for n in range(50)
        ],
    )
    whole = walk(database, sorts, 1000)
    assert len(set(whole)) == 50
    assert walk(database, sorts, 7) == whole
    assert walk(database, sorts, 7, reverse=True) == whole[::-1]


def ids(database: Database, *conditions: sa.ColumnElement[bool]) -> str:
    with database.read() as conn:
        return "".join(conn.execute(sa.select(THINGS.c.id).where(*conditions).order_by(THINGS.c.id)).scalars())


def test_filters(database: Database) -> None:
    fill(database, [{"id": i, "name": n, "size": 1, "tags": []} for i, n in zip("abc", ["x", "X", None], strict=True)])
    assert ids(database, *page.where(COLUMNS, {"name": ["x"]})) == "a", "names compare with case"
    assert ids(database, *page.where(COLUMNS, {"name": ["x", None]})) == "ac"
    assert ids(database, *page.where(COLUMNS, {"name": [None]})) == "c"
    assert ids(database, *page.where(COLUMNS, {"name": ["x", "X"], "size": [1]})) == "ab"
    assert ids(database, *page.where(COLUMNS, {"name": []})) == ""


def test_tag_filters_match_whole_tags_only(database: Database) -> None:
    tags = {"a": ["red", "blue"], "b": ["red"], "c": [], "d": ['re"d', "r%d", "Red", "infrared"]}
    fill(database, [{"id": i, "name": "", "size": 1, "tags": t} for i, t in tags.items()])

    def found(**kw: list[str]) -> str:
        return ids(database, *page.where_tags(THINGS.c.tags, **kw))

    assert found(tags=["red"]) == "ab"
    assert found(tags=["red", "blue"]) == "a"
    assert found(tags_any=["blue", "Red"]) == "ad"
    assert found(not_tags=["red", "blue"]) == "bcd"
    assert found(not_tags_any=["red", "blue"]) == "cd"
    assert found(tags=["r%d"]) == "d"
    assert found(tags=['re"d']) == "d"
    assert found(tags=["r_d"]) == ""
