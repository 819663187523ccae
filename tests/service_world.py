"""Services over a real database, a static network and hosts that answer: all but the data plane.

``World`` wires what ``cmd`` wires, with a sender that keeps messages and a host that answers them when told to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import falcon.testing
import orjson
import sqlalchemy as sa

from svcfabric import conf as configuration
from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.db.base import metadata, now
from svcfabric.db.engine import Database
from svcfabric.fabric import agents, dispatch
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.feature import Fabric, Feature
from svcfabric.fabric.interfaces import SubnetView
from svcfabric.fabric.kinds import Kinds
from svcfabric.fabric.reports import Controller
from svcfabric.fabric.sweep import Sweep
from svcfabric.insertion import routes as insertion
from svcfabric.services.lbaas import routes as lbaas
from svcfabric.spi import codec
from svcfabric.spi.lbaas import LoadBalancerSpec
from tests import static_network
from tests.static_network import StaticNetwork

LB = "/load-balancer/v2/lbaas"


class Kept:
    """A sender that keeps what it is given, by host."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, dict[str, Any]]] = []
        self.removed: list[tuple[str, dict[str, Any]]] = []

    def apply(self, host: str, envelopes: Sequence[dict[str, Any]]) -> None:
        self.applied += [(host, each) for each in envelopes]

    def remove(self, host: str, removals: Sequence[dict[str, Any]]) -> None:
        self.removed += [(host, each) for each in removals]


class Caller:
    """A client of one project and role."""

    def __init__(self, app: Any, project: str, role: str = "member") -> None:
        self.project = project
        self._client = falcon.testing.TestClient(
            app, headers={"X-Project-Id": project, "X-User-Id": "u1", "X-Roles": role}
        )

    def ask(self, method: str, path: str, body: Any = None, want: int | None = None) -> Any:
        """The answer's JSON (None for an empty one); ``want``: the status it must have."""
        data = None if body is None else json.dumps(body).encode()
        query = path.partition("?")[2]
        path = path.partition("?")[0]
        where = path if path.startswith(("/v1", "/v2.0", "/load-balancer")) else LB + path
        headers = {"Content-Type": "application/json"} if data else {}
        got = self._client.simulate_request(method, where, query_string=query, body=data, headers=headers)
        self.status = got.status_code
        if want is not None and got.status_code != want:
            raise AssertionError(f"{method} {path} -> {got.status_code}, not {want}: {got.text[:600]}")
        return orjson.loads(got.content) if got.content else None

    def get(self, path: str, want: int = 200) -> Any:
        return self.ask("GET", path, want=want)

    def post(self, path: str, body: Any, want: int = 201) -> Any:
        return self.ask("POST", path, body, want)

    def put(self, path: str, body: Any, want: int = 200) -> Any:
        return self.ask("PUT", path, body, want)

    def delete(self, path: str, want: int = 204) -> Any:
        return self.ask("DELETE", path, want=want)

    # the resources, unwrapped

    def balancer(self, subnet: SubnetView | str, want: int = 201, **more: Any) -> Any:
        ident = subnet if isinstance(subnet, str) else subnet.id
        return self._made("/loadbalancers", "loadbalancer", {"vip_subnet_id": ident, **more}, want)

    def listener(self, lb: Any, port: int = 80, want: int = 201, **more: Any) -> Any:
        body = {"loadbalancer_id": lb["id"], "protocol": "HTTP", "protocol_port": port, **more}
        return self._made("/listeners", "listener", body, want)

    def pool(self, lb: Any = None, want: int = 201, **more: Any) -> Any:
        body = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **more}
        return self._made("/pools", "pool", {"loadbalancer_id": lb["id"], **body} if lb else body, want)

    def member(self, pool: Any, address: str = "192.0.2.10", port: int = 8080, want: int = 201, **more: Any) -> Any:
        path = f"/pools/{pool['id']}/members"
        return self._made(path, "member", {"address": address, "protocol_port": port, **more}, want)

    def monitor(self, pool: Any, want: int = 201, **more: Any) -> Any:
        body = {"pool_id": pool["id"], "type": "HTTP", "delay": 2, "timeout": 1, "max_retries": 2, **more}
        return self._made("/healthmonitors", "healthmonitor", body, want)

    def _made(self, path: str, name: str, body: Any, want: int) -> Any:
        answer = self.post(path, {name: body}, want)
        return answer[name] if want == 201 else answer


