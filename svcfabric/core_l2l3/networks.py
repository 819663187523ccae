"""The use cases of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import port_store, segments
from svcfabric.core_l2l3.addressing import default_network
from svcfabric.core_l2l3.core import DHCP, Changed, Core, check_revision
from svcfabric.core_l2l3.dhcp import serving as dhcp
from svcfabric.core_l2l3.models import floatingips, ip_allocations, networks, ports, subnets
from svcfabric.core_l2l3.qos import attach, holders
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.core_l2l3.rbac.access import EVERYONE, EXTERNAL
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.core_l2l3.rbac.networks import NETWORK, refuse_external_use
from svcfabric.core_l2l3.readers import NETWORKS
from svcfabric.core_l2l3.schemas.network import MIN_MTU
from svcfabric.core_l2l3.zones.places import check_hints
from svcfabric.db.base import new_id, now
from svcfabric.fabric import instances

NAMED = 5  # ports a refusal names
_WIRED = frozenset({"mtu", "admin_state_up", "dns_domain"})  # what is told with each of its ports


class Networks:
    """``api.resource.Handler`` of networks."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""
        tries = 0

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            nonlocal tries
            tries += 1
            return self.create_in(conn, ctx, bodies, careful=tries > 1)

        return self._core.write(work)

    def create_in(self, conn: sa.Connection, ctx: Context, bodies: Sequence[Row], *, careful: bool) -> list[Row]:
        """Create them in the caller's transaction; ``careful``: it is run again, having lost a race."""
        self._core.check_quota(conn, "network", bodies)
        for body in bodies:
            check_hints(conn, "network", body.get("availability_zone_hints", ()))
        claimed: list[dict[str, Any]] = []
        for wire in [segments.columns_of(self._core.settings, body) for body in bodies]:
            claimed.append(self._claimed(conn, wire, claimed, careful=careful))
        rows = [_new(body, wire) for body, wire in zip(bodies, claimed, strict=True)]
        attach.give_defaults(conn, rows)
        attach.use(conn, ctx, [row["qos_policy_id"] for row in rows], "the network")
        for row in rows:
            if row["is_default"]:
                default_network.check(conn, row["id"], external=row["external"])
        conn.execute(networks.insert(), rows)
        sharing.made(conn, NETWORK, rows)
        external = [(row["id"], row["project_id"], EXTERNAL, EVERYONE) for row in rows if row["external"]]
        sharing.insert(conn, NETWORK, external)
        return [_shown(row) for row in rows]

    def _claimed(
        self, conn: sa.Connection, wire: Mapping[str, Any], before: Sequence[Mapping[str, Any]], *, careful: bool
    ) -> dict[str, Any]:
        """The wire of a new network; ``before``: those of the same request."""
        if wire["segmentation_id"] or wire["network_type"] == "flat":
            segments.refuse_used(conn, wire)
            return dict(wire)
        taken = {one["segmentation_id"] for one in before}
        return {**wire, "segmentation_id": segments.free_vni(conn, self._core.settings, taken, careful=careful)}

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One network the caller may see: his, shared, or external."""
        with self._core.database.read() as conn:
            return NETWORKS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Networks the caller may see."""
        with self._core.database.read() as conn:
            return NETWORKS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a network; its ports' hosts learn of a new MTU or state."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = NETWORKS.lock(conn, ctx, ident)
            _ = row.pop("everyone"), row.pop("shared_with_all"), row.pop("has_policies")
            check_revision(row, if_match)
            values = NETWORKS.changes(row, body)
            external = values.pop("external", None)
            if values.get("is_default"):
                default_network.check(conn, ident, external=row["router:external"] if external is None else external)
            elif external is False and row["is_default"]:
                values["is_default"] = False
            if "mtu" in values:
                self._check_mtu(conn, row, values["mtu"])
            if "qos_policy_id" in values:
                attach.change(conn, ctx, f"network {ident}", row["qos_policy_id"], values["qos_policy_id"])
            reshared = _share(conn, row, body, external)
            if values:
                stored = values | {"revision_number": networks.c.revision_number + 1, "updated_at": now()}
                conn.execute(networks.update().where(networks.c.id == ident).values(**stored))
                row |= {"revision_number": row["revision_number"] + 1, "updated_at": stored["updated_at"]}
            if values.keys() & _WIRED:
                _touch_all(conn, changed, ident)
            elif "qos_policy_id" in values:
                holders.touch_network(conn, changed, ident)
            if reshared:
                return NETWORKS.get(conn, ctx, ident)
            return row | {name: values[col.name] for name, col in NETWORKS.plain.items() if col.name in values}

        return self._core.write(work)

    def _check_mtu(self, conn: sa.Connection, row: Row, mtu: int) -> None:
        segments.mtu_of(self._core.settings, row["provider:network_type"], mtu)
        if mtu >= max(MIN_MTU.values()):
            return
        versions = sa.select(sa.func.max(subnets.c.ip_version)).where(subnets.c.network_id == row["id"])
        version = conn.execute(versions).scalar()
        if version and mtu < MIN_MTU[version]:
            raise errors.Conflict(
                f"Network {row['id']} has an IPv{version} subnet: its MTU must be at least {MIN_MTU[version]}.",
                neutron_type="NetworkMTUSubnetConflict",
            )

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a network with its subnets, unless ports are left on it.

        Floating IPs of an external network that lead nowhere go with it.
        """

        self._core.write(lambda conn, changed: self.delete_in(conn, changed, ctx, ident, if_match))

    def delete_in(
        self, conn: sa.Connection, changed: Changed, ctx: Context, ident: str, if_match: int | None = None
    ) -> None:
        """Delete it in the caller's transaction."""
        row = NETWORKS.lock(conn, ctx, ident)
        check_revision(row, if_match)
        idle = _idle_floatingips(conn, ident) if row["router:external"] else {}
        if _refuse_ports(conn, ident, idle.keys()):
            dhcp.end(conn, self._core, changed, ident)
        if idle:
            conn.execute(floatingips.delete().where(floatingips.c.floating_port_id.in_(list(idle))))
            conn.execute(ip_allocations.delete().where(ip_allocations.c.port_id.in_(list(idle))))
            conn.execute(ports.delete().where(ports.c.id.in_(list(idle))))
        if row["subnets"]:
            conn.execute(subnets.delete().where(subnets.c.network_id == ident))
        if row["has_policies"]:
            sharing.forget(conn, ident)
        conn.execute(networks.delete().where(networks.c.id == ident))


