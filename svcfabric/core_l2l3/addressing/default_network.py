"""The external network that auto-allocated topologies lead to."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3.models import networks


def check(conn: sa.Connection, network_id: str, *, external: bool) -> None:
    """May a network become the default one? Raises ``errors.InvalidInput`` when it leads nowhere, ``errors.Conflict``
    when there is one already."""
    if not external:
        raise errors.InvalidInput(
            "Invalid input for is_default. Reason: only an external network can be the default one."
        )
    other = conn.execute(sa.select(networks.c.id).where(networks.c.is_default.is_(True))).scalar()
    if other is not None and other != network_id:
        raise errors.Conflict(
            f"A default external network already exists: {other}.", neutron_type="DefaultExternalNetworkExists"
        )


def find(conn: sa.Connection) -> str | None:
    """The default external network, if there is one."""
    stmt = sa.select(networks.c.id).where(networks.c.is_default.is_(True), networks.c.external.is_(True))
    return conn.execute(stmt.order_by(networks.c.id)).scalar()
