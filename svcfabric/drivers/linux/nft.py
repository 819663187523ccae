"""nftables through libnftables, inside a namespace. One text is one transaction: all of it or nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import nftables

from svcfabric.drivers.linux import netns
from svcfabric.drivers.linux.fault import NftRefused

# the library keeps state of its own beside the context; one call at a time costs less than a crash
_library = threading.Lock()


def apply(namespace: str | None, text: str) -> None:
    """Carry out nft commands (as in a file for ``nft -f``) as one transaction in the namespace.

    Raises ``NftRefused`` with nft's own words; then nothing has changed.
    """
    netns.run_in(namespace, apply_here, text)


def apply_here(text: str) -> None:
    """``apply`` for a thread that is inside the namespace already."""
    _run(text, lambda nft: None)


def list_json(namespace: str | None, what: str = "ruleset") -> list[dict[str, Any]]:
    """What ``nft -j list WHAT`` says, e.g. ``table ip sf_router``; [] when there is no such thing."""
    return netns.run_in(namespace, list_here, what)


def list_here(what: str, *, terse: bool = False) -> list[dict[str, Any]]:
    """``list_json`` for a thread that is inside the namespace already. ``terse``: without sets' elements."""

    def json_out(nft: Any) -> None:
        nft.set_json_output(True)
        nft.set_stateless_output(False)
        nft.set_terse_output(terse)

    try:
        answer = _run(f"list {what}", json_out)
    except NftRefused as refusal:
        if "No such file or directory" in refusal.detail:
            return []
        raise
    if not answer:
        return []
    found: list[dict[str, Any]] = json.loads(answer)["nftables"]
    return [item for item in found if "metainfo" not in item]


def delete_table(namespace: str | None, name: str) -> None:
    """Delete a table, ``name`` with its family, e.g. ``ip sf_router``; one that is not there is no error."""
    # ``add`` makes it exist, so that ``delete`` cannot fail: one transaction, nothing in between is seen
    apply(namespace, f"add table {name}\ndelete table {name}\n")


def _run(text: str, prepare: Callable[[Any], None]) -> str:
    with _library:
        # the context opens its netlink socket when it is made: it must be made in the namespace
        nft = nftables.Nftables()
        try:
            prepare(nft)
            code, output, error = nft.cmd(text)
        finally:
            del nft  # here: the context's end is the library's work, too
    if code != 0:
        raise NftRefused("nftables refused the rules", detail=str(error).strip(), retry=False)
    return str(output)
