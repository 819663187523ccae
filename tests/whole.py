"""The whole server side in this process, wired as the commands wire it: SQLite, migrations, the in-process
transport, a password file. Its hosts are endpoints that keep every message and answer when told to.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import pathlib
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import falcon.testing

from svcfabric import conf as configuration
from svcfabric.api.auth.http_basic import hash_line
from svcfabric.cmd import wiring
from svcfabric.db.base import now
from svcfabric.drivers.haproxy.driver import HaproxyDriver
from svcfabric.fabric.reports import Controller
from svcfabric.rpc.server import serve_agent

USERS = {
    "root": ("platform", "admin"),
    "alice": ("one", "member"),
    "bob": ("two", "member"),
    "carol": ("one", "reader"),
    "mona": ("one", "manager"),
    "boris": ("two", "manager"),
}
Wire = Mapping[str, Any]


class Host:
    """A host's end of the bus: keeps what it is sent."""

    def __init__(self) -> None:
        self.applied: list[Wire] = []
        self.removed: list[Wire] = []
        self.changed = threading.Condition()

    def apply(self, envelopes: Sequence[Wire]) -> None:
        with self.changed:
            self.applied += envelopes
            self.changed.notify_all()

    def remove(self, instances: Sequence[Wire]) -> None:
        with self.changed:
            self.removed += instances
            self.changed.notify_all()

    @property
    def messages(self) -> int:
        return len(self.applied) + len(self.removed)


@dataclasses.dataclass(frozen=True)
class Answer:
    """``document`` is None when the answer is no JSON."""

    status: int
    document: Any
    text: str

    @property
    def message(self) -> str:
        """The refusal's sentence, in either dialect; "" when there is none."""
        if not isinstance(self.document, dict):
            return ""
        inner = self.document.get("NeutronError")
        words = inner.get("message") if isinstance(inner, dict) else self.document.get("faultstring")
        return words if isinstance(words, str) else ""


class Whole:
    """The server side with one host, ``h1``. ``ask`` is one request as a user of ``USERS``."""

    def __init__(self, root: pathlib.Path) -> None:
        self.conf = conf = configuration.load((), ())
        conf.set_override("state_dir", str(root))
        conf.set_override("transport_url", f"inproc:///{uuid.uuid4().hex}", "messaging")
        (root / "passwords").write_text(
            "".join(f"{hash_line(user, 'pw', project, [role], rounds=4)}\n" for user, (project, role) in USERS.items())
        )
        self._file = root / "svcfabric.db"
        self._transport = wiring.transport(conf)
        self.side = side = wiring.server_side(conf, wiring.database(conf), self._transport)
        wiring.upgrade(side)
        side.dispatcher.start()
        self.controller = Controller(side.database, side.kinds, side.dispatcher)
        self.host = Host()
        self._agent = serve_agent(self._transport, "h1", self.host)
        self._agent.start()
        core = [{"kind": kind, "driver": "linux"} for kind in sorted(side.kinds.keys() - {"loadbalancer"})]
        haproxy = {"kind": "loadbalancer", "driver": "haproxy", "features": sorted(HaproxyDriver.features)}
        self.controller.heartbeat(
            {
                "host": "h1",
                "local_ip": "192.0.2.1",
                "physical_networks": ["public"],
                "drivers": [*core, haproxy],
                "started_at": now().isoformat(),
            }
        )
        self._client = falcon.testing.TestClient(wiring.application(side))

    def ask(
        self, user: str, method: str, path: str, body: Any = None, *, kind: str = "application/json", query: str = ""
    ) -> Answer:
        """One request; ``body`` is a document, or bytes as they are."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:pw".encode()).decode()}
        if data is not None:
            headers["Content-Type"] = kind
        got = self._client.simulate_request(method, path, query_string=query, body=data, headers=headers)
        try:
            return Answer(got.status_code, json.loads(got.content) if got.content else None, got.text)
        except ValueError:
            return Answer(got.status_code, None, got.text)

    def make(self, user: str, path: str, kind: str, /, **given: Any) -> Any:
        """POST that must succeed; the resource."""
        got = self.ask(user, "POST", path, {kind: given})
        if got.status not in (200, 201):
            raise AssertionError(f"POST {path}: {got.status} {got.text[:500]}")
        return got.document[kind]

    def settle(self) -> None:
        """The host answers all it was sent, until nothing more comes."""
        answered = 0
        while self._quiet() and len(self.host.applied) > answered:
            wires, answered = self.host.applied[answered:], len(self.host.applied)
            reports = [{"id": wire["spec"]["id"], "generation": wire["generation"], "ok": True} for wire in wires]
            self.controller.report("h1", reports)

    def _quiet(self, still: float = 0.3) -> bool:
        """Wait until no message has come for that long."""
        with self.host.changed:
            while self.host.changed.wait(still):
                continue
        return True

    def messages(self) -> int:
        """How many the host has got, once no more come."""
        self._quiet()
        return self.host.messages

    def dump(self) -> str:
        """Every row of every table, as SQL."""
        with contextlib.closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            return "\n".join(connection.iterdump())

    def close(self) -> None:
        """Stop it."""
        self.side.dispatcher.stop()
        self._agent.stop()
        self.side.database.dispose()
        self._transport.close()


@contextlib.contextmanager
def whole(root: pathlib.Path) -> Iterator[Whole]:
    """A running server side whose files are in ``root``."""
    made = Whole(root)
    try:
        yield made
    finally:
        made.close()
