"""The product as it is deployed: processes with configuration files, on hosts that are network namespaces.

``standalone`` is ``svcfabric up``; ``cloud`` is API workers, a controller and an agent per host, over a real
database and broker. Nothing is mocked; every process is stopped by its id, and what the agents made is purged.

    underlay  bedX-under   bridge u0                      192.0.2.0/24
    hosts     bedX-h1 ...  eth0 on the underlay, ext0 to the outside
    outside   bedX-out     bridge x0 = 203.0.113.1/24, the world beyond the external network
    servers   bedX-s1 ...  whatever is plugged to a port
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcfabric import conf as conf_module
from svcfabric.cmd import here
from svcfabric.cmd.client import LOAD_BALANCER, NETWORK, Client, Refused
from svcfabric.drivers.linux import netns
from tests import beds, databases, servers
from tests.load import Load
from tests.relay import Relay

BIN = pathlib.Path(sys.executable).parent
Sections = Mapping[str, Mapping[str, object]]
WEBSERVER = pathlib.Path(__file__).with_name("webserver.py")


def write_config(path: pathlib.Path, sections: Sections, more: str = "") -> None:
    """Write a configuration file."""
    lines = []
    for name, options in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in options.items())]
    path.write_text("\n".join(lines) + "\n" + more)


def merged(*layers: Sections) -> dict[str, dict[str, object]]:
    """Sections joined, later ones winning option by option."""
    out: dict[str, dict[str, object]] = {}
    for layer in layers:
        for name, options in layer.items():
            out.setdefault(name, {}).update(options)
    return out


class Program:
    """One process of the product; its output goes to ``root/NAME.log``."""

    def __init__(self, name: str, command: Sequence[str], root: pathlib.Path, namespace: str | None = None) -> None:
        self.name, self.command, self.root, self.namespace = name, list(command), root, namespace
        self.log = root / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with open(self.log, "ab") as log:
            options: dict[str, Any] = {
                "stdin": subprocess.DEVNULL,
                "stdout": log,
                "stderr": log,
                "start_new_session": True,
                "cwd": self.root,
            }
            self.process = netns.run_in(self.namespace, lambda: subprocess.Popen(self.command, **options))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """``kill -9`` of it and its workers, as a crash would; what it started for tenants lives in other sessions."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self.process:
            servers.end(self.process, grace=20.0)
            self.process = None

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"---- {self.name}", *text[-lines:]])


@dataclasses.dataclass
class Host:
    """A host with an agent. ``kit`` speaks to what the agent made there."""

    name: str
    config: pathlib.Path
    agent: Program
    namespace: str | None = None

    @property
    def here(self) -> here.Here:
        """The host as the product's own commands see it."""
        return here.here(conf_module.load((), [str(self.config)]))

    @property
    def tag(self) -> str:
        """What names of the agent's namespaces begin with, after ``sf-``."""
        return self.here.kit.tag

    def purge(self) -> None:
        """Remove all the agent made."""
        command = [str(BIN / "svcfabric-agent"), "--config-file", str(self.config), "purge"]
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 120}
        done = netns.run_in(self.namespace, lambda: subprocess.run(command, **options))
        for name in netns.names(f"sf-{self.tag}-"):
            netns.delete(name)
        if done.returncode:
            raise RuntimeError(f"purge on {self.name}: {done.stderr.decode()[-2000:]}")


