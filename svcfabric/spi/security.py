"""Specs of port filtering: security groups, who is in them, named address lists.

A group's rules, its members and an address list are instances of their own, so that a port that joins a
group of a thousand costs each host that refers to the group one small spec.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from svcfabric.spi.spec import Spec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressPair:
    """A source that a port may use beside its own: ``cidr`` with ``mac``."""

    mac: str
    cidr: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PortSecurity:
    """How a port is filtered: by these groups (none: nothing but DHCP, ND and ARP passes), against spoofing."""

    groups: tuple[str, ...] = ()
    pairs: tuple[AddressPair, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule:
    """What a group lets through. ``direction``: ``ingress`` (to the port) or ``egress``. ``version``: 4 or 6.

    ``protocol``: an IP protocol number as a decimal string, "" for any. ``first``/``last``: destination ports
    (TCP, UDP, SCTP, DCCP, UDP-Lite) or ICMP type and code; -1 for any. At most one of ``cidr``, ``group``
    (a security group's members), ``address_group`` says who the other side is; none: anybody.
    """

    direction: str
    version: int
    protocol: str = ""
    first: int = -1
    last: int = -1
    cidr: str = ""
    group: str = ""
    address_group: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupSpec(Spec):
    """A group's rules, on every host where a port is in it. ``stateful`` False: replies need rules, too."""

    kind: ClassVar[str] = "security_group"

    stateful: bool = True
    rules: tuple[SecurityRule, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpec(Spec):
    """One port as a member of groups that rules refer to, on every host where such a rule is in force.

    ``id`` is the membership's own, ``port_id`` the port's. ``addresses``: its fixed addresses and the CIDRs
    of its allowed address pairs.
    """

    kind: ClassVar[str] = "security_group_member"

    port_id: str
    groups: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressGroupSpec(Spec):
    """A named list of CIDRs, on every host where a rule that refers to it is in force."""

    kind: ClassVar[str] = "address_group"

    cidrs: tuple[str, ...] = ()
