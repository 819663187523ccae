"""The core over a real database, with hosts that answer: all but the data plane.

Requests go through the whole application; what hosts are sent is kept, and answered when a test says so.
"""

from __future__ import annotations

import contextlib
import json
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import falcon.testing
import sqlalchemy as sa

from svcfabric import conf as configuration
from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.core_l2l3 import routes
from svcfabric.core_l2l3.security import rule_checks
from svcfabric.core_l2l3.security.models import default_security_group_rules
from svcfabric.db.base import metadata, new_id, now
from svcfabric.db.engine import Database
from svcfabric.fabric import models as fabric_models
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.feature import Fabric
from svcfabric.fabric.kinds import Kinds
from svcfabric.fabric.reports import Controller
from svcfabric.fabric.sweep import Sweep
from svcfabric.spi import codec

# The fabric's and the core's tables, those of its parts among them: all that ``routes`` has brought in.
_MODULES = [module for name, module in sys.modules.items() if name.startswith("svcfabric.core_l2l3.")]
_TABLES = [t for module in (fabric_models, *_MODULES) for t in vars(module).values() if isinstance(t, sa.Table)]
MINE = list({table.name: table for table in _TABLES}.values())
DRIVERS = ("network", "port", "router", "floatingip", "security_group", "security_group_member", "address_group")


class Kept:
    """A sender that keeps what it is given: (host, decoded envelope) and (host, removal)."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, Any]] = []
        self.removed: list[tuple[str, dict[str, Any]]] = []

    def apply(self, host: str, envelopes: Sequence[dict[str, Any]]) -> None:
        self.applied += [(host, codec.decode(each)) for each in envelopes]

    def remove(self, host: str, removals: Sequence[dict[str, Any]]) -> None:
        self.removed += [(host, each) for each in removals]


class Direct(Dispatcher):
    """A dispatcher that sends in the caller's thread, and remembers each kick."""

    kicks: list[list[str]]

    def kick(self, ids: Iterable[str]) -> None:
        self.kicks.append(list(ids))
        self.send(self.kicks[-1])


