"""The router's own nft table: text, as a pure function of what it should do.

Rules are replaced as a whole in one transaction, which changes nothing for connections that exist: NAT is
decided on a connection's first packet. The maps of floating IPs are not part of it; their elements come
and go one by one (``floating_changes``).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

TABLE = "ip sf_router"
DNAT, SNAT = f"{TABLE} m_dnat", f"{TABLE} m_snat"
CHAIN = f"{TABLE} c_out"


@dataclasses.dataclass(frozen=True, slots=True)
class More:
    """What others put into the router's table, as nft text.

    ``made``: commands that make maps; ``incoming``: rules, without chain, for what comes in and no floating IP
    took; ``untranslated``: inner interfaces that source NAT leaves alone; ``chains``: further chains
    (``NAME { ... }``), ``filled``: commands that fill them.
    """

    made: tuple[str, ...] = ()
    incoming: tuple[str, ...] = ()
    untranslated: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()


NOTHING = More()


def rules(inside: Iterable[str], gateway: str, source: str, *, more: More = NOTHING, fresh: bool = False) -> str:
    """nft text. ``inside``: the inner legs' interfaces; ``gateway``: the outer one or "".

    ``source``: the IPv4 address for outgoing connections without a floating IP, "" for no source NAT.
    ``more``: what others put into the table.
    ``fresh``: there is no such table yet (flushing, even of nothing, makes the kernel wait 15 ms).
    A digest of the rules is in a rule's comment, see ``digest_of`` and ``digest_in``.
    """
    out = []
    if gateway:
        out += [f'oifname "{gateway}" iifname @s_inside snat to ip saddr map @m_snat']
        if source and more.untranslated:
            alone = ", ".join(f'"{each}"' for each in more.untranslated)
            out += [f'oifname "{gateway}" iifname {{ {alone} }} accept']
        if source:
            out += [f'oifname "{gateway}" iifname @s_inside snat to {source}']
        # a server behind the router that used a floating IP of it: the answer must come back through here
        hairpin = "oifname @s_inside iifname @s_inside ct status dnat"
        out += [
            f"{hairpin} snat to ip saddr map @m_snat",
            f"{hairpin} {f'snat to {source}' if source else 'masquerade'}",
        ]
    legs = ", ".join(f'"{each}"' for each in sorted(inside))
    said = [legs, *out, *more.made, *more.incoming, *more.chains, *more.filled]
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
    lines = [
        f"add table {TABLE}",
        f"add map {DNAT} {{ type ipv4_addr : ipv4_addr; }}",
        f"add map {SNAT} {{ type ipv4_addr : ipv4_addr; }}",
        f"add set {TABLE} s_inside {{ type ifname; }}",
        f"add chain {TABLE} c_in {{ type nat hook prerouting priority dstnat; policy accept; }}",
        f"add chain {CHAIN} {{ type nat hook postrouting priority srcnat; policy accept; }}",
        *more.made,
        *(f"add chain {chain}" for chain in more.chains),
        *([] if fresh else [f"flush set {TABLE} s_inside", f"flush chain {TABLE} c_in", f"flush chain {CHAIN}"]),
        *([] if fresh else [f"flush chain {chain.partition(' {')[0]}" for chain in more.chains]),
        f"add rule {TABLE} c_in dnat to ip daddr map @m_dnat",
        *(f"add rule {TABLE} c_in {each}" for each in more.incoming),
        f'add rule {CHAIN} oifname "lo" accept comment "{digest}"',
        *(f"add rule {CHAIN} {each}" for each in out),
        *more.filled,
    ]
    if legs:
        lines.append(f"add element {TABLE} s_inside {{ {legs} }}")
    return "\n".join(lines) + "\n"


def digest_of(text: str) -> str:
    """The digest inside a text made by ``rules``."""
    return text.partition('comment "')[2].partition('"')[0]


def floating_made(floating: str, fixed: str) -> str:
    """nft text that translates between the two addresses; refused where one of them is translated otherwise."""
    return f"add element {DNAT} {{ {floating} : {fixed} }}\nadd element {SNAT} {{ {fixed} : {floating} }}\n"


def floating_changes(floating: str, fixed: str, dnat: Mapping[str, str], snat: Mapping[str, str]) -> str:
    """nft text from the maps as they are to ``floating`` translated to ``fixed`` ("" = no longer at all)."""
    text = ""
    if floating in dnat and dnat[floating] != fixed:
        text += f"delete element {DNAT} {{ {floating} : {dnat[floating]} }}\n"
    for inner, outer in snat.items():
        if (outer == floating and inner != fixed) or (inner == fixed and outer != floating):
            text += f"delete element {SNAT} {{ {inner} : {outer} }}\n"
    if fixed:
        text += floating_made(floating, fixed)
    return text


def elements(listing: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    """A map's elements out of ``nft.list_json`` of its table."""
    for item in listing:
        found = item.get("map", {})
        if found.get("name") == name:
            return {str(key): str(value) for key, value in found.get("elem", [])}
    return {}


def digest_in(listing: Iterable[Mapping[str, Any]]) -> str | None:
    """The digest of the rules in place, out of ``nft.list_json`` of ``chain CHAIN``; None for no chain at all."""
    digest = None
    for item in listing:
        if "chain" in item:
            digest = digest or ""
        elif "comment" in item.get("rule", {}):
            digest = str(item["rule"]["comment"])
    return digest
