"""The default group of a project: made when it is first needed."""

from __future__ import annotations

import collections
from collections.abc import Iterable

import sqlalchemy as sa

from svcfabric.api.resource import ListQuery
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.security import templates
from svcfabric.core_l2l3.security.models import security_group_rules, security_groups
from svcfabric.core_l2l3.security.schemas import DEFAULT
from svcfabric.db.base import new_id, now

REMEMBERED = 10_000


class DefaultGroups:
    """Finds or makes default groups, and remembers which they are: a port's creation then asks for none.

    A group that is remembered may be gone (an administrator can delete it): who uses it says so by a foreign key,
    fails, and asks again with ``careful``.
    """

    def __init__(self) -> None:
        self._ids: collections.OrderedDict[str, str] = collections.OrderedDict()

    def ensure(self, conn: sa.Connection, projects: Iterable[str], *, careful: bool = False) -> dict[str, str]:
        """The id of each project's default group, those that are missing made.

        When two requests make one at once, the later one's transaction is run again and finds it.
        """
        wanted = {project for project in projects if project}
        known = {} if careful else {project: self._ids[project] for project in wanted if project in self._ids}
        if missing := wanted - known.keys():
            found = find(conn, missing)
            made = {project: _make(conn, project) for project in sorted(missing - found.keys())}
            known |= found | made
            self._remember(found)  # those just made may yet be rolled back
        return known

    def _remember(self, found: dict[str, str]) -> None:
        self._ids.update(found)
        while len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)


def see_to(core: Core, defaults: DefaultGroups, ctx: Context, query: ListQuery) -> None:
    """Have the default group be there that a list of groups or rules should show."""
    asked = query.filters.get("project_id") if ctx.is_admin else None
    projects = [project for project in (asked or (ctx.project_id,)) if project]
    with core.database.read() as conn:
        missing = set(projects) - find(conn, projects).keys()
    if missing:
        core.write(lambda conn, _changed: defaults.ensure(conn, missing, careful=True))


def find(conn: sa.Connection, projects: Iterable[str]) -> dict[str, str]:
    """Default groups that are there, {project: id}."""
    stmt = sa.select(security_groups.c.default_of, security_groups.c.id)
    return {row[0]: row[1] for row in conn.execute(stmt.where(security_groups.c.default_of.in_(list(projects))))}


def _make(conn: sa.Connection, project_id: str) -> str:
    stamp = now()
    group = {
        "id": new_id(),
        "project_id": project_id,
        "name": DEFAULT,
        "description": "Default security group",
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": [],
        "stateful": True,
        "default_of": project_id,
    }
    conn.execute(security_groups.insert(), [group])
    rules = templates.rules_of(group, templates.load(conn, default=True))
    if rules:
        conn.execute(security_group_rules.insert(), rules)
    return str(group["id"])