class Product:
    """A running product: ``url`` of its API, its programs by name, its hosts."""

    def __init__(self, name: str, root: pathlib.Path, port: int) -> None:
        self.name, self.root, self.port = name, root, port
        self.url = f"http://127.0.0.1:{port}"
        self.programs: dict[str, Program] = {}
        self.hosts: list[Host] = []
        self._servers = 0
        self._groups: dict[Client, str] = {}
        self._webs: list[subprocess.Popen[bytes]] = []
        self._spaces: list[str] = []

    def client(self, project: str = "", roles: str = "member,reader") -> Client:
        """A REST client: an administrator, or a member of a project (``noauth`` takes their word)."""
        return Client(self.url, {"X-Project-Id": project, "X-Roles": roles} if project else None)

    def start(self) -> None:
        """Start everything and wait until the API answers and every agent is alive."""
        for program in self.programs.values():
            if not program.alive():
                program.start()
        self.wait_ready()

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the API answers and every agent has said so."""
        want = {host.name for host in self.hosts}

        def ready() -> bool:
            dead = [program for program in self.programs.values() if not program.alive()]
            if dead:
                raise RuntimeError(f"ended at start:\n{dead[0].tail()}")
            try:
                agents = Client(self.url, timeout=5).call("GET", f"{NETWORK}/agents")["agents"]
            except Refused as exc:
                return exc.status in (401, 403)  # real authentication: then its refusal must do
            return {agent["host"] for agent in agents if agent["alive"]} >= want

        servers.wait_until(ready, timeout, "the product")

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(program.tail() for program in self.programs.values())

    def close(self) -> None:
        """Stop everything; remove what agents and tests made."""
        for web in self._webs:
            servers.end(web, grace=2.0)
        for program in self.programs.values():  # all at once: each takes a second or two
            if program.process and program.alive():
                program.process.terminate()
        for program in self.programs.values():
            program.stop()
        try:
            for host in self.hosts:
                host.purge()
        finally:
            for name in self._spaces:
                netns.delete(name)

    # ---- what a tenant has

    def network(self, client: Client, cidr: str = "10.5.0.0/24", **more: object) -> dict[str, Any]:
        """A network with a subnet; the network, with the subnet under ``subnet``."""
        name = f"n-{uuid.uuid4().hex[:6]}"
        made = client.create(f"{NETWORK}/networks", "network", name=name, **more)
        body = {"network_id": made["id"], "ip_version": 4, "cidr": cidr}
        return {**made, "subnet": client.create(f"{NETWORK}/subnets", "subnet", **body)}

    def server(
        self, client: Client, network: Mapping[str, Any], host: Host, address: str = "", web: str = ""
    ) -> Server:
        """A namespace on a port of the network, bound to the host; ``web``: runs a web server of that name on 80."""
        self._servers += 1
        space = f"{self.name}-s{self._servers}"
        body: dict[str, object] = {"network_id": network["id"], "name": space, "security_groups": [self._open(client)]}
        if address:
            body["fixed_ips"] = [{"subnet_id": network["subnet"]["id"], "ip_address": address}]
        port = client.create(f"{NETWORK}/ports", "port", **body)
        self._spaces.append(space)
        addresses = here.put(self.client(), host.here, port["id"], space, "eth0")
        made = Server(space, port["id"], addresses[0])
        if web:
            self.web(made, web)
        return made

    def _open(self, client: Client) -> str:
        """A security group of the client's that lets everything in: servers are filtered, as tenants' are."""
        if client not in self._groups:
            made = client.create(f"{NETWORK}/security-groups", "security_group", name="open")
            for version in ("IPv4", "IPv6"):
                rule = {"security_group_id": made["id"], "direction": "ingress", "ethertype": version}
                client.create(f"{NETWORK}/security-group-rules", "security_group_rule", **rule)
            self._groups[client] = made["id"]
        return self._groups[client]

    def web(self, server: Server, name: str, port: int = 80, *more: str) -> subprocess.Popen[bytes]:
        """Run a web server on a server."""
        command = [sys.executable, str(WEBSERVER), name, str(port), *more]
        process = netns.run_in(
            server.namespace,
            lambda: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True),
        )
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        self._webs.append(process)
        return process

    def load_balancer(
        self, client: Client, network: Mapping[str, Any], members: Sequence[str], **more: object
    ) -> dict[str, Any]:
        """A load balancer on port 80 of the network, HTTP, with those members, in one request."""
        pool = {
            "name": "p",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": [{"address": address, "protocol_port": 80} for address in members],
            **({"healthmonitor": more.pop("healthmonitor")} if "healthmonitor" in more else {}),
        }
        listener = {"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        body = {"name": "lb", "vip_subnet_id": network["subnet"]["id"], "listeners": [listener], **more}
        return client.create(f"{LOAD_BALANCER}/loadbalancers", "loadbalancer", **body)

    def wait_active(self, client: Client, ident: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until a load balancer is ACTIVE; it."""
        path = f"{LOAD_BALANCER}/loadbalancers/{ident}"
        deadline = time.monotonic() + timeout
        while (now := client.show(path, "loadbalancer"))["provisioning_status"] != "ACTIVE":
            if time.monotonic() > deadline:
                raise AssertionError(f"load balancer {ident} is {now['provisioning_status']}\n{self.logs()}")
            time.sleep(0.02)
        return now


@dataclasses.dataclass(frozen=True)
class Server:
    """A namespace plugged to a port."""

    namespace: str
    port: str
    address: str

    def get(self, url: str, timeout: float = 5.0) -> tuple[int, str]:
        """(status, body) of a GET from here; (0, reason) without an answer."""
        return get(self.namespace, url, timeout)

    def load(self, url: str, **options: Any) -> Load:
        """A load generator that runs here."""
        return Load(url, prefix=["nsenter", f"--net={netns.path(self.namespace)}"], **options)


def get(namespace: str | None, url: str, timeout: float = 5.0) -> tuple[int, str]:
    """(status, body) of a GET from a namespace; (0, reason) without an answer."""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    def ask() -> tuple[int, str]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
        try:
            connection.request("GET", parts.path or "/", headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, HTTPException) as exc:
            return 0, repr(exc)
        finally:
            connection.close()

    return netns.run_in(namespace, ask)


