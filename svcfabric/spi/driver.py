"""What a driver is: one class that turns a spec into reality on a host (or at an appliance).

The agent calls a driver for one instance at a time, for many instances at once from several threads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one ``apply`` or ``remove``.

    ``error`` is a plain sentence for the tenant, ``detail`` the daemon's own words for the operator,
    ``code`` permanent. ``waits_for`` names an instance that must be applied on this host first (a
    floating IP waits for its router): the agent tries again as soon as it is, and reports nothing yet.
    ``retry`` says whether trying the same spec again may help (a busy kernel: yes; a refused configuration: no).
    """

    instance_id: str
    ok: bool = True
    code: str = ""
    error: str = ""
    detail: str = ""
    waits_for: str = ""
    retry: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is really there for one instance, as ``observe`` finds it.

    ``statuses``: operating status by object id, e.g. ``{member_id: "ONLINE"}``.
    ``counters``: by object id, monotonic since ``epoch`` e.g. ``{listener_id: {"bytes_in": 10}}``.
    ``drifted``: reality no longer matches what was applied; the agent applies the newest spec again.
    """

    instance_id: str
    kind: str
    statuses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    counters: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    drifted: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``apply`` would do. ``impact``: ``none``, ``new flows`` or ``cuts flows``."""

    steps: tuple[str, ...] = ()
    diff: str = ""
    impact: str = "none"


class Driver(Protocol):
    """A driver is constructed once per agent by its entry point: ``factory(options: DriverOptions) -> Driver``."""

    kind: str

    @property
    def features(self) -> frozenset[str]:
        """What it can do beside its kind's plain work; told to the server, which refuses what no driver can."""

    def plan(self, spec: Any, current: Any | None) -> Plan:
        """What applying ``spec`` would change, given ``current`` (the last applied spec or None). Pure."""

    def apply(self, spec: Any) -> Report:
        """Make reality match the whole spec. Idempotent; keeps the last good state when it fails."""

    def remove(self, instance_id: str) -> Report:
        """Take everything of the instance away. Removing what is not there succeeds."""

    def observe(self) -> Iterable[Observation]:
        """All instances of this kind that are really on the host, those nobody asked for included (orphans)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DriverOptions:
    """What an agent hands every driver at construction.

    ``host``: the agent's name. ``state_dir``: a directory of the driver's own that survives restarts.
    ``tag``: short id, unique per agent, for names of kernel objects (namespaces). ``local_ip``: the
    address of this host's tunnel endpoint or "". ``physical_networks``: name -> interface ("" = none).
    ``settings``: the driver's own section of the configuration file.
    """

    host: str
    state_dir: str
    tag: str
    local_ip: str = ""
    physical_networks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
