"""Who asks. Each module is a factory of WSGI middleware that puts a ``Context`` into the environment.

A factory takes the application behind it: ``app = keystone.factory(...)(app)``. What it cannot recognise it
answers with 401 itself. Applications read ``environ[CONTEXT]``.
"""

from svcfabric.api.auth.identity import CONTEXT, Factory, WsgiApp, identity, with_implied

__all__ = ["CONTEXT", "Factory", "WsgiApp", "identity", "with_implied"]
