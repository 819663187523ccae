"""What services need of the core and of insertion, as narrow interfaces; ``cmd`` wires who implements them.

The bundled core is one implementation; another may proxy to an existing network service or be a static
list of addresses, so that a load balancer can be deployed alone. No service reads core tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa

from svcfabric.context import Context
from svcfabric.spi.l2l3 import Leg


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A port as services see it. ``fixed_ips``: (subnet_id, address) pairs."""

    id: str
    network_id: str
    project_id: str
    mac: str
    fixed_ips: tuple[tuple[str, str], ...]
    device_id: str = ""
    device_owner: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SubnetView:
    """A subnet as services see it."""

    id: str
    network_id: str
    project_id: str
    ip_version: int
    cidr: str


class Network(Protocol):
    """The core, for services. Every call runs in the caller's transaction; foreign things are ``NotFound``."""

    def port(self, conn: sa.Connection, ctx: Context, port_id: str) -> PortView:
        """A port the caller may use."""

    def subnet(self, conn: sa.Connection, ctx: Context, subnet_id: str) -> SubnetView:
        """A subnet the caller may use (own, or of a shared network)."""

    def subnets(self, conn: sa.Connection, ctx: Context, network_id: str) -> list[SubnetView]:
        """The subnets of a network the caller may use; ``NotFound`` for the network."""

    def create_port(
        self,
        conn: sa.Connection,
        *,
        network_id: str,
        fixed_ips: Sequence[tuple[str, str]],
        project_id: str,
        name: str,
        device_id: str,
        device_owner: str,
        admin_state_up: bool = True,
    ) -> PortView:
        """Make a service port. ``fixed_ips``: (subnet_id or "", address or "" for any) pairs."""

    def delete_port(self, conn: sa.Connection, port_id: str) -> list[str]:
        """Delete a service port (nothing happens when it is gone); returns instance ids to kick after the commit."""

    def claim_port(self, conn: sa.Connection, port_id: str, *, device_id: str, device_owner: str) -> None:
        """Mark an existing port as used by a service ("" releases it). ``Conflict`` when another uses it."""

    def bind_port(self, conn: sa.Connection, port_id: str, host: str, *, instance_id: str) -> list[str]:
        """Bind a service port to a host as a leg of that instance; returns instance ids to kick after the commit.

        "" for the host unbinds. When the leg changes afterwards (its network's MTU, its subnet's gateway), the
        instance gets a new generation and is sent again.
        """

    def legs(self, conn: sa.Connection, port_ids: Sequence[str]) -> dict[str, Leg]:
        """Legs for ports, for building specs, in a constant number of queries. Missing ports are left out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """An insertion to record: a service instance at an attach point (see ``docs/insertion.md``)."""

    instance_id: str
    project_id: str
    attach_type: str
    attach_id: str
    mode: str
    subnet_id: str = ""
    port_id: str = ""
    direction: str = "both"
    failure_policy: str = "fail_closed"


class Insertions(Protocol):
    """Insertion, for services: they record what their own API's words amount to."""

    def attach(self, conn: sa.Connection, attachment: Attachment) -> str:
        """Record an insertion; its id. ``Conflict`` with the reason when it may not be."""

    def detach(self, conn: sa.Connection, instance_id: str) -> None:
        """Drop every insertion of an instance."""
