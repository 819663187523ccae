"""The use cases of subnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import SYSTEM, Context
from svcfabric.core_l2l3 import subnet_ports, subnet_rules
from svcfabric.core_l2l3.addressing import allocate, policies, pool_rules, released
from svcfabric.core_l2l3.core import DHCP, ROUTER_INTERFACE, Changed, Core, check_revision, forbidden
from svcfabric.core_l2l3.dhcp import serving as dhcp
from svcfabric.core_l2l3.l3 import advertise, outside, scoped
from svcfabric.core_l2l3.models import networks, subnets
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.core_l2l3.readers import NETWORKS, SUBNETS
from svcfabric.core_l2l3.schemas.network import MIN_MTU
from svcfabric.core_l2l3.topology import AUTO, SUBNET_COLUMNS, subnet_of
from svcfabric.db.base import new_id, now

# A new subnet: its body, its own columns, the pool it is of.
Wanted = tuple[Row, dict[str, Any], Row | None]
# What decides how addresses are handed out.
HANDED_OUT = frozenset({"allocation_pools", *subnet_rules.POLICIES})


class Subnets:
    """``api.resource.Handler`` of subnets."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none. Pools' and networks' rows are locked: prefixes of one cannot race."""
        sources = [subnet_rules.source(body) for body in bodies]
        named = [
            subnet_rules.complete(body) if source == "given" else None
            for body, source in zip(bodies, sources, strict=True)
        ]

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            return self.create_in(conn, changed, ctx, bodies, sources, named)

        return self._core.write(work)

    def create_in(
        self,
        conn: sa.Connection,
        changed: Changed,
        ctx: Context,
        bodies: Sequence[Row],
        sources: Sequence[str],
        named: Sequence[dict[str, Any] | None],
    ) -> list[Row]:
        """Create them in the caller's transaction. ``named``: columns of those that name their prefix."""
        self._core.check_quota(conn, "subnet", bodies)
        opened = allocate.opened(conn, ctx, bodies, sources)
        wanted: list[Wanted] = []
        for place, (body, columns) in enumerate(zip(bodies, named, strict=True)):
            if place in opened:
                columns = subnet_rules.complete(opened[place].filled(body))
            if columns is None:
                raise AssertionError("a subnet has no prefix")
            wanted.append((body, columns, opened[place].pool if place in opened else None))
        made: dict[int, dict[str, Any]] = {}
        for network_id in sorted({body["network_id"] for body in bodies}):
            network = _network(conn, ctx, network_id)
            places = [place for place, body in enumerate(bodies) if body["network_id"] == network_id]
            rows = self._add(conn, changed, network, [wanted[place] for place in places])
            made |= dict(zip(places, rows, strict=True))
        return [SUBNETS.row(made[place]) for place in range(len(bodies))]

    def _add(
        self, conn: sa.Connection, changed: Changed, network: Row, wanted: Sequence[Wanted]
    ) -> list[dict[str, Any]]:
        columns = (*SUBNET_COLUMNS, subnets.c.subnetpool_id)
        known = conn.execute(sa.select(*columns).where(subnets.c.network_id == network["id"])).all()
        others = [subnet_of(row) for row in known]
        pooled = [(row.ip_version, row.subnetpool_id) for row in known]
        scopes = {version: network[f"ipv{version}_address_scope"] for version in (4, 6)}
        rows = []
        for body, own, pool in wanted:
            version = own["ip_version"]
            subnet_rules.refuse_overlap(own["cidr"], others)
            pool_rules.check_affinity(pool, scopes[version], version, pooled)
            _check_mtu(network, own)
            row = _new(body, own, network)
            others.append(subnet_of([row[column.name] for column in SUBNET_COLUMNS]))
            pooled.append((version, row["subnetpool_id"]))
            scopes[version] = pool["address_scope_id"] if pool else scopes[version]
            rows.append(row)
        conn.execute(subnets.insert(), rows)
        for row in rows:
            if row["ip_memory"]:
                released.begin(conn, row["id"])
        ids = [*network["subnets"], *(row["id"] for row in rows)]
        stored = {f"ipv{version}_address_scope": scope for version, scope in scopes.items()}
        _list_subnets(conn, network, ids, stored)
        if any(network[name] != scope for name, scope in stored.items()):
            scoped.tell(conn, changed, [network["id"]])
        for row in rows:
            if _auto(row):
                subnet_ports.give_addresses(conn, changed, row)
            elif network["router:external"]:
                outside.subnet_added(conn, changed, network["id"], row["id"])
        if any(row["enable_dhcp"] for row in rows):
            dhcp.settle(conn, self._core, changed, network["id"], new=True)
        return rows

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One subnet the caller may see."""
        with self._core.database.read() as conn:
            return SUBNETS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Subnets the caller may see."""
        with self._core.database.read() as conn:
            return SUBNETS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a subnet; those that route by its gateway learn of a new one. Its network has a new revision."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            mine = networks.c.id == SUBNETS.get(conn, ctx, ident)["network_id"]
            conn.execute(sa.select(networks.c.id).where(mine).with_for_update())
            row = SUBNETS.lock(conn, ctx, ident)
            remembers = row.pop("ip_memory")
            check_revision(row, if_match)
            values = SUBNETS.changes(row, subnet_rules.changed(row, body))
            if not values:
                return row
            if values.keys() & HANDED_OUT and (remembers or policies.remembers(row | values)):
                _rearrange(conn, row | values)
            if "gateway_ip" in values:
                subnet_ports.refuse_routed(conn, row)
                subnet_ports.touch(conn, changed, ident)
            values |= {"revision_number": row["revision_number"] + 1, "updated_at": now()}
            conn.execute(subnets.update().where(subnets.c.id == ident).values(**values))
            conn.execute(networks.update().where(mine).values(**sharing.bumped(networks)))
            if row["ipv6_ra_mode"] and values.keys() & advertise.TOLD:
                advertise.subnet_changed(conn, changed, ident)
            if "enable_dhcp" in values:
                dhcp.settle(conn, self._core, changed, row["network_id"])
            elif row["enable_dhcp"] and values.keys() & dhcp.TOLD:
                dhcp.touch(conn, changed, row["network_id"])
            return row | values

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a subnet, unless ports have addresses of it that were handed out."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            network = NETWORKS.lock(conn, SYSTEM, SUBNETS.get(conn, ctx, ident)["network_id"])
            row = SUBNETS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            held = subnet_ports.holders(conn, ident)
            others = [port for port in held if not (port.leg and port.device_owner == DHCP)]
            if any(port.device_owner == ROUTER_INTERFACE for port in others) or (others and not _auto(row)):
                raise errors.InUse(
                    f"Unable to complete operation on subnet {ident}: One or more ports have an IP allocation from "
                    "this subnet.",
                    neutron_type="SubnetInUse",
                )
            subnet_ports.take_addresses(conn, changed, ident, held)
            conn.execute(subnets.delete().where(subnets.c.id == ident))
            if row["enable_dhcp"]:
                dhcp.settle(conn, self._core, changed, network["id"])
            left = [one for one in network["subnets"] if one != ident]
            scopes = _scopes_left(conn, network["id"], row)
            _list_subnets(conn, network, left, scopes)
            if any(network[name] != scope for name, scope in scopes.items()):
                scoped.tell(conn, changed, [network["id"]])

        self._core.write(work)


