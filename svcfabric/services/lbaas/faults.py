"""Refusals in the load-balancer API's own sentences, which clients match on."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from svcfabric import errors

LOADBALANCER, LISTENER, POOL, MEMBER, MONITOR = "Load Balancer", "Listener", "Pool", "Member", "Health Monitor"


def missing(noun: str, ident: str, *, foreign: bool = False) -> errors.NotFound:
    """No such thing, or (``foreign``) another project's."""
    return (errors.Foreign if foreign else errors.NotFound)(f"{noun} {ident} not found.")


def invalid(detail: str) -> errors.BadRequest:
    """The request contradicts a rule."""
    return errors.BadRequest(f"Validation failure: {detail}")


def bad_option(value: object, option: str) -> errors.BadRequest:
    """A value that this option does not take."""
    return errors.BadRequest(f"{value} is not a valid option for {option}")


def unsupported(provider: str, detail: str) -> errors.NotSupported:
    """The provider has no such feature."""
    return errors.NotSupported(f"Provider '{provider}' does not support a requested option: {detail}")


def immutable(noun: str, ident: str) -> errors.Conflict:
    """The thing is being deleted."""
    return errors.Conflict(f"{noun} {ident} is immutable and cannot be updated.", code="being_deleted")


def duplicate_listener(protocol: str, port: int) -> errors.Conflict:
    """A second listener on a port."""
    return errors.Conflict(
        f"Another Listener on this Load Balancer is already using protocol {protocol} and protocol_port {port}"
    )


def duplicate_member(address: str, port: int) -> errors.Conflict:
    """A second member at an endpoint."""
    return errors.Conflict(f"Another member on this pool is already using ip {address} on protocol_port {port}")


def duplicate_monitor() -> errors.Conflict:
    """A second health monitor of a pool."""
    return errors.Conflict("This pool already has a health monitor")


def duplicate_pool() -> errors.Conflict:
    """A second default pool of a listener."""
    return errors.Conflict("This listener already has a default pool")


def violates(error: IntegrityError, constraint: str, *columns: str) -> bool:
    """Whether a unique constraint was hit: by its name, or (SQLite) by its ``table.column`` list."""
    text = str(error.orig)
    return constraint in text or f"UNIQUE constraint failed: {', '.join(columns)}" in text
