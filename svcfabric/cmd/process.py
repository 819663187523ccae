"""What every command's process shares: configuration, logging, ending on a signal."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from oslo_config import cfg

from svcfabric import conf as conf_module
from svcfabric.errors import SvcfabricError

LOG = logging.getLogger(__name__)
FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"


def configure(argv: Sequence[str] | None = None, about: str | None = None) -> Any:
    """Load the configuration named on the command line and set logging up; exits 2 with the reason if it is bad.

    ``about``: what ``--help`` says of the program.
    What the process writes from then on is for its own user's eyes: databases, specs, records hold tenants' secrets.
    """
    os.umask(0o077)
    try:
        conf = conf_module.load(sys.argv[1:] if argv is None else list(argv), about=about)
    except (cfg.Error, ValueError) as exc:
        print(f"svcfabric: {conf_module.reason(exc)}", file=sys.stderr)
        raise SystemExit(2) from exc
    log(conf)
    return conf


@contextlib.contextmanager
def plainly(name: str) -> Iterator[None]:
    """Where configuration or machine, not the program, is at fault: one sentence and exit status 1, no traceback."""
    try:
        yield
    except (cfg.Error, SvcfabricError, OSError, ValueError) as exc:
        LOG.debug("%s cannot go on", name, exc_info=True)
        print(f"{name}: {conf_module.reason(exc)}", file=sys.stderr)
        raise SystemExit(1) from None


def need_privilege(name: str) -> None:
    """End with exit status 1 and the reason where this process may not make network namespaces."""
    from svcfabric.cmd.doctor.finding import State  # late: an API needs none of it
    from svcfabric.cmd.doctor.machine import privilege

    found = privilege()
    if found.state is not State.OK:
        print(f"{name}: {found.found}: {found.advice}", file=sys.stderr)
        raise SystemExit(1)


def log(conf: Any) -> None:
    """Log to standard error: our own at ``log_level``, libraries from WARNING on unless ``debug``."""
    logging.basicConfig(format=FORMAT, stream=sys.stderr, level=logging.DEBUG if conf.debug else logging.WARNING)
    logging.getLogger("svcfabric").setLevel(logging.DEBUG if conf.debug else conf.log_level.upper())


def wait_for_signal() -> int:
    """Block until SIGTERM or SIGINT; returns which."""
    done = threading.Event()
    seen: list[int] = []

    def on_signal(number: int, _frame: Any) -> None:
        seen.append(number)
        done.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    done.wait()
    return seen[0]
