"""The root of all specs: frozen values that say what one instance should be on one host, whole.

Every spec class is a frozen dataclass of plain values (str, int, bool, None, tuples and nested frozen
dataclasses), so that it can be compared, hashed and put on the wire by ``svcfabric.spi.codec``.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Base of all specs; ``id`` is the instance's UUID, and tags everything made for it on a host."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    id: str
    project_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A spec on its way to one host, with the generation it stands for and the driver that realises it."""

    spec: Spec
    generation: int
    driver: str

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.spec.id
