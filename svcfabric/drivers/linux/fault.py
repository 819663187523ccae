"""What can go wrong on a host, and how a driver says so in a report."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.spi.driver import Report


class HostFault(Exception):
    """The host refused something.

    ``str()`` is a plain sentence for the tenant, ``detail`` the kernel's or daemon's own words, ``retry``
    whether the same attempt may succeed later.
    """

    code = "host.fault"

    def __init__(self, message: str, *, detail: str = "", retry: bool = True, code: str | None = None) -> None:
        super().__init__(message)
        self.detail = detail
        self.retry = retry
        if code:
            self.code = code


class NoNamespace(HostFault):
    """The namespace named is not there."""

    code = "host.no_namespace"


class NftRefused(HostFault):
    """nftables refused a ruleset; ``detail`` has its words. Nothing of it was applied."""

    code = "host.nft_refused"


class RouteRefused(HostFault):
    """The kernel refused one or more routes; the others are in place."""

    code = "host.route_refused"


def report_of(instance_id: str, exc: Exception) -> Report:
    """The report for an exception out of the kit or the kernel."""
    if isinstance(exc, HostFault):
        return Report(
            instance_id=instance_id, ok=False, code=exc.code, error=str(exc), detail=exc.detail, retry=exc.retry
        )
    if isinstance(exc, ValueError):
        return Report(
            instance_id=instance_id,
            ok=False,
            code="host.bad_spec",
            error="The host does not understand the request.",
            detail=str(exc),
            retry=False,
        )
    if isinstance(exc, NetlinkError):
        words = os.strerror(exc.code) if isinstance(exc.code, int) else str(exc)
        detail = f"netlink: {words}: {exc}"
    else:
        detail = f"{type(exc).__name__}: {exc}"
    return Report(
        instance_id=instance_id,
        ok=False,
        code="host.kernel",
        error="The host could not apply the change.",
        detail=detail,
    )


def guarded(call: Callable[..., Report]) -> Callable[..., Report]:
    """Decorator of a driver's ``apply(self, spec)`` or ``remove(self, instance_id)``: faults become reports.

    Only what the kit, the kernel and malformed values raise is caught; a programming error is the agent's to log.
    """

    @functools.wraps(call)
    def method(self: Any, subject: Any) -> Report:
        instance_id = subject if isinstance(subject, str) else subject.id
        try:
            return call(self, subject)
        except (HostFault, NetlinkError, OSError, ValueError) as exc:
            return report_of(instance_id, exc)

    return method
