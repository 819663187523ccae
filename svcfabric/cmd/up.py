"""svcfabric up: API, controller and agent in one process, on the embedded database and transport.

The process that runs is a worker under the WSGI server's own, which restarts it should it die; what serves
tenants' packets goes on meanwhile, as it does when ``up`` is stopped.
"""

from __future__ import annotations

import functools
from multiprocessing import util
from typing import Any

from svcfabric.cmd import api, host_wiring, process, wiring


def everything(conf: Any) -> Any:
    """Start all parts on threads of this process and return the WSGI application."""
    process.log(conf)
    database, transport = wiring.database(conf), wiring.transport(conf)
    side = wiring.server_side(conf, database, transport)
    wiring.upgrade(side)
    side.dispatcher.start()
    server, sweep = wiring.controller(side, transport)
    notifier = wiring.notifier(conf)
    audit = wiring.audit(side, notifier)
    server.start()
    sweep.start()
    if notifier:
        notifier.start()
        util.Finalize(None, notifier.stop, exitpriority=10)  # a worker's way out knows no other
    if audit:
        audit.start()
    host_wiring.start(conf, host_wiring.agent(conf, transport))
    return wiring.application(side, notifier)


def run(conf: Any) -> None:
    """Serve until SIGTERM or SIGINT. The data plane stays as it is."""
    if conf.messaging.transport_url.partition(":")[0] != "inproc":
        raise SystemExit("svcfabric up runs everything in one process: [messaging] transport_url must be inproc://")
    api.serve(conf, functools.partial(everything, conf), workers=1)
