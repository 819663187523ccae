"""The use cases of port forwarding: single ports and ranges of a floating address, each to its own inside port."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import router_place
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.floatingips import associated_already, router_between
from svcfabric.core_l2l3.l3 import forward_rules, forward_store
from svcfabric.core_l2l3.l3.models import port_forwardings
from svcfabric.core_l2l3.models import floatingips
from svcfabric.core_l2l3.reader import Expression, Reader
from svcfabric.core_l2l3.readers import FLOATINGIPS, PORTS
from svcfabric.db.base import Ascii, new_id, now
from svcfabric.db.engine import Retry
from svcfabric.fabric import instances

Values = dict[str, Any]
_TABLE = port_forwardings.c


def _single(side: str) -> Expression:
    first, last = _TABLE[f"{side}_first"], _TABLE[f"{side}_last"]
    return sa.case((first == last, first), else_=sa.null())


def _range(side: str) -> Expression:
    first, last = (sa.cast(_TABLE[f"{side}_{end}"], sa.String(5)) for end in ("first", "last"))
    return sa.type_coerce(first + sa.literal(":") + last, Ascii)


FORWARDS = Reader(
    "Port Forwarding",
    port_forwardings,
    {
        "id": _TABLE.id,
        "project_id": _TABLE.project_id,
        "external_port": _single("external"),
        "external_port_range": _range("external"),
        "internal_port": _single("internal"),
        "internal_port_range": _range("internal"),
        "internal_ip_address": _TABLE.internal_ip_address,
        "protocol": _TABLE.protocol,
        "internal_port_id": _TABLE.internal_port_id,
        "description": _TABLE.description,
        "floatingip_id": _TABLE.floatingip_id,
    },
)


class PortForwardings:
    """``api.resource.Handler`` of a floating IP's port forwardings; ``parent`` is the floating IP."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            fip = FLOATINGIPS.lock(conn, ctx, str(parent))
            made = [self._make(conn, ctx, fip, body) for body in bodies]
            self._tell(conn, changed, fip, fip["router_id"])
            return [_shown(FORWARDS.get(conn, ctx, ident)) for ident in made]

        return self._core.write(work)

    def _make(self, conn: sa.Connection, ctx: Context, fip: Row, body: Row) -> str:
        """Store a new one; ``fip`` is from then on at its router, as it will be for others of the same request."""
        target = _target(conn, ctx, fip, body, forward_rules.spans(body))
        values = {
            **target,
            "id": new_id(),
            "project_id": fip["project_id"],
            "floatingip_id": fip["id"],
            "description": body.get("description", ""),
            "created_at": now(),
        }
        router_id = values.pop("router_id")
        conn.execute(port_forwardings.insert().values(**values))
        fip |= {"router_id": router_id, "port_forwardings": [*(fip["port_forwardings"] or ()), values["id"]]}
        return str(values["id"])

    def _tell(self, conn: sa.Connection, changed: Changed, fip: Row, router_id: str) -> None:
        forward_store.settle(conn, fip["id"], router_id)
        router_place.place_floatingip(conn, self._core, changed, fip["id"], fip["project_id"], router_id)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One of the floating IP's."""
        with self._core.database.read() as conn:
            return _shown(_of(FORWARDS.get(conn, ctx, ident), parent))

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """All of the floating IP's."""
        mine = dataclasses.replace(query, filters={**query.filters, "floatingip_id": (parent,)})
        with self._core.database.read() as conn:
            FLOATINGIPS.get(conn, ctx, str(parent))
            return [_shown(row) for row in FORWARDS.list(conn, ctx, mine)]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change where it leads, or what is said of it; other forwardings' connections go on."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            fip = FLOATINGIPS.lock(conn, ctx, str(parent))
            _of(FORWARDS.get(conn, ctx, ident), parent)
            (row,) = forward_store.load(conn, _TABLE.id == ident)
            values = {"description": body["description"]} if "description" in body else {}
            router_id = fip["router_id"]
            if body.keys() - {"description"}:
                current = {side: (row[f"{side}_first"], row[f"{side}_last"]) for side in ("external", "internal")}
                wanted = forward_rules.spans(body, current)
                target = _target(conn, ctx, fip, _merged(row, body), wanted, without=ident)
                router_id = target.pop("router_id")
                values |= target
            values = {name: value for name, value in values.items() if row[name] != value}
            if values:
                conn.execute(port_forwardings.update().where(_TABLE.id == ident).values(**values))
            if values.keys() - {"description"}:
                self._tell(conn, changed, fip, router_id)
            return _shown(FORWARDS.get(conn, ctx, ident))

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete it; its connections end."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            FLOATINGIPS.lock(conn, ctx, str(parent))
            _of(FORWARDS.get(conn, ctx, ident), parent)
            forward_store.drop(conn, changed, forward_store.load(conn, _TABLE.id == ident))

        self._core.write(work)


def _shown(row: Row) -> Row:
    row.pop("floatingip_id", None)
    return row


