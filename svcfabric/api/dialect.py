"""How each API writes errors, times and status codes. What is said in a refusal's sentence is in ``words``."""

from __future__ import annotations

import dataclasses
import http
from typing import Any

import orjson

from svcfabric import errors
from svcfabric.api.resource import Dialect

# Naive ``datetime`` values are UTC. The load-balancer API writes them without a zone.
_TIMES = {
    Dialect.NEUTRON: orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z,
    Dialect.NATIVE: orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z,
    Dialect.OCTAVIA: orjson.OPT_OMIT_MICROSECONDS,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """An error as it goes out: ``type`` is ``NeutronError.type``, ``code`` the permanent code."""

    status: int
    type: str
    code: str
    message: str
    request_id: str = ""


def dumps(dialect: Dialect, value: Any) -> bytes:
    """JSON text with times in the dialect's form; sets become lists."""
    return orjson.dumps(value, _plain, _TIMES[dialect])


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "__str__"):  # ipaddress values and the like
        return str(value)
    raise TypeError


def status_of(dialect: Dialect, error: errors.SvcfabricError) -> int:
    """The HTTP status; the load-balancer API says 403 for quota and 501 for what no driver can do."""
    if dialect is Dialect.OCTAVIA:
        if isinstance(error, errors.OverQuota):
            return 403
        if isinstance(error, errors.NotSupported):
            return 501
    return error.status


def fault_of(dialect: Dialect, error: errors.SvcfabricError, request_id: str) -> Fault:
    """What a domain error looks like from outside."""
    return Fault(status_of(dialect, error), error.neutron_type, error.code, error.message, request_id)


def http_fault(status: int, message: str, request_id: str) -> Fault:
    """An error of HTTP itself (unknown path, method, media type)."""
    phrase = http.HTTPStatus(status).phrase.replace(" ", "").replace("-", "")
    return Fault(status, f"HTTP{phrase}", phrase_code(status), message, request_id)


def phrase_code(status: int) -> str:
    """``404`` → ``not_found``."""
    return http.HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def internal_fault(request_id: str) -> Fault:
    """An unexpected error: nothing of it is told but where an operator finds it."""
    return Fault(
        500,
        "HTTPInternalServerError",
        "internal",
        "Request Failed: internal server error while processing your request.",
        request_id,
    )


def body_of(dialect: Dialect, fault: Fault) -> bytes:
    """The answer's JSON text."""
    where = f"Request {fault.request_id}" if fault.status == 500 and fault.request_id else ""
    if dialect is Dialect.NEUTRON:
        inner = {"type": fault.type, "message": fault.message, "detail": where}
        return orjson.dumps({"NeutronError": inner})
    message = f"{fault.message} ({where})" if where else fault.message
    if dialect is Dialect.OCTAVIA:
        side = "Client" if fault.status < 500 else "Server"
        return orjson.dumps({"faultcode": side, "faultstring": message, "debuginfo": None})
    title = http.HTTPStatus(fault.status).phrase
    return orjson.dumps({"error": {"code": fault.code, "title": title, "message": message}})
