"""Bounds on what one request may ask for."""

from __future__ import annotations

import dataclasses

from svcfabric.api.resource import Dialect


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``max_body`` bytes (413 beyond), ``max_depth`` levels of JSON, ``max_bulk`` objects in one create,
    ``max_objects`` in all, at every level (a tree of load balancer, pools and members, say).

    ``network_page``, ``load_balancer_page``, ``native_page``: rows of one list answer, also when the client
    asks for more or names no limit; 0 for no bound (the network API's clients expect everything at once).
    """

    max_body: int = 4 * 1024 * 1024
    max_depth: int = 32
    max_objects: int = 20_000
    max_bulk: int = 1000
    network_page: int = 0
    load_balancer_page: int = 1000
    native_page: int = 1000

    def page(self, dialect: Dialect) -> int:
        """The page bound of an API."""
        pages = {Dialect.NEUTRON: self.network_page, Dialect.OCTAVIA: self.load_balancer_page}
        return pages.get(dialect, self.native_page)
