"""How ports are filtered: what requests may ask of it, and what follows when ports come, change and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import Row
from svcfabric.context import Context
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.security import rule_checks
from svcfabric.core_l2l3.security.defaults import DefaultGroups
from svcfabric.core_l2l3.security.models import security_groups
from svcfabric.core_l2l3.security.readers import GROUPS
from svcfabric.core_l2l3.topology import Network

COLUMNS = frozenset({"security_groups", "allowed_address_pairs", "port_security_enabled"})
# What only the network's owner may choose.
OWNERS = ("allowed_address_pairs", "port_security_enabled")
_TRUSTED = "network:"  # device owners with this prefix are the cloud's own


def choose(
    conn: sa.Connection,
    ctx: Context,
    defaults: DefaultGroups,
    networks: Mapping[str, Network],
    bodies: Sequence[Row],
    *,
    careful: bool = False,
) -> list[Row]:
    """How each new port is filtered, by column. Raises for what does not fit together or is not the caller's.

    Asks the database nothing when no body names a group and all default groups are known (not ``careful``).
    """
    chosen = [_chosen(networks[body["network_id"]], body) for body in bodies]
    needing = [body["project_id"] for body, one in zip(bodies, chosen, strict=True) if one["security_groups"] is None]
    own = defaults.ensure(conn, needing, careful=careful) if needing else {}
    for body, one in zip(bodies, chosen, strict=True):
        if one["security_groups"] is None:
            group = own.get(body["project_id"])
            one["security_groups"] = [group] if group else []
    if any(body.get("security_groups") for body in bodies):
        _check_groups(conn, ctx, bodies)
    return chosen


def check_update(conn: sa.Connection, ctx: Context, row: Row, body: Row, values: dict[str, Any]) -> None:
    """May a port be filtered so? ``values``: what changes, by column; drops what is the same in another order."""
    if "security_groups" in values and set(values["security_groups"]) == set(row["security_groups"]):
        del values["security_groups"]
    after = row | values
    if not after["port_security_enabled"]:
        if after["allowed_address_pairs"]:
            raise _pairs_unfiltered()
        if after["security_groups"] and body.get("security_groups"):
            raise _groups_unfiltered()
        if after["security_groups"]:
            raise errors.InUse(
                f"Port {row['id']} has security groups: take them off before port security is switched off.",
                neutron_type="PortSecurityPortHasSecurityGroup",
            )
    if "allowed_address_pairs" in values:
        values["allowed_address_pairs"] = with_mac(values["allowed_address_pairs"], after["mac_address"])
    if values.get("security_groups"):
        _check_groups(conn, ctx, [{"project_id": row["project_id"], "security_groups": values["security_groups"]}])


def with_mac(pairs: Sequence[Mapping[str, str]], mac: str) -> list[dict[str, str]]:
    """Pairs as they are stored: those that name no MAC have the port's."""
    return [{"mac_address": pair.get("mac_address") or mac, "ip_address": pair["ip_address"]} for pair in pairs]


def _chosen(network: Network, body: Row) -> Row:
    trusted = str(body.get("device_owner") or "").startswith(_TRUSTED)
    enabled = not trusted and body.get("port_security_enabled", network.port_security_enabled)
    pairs = body.get("allowed_address_pairs") or []
    groups = body.get("security_groups")
    if not enabled:
        if pairs:
            raise _pairs_unfiltered()
        if groups:
            raise _groups_unfiltered()
        groups = []
    return {"port_security_enabled": enabled, "allowed_address_pairs": pairs, "security_groups": groups}


def _check_groups(conn: sa.Connection, ctx: Context, wanted: Sequence[Row]) -> None:
    """Every group must be there and the port's project's or shared with it, those of a port all stateful or all not."""
    ids = sorted({ident for one in wanted for ident in one.get("security_groups") or ()})
    columns = (security_groups.c.id, security_groups.c.project_id, security_groups.c.stateful)
    found = {row.id: row for row in conn.execute(sa.select(*columns).where(security_groups.c.id.in_(ids)))}
    for one in wanted:
        groups = one.get("security_groups") or ()
        foreign = {ident for ident in groups if ident not in found or found[ident].project_id != one["project_id"]}
        if foreign and not ctx.is_admin:
            access.hold(conn, security_groups, foreign & found.keys())
            foreign -= access.granted_to(conn, one["project_id"], foreign)
        for ident in sorted(foreign):
            if ident not in found or not ctx.is_admin:
                raise GROUPS.not_found(ident)
        if len({found[ident].stateful for ident in groups}) > 1:
            raise errors.Conflict(
                "A port cannot be in stateful and in stateless security groups at once.",
                neutron_type="SecurityGroupConflict",
            )


def _pairs_unfiltered() -> errors.Conflict:
    return errors.Conflict(
        "Port security must be enabled for a port to have allowed address pairs.",
        neutron_type="AddressPairAndPortSecurityRequired",
    )


def _groups_unfiltered() -> errors.InvalidInput:
    return rule_checks.invalid(
        "Port security must be enabled for a port to have security groups.",
        "PortSecurityAndIPRequiredForSecurityGroups",
    )