def _auto(row: Mapping[str, Any]) -> bool:
    """Whether ports make themselves addresses of a subnet."""
    return row["ipv6_address_mode"] in AUTO or row["ipv6_ra_mode"] in AUTO


def _network(conn: sa.Connection, ctx: Context, network_id: str) -> Row:
    """The network of a new subnet, locked; only its owner adds to it."""
    row = NETWORKS.lock(conn, ctx, network_id)
    if not ctx.sees(row["project_id"]):
        raise forbidden("create_subnet")
    return row


def _check_mtu(network: Row, columns: Mapping[str, Any]) -> None:
    version = columns["ip_version"]
    if network["mtu"] < MIN_MTU[version]:
        raise errors.Conflict(
            f"Network {network['id']} has an MTU of {network['mtu']}: IPv{version} needs at least {MIN_MTU[version]}.",
            neutron_type="NetworkMTUSubnetConflict",
        )


def _new(body: Row, columns: Mapping[str, Any], network: Row) -> dict[str, Any]:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "network_id": network["id"],
        "shared": network["shared_with_all"],
        "external": network["router:external"],
        "everyone": network["everyone"],
        **columns,
        "ip_memory": policies.remembers(columns),
    }


def _list_subnets(conn: sa.Connection, network: Row, ids: Sequence[str], scopes: Mapping[str, str | None]) -> None:
    stamp = {"revision_number": network["revision_number"] + 1, "updated_at": now()}
    conn.execute(
        networks.update().where(networks.c.id == network["id"]).values(subnet_ids=list(ids), **scopes, **stamp)
    )


def _scopes_left(conn: sa.Connection, network_id: str, gone: Row) -> dict[str, str | None]:
    """The network's address scope goes with the last subnet of the family that is of a pool."""
    if gone["subnetpool_id"] is None:
        return {}
    left = sa.select(subnets.c.id).where(
        subnets.c.network_id == network_id,
        subnets.c.ip_version == gone["ip_version"],
        subnets.c.subnetpool_id.is_not(None),
    )
    return {} if conn.execute(left.limit(1)).first() else {f"ipv{gone['ip_version']}_address_scope": None}


def _rearrange(conn: sa.Connection, row: Row) -> None:
    """Hand out addresses by new pools or policies from now on."""
    remembers = policies.remembers(row)
    conn.execute(subnets.update().where(subnets.c.id == row["id"]).values(ip_memory=remembers))
    released.change(conn, row | {"ip_memory": remembers})
