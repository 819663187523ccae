"""What a feature tells the fabric about its kind of instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import sqlalchemy as sa

from svcfabric.spi.spec import Spec


class Kind(Protocol):
    """One kind of instance (``network``, ``router``, ``loadbalancer``, …).

    ``alike``: every host sees the same, whatever its role; an instance is then loaded once for all of them.
    """

    name: str
    alike: bool

    def load(self, conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Spec]:
        """Specs of those instances as ``host`` should see them, in a constant number of queries.

        ``host`` "": as every host should see them that only must know of them (role ``remote``), or that sees them as
        all others do (``alike``).

        The caller has read the generations before. An instance whose rows are gone is left out.
        """

    def place(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """Put the instance on ``host`` (kinds that want a host): its own placement, its ports' binding.

        Returns the ids to kick after the commit, its own among them. Does nothing when it has a host.
        """

    def removed(self, conn: sa.Connection, instance_id: str) -> Sequence[str] | None:
        """The last host has confirmed the removal of a tombstone: drop what the feature still keeps.

        May return ids of other instances to kick after the commit (a port that goes with it).
        """


@runtime_checkable
class Movable(Protocol):
    """A kind whose instances move to another host when theirs is dead."""

    def evacuate(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """Move the instance off ``host``, with all that belongs to it; the ids to kick after the commit.

        [] when it is not there any more, or no other host can have it.
        """


Kinds = dict[str, Kind]
