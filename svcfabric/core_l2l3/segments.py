"""The wire under a network: its type, MTU, and a VXLAN identifier or physical network no other network has."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3.core import Settings
from svcfabric.core_l2l3.models import networks

LOOK = 32  # identifiers checked at once when a first guess was taken
_RANDOM = random.SystemRandom()


def columns_of(settings: Settings, body: Mapping[str, Any]) -> dict[str, Any]:
    """Columns a new network's ``provider:*`` attributes and ``mtu`` amount to; ``segmentation_id`` 0: choose one.

    Raises ``errors.BadRequest`` when they contradict each other or the configuration.
    """
    kind = body.get("provider:network_type")
    physical, vni = body.get("provider:physical_network"), body.get("provider:segmentation_id")
    if kind is None and (physical is not None or vni is not None):
        raise _refused("provider:network_type is needed with provider:physical_network and provider:segmentation_id")
    kind = kind or "vxlan"
    if kind == "vxlan" and physical is not None:
        raise _refused("provider:physical_network specified for vxlan network")
    if kind == "flat":
        if vni is not None:
            raise _refused("provider:segmentation_id specified for flat network")
        if not physical:
            raise _refused("physical_network required for flat provider network")
        if physical not in settings.flat_networks and "*" not in settings.flat_networks:
            raise _refused(f"physical_network '{physical}' unknown for flat provider network")
    return {
        "network_type": kind,
        "physical_network": physical or "",
        "segmentation_id": vni or 0,
        "mtu": mtu_of(settings, kind, body.get("mtu")),
    }


def mtu_of(settings: Settings, kind: str, wanted: int | None) -> int:
    """A network's MTU. Raises ``errors.BadRequest`` when its wire cannot carry what is wanted."""
    most = settings.mtu_of(kind)
    if wanted is not None and wanted > most:
        raise _refused(f"Requested MTU is too big, maximum is {most}")
    return most if wanted is None else wanted


def refuse_used(conn: sa.Connection, columns: Mapping[str, Any]) -> None:
    """Raise ``errors.InUse`` when another network has the identifier or physical network a client named."""
    used = sa.select(networks.c.id).where(
        *(networks.c[name] == columns[name] for name in ("network_type", "physical_network", "segmentation_id"))
    )
    if not conn.execute(used).first():
        return
    if columns["network_type"] == "flat":
        raise errors.InUse(
            f"Unable to create the flat network. Physical network {columns['physical_network']} is in use.",
            neutron_type="FlatNetworkInUse",
        )
    raise errors.InUse(
        f"Unable to create the network. The tunnel ID {columns['segmentation_id']} is in use.",
        neutron_type="TunnelIdInUse",
    )


def free_vni(conn: sa.Connection, settings: Settings, without: Collection[int], *, careful: bool) -> int:
    """An identifier for a new network, none of ``without``: a guess, or one that is free now.

    A guess is nearly always right in a large range and costs no query; the unique constraint tells when it
    is not, and the transaction runs again, careful. Raises ``errors.ServiceUnavailable`` when none is left.
    """
    low, high = settings.vni_min, settings.vni_max
    if not careful and high - low >= 1000:
        return _RANDOM.randint(low, high)
    vni = networks.c.segmentation_id
    vxlan = sa.select(vni).where(networks.c.network_type == "vxlan", vni.between(low, high))
    guesses = [_RANDOM.randint(low, high) for _ in range(LOOK)]
    used = set(conn.execute(vxlan.where(vni.in_(guesses))).scalars()).union(without)
    for guess in guesses:
        if guess not in used:
            return guess
    used = set(conn.execute(vxlan).scalars()).union(without)
    free = [one for one in range(low, high + 1) if one not in used] if len(used) <= high - low else []
    if not free:
        raise errors.ServiceUnavailable(
            "Unable to create the network. No tenant network is available for allocation.",
            neutron_type="NoNetworkAvailable",
        )
    return _RANDOM.choice(free)


def _refused(reason: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"Invalid input for operation: {reason}.")
