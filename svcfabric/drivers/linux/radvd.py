"""Router advertisements: one radvd per router that has any to send, in the router's namespace.

It outlives the agent and is adopted by the next one; a change is a new file and a signal. Its files are in a
directory of the router's own; the configuration is there as long as it should run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from svcfabric.drivers.linux import files, process
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.spi.l2l3 import Leg

NAME = "radvd"
MIN_MTU = 1280  # RFC 8200: IPv6 knows no smaller one
INTERVALS = (30, 100)  # seconds between two that nobody asked for
_TIMEOUT = 10.0
_AUTONOMOUS = {"slaac": "on", "dhcpv6-stateless": "on", "dhcpv6-stateful": "off"}


class RadvdRefused(HostFault):
    """radvd does not take its configuration, or does not run; what ran before still runs."""

    code = "host.radvd_refused"


def config(legs: Mapping[str, Leg]) -> str:
    """radvd's configuration for legs by the names of their interfaces; "" when none advertises. Pure."""
    return "".join(_interface(name, leg) for name, leg in sorted(legs.items()) if leg.ra and leg.admin_state_up)


def _interface(name: str, leg: Leg) -> str:
    assert leg.ra is not None
    modes = {prefix.mode for prefix in leg.ra.prefixes}
    lines = [
        "AdvSendAdvert on;",
        "IgnoreIfMissing on;",
        f"MinRtrAdvInterval {INTERVALS[0]};",
        f"MaxRtrAdvInterval {INTERVALS[1]};",
    ]
    if leg.segment.mtu >= MIN_MTU:
        lines.append(f"AdvLinkMTU {leg.segment.mtu};")
    if "dhcpv6-stateful" in modes:
        lines.append("AdvManagedFlag on;")
    if "dhcpv6-stateless" in modes:
        lines.append("AdvOtherConfigFlag on;")
    lines += [
        f"prefix {prefix.cidr} {{ AdvOnLink on; AdvAutonomous {_AUTONOMOUS[prefix.mode]}; }};"
        for prefix in leg.ra.prefixes
    ]
    if leg.ra.dns_nameservers:
        lines.append(f"RDNSS {' '.join(leg.ra.dns_nameservers)} {{ }};")
    body = "\n".join(f"  {line}" for line in lines)
    return f"interface {name} {{\n{body}\n}};\n"


def ensure(workdir: str | Path, namespace: str, text: str) -> None:
    """Let radvd say what ``text`` says: started, told of the change, or left alone. Raises ``HostFault``."""
    directory = Path(workdir)
    file = directory / "radvd.conf"
    running = process.adopt(directory, NAME)
    if running is not None and files.read(file) == text:
        return
    _check(directory, text)
    files.swap(file, text, 0o644)
    if running is not None and running.signal(signal.SIGHUP):
        return
    argv = [_program(), "--nodaemon", "--logmethod", "stderr", "--config", str(file)]
    started = process.start(NAME, [*argv, "--pidfile", str(directory / "own.pid")], namespace, directory)
    if started.wait(0.05):
        raise RadvdRefused("radvd does not run", detail=(files.read(started.log) or "")[-500:])


def quit(workdir: str | Path, *, abruptly: bool) -> None:
    """Send advertisements no longer. ``abruptly``: without a farewell, which would make hosts drop the router.

    It says farewell where the router goes on without advertising, not where it moves to another host.
    """
    directory = Path(workdir)
    running = process.adopt(directory, NAME)
    if running is not None:
        if abruptly:
            running.signal(signal.SIGKILL)
            running.wait(_TIMEOUT)
        running.stop(2.0)
    shutil.rmtree(directory, ignore_errors=True)


def broken(workdir: str | Path) -> bool:
    """Whether it should run and does not."""
    return (Path(workdir) / "radvd.conf").exists() and process.adopt(workdir, NAME) is None


def _check(directory: Path, text: str) -> None:
    """Ask radvd itself, with a file beside the live one."""
    trial = directory / "trial.conf"
    files.swap(trial, text, 0o644)
    argv = [_program(), "--configtest", "--logmethod", "stderr", "--config", str(trial)]
    try:
        done = subprocess.run([*argv, "--pidfile", str(directory / "trial.pid")], capture_output=True, timeout=_TIMEOUT)
    except FileNotFoundError as exc:
        raise HostFault("cannot run radvd", detail=str(exc), code="host.no_program") from exc
    except subprocess.TimeoutExpired as exc:
        raise RadvdRefused("radvd does not answer", detail=str(exc)) from exc
    finally:
        trial.unlink(missing_ok=True)
    if done.returncode != 0:
        words = (done.stderr + done.stdout).decode(errors="replace")
        raise RadvdRefused("radvd refuses its configuration", detail=words[-500:], retry=False)


def _program() -> str:
    """Daemons are in sbin, which is not in everybody's PATH."""
    return shutil.which("radvd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "radvd"