def _of(row: Row, parent: str | None) -> Row:
    if row["floatingip_id"] != parent:
        raise FORWARDS.not_found(row["id"])
    return row


def _merged(row: Values, body: Row) -> Values:
    """What a changed forwarding says of its target; a new inside port brings an address of its own."""
    names = ("protocol", "internal_port_id", "internal_ip_address")
    merged = {name: body.get(name) or row[name] for name in names}
    if merged["internal_port_id"] != row["internal_port_id"]:
        merged["internal_ip_address"] = body.get("internal_ip_address")
    return merged


def _target(
    conn: sa.Connection,
    ctx: Context,
    fip: Row,
    body: Mapping[str, Any],
    spans: Mapping[str, forward_rules.Span],
    *,
    without: str = "",
) -> Values:
    """Where a forwarding leads, as columns, and the router between. ``without``: a forwarding that is no obstacle."""
    port_id = body["internal_port_id"]
    subnet_id, address = _inside(PORTS.get(conn, ctx, port_id), body.get("internal_ip_address"))
    router_id = _router(conn, fip, port_id, subnet_id)
    # Router before port: then neither the way there nor the port can change any more.
    instances.lock(conn, router_id)
    if _inside(PORTS.lock(conn, ctx, port_id), body.get("internal_ip_address")) != (subnet_id, address):
        raise Retry("the port's addresses have changed")
    if _router(conn, fip, port_id, subnet_id) != router_id:
        raise Retry("the router has changed")
    _refuse_collisions(conn, fip, port_id, address, body["protocol"], spans, without)
    _refuse_floating(conn, fip, port_id, address)
    if fip["router_id"] and fip["router_id"] != router_id and (fip["port_forwardings"] or without):
        raise forward_rules.refused(
            f"The Floating IP {fip['id']} had been set on router {fip['router_id']}, the internal Neutron port "
            f"{port_id} can not reach it"
        )
    (external_first, external_last), (internal_first, internal_last) = spans["external"], spans["internal"]
    return {
        "router_id": router_id,
        "protocol": body["protocol"],
        "internal_port_id": port_id,
        "internal_ip_address": address,
        "external_first": external_first,
        "external_last": external_last,
        "internal_first": internal_first,
        "internal_last": internal_last,
    }


def _inside(port: Row, address: str | None) -> tuple[str, str]:
    """Subnet and address of the inside port."""
    if port["device_owner"].startswith("network:"):
        raise forward_rules.refused(f"Port {port['id']} is unable to be assigned a port forwarding")
    v4 = [ip for ip in port["fixed_ips"] if ":" not in ip["ip_address"]]
    if not v4:
        raise forward_rules.refused(f"Requested internal port {port['id']} must allocate an IPv4 address at least")
    for ip in v4:
        if address in (None, ip["ip_address"]):
            return ip["subnet_id"], ip["ip_address"]
    raise forward_rules.refused(
        f"Requested internal IP address {address} is not suitable for internal neutron port {port['id']}, as its "
        f"fixed_ips are {v4}"
    )


def _router(conn: sa.Connection, fip: Row, port_id: str, subnet_id: str) -> str:
    try:
        return router_between(conn, port_id, subnet_id, fip["floating_network_id"])
    except errors.NotFound:
        raise forward_rules.refused(
            f"External network {fip['floating_network_id']} is not reachable from subnet {subnet_id}. Cannot set Port "
            f"forwarding for port {port_id} with Floating IP {fip['id']}"
        ) from None


def _refuse_collisions(
    conn: sa.Connection,
    fip: Row,
    port_id: str,
    address: str,
    protocol: str,
    spans: Mapping[str, forward_rules.Span],
    without: str,
) -> None:
    same = sa.and_(_TABLE.protocol == protocol, _TABLE.id != without)
    sides = {
        "internal": sa.and_(same, _TABLE.internal_port_id == port_id, _TABLE.internal_ip_address == address),
        "external": sa.and_(same, _TABLE.floatingip_id == fip["id"]),
    }
    for side, condition in sides.items():
        others = forward_store.load(conn, condition)
        held = [(row[f"{side}_first"], row[f"{side}_last"]) for row in others]
        forward_rules.refuse_collision(side, spans[side], held)


def _refuse_floating(conn: sa.Connection, fip: Row, port_id: str, address: str) -> None:
    """A floating IP forwards ports, or all: and so it is with the inside port."""
    if fip["port_id"]:
        raise associated_already(fip, port_id, address)
    held = conn.execute(
        sa.select(floatingips.c.id, floatingips.c.floating_ip_address).where(floatingips.c.port_id == port_id)
    ).first()
    if held:
        raise errors.InUse(
            f"Cannot create port forwarding to floating IP {held.floating_ip_address} ({held.id}) with port {port_id} "
            f"using fixed IP {address}, as that port already has a binding floating IP.",
            neutron_type="PortHasBindingFloatingIP",
        )