class Caller:
    """A client of one project and role."""

    def __init__(self, app: Any, project: str, role: str = "member") -> None:
        self.project = project
        self._client = falcon.testing.TestClient(
            app, headers={"X-Project-Id": project, "X-User-Id": "u1", "X-Roles": role}
        )

    def ask(self, method: str, path: str, body: Any = None, want: int | None = None, **headers: str) -> Any:
        """The answer's JSON (None for an empty one); ``want``: the status it must have."""
        data = None if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        sent = {"Content-Type": "application/json"} if data else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        got = self._client.simulate_request(method, "/v2.0" + path, query_string=query, body=data, headers=sent)
        if want is not None and got.status_code != want:
            raise AssertionError(f"{method} {path} -> {got.status_code}, not {want}: {got.text[:600]}")
        return json.loads(got.content) if got.content else None

    def get(self, path: str) -> Any:
        return self.ask("GET", path, want=200)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path, want=204)

    def refused(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[str, str]:
        """The type and message of a refusal with that status."""
        error = self.ask(method, path, body, status, **headers)["NeutronError"]
        return error["type"], error["message"]

    # the resources, unwrapped

    def make(self, name: str, /, **given: Any) -> Any:
        return self.ask("POST", _path(name), {name: given}, 201)[name]

    def show(self, name: str, ident: str) -> Any:
        return self.get(f"{_path(name)}/{ident}")[name]

    def list(self, name: str, query: str = "") -> Any:
        return self.get(f"{_path(name)}?{query}")[f"{name}s"]

    def change(self, name: str, ident: str, /, **given: Any) -> Any:
        return self.ask("PUT", f"{_path(name)}/{ident}", {name: given}, 200)[name]

    def network(self, **given: Any) -> Any:
        return self.make("network", **given)

    def subnet(self, network: Any, cidr: str = "10.0.0.0/24", **given: Any) -> Any:
        version = 6 if ":" in cidr else 4
        return self.make("subnet", network_id=network["id"], ip_version=version, cidr=cidr, **given)

    def port(self, network: Any, **given: Any) -> Any:
        return self.make("port", network_id=network["id"], **given)

    def attach(self, router: Any, want: int = 200, **named: str) -> Any:
        return self.ask("PUT", f"/routers/{router['id']}/add_router_interface", named, want)

    def detach(self, router: Any, want: int = 200, **named: str) -> Any:
        return self.ask("PUT", f"/routers/{router['id']}/remove_router_interface", named, want)


def _path(name: str) -> str:
    return f"/{name.replace('_', '-')}s"


class World:
    """The server side of one test."""

    def __init__(self, database: Database, **options: Any) -> None:
        self.database = database
        self.conf = configuration.load((), ())
        for name, value in options.items():
            group, _, option = name.partition("__")
            self.conf.set_override(option, value, group=group)
        self.sent = Kept()
        self.kinds: Kinds = {}
        self.dispatcher = Direct(database, self.kinds, self.sent)
        self.dispatcher.kicks = []
        self.controller = Controller(database, self.kinds, self.dispatcher)
        self.feature = routes.feature(Fabric(conf=self.conf, database=database, dispatcher=self.dispatcher))
        self.kinds.update({kind.name: kind for kind in self.feature.kinds})
        self.app = create_app(self.feature.apis, authenticate=noauth.factory())
        self._answered = self._removed = 0

    def caller(self, project: str = "", role: str = "member") -> Caller:
        """A client; of a new project unless one is named."""
        return Caller(self.app, project or uuid.uuid4().hex, role)

    def handler(self, name: str) -> Any:
        """The use cases of a resource."""
        return next(r.handler for api in self.feature.apis for r in api.resources if r.name == name)

    def agent(self, host: str, local_ip: str = "", physical: Sequence[str] = ()) -> str:
        """A host that is alive and has the core's drivers; returns its tunnel endpoint."""
        local_ip = local_ip or f"192.0.2.{1 + sum(host.encode()) % 250}"
        beat = {
            "host": host,
            "local_ip": local_ip,
            "physical_networks": list(physical),
            "drivers": [{"kind": kind, "driver": "linux"} for kind in DRIVERS],
            "started_at": now().isoformat(),
        }
        self.controller.heartbeat(beat)
        return local_ip

    def answer(self, error: str = "") -> None:
        """Hosts report on all they were sent since: done, or refused with that error."""
        for host, envelope in self.sent.applied[self._answered :]:
            report = {"id": envelope.id, "generation": envelope.generation, "ok": not error, "error": error}
            self.controller.report(host, [report])
        for host, wire in self.sent.removed[self._removed :]:
            self.controller.report(host, [{"id": wire["id"], "generation": wire["generation"], "removed": True}])
        self._answered, self._removed = len(self.sent.applied), len(self.sent.removed)

    def forget(self) -> None:
        """Look at what is sent from now on only."""
        self.answer()
        self.sent.applied.clear()
        self.sent.removed.clear()
        self.dispatcher.kicks.clear()
        self._answered = self._removed = 0

    def specs(self, host: str) -> dict[str, Any]:
        """The newest spec each instance was sent to a host as."""
        return {envelope.id: envelope.spec for at, envelope in self.sent.applied if at == host}

    def gone(self, host: str) -> set[str]:
        """What a host was told to remove."""
        return {wire["id"] for at, wire in self.sent.removed if at == host}

    def sweep(self) -> None:
        """The controllers' periodic work, once."""
        Sweep(self.database, self.kinds, self.dispatcher, interval=0.0, down_time=60.0).once()

    def rows(self, stmt: sa.Executable) -> list[Any]:
        """Rows of a query, to look behind the API."""
        with self.database.read() as conn:
            return list(conn.execute(stmt))

    def placements(self, ident: str) -> dict[str, str]:
        """Where an instance is, {host: role}."""
        table = fabric_models.placements
        stmt = sa.select(table.c.host, table.c.role).where(table.c.instance_id == ident, table.c.removing.is_(False))
        return {row.host: row.role for row in self.rows(stmt)}

    def generation(self, ident: str) -> int:
        """An instance's generation, 0 when there is none."""
        table = fabric_models.instances
        rows = self.rows(sa.select(table.c.generation).where(table.c.id == ident, table.c.deleted.is_(False)))
        return rows[0].generation if rows else 0

    def counts(self) -> dict[str, int]:
        """Rows per table that has any, aside from what stays: locks, and the groups that projects begin with."""
        stays = ("quota_locks", "default_security_group_rules", "security_groups", "security_group_rules")
        tables = [table for table in MINE if table.name not in stays]
        counted = {t.name: self.rows(sa.select(sa.func.count()).select_from(t))[0][0] for t in tables}
        return {name: count for name, count in counted.items() if count}

    @contextlib.contextmanager
    def round_trips(self) -> Iterator[list[str]]:
        """The statements sent to the database inside, commits among them."""
        seen: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement != "BEGIN IMMEDIATE":
                seen.append(" ".join(statement.split()))

        def commit(_conn: Any) -> None:
            seen.append("COMMIT")

        engines = (self.database.engine, self.database._reader)
        for engine in engines:
            sa.event.listen(engine, "before_cursor_execute", note)
            sa.event.listen(engine, "commit", commit)
        try:
            yield seen
        finally:
            for engine in engines:
                sa.event.remove(engine, "before_cursor_execute", note)
                sa.event.remove(engine, "commit", commit)


def wipe(database: Database) -> None:
    """Empty every table, but for what a fresh database holds."""
    with database.engine.begin() as conn:
        for table in reversed([t for t in metadata.sorted_tables if t in MINE]):
            conn.execute(table.delete())
        conn.execute(default_security_group_rules.insert(), _default_rules())


def _default_rules() -> list[dict[str, Any]]:
    """The rules that new security groups begin with, as the migration puts them there."""
    match = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_address_group_id")
    rows = []
    for direction in ("egress", "ingress"):
        for ethertype in ("IPv4", "IPv6"):
            parent = direction == "ingress"
            rule = {"direction": direction, "ethertype": ethertype, **dict.fromkeys(match)}
            rows.append(
                {
                    **rule,
                    "id": new_id(),
                    "description": f"Legacy default SG rule for {direction} traffic",
                    "revision_number": 0,
                    "created_at": now(),
                    "digest": rule_checks.digest({**rule, "remote_group_id": rule_checks.PARENT if parent else None}),
                    "remote_is_parent": parent,
                    "used_in_default_sg": True,
                    "used_in_non_default_sg": not parent,
                }
            )
    return rows
