"""How a feature (the core, insertion, a service) joins the product.

An entry point in ``svcfabric.core`` or ``svcfabric.services`` names a function ``(Fabric) -> Feature``.
``cmd`` calls the core first, then insertion, then the services.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svcfabric.api.resource import Api
from svcfabric.db.engine import Database
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.interfaces import Insertions, Network
from svcfabric.fabric.kinds import Kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """What a feature is handed. ``conf``: the oslo.config options (``svcfabric.conf``)."""

    conf: Any
    database: Database
    dispatcher: Dispatcher
    network: Network | None = None
    insertions: Insertions | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What a feature brings. Several features may add to the API at the same first prefix.

    ``migrations``: folders of Alembic versions, a labelled branch each. ``network``/``insertions``: set by
    the feature that implements the interface. ``chores``: what a controller does at each sweep.
    """

    name: str
    apis: tuple[Api, ...] = ()
    kinds: tuple[Kind, ...] = ()
    migrations: tuple[Path, ...] = ()
    chores: tuple[Callable[[], object], ...] = ()
    network: Network | None = None
    insertions: Insertions | None = None
