"""svcfabric: services inserted into cloud networks at routers and ports.

Specs flow down, reports flow up: ``docs/architecture.md`` is the page to read first.
"""