def _new(body: Row, wire: Mapping[str, Any]) -> dict[str, Any]:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "admin_state_up": body.get("admin_state_up", True),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "shared": body.get("shared", False),
        "external": body.get("router:external", False),
        "everyone": bool(body.get("shared") or body.get("router:external")),
        "subnet_ids": [],
        "port_security_enabled": body.get("port_security_enabled", True),
        "qos_policy_id": body.get("qos_policy_id"),
        "availability_zone_hints": body.get("availability_zone_hints", []),
        "is_default": body.get("is_default", False),
        "dns_domain": body.get("dns_domain", ""),
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        **wire,
    }


def _shown(values: Mapping[str, Any]) -> Row:
    return NETWORKS.row(
        values,
        status="ACTIVE",
        availability_zones=[],
        **{
            "provider:physical_network": values["physical_network"] or None,
            "provider:segmentation_id": values["segmentation_id"] or None,
        },
    )


def _touch_all(conn: sa.Connection, changed: Changed, network_id: str) -> None:
    """The network's wire has changed: everything plugged into it must be made again."""
    stmt = sa.select(*port_store.TOLD).where(ports.c.network_id == network_id, ports.c.host != "")
    bound = conn.execute(stmt).all()
    if bound:
        instances.touch_many(conn, [network_id])
        changed.add(network_id)
        port_store.tell(conn, changed, bound, readdressed=False)
        dhcp.touch(conn, changed, network_id)


def _share(conn: sa.Connection, row: Row, body: Mapping[str, Any], external: bool | None) -> bool:
    """Make or take back what lets everybody at a network; whether anything changed. ``external``: None to leave it."""
    try:
        changed = sharing.set_shared(conn, NETWORK, row, body)
    except errors.InUse:
        raise errors.Conflict(
            f"Unable to reconfigure sharing settings for network {row['id']}. Multiple projects are using it.",
            neutron_type="InvalidSharedSetting",
        ) from None
    if external is None:
        return changed
    if external:
        return sharing.set_everyone(conn, NETWORK, EXTERNAL, row, True) or changed
    refuse_external_use(conn, row["id"])
    every = rbac_policies.c.object_id == row["id"], rbac_policies.c.action == EXTERNAL
    conn.execute(rbac_policies.delete().where(*every))
    NETWORK.settle(NETWORK, conn, row["id"], sharing.targets_of(conn, row["id"]))
    return True


def _idle_floatingips(conn: sa.Connection, network_id: str) -> dict[str, str]:
    """Floating IPs of a network that lead nowhere, by the port that holds their address."""
    columns = (floatingips.c.floating_port_id, floatingips.c.id)
    stmt = sa.select(*columns).where(floatingips.c.floating_network_id == network_id, floatingips.c.port_id.is_(None))
    return {port_id: ident for port_id, ident in conn.execute(stmt.with_for_update())}


def _refuse_ports(conn: sa.Connection, network_id: str, idle: Any) -> bool:
    """Raise unless all that is left is the port of DHCP, which goes with the network; whether there is one."""
    stmt = sa.select(ports.c.id, ports.c.leg, ports.c.device_owner).where(ports.c.network_id == network_id)
    if idle:
        stmt = stmt.where(ports.c.id.not_in(list(idle)))
    found = conn.execute(stmt.order_by(ports.c.id).limit(NAMED + 1)).all()
    left = [port.id for port in found if not (port.leg and port.device_owner == DHCP)][:NAMED]
    if left:
        raise errors.InUse(
            f"Unable to complete operation on network {network_id}. There are one or more ports still in use on the "
            f"network, id for these ports is: {','.join(left)}.",
            neutron_type="NetworkInUse",
        )
    return bool(found)
