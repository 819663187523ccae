"""The use cases of ports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import port_store
from svcfabric.core_l2l3.core import DHCP, FLOATING_IP, Changed, Core, check_revision, forbidden, privileged
from svcfabric.core_l2l3.dhcp import options
from svcfabric.core_l2l3.dhcp import serving as dhcp
from svcfabric.core_l2l3.dns import names
from svcfabric.core_l2l3.l3 import forward_store
from svcfabric.core_l2l3.models import floatingips, ports
from svcfabric.core_l2l3.qos import attach
from svcfabric.core_l2l3.rbac.networks import held, may_join, may_see
from svcfabric.core_l2l3.readers import PORTS
from svcfabric.core_l2l3.security import membership, on_ports
from svcfabric.core_l2l3.security.defaults import DefaultGroups
from svcfabric.core_l2l3.topology import Network, load_networks
from svcfabric.db.base import now
from svcfabric.fabric import instances

# What a host makes of a port depends on these columns.
_WIRED = frozenset({"mac_address", "fixed_ips", "admin_state_up", "device_id", "extra_dhcp_opts"})
REALISED = _WIRED | {"dns_name", "dns_domain"} | on_ports.COLUMNS
# What a router or floating IP has set on its port; a service learns of no change to its port, so more is its alone.
_OWNERS = frozenset({"host", "device_owner", "device_id", "mac_address"})
_SERVICES = _OWNERS | _WIRED
# What other hosts know of a member of security groups depends on these.
_MEMBER = frozenset({"fixed_ips", "allowed_address_pairs"})
_COLUMNS = {name: column.name for name, column in PORTS.columns.items() if isinstance(column, sa.Column)}


class Ports:
    """``api.resource.Handler`` of ports."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._default_groups = DefaultGroups()

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none; those with a host are bound."""

        tries = 0

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            nonlocal tries
            tries += 1
            found = held(conn, ctx, load_networks(conn, {body["network_id"] for body in bodies}))
            for ident in dict.fromkeys(body["network_id"] for body in bodies):
                _check_network(conn, ctx, found.get(ident), ident, "create")
            for body in bodies:
                _check_chosen(ctx, found[body["network_id"]], body, "create")
                names.fit(body.get("dns_name", ""), self._core.settings.dns_domain)
            self._core.check_quota(conn, "port", bodies)
            policies = [body["qos_policy_id"] for body in bodies if body.get("qos_policy_id")]
            attach.use(conn, ctx, policies, "the port")
            filtered = on_ports.choose(conn, ctx, self._default_groups, found, bodies, careful=tries > 1)
            asked = [_with_options(body) | choice for body, choice in zip(bodies, filtered, strict=True)]
            wishes = [{_COLUMNS[name]: value for name, value in each.items()} for each in asked]
            rows = port_store.create(conn, self._core, changed, found, wishes, careful=tries > 1)
            return [self._named(_shown(row, found[row["network_id"]])) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One port of the caller's."""
        with self._core.database.read() as conn:
            return self._named(PORTS.get(conn, ctx, ident))

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's ports."""
        named = not query.fields or "dns_assignment" in query.fields
        if query.fields and named:
            query = dataclasses.replace(query, fields=query.fields | {"dns_name", "fixed_ips"})
        with self._core.database.read() as conn:
            rows = PORTS.list(conn, ctx, query)
        if named:
            names.assign(rows, self._core.settings.dns_domain)
        return rows

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a port; its hosts learn of what concerns them."""
        names.fit(body.get("dns_name", ""), self._core.settings.dns_domain)

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = PORTS.lock(conn, ctx, ident)
            router_id, leg, _ = row.pop("router_id"), row.pop("leg"), row.pop("ip_memory")
            check_revision(row, if_match)
            values = PORTS.changes(row, _with_options(body, row["extra_dhcp_opts"]))
            if not values:
                return row
            _refuse_owned(conn, row | {"router_id": router_id, "leg": leg}, values)
            moved = "host" in values
            network = None
            if moved or values.keys() & {"fixed_ips", "mac_address", "device_owner", *on_ports.OWNERS}:
                network = load_networks(conn, [row["network_id"]])[row["network_id"]]
                _check_update(conn, ctx, row, body, values, network)
            if "qos_policy_id" in values:
                attach.change(conn, ctx, f"port {ident}", row["qos_policy_id"], values["qos_policy_id"])
            if values.keys() & on_ports.COLUMNS:
                on_ports.check_update(conn, ctx, row, body, values)
                if not values:
                    return row
            host = values.pop("host", row["binding:host_id"])
            wishes = values.pop("fixed_ips", None)
            if "mac_address" in values and network is not None:
                wishes = port_store.following(network, row, wishes)
            if wishes is not None and network is not None:
                values["fixed_ips"] = port_store.readdress(conn, network, row | values, wishes)
                _refuse_lost_floating(conn, row, values["fixed_ips"])
                forward_store.keep_only(conn, changed, ident, {ip["ip_address"] for ip in values["fixed_ips"]})
            stored = {"revision_number": row["revision_number"] + 1, "updated_at": now(), **values}
            conn.execute(ports.update().where(ports.c.id == ident).values(**stored))
            placed = row | {"host": row["binding:host_id"]}
            if "security_groups" in values:
                membership.regroup(conn, changed, self._core.settings.driver, placed, values["security_groups"])
                placed["security_groups"] = values["security_groups"]
            if values.keys() & (REALISED | {"qos_policy_id"}) and row["binding:host_id"]:
                ids = [ident, *([router_id] if router_id and values.keys() & REALISED else [])]
                if values.keys() & _MEMBER and placed["security_groups"]:
                    membership.readdress(conn, changed, [ident])
                instances.touch_many(conn, ids)
                changed.update(ids)
            elif values.keys() & REALISED and leg and row["device_owner"] == DHCP:
                dhcp.touch(conn, changed, row["network_id"])
            if moved and network is not None:
                port_store.move(conn, self._core, changed, placed, network, host)
                return PORTS.get(conn, ctx, ident)
            row |= {name: stored[column] for name, column in _COLUMNS.items() if column in stored}
            return PORTS.get(conn, ctx, ident) if "admin_state_up" in values else row

        return self._named(self._core.write(work))

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a port that no router, floating IP or service holds. Floating IPs to it lead nowhere then."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = PORTS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            owner = _owner(conn, row)
            if owner:
                raise errors.InUse(
                    f"Port {ident} cannot be deleted directly via the port API: has device owner {owner}.",
                    neutron_type="ServicePortInUse",
                )
            host = row["binding:host_id"]
            network = load_networks(conn, [row["network_id"]])[row["network_id"]] if host else None
            port_store.delete(conn, self._core, changed, row | {"host": host}, network)

        self._core.write(work)

    def _named(self, row: Row) -> Row:
        """The row, with what its addresses are called."""
        names.assign((row,), self._core.settings.dns_domain)
        return row


def _with_options(body: Row, held: Sequence[Mapping[str, Any]] = ()) -> Row:
    """A body whose DHCP options are all that the port has then."""
    if "extra_dhcp_opts" not in body:
        return body
    return body | {"extra_dhcp_opts": options.merged(held, body["extra_dhcp_opts"])}


def _shown(values: Mapping[str, Any], network: Network) -> Row:
    bound = bool(values["host"])
    return PORTS.row(
        values,
        status="BUILD" if bound and values["admin_state_up"] else "DOWN",
        qos_network_policy_id=network.qos_policy_id,
        **{
            "binding:vif_type": "other" if bound else "unbound",
            "binding:vif_details": {"connectivity": "l2", "port_filter": True} if bound else {},
        },
    )


def _owns(ctx: Context, network: Network) -> bool:
    return privileged(ctx) or ctx.project_id == network.project_id


def _check_network(conn: sa.Connection, ctx: Context, network: Network | None, ident: str, operation: str) -> None:
    """May the caller have ports on the network ``ident``?"""
    if network is None or not may_see(conn, ctx, network):
        raise errors.NotFound.of("Network", ident)
    if operation == "create" and not _owns(ctx, network) and not may_join(conn, ctx, network):
        raise forbidden("create_port")


def _check_chosen(ctx: Context, network: Network, body: Mapping[str, Any], operation: str) -> None:
    """What only the network's owner may choose of a port is the owner's."""
    if _owns(ctx, network):
        return
    for name in ("mac_address", *on_ports.OWNERS):
        if name in body:
            raise forbidden(f"{operation}_port:{name}")
    if str(body.get("device_owner", "")).startswith("network:"):
        raise forbidden(f"{operation}_port:device_owner")
    if any(one.get("ip_address") for one in body.get("fixed_ips") or ()):
        raise forbidden(f"{operation}_port:fixed_ips:ip_address")


def _check_update(
    conn: sa.Connection, ctx: Context, row: Row, body: Row, values: Mapping[str, Any], network: Network
) -> None:
    _check_network(conn, ctx, network, network.id, "update")
    _check_chosen(ctx, network, {name: value for name, value in body.items() if value != row[name]}, "update")
    if "mac_address" in values:
        if row["binding:host_id"]:
            raise errors.InUse(
                f"Unable to complete operation on port {row['id']}, port is already bound: its MAC address stays.",
                neutron_type="PortBound",
            )
        port_store.refuse_used_macs(conn, network.id, [values["mac_address"]])


def _refuse_owned(conn: sa.Connection, row: Row, values: Mapping[str, Any]) -> None:
    """What a router, floating IP or service has set on its port is not a client's to change."""
    service = row["leg"] and not row["router_id"] and row["device_owner"] != DHCP  # that one follows its port
    if not values.keys() & (_SERVICES if service else _OWNERS):
        return
    owner = _owner(conn, row)
    if owner:
        raise errors.Conflict(
            f"Operation update is not supported for device_owner {owner} on port {row['id']}.",
            neutron_type="UnsupportedPortDeviceOwner",
        )


def _owner(conn: sa.Connection, row: Row) -> str:
    """The device owner of a port that a router, service or floating IP holds; "" for any other."""
    if row["router_id"] or row["leg"]:
        return str(row["device_owner"])
    if row["device_owner"] != FLOATING_IP:
        return ""
    held = sa.select(floatingips.c.id).where(floatingips.c.floating_port_id == row["id"])
    return FLOATING_IP if conn.execute(held).first() else ""


def _refuse_lost_floating(conn: sa.Connection, row: Row, fixed_ips: Sequence[Mapping[str, str]]) -> None:
    """An address a floating IP leads to stays on its port."""
    stmt = sa.select(floatingips.c.fixed_ip_address).where(floatingips.c.port_id == row["id"])
    kept = {ip["ip_address"] for ip in fixed_ips}
    for address in conn.execute(stmt).scalars():
        if address not in kept:
            raise errors.BadRequest(
                f"Bad port request: Cannot update the fixed_ips of the port {row['id']}, because its address {address} "
                "has been associated to a floating IP: disassociate it first.",
                neutron_type="BadRequest",
            )
