"""What may be inserted where. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from svcfabric import errors
from svcfabric.fabric.interfaces import Attachment

ATTACH_TYPES = ("router", "router_interface", "port", "network", "gateway")
MODES = ("endpoint", "routed", "nat", "transparent", "tap")
DIRECTIONS = ("ingress", "egress", "both")
FAILURE_POLICIES = ("fail_closed", "bypass_hop", "fail_open_chain")
# Outside to inside, unless set.
POSITIONS = {"tap": 100, "transparent": 300, "routed": 400, "nat": 500, "endpoint": 600}
# Of these a point takes one: two would each change what the other has changed.
EXCLUSIVE = frozenset({"nat", "transparent"})


def check(attachment: Attachment) -> None:
    """Raise ``errors.BadRequest`` for a word that says nothing, naming the field and those that do."""
    for name, value, words in (
        ("attach_type", attachment.attach_type, ATTACH_TYPES),
        ("mode", attachment.mode, MODES),
        ("direction", attachment.direction, DIRECTIONS),
        ("failure_policy", attachment.failure_policy, FAILURE_POLICIES),
    ):
        if value not in words:
            raise errors.BadRequest(f"{name}: '{value}' is not one of {', '.join(words)}")
    if attachment.mode == "endpoint" and not attachment.port_id:
        raise errors.BadRequest("port_id: an endpoint is reached by a port of its own")


def claim(attachment: Attachment) -> str | None:
    """What the insertion must have for itself: its port, or the point in an exclusive mode."""
    if attachment.mode == "endpoint":
        return f"port/{attachment.port_id}"
    if attachment.mode in EXCLUSIVE:
        return f"{attachment.attach_type}/{attachment.attach_id}/{attachment.mode}"
    return None


def conflict(attachment: Attachment, others: Iterable[Mapping[str, Any]]) -> str:
    """Why the insertion may not be beside ``others`` (those of its point or with its claim), or ""."""
    mine = claim(attachment)
    for other in others:
        same_point = (other["attach_type"], other["attach_id"]) == (attachment.attach_type, attachment.attach_id)
        if other["instance_id"] == attachment.instance_id and same_point and other["mode"] == attachment.mode:
            return (
                f"Service instance {attachment.instance_id} is already inserted at"
                f" {attachment.attach_type} {attachment.attach_id}."
            )
        if mine is not None and other["claim"] == mine:
            if attachment.mode == "endpoint":
                return f"Port {attachment.port_id} is already the endpoint of service instance {other['instance_id']}."
            return (
                f"{attachment.attach_type} {attachment.attach_id} already has service instance"
                f" {other['instance_id']} in mode {attachment.mode}, of which it takes one."
            )
    return ""
