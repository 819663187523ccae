"""Zones in the database: which there are, and which a network or router is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from svcfabric import errors
from svcfabric.fabric.models import agents, placements

Expression = sa.ColumnElement[Any]


class _Names(TypeDecorator[list[str]]):
    """Names joined by commas, which no zone's name has in it."""

    impl = sa.Text
    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[str | None], list[str]]:
        return lambda value: sorted(value.split(",")) if value else []


class _Joined(FunctionElement[str]):
    """Each value of a group once, joined by commas."""

    type = sa.Text()
    name = "joined"
    inherit_cache = True


@compiles(_Joined)
def _group_concat(element: Any, compiler: Any, **options: Any) -> str:
    return f"group_concat(DISTINCT {compiler.process(element.clauses, **options)})"


@compiles(_Joined, "postgresql")
def _string_agg(element: Any, compiler: Any, **options: Any) -> str:
    return f"string_agg(DISTINCT {compiler.process(element.clauses, **options)}, ',')"


def zones_of(ident: Expression) -> Expression:
    """The zones of the hosts an instance is on, as a column of lists; as good as free where there is one zone."""
    here = (placements.c.instance_id == ident, placements.c.removing.is_(False))
    zone = agents.c.availability_zone
    single = sa.select(sa.func.count(sa.distinct(zone))).correlate(None).scalar_subquery() < 2
    the_one = sa.select(sa.func.max(zone)).correlate(None).scalar_subquery()
    placed = sa.exists(sa.select(placements.c.host).where(*here))
    several = (
        sa.select(_Joined(zone))
        .select_from(placements.join(agents, agents.c.host == placements.c.host))
        .where(*here)
        .scalar_subquery()
    )
    return sa.type_coerce(sa.case((single, sa.case((placed, the_one), else_=None)), else_=several), _Names)


def check_hints(conn: sa.Connection, kind: str, hints: Sequence[str]) -> None:
    """Raise ``errors.NotFound`` for a zone no host that offers ``kind`` is in."""
    if not hints:
        return
    stmt = sa.select(agents.c.availability_zone, agents.c.drivers).where(agents.c.availability_zone.in_(list(hints)))
    known = {row.availability_zone for row in conn.execute(stmt) if any(offer[0] == kind for offer in row.drivers)}
    for zone in hints:
        if zone not in known:
            raise errors.NotFound(
                f"AvailabilityZone {zone} could not be found.", neutron_type="AvailabilityZoneNotFound"
            )