@contextlib.contextmanager
def standalone(*, auth: str = "noauth", more: str = "", **sections: Mapping[str, object]) -> Iterator[Product]:
    """``svcfabric up``: all in one process, on this machine as the one host."""
    with servers.directory("up") as root:
        product = Product(f"bed{uuid.uuid4().hex[:6]}", root, servers.free_port())
        config = root / "svcfabric.conf"
        basics = {
            "DEFAULT": {"state_dir": root / "state", "log_level": "INFO"},
            "api": {"bind_port": product.port, "auth_strategy": auth},
            "agent": {"host": product.name, "physical_networks": "public:"},
        }
        write_config(config, merged(basics, sections), more)
        program = Program("up", [str(BIN / "svcfabric"), "up", "--config-file", str(config)], root)
        product.programs["up"] = program
        product.hosts.append(Host(product.name, config, program))
        try:
            product.start()
            yield product
        except BaseException:
            print(product.logs())
            raise
        finally:
            product.close()


class Underlay:
    """Hosts' namespaces, the wire between them, and the outside."""

    def __init__(self, name: str, hosts: int) -> None:
        self.name = name
        self.outside, self._under = f"{name}-out", f"{name}-under"
        self.hosts = [f"{name}-h{number}" for number in range(1, hosts + 1)]
        for space in (self._under, self.outside, *self.hosts):
            netns.create(space)
        netns.rtnl(self._under, beds._bridge, "u0", None)
        netns.rtnl(self.outside, beds._bridge, "x0", (beds.OUTSIDE, 24))
        for number, space in enumerate(self.hosts, 1):
            with netns.opened(space) as inside:
                netns.rtnl(self._under, beds._wire, "u0", f"h{number}", "eth0", inside)
                netns.rtnl(self.outside, beds._wire, "x0", f"h{number}", "ext0", inside)
            netns.rtnl(space, beds.raise_with, "eth0", (self.address(number), 24))

    @staticmethod
    def address(number: int) -> str:
        """The tunnel endpoint of host ``number`` (from 1)."""
        return f"192.0.2.{number}"

    def close(self) -> None:
        """Delete the namespaces."""
        for space in (*self.hosts, self.outside, self._under):
            netns.delete(space)


class Cloud(Product):
    """Several hosts. ``database`` and ``broker`` are the servers under it; ``underlay`` has the outside."""

    database: databases.Server
    broker: servers.RabbitMQ
    underlay: Underlay

    def controller(self) -> Program:
        """The controller's process."""
        return self.programs["controller"]

    def api(self) -> Program:
        """The API's process (its workers are its children)."""
        return self.programs["api"]


@contextlib.contextmanager
def cloud(
    database: databases.Server,
    broker: servers.RabbitMQ,
    *,
    hosts: int = 2,
    workers: int = 2,
    auth: str = "noauth",
    more: str = "",
    **sections: Mapping[str, object],
) -> Iterator[Cloud]:
    """API (``workers`` processes), controller and ``hosts`` agents over that database and broker."""
    with servers.directory("cloud") as root, contextlib.ExitStack() as stack:
        product = Cloud(f"bed{uuid.uuid4().hex[:6]}", root, servers.free_port())
        product.database, product.broker = database, broker
        name = f"c{uuid.uuid4().hex[:10]}"
        basics = merged(
            {
                "DEFAULT": {"state_dir": root / "state", "log_level": "INFO"},
                "api": {"bind_port": product.port, "auth_strategy": auth, "workers": workers},
                "database": {"connection": database.create(name)},
                "messaging": {"transport_url": broker.url},
                "network": {"flat_networks": "public"},
            },
            sections,
        )
        stack.callback(database.drop, name)
        config = root / "svcfabric.conf"
        write_config(config, basics, more)
        subprocess.run(
            [str(BIN / "svcfabric-db"), "upgrade", "--config-file", str(config)], check=True, capture_output=True
        )
        for what in ("controller", "api"):
            command = [str(BIN / f"svcfabric-{what}"), "--config-file", str(config)]
            product.programs[what] = Program(what, command, root)
        product.underlay = Underlay(product.name, hosts)
        stack.callback(product.underlay.close)
        relay = stack.enter_context(Relay(broker.port, product.underlay.hosts))
        for number, space in enumerate(product.underlay.hosts, 1):
            product.hosts.append(_host(product, space, number, relay, basics))
        try:
            product.start()
            yield product
        except BaseException:
            print(product.logs())
            raise
        finally:
            product.close()


def _host(product: Cloud, space: str, number: int, relay: Relay, basics: Sections) -> Host:
    config = product.root / f"h{number}.conf"
    own = {
        "DEFAULT": {"state_dir": product.root / f"h{number}"},
        "agent": {
            "host": f"{product.name}-h{number}",
            "local_ip": product.underlay.address(number),
            "physical_networks": "public:ext0",
        },
        "messaging": {"transport_url": f"rabbit://guest:guest@127.0.0.1:{relay.port}/"},
    }
    shown = {key: value for key, value in basics.items() if key != "database"}
    write_config(config, merged(shown, own))
    command = [str(BIN / "svcfabric-agent"), "--config-file", str(config)]
    agent = Program(f"agent{number}", command, product.root, space)
    product.programs[agent.name] = agent
    return Host(f"{product.name}-h{number}", config, agent, space)
