"""Who may do what: oslo.policy over the declared rules and the operator's ``policy.yaml``.

A decision of a rule that looks only at roles and at whether the thing (or the network it is on) is the caller's own
project's (all built-in ones) is remembered under (rule, roles, own); any other rule is evaluated each time. The
operator's file is looked at again at most once a second and read again when it changed.
"""

from __future__ import annotations

import logging
import pathlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy as oslo

from svcfabric.context import Context

LOG = logging.getLogger(__name__)

MAX_REMEMBERED = 50_000
_OWNERS = ("%(project_id)s", "%(tenant_id)s", "%(network_project_id)s")
Own = tuple[bool, bool]  # the thing is the caller's project's; the network it is on is


class Policy:
    """Decides by rule name. Safe for threads.

    ``rules``: default text by name, see ``rules.default_rules``. ``policy_file``: the operator's YAML file;
    empty, or one that does not exist (yet), means the defaults. ``check_interval``: seconds between looks at it.
    A file that cannot be parsed raises ``ValueError`` here. Later that is logged, as is a file that vanished, and
    the rules stay as they were: a moment's absence must not give the defaults back to everybody.
    """

    def __init__(self, rules: Mapping[str, str], policy_file: str = "", *, check_interval: float = 1.0) -> None:
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        # The file is read here and not by the enforcer: a broken or vanished one must not change what is in force
        # in the middle of an edit, and no decision should cost a look at the disk.
        self._enforcer = oslo.Enforcer(conf, use_conf=False)
        self._defaults = dict(rules)
        self._file = pathlib.Path(policy_file) if policy_file else None
        self._seen: tuple[int, int, int] | None = (0, 0, 0)
        self._interval = check_interval
        self._lock = threading.Lock()
        self._remembered: dict[tuple[str, frozenset[str], Own], bool] = {}
        self._simple: dict[str, bool] = {}
        self._admins: dict[frozenset[str], bool] = {}
        self._next_look = 0.0
        self.generation = 0  # grows when rules changed; others forget what they derived from them
        self._look(strict=True)

    def allows(self, ctx: Context, rule: str, target: Mapping[str, Any]) -> bool:
        """Whether the rule lets the caller do it to ``target`` (a row or body with ``project_id``)."""
        if time.monotonic() >= self._next_look:
            self._look()
        project = ctx.project_id
        own = project != "" and target.get("project_id") == project, _on_own_network(project, target)
        known = self._remembered.get((rule, ctx.roles, own))
        return self._decide(ctx, rule, target, own) if known is None else known

    def is_admin(self, roles: frozenset[str]) -> bool:
        """Whether roles make an administrator (rule ``context_is_admin``)."""
        if time.monotonic() >= self._next_look:
            self._look()
        known = self._admins.get(roles)
        if known is None:
            with self._lock:
                known = bool(self._enforcer.enforce("context_is_admin", {}, {"roles": sorted(roles)}))
            self._admins[roles] = known
        return known

    def defined(self, rule: str) -> bool:
        """Whether there is such a rule, built in or the operator's."""
        return rule in self._enforcer.rules

    def looks_at_row(self, rule: str) -> bool:
        """Whether the rule depends on more of its target than whose it is."""
        with self._lock:
            return not self._is_simple(rule)

    def _decide(self, ctx: Context, rule: str, target: Mapping[str, Any], own: Own) -> bool:
        with self._lock:
            simple = self._simple.get(rule)
            if simple is None:
                simple = self._simple[rule] = self._is_simple(rule)
            allowed = bool(self._enforcer.enforce(rule, _target(target), _credentials(ctx)))
            if simple:
                if len(self._remembered) > MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[rule, ctx.roles, own] = allowed
        return allowed

    def _look(self, *, strict: bool = False) -> None:
        """Read the file again if it changed. ``strict``: a broken one raises ``ValueError``."""
        with self._lock:
            self._next_look = time.monotonic() + self._interval
            seen = self._stat()
            if seen == self._seen:
                return
            self._seen = seen
            if seen is None and self.generation:
                LOG.error("policy file %s is gone, the rules stay as they were", self._file)
                return
            try:
                overrides = oslo.parse_file_contents(self._file.read_text()) if self._file and seen else {}
                rules = oslo.Rules.from_dict({**self._defaults, **overrides})
            except Exception as error:  # whatever the file's parser raises
                if strict:
                    raise ValueError(f"policy file {self._file}: {error}") from error
                LOG.error("policy file %s cannot be used, the rules stay as they were: %s", self._file, error)
                return
            self._enforcer.set_rules(rules, overwrite=True, use_conf=False)
            self._remembered, self._simple, self._admins = {}, {}, {}
            self.generation += 1
            if self._file:
                LOG.info("policy: %d rules, %d of them from %s", len(rules), len(overrides), self._file)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def _is_simple(self, rule: str, seen: frozenset[str] = frozenset()) -> bool:
        check = self._enforcer.rules.get(rule)
        return check is None or (rule not in seen and self._depends_on_role_and_owner(check, seen | {rule}))

    def _depends_on_role_and_owner(self, check: Any, seen: frozenset[str]) -> bool:
        if str(check) in ("@", "!"):
            return True
        if isinstance(check, (oslo.AndCheck, oslo.OrCheck)):
            return all(self._depends_on_role_and_owner(part, seen) for part in check.rules)
        if isinstance(check, oslo.NotCheck):
            return self._depends_on_role_and_owner(check.rule, seen)
        kind, match = getattr(check, "kind", None), getattr(check, "match", "")
        if kind == "rule":
            return self._is_simple(match, seen)
        if kind == "role":
            return "%(" not in match
        return kind in ("project_id", "tenant_id") and match in _OWNERS


def _on_own_network(project: str, target: Mapping[str, Any]) -> bool:
    return project != "" and target.get("network_project_id") == project


def _target(row: Mapping[str, Any]) -> dict[str, Any]:
    project = row.get("project_id") or ""  # oslo.policy compares text: None would be the project "None"
    return {**row, "project_id": project, "tenant_id": project}


def _credentials(ctx: Context) -> dict[str, Any]:
    found: dict[str, Any] = {"roles": sorted(ctx.roles), "user_id": ctx.user_id, "is_admin": ctx.is_admin}
    if ctx.project_id:  # without the key no owner's check can hold
        found.update(project_id=ctx.project_id, tenant_id=ctx.project_id)
    return found