class World:
    """The server side of one test, over the database at ``url``."""

    def __init__(self, url: str, *core: Callable[[Fabric], Feature], **options: Any) -> None:
        """``core``: the core to use instead of the static network. ``options``: ``section__option=value``."""
        self.conf = configuration.load((), ())
        for name, value in options.items():
            group, _, option = name.partition("__")
            self.conf.set_override(option, value, group=group)
        self.database = Database(url)
        metadata.create_all(self.database.engine)
        static_network.tables.create_all(self.database.engine)
        self.network, self.sent = StaticNetwork(), Kept()
        self.kinds: Kinds = {}
        self.dispatcher = Dispatcher(self.database, self.kinds, self.sent)
        self.controller = Controller(self.database, self.kinds, self.dispatcher)
        given = Fabric(conf=self.conf, database=self.database, dispatcher=self.dispatcher, network=self.network)
        self.features: list[Feature] = []
        for make in (*core, insertion.feature, lbaas.feature):
            made = make(given)
            self.features.append(made)
            given = dataclasses.replace(
                given, network=made.network or given.network, insertions=made.insertions or given.insertions
            )
        self.kinds.update({kind.name: kind for feature in self.features for kind in feature.kinds})
        self.app = create_app([api for feature in self.features for api in feature.apis], authenticate=noauth.factory())
        self.refusals: dict[str, tuple[str, str]] = {}
        self._answered = 0
        self._removed = 0

    def caller(self, project: str = "", role: str = "member") -> Caller:
        """A client; of a new project unless one is named."""
        return Caller(self.app, project or uuid.uuid4().hex, role)

    def agent(self, host: str = "host-1", *drivers: str) -> None:
        """A host that is alive and has these load-balancer drivers (and the core's)."""
        offered = [("loadbalancer", driver) for driver in drivers or ("haproxy", "noop")]
        offered += [(kind, "linux") for kind in ("network", "port", "router", "floatingip")]
        beat = {
            "host": host,
            "local_ip": "127.0.0.1",
            "drivers": [{"kind": kind, "driver": driver} for kind, driver in offered],
            "started_at": now().isoformat(),
        }
        self.database.write(lambda conn: agents.heartbeat(conn, beat))

    def settle(self) -> None:
        """Send all that is behind; hosts answer everything."""
        self.send()
        self.answer()

    def send(self) -> None:
        """What the dispatcher's thread would do now."""
        with self.database.read() as conn:
            ids = list(dict.fromkeys(row.id for row in dispatch.behind(conn)))
        self.dispatcher.send(ids)

    def answer(self) -> None:
        """Hosts report on what they were sent: done, or as ``refusals`` {instance id: (error, detail)} says."""
        for host, wire in self.sent.applied[self._answered :]:
            ident = wire["spec"]["id"]
            error, detail = self.refusals.get(ident, ("", ""))
            report = {"id": ident, "generation": wire["generation"], "ok": not error, "error": error, "detail": detail}
            self.controller.report(host, [report])
        for host, wire in self.sent.removed[self._removed :]:
            self.controller.report(host, [{"id": wire["id"], "generation": wire["generation"], "removed": True}])
        self._answered, self._removed = len(self.sent.applied), len(self.sent.removed)

    def sweep(self) -> None:
        """The controllers' periodic work, once."""
        Sweep(self.database, self.kinds, self.dispatcher, interval=0.0, down_time=60.0).once()

    def observe(self, host: str, instance_id: str, statuses: dict[str, str], counters: Any = None) -> None:
        """A host tells what it measures."""
        found = {"instance_id": instance_id, "kind": "loadbalancer", "statuses": statuses, "counters": counters or {}}
        self.controller.observe(host, [found])

    def spec(self, ident: str) -> LoadBalancerSpec:
        """What a host would be sent for a load balancer now, over the wire and back."""
        with self.database.read() as conn:
            loaded = self.kinds["loadbalancer"].load(conn, [ident], "host-1")
        from svcfabric.spi.spec import Envelope

        spec = codec.decode(codec.encode(Envelope(spec=loaded[ident], generation=1, driver="haproxy"))).spec
        assert isinstance(spec, LoadBalancerSpec)
        return spec

    def rows(self, stmt: sa.Executable) -> list[Any]:
        """Rows of a query, to look behind the API."""
        with self.database.read() as conn:
            return list(conn.execute(stmt))

    def counts(self) -> dict[str, int]:
        """Rows per table: equal before and after a request that was refused."""
        with self.database.read() as conn:
            tables = [*metadata.sorted_tables, *static_network.tables.sorted_tables]
            return {t.name: conn.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables}

    def generations(self) -> list[tuple[str, int]]:
        """Every instance's generation."""
        from svcfabric.fabric.models import instances

        return [tuple(row) for row in self.rows(sa.select(instances.c.id, instances.c.generation).order_by("id"))]

    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The SQL statements executed inside."""
        seen: list[str] = []

        def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        engines = (self.database.engine, self.database._reader)
        for engine in engines:
            sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            for engine in engines:
                sa.event.remove(engine, "before_cursor_execute", note)

    def close(self) -> None:
        self.database.dispose()
