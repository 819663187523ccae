"""Sysctls of a namespace, and the one machine-wide setting the product touches."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from svcfabric.drivers.linux import netns

NEIGHBOUR_LIMITS = {"gc_thresh1": 8192, "gc_thresh2": 32768, "gc_thresh3": 65536}

_ROOT = Path("/proc/sys")


def write(namespace: str | None, values: Mapping[str, str], *, missing_ok: bool = False) -> None:
    """Write sysctls (paths below /proc/sys, e.g. ``net/ipv4/ip_forward``) in a namespace.

    Values that are there already are not written. ``missing_ok``: pass over those the kernel has not.
    """
    netns.run_in(namespace, write_here, values, missing_ok=missing_ok)


def write_here(values: Mapping[str, str], *, missing_ok: bool = False) -> None:
    """``write`` for a thread that is inside the namespace already (/proc/sys/net is per opening thread)."""
    for key, value in values.items():
        file = _ROOT / key
        try:
            if file.read_text().strip() != value:
                file.write_text(value)
        except FileNotFoundError:
            if not missing_ok:
                raise


def read(namespace: str | None, key: str) -> str:
    """One sysctl's value in a namespace."""
    return netns.run_in(namespace, lambda: (_ROOT / key).read_text().strip())


def raise_neighbour_limits(log: logging.Logger) -> dict[str, tuple[int, int]]:
    """Raise the neighbour tables' limits where they are lower; never lowers. Returns {key: (old, new)}.

    The neighbour tables are shared by all namespaces of the machine, and with the usual 1,024 entries a few
    hundred addresses take seconds to answer. They exist only in the first namespace, so that of process 1
    is entered when the agent lives in another.
    """
    try:
        raised = raise_here()
        if raised is None:
            with open("/proc/1/ns/net", "rb") as first:
                raised = netns.run_in_fd(first.fileno(), raise_here) or {}
    except OSError as exc:
        log.warning("cannot raise the neighbour table limits: %s", exc)
        return {}
    for key, (old, new) in raised.items():
        log.warning("raised %s from %d to %d (machine-wide)", key.replace("/", "."), old, new)
    return raised


def raise_here(root: Path = _ROOT) -> dict[str, tuple[int, int]] | None:
    """Raise the limits below ``root``; None where the files do not exist, i.e. not in the first namespace."""
    raised = {}
    for family in ("ipv4", "ipv6"):
        # the largest first, so that gc_thresh1 <= 2 <= 3 at all times
        for name, wanted in reversed(NEIGHBOUR_LIMITS.items()):
            key = f"net/{family}/neigh/default/{name}"
            file = root / key
            if not file.exists():
                return None
            old = int(file.read_text())
            if old < wanted:
                file.write_text(str(wanted))
                raised[key] = (old, wanted)
    return raised
