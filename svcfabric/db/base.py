"""One metadata for all tables, a naming convention for constraints, and the columns resources share."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Boolean, Column, DateTime, Dialect, Integer, MetaData, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class AsciiText(TypeDecorator[str]):
    """Ids, hosts, addresses: compared byte by byte on every database, with small index entries.

    A value such a column cannot hold is escaped on its way in, so that a search for it finds nothing: MariaDB
    refuses to compare it and PostgreSQL to take it.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.VARCHAR(self.length, charset="ascii", collation="ascii_bin"))
        return dialect.type_descriptor(String(self.length))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return _ascii(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        return _ascii

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        return None


def _ascii(value: str | None) -> str | None:
    if value is None or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\\0").encode("ascii", "backslashreplace").decode()


Id = AsciiText(36)
Name = String(255).with_variant(mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
Host = AsciiText(128)
Ascii = AsciiText(64)
# Microseconds, so that "newest first" is an order; MariaDB drops them unless told.
Time = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


class Json(TypeDecorator[Any]):
    """A JSON document kept as text: the same on every database, and read as one piece."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:
        # Lists read several such columns a row: one call per value instead of SQLAlchemy's three.
        return _loaded


def _loaded(value: str | None) -> Any:
    if value == "[]":  # most are empty
        return []
    return None if value is None else orjson.loads(value)


def now() -> datetime.datetime:
    """The current time in UTC, without a zone, as all tables keep it."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def new_id() -> str:
    """A fresh resource id."""
    return str(uuid.uuid4())


def resource_columns() -> list[Column[Any]]:
    """Columns of every API resource: identity, owner, description, revision, times, tags."""
    return [
        Column("id", Id, primary_key=True),
        Column("project_id", Name, nullable=False, index=True),
        Column("name", Name, nullable=False, default=""),
        Column("description", Name, nullable=False, default=""),
        Column("admin_state_up", Boolean, nullable=False, default=True),
        Column("revision_number", Integer, nullable=False, default=0),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=True),
        Column("tags", Json, nullable=False, default=list),
    ]
