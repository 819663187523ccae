"""How a part of the core (security groups, QoS, …) joins it: a package of its own that declares what it adds.

A part is made by a function ``(Core, conf) -> Part`` that ``routes.PARTS`` lists (save ``rbac``, which is handed what
the others share). Where it changes what a network, port or router does, those call it directly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from svcfabric.api.resource import Action, Extension, Resource
from svcfabric.core_l2l3.rbac.sharing import Shareable
from svcfabric.fabric.kinds import Kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part brings. ``migrations``: the folder of its Alembic branch. ``shareables``: what policies share.

    ``chores``: what a controller does at each sweep; each takes a second or two at most.
    """

    resources: tuple[Resource, ...] = ()
    actions: tuple[Action, ...] = ()
    extensions: tuple[Extension, ...] = ()
    kinds: tuple[Kind, ...] = ()
    shareables: tuple[Shareable, ...] = ()
    chores: tuple[Callable[[], object], ...] = ()
    migrations: Path | None = None
