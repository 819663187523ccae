"""Names of what filtering makes in the kernel. Chains and sets carry whole ids."""

from __future__ import annotations

import re

TABLE = "sf_security"
BRIDGE, INET = f"bridge {TABLE}", f"inet {TABLE}"

#: interface -> its port's mark, for what comes in there and what goes out
IN, OUT = f"{BRIDGE} m_in", f"{BRIDGE} m_out"
#: what may come in at an interface: MAC; MAC and address; MAC and target of a neighbour advertisement
MACS, SOURCES4, SOURCES6 = f"{BRIDGE} s_macs", f"{BRIDGE} s_sources4", f"{BRIDGE} s_sources6"
TARGETS = f"{BRIDGE} s_targets"
#: interface -> chain of a port with CIDRs among its allowed address pairs
WIDE = f"{BRIDGE} m_wide"
#: mark -> chain of egress rules, of ingress rules
FROM, TO = f"{INET} m_from", f"{INET} m_to"
#: bridge -> connection tracking zone; (bridge, MAC) of stateful ports, whose connections are tracked
ZONE, TRACKED = f"{INET} m_zone", f"{INET} s_tracked"

#: this bit of a mark says that the port's connections are tracked; the others are its number
STATEFUL = 0x40000000
NUMBERS = 0x3FFFFFFF
ZONES = 0xFFFF

DIRECTIONS = {"egress": "e", "ingress": "i"}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OWNED = re.compile(r"(?:bridge|inet) \w+ (pa|q[ei]|g[ei]|m[46]|n[46]|a[46])_(.+)")


def checked(instance_id: str) -> str:
    """The id, if it can be part of a name; ``ValueError`` otherwise."""
    if not _ID.fullmatch(instance_id):
        raise ValueError(f"id {instance_id!r} cannot be part of a name in nftables")
    return instance_id


def spoofing_chain(port_id: str) -> str:
    """The chain of a port that may send from CIDRs."""
    return f"{BRIDGE} pa_{checked(port_id)}"


def policy_chain(policy: str, direction: str) -> str:
    """The chain of ``egress`` or ``ingress`` rules of the ports that are in the same groups."""
    return f"{INET} q{DIRECTIONS[direction]}_{policy}"


def group_chain(group_id: str, direction: str) -> str:
    """A group's chain of ``egress`` or ``ingress`` rules; it accepts or returns."""
    return f"{INET} g{DIRECTIONS[direction]}_{checked(group_id)}"


def hosts_set(group_id: str, version: int) -> str:
    """Single addresses of a group's members."""
    return f"{INET} m{version}_{checked(group_id)}"


def networks_set(group_id: str, version: int) -> str:
    """CIDRs of a group's members' allowed address pairs."""
    return f"{INET} n{version}_{checked(group_id)}"


def list_set(address_group_id: str, version: int) -> str:
    """An address group's CIDRs."""
    return f"{INET} a{version}_{checked(address_group_id)}"


def bare(name: str) -> str:
    """A chain's or set's name within its table."""
    return name.rpartition(" ")[2]


def owner(name: str) -> tuple[str, str]:
    """(first letters, id) of a chain or set made for an instance; ("", "") for others.

    ``pa`` is a port's, ``qe``, ``qi`` a policy's, ``ge``, ``gi``, ``m4``, ``n4``… a group's, ``a4``, ``a6`` an
    address group's.
    """
    found = _OWNED.fullmatch(name)
    return (found[1], found[2]) if found else ("", "")
