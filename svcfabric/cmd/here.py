"""This machine as the host of an agent: ports are put into its namespaces through the API and the host kit."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from oslo_config import cfg

from svcfabric import conf as conf_module
from svcfabric.agent.identity import Identity
from svcfabric.cmd import standalone
from svcfabric.cmd.client import NETWORK, Client, Document, Refused, basic
from svcfabric.drivers.linux import netns, plug
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import Route

METADATA = "169.254.169.254/32"


@dataclasses.dataclass(frozen=True, slots=True)
class Here:
    """``name``: as the agent calls itself. ``kit``: the host kit with the agent's tag."""

    name: str
    kit: Host


def here(conf: Any) -> Here:
    """The host of the agent that runs with this configuration."""
    identity = Identity.of(conf)
    return Here(identity.host, Host(DriverOptions(host=identity.host, state_dir=identity.state_dir, tag=identity.tag)))


def put(
    client: Client,
    where: Here,
    port_id: str,
    namespace: str,
    ifname: str,
    timeout: float = 30.0,
    *,
    configured: bool = True,
) -> list[str]:
    """Bind the port to this host, wait until it is ACTIVE, move its wire into the namespace (made if it is not there).

    Unless ``configured``, what is inside gets itself its addresses. Returns the port's addresses. Raises
    ``Refused`` or ``HostFault``, and then leaves no namespace it made.
    """
    path = f"{NETWORK}/ports/{port_id}"
    port = client.show(path, "port")
    if port.get("binding:host_id") != where.name:
        port = client.call("PUT", path, {"port": {"binding:host_id": where.name}})["port"]
    if port["status"] != "ACTIVE":
        what = f"port {port_id} ACTIVE on host {where.name}"
        client.wait(what, lambda: client.show(path, "port")["status"] == "ACTIVE", timeout)
    fixed_ips = port["fixed_ips"] if configured else []
    subnets = {
        fixed["subnet_id"]: client.show(f"{NETWORK}/subnets/{fixed['subnet_id']}", "subnet") for fixed in fixed_ips
    }
    made = netns.create(namespace)
    try:
        plug.plug(
            where.kit,
            port_id,
            namespace,
            ifname,
            [(fixed["ip_address"], prefix_length(subnets[fixed["subnet_id"]])) for fixed in fixed_ips],
            [subnet["gateway_ip"] for subnet in subnets.values() if subnet["gateway_ip"]],
            _routes(client, port["network_id"], list(subnets.values())),
            advertised=not configured,
        )
    except HostFault:
        if made:
            netns.delete(namespace)
        raise
    return [fixed["ip_address"] for fixed in port["fixed_ips"]]


def _routes(client: Client, network_id: str, subnets: list[Document]) -> list[Route]:
    """What DHCP would tell: the subnets' host routes, and a way to metadata unless one of them is one."""
    routes = {route["destination"]: route["nexthop"] for subnet in subnets for route in subnet["host_routes"]}
    served = {each["id"] for each in subnets if each["enable_dhcp"] and each["ip_version"] == 4}
    if served and METADATA not in routes:
        query = {"network_id": network_id, "device_owner": "network:dhcp", "fields": "fixed_ips"}
        for port in client.call("GET", f"{NETWORK}/ports", query=query)["ports"]:
            for fixed in port["fixed_ips"]:
                if fixed["subnet_id"] in served:
                    routes.setdefault(METADATA, fixed["ip_address"])
    return [Route(destination=destination, nexthop=nexthop) for destination, nexthop in routes.items()]


def port_id(client: Client, port: str) -> str:
    """The id of a port that is named by its id or its name. Raises ``Refused`` unless there is exactly one."""
    with contextlib.suppress(ValueError):
        return str(uuid.UUID(port))
    found = client.call("GET", f"{NETWORK}/ports", query={"name": port, "fields": "id"})["ports"]
    if len(found) != 1:
        raise Refused(f"{len(found) or 'no'} ports are called {port}")
    return str(found[0]["id"])


def prefix_length(subnet: Document) -> int:
    """The prefix length of a subnet's CIDR."""
    return int(subnet["cidr"].partition("/")[2])


def add_arguments(parser: argparse.ArgumentParser, title: str = "where") -> None:
    """The options that say which agent, which API and who asks."""
    group = parser.add_argument_group(
        title,
        "Who asks is OS_TOKEN, or OS_USERNAME and OS_PASSWORD; else the administrator in the clouds.yaml that "
        "`svcfabric up` made in its state directory.",
    )
    group.add_argument("--api", metavar="URL", help="base URL of the API [OS_ENDPOINT, or where `svcfabric up` is]")
    group.add_argument("--state-dir", metavar="DIR", help="the agent's state directory [/var/lib/svcfabric]")
    group.add_argument("--config-file", action="append", default=[], help="the agent's configuration file")
    group.add_argument("--host", help="the agent's name [this machine's]")


def configuration(args: argparse.Namespace) -> Any:
    """The agent's configuration those options describe; exits 2 with the reason if it is bad."""
    try:
        conf = conf_module.load([word for path in args.config_file for word in ("--config-file", path)])
        if args.state_dir:
            conf.set_override("state_dir", os.path.abspath(args.state_dir))
        if args.host:
            conf.set_override("host", args.host, "agent")
    except (cfg.Error, ValueError) as exc:
        print(f"svcfabric: {conf_module.reason(exc)}", file=sys.stderr)
        raise SystemExit(2) from exc
    return conf


def client(conf: Any, api: str | None, user: str = "admin", environment: Mapping[str, str] = os.environ) -> Client:
    """A client for whoever the environment names, else for a user ``svcfabric up`` made."""
    url = api or environment.get("OS_ENDPOINT") or f"http://{conf.api.bind_host}:{conf.api.bind_port}"
    if token := environment.get("OS_TOKEN"):
        return Client(url, {"X-Auth-Token": token})
    if name := environment.get("OS_USERNAME"):
        return Client(url, basic(name, environment.get("OS_PASSWORD", "")))
    clouds = standalone.clouds_file(Path(conf.api.password_file))
    if not clouds.exists():
        return Client(url)
    auth = yaml.safe_load(clouds.read_text())["clouds"][f"svcfabric-{user}"]["auth"]
    return Client(api or auth["endpoint"], basic(auth["username"], auth["password"]))
