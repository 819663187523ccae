"""svcfabric-api: the API's processes, under a WSGI server that restarts what dies and drains what stops."""

from __future__ import annotations

import functools
import gc
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import util
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from svcfabric.cmd import process, wiring

LOG = logging.getLogger(__name__)

Loader = Callable[[], Any]


def serve(conf: Any, load: Loader, *, workers: int) -> None:
    """Serve the application ``load`` makes, in ``workers`` processes, until SIGTERM or SIGINT.

    ``load`` runs in each worker after the fork. A stopping worker finishes its requests, for at most
    ``[api] drain_timeout`` seconds. Should this process be killed, its workers stop in the same way.
    """
    main = os.getpid()

    def load_in_worker(*_args: Any, **_kwargs: Any) -> Any:
        _end_with(main, conf.api.drain_timeout)
        with process.plainly("svcfabric"):
            return load()

    Server(
        "svcfabric",
        address=str(conf.api.bind_host),
        port=conf.api.bind_port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=conf.api.threads,
        backlog=conf.api.backlog,
        http=HTTPModes.http1,
        websockets=False,
        log_access=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=conf.api.drain_timeout,
    ).serve(target_loader=load_in_worker, wrap_loader=False)


def _end_with(main: int, grace: float) -> None:
    """Make this worker stop when the process that started it is gone, after ``grace`` seconds by force.

    Left alone it would go on answering on the port beside those started anew, with what it knew then.
    """

    def watch() -> None:
        try:
            parent = os.pidfd_open(main)
        except ProcessLookupError:
            pass  # gone already
        else:
            gone = select.poll()
            gone.register(parent, select.POLLIN)
            if os.getppid() == main:
                gone.poll()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def application(conf: Any) -> Any:
    """The WSGI application of one worker, with its own connections."""
    process.log(conf)
    database, transport = wiring.database(conf), wiring.transport(conf)
    side = wiring.server_side(conf, database, transport)
    wiring.check_schema(side)
    notifier = wiring.notifier(conf)
    side.dispatcher.start()
    if notifier:
        notifier.start()
        util.Finalize(None, notifier.stop, exitpriority=10)  # a worker's way out knows no other
    made = wiring.application(side, notifier)
    _spare_collector()
    return made


def _spare_collector() -> None:
    """Keep what lives as long as the process out of the cycle collector's sight, and let it look less often.

    A long list makes some ten thousand objects at once, none in a cycle; walking all modules and tables for
    each few hundred of them takes more time than the answer itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def main() -> None:
    """Entry point of ``svcfabric-api``."""
    conf = process.configure(about=__doc__)
    LOG.info("API at http://%s:%d, %d processes", conf.api.bind_host, conf.api.bind_port, conf.api.workers)
    serve(conf, functools.partial(application, conf), workers=conf.api.workers)
