"""Privilege, programs, libraries and limits of this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from svcfabric.cmd.doctor.finding import Finding, degraded, missing, ok
from svcfabric.drivers.linux.sysctl import NEIGHBOUR_LIMITS

_CAPABILITIES = {12: "CAP_NET_ADMIN", 21: "CAP_SYS_ADMIN"}
_HAPROXY = (2, 4)  # the first with servers added at run time
_DNSMASQ = (2, 82)  # the first that takes IPv4 and IPv6 addresses of one host and ignores client identifiers
_FILES = 8192
_NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default")


def examine() -> list[Finding]:
    """Everything but the kernel's network features."""
    return [
        _python(),
        *_libraries(),
        privilege(),
        haproxy(_search_path()),
        dnsmasq(_search_path()),
        _nftables(),
        _ip(),
        _conntrack(),
        _radvd(),
        _files(),
        _neighbours(),
    ]


def _search_path() -> str:
    """Where programs are looked for: daemons are in sbin, which is not in everybody's PATH."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _python() -> Finding:
    return ok("python", f"{platform.python_version()} at {sys.executable}")


def _libraries() -> list[Finding]:
    """The declared dependencies, with their versions, and the optional database drivers."""
    wrong = []
    requirements = [Requirement(text) for text in importlib.metadata.requires("svcfabric") or []]
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    for each in needed:
        try:
            version = importlib.metadata.version(each.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{each} is not there")
            continue
        if not each.specifier.contains(version, prereleases=True):
            wrong.append(f"{each.name} is {version}, needs {each.specifier}")
    found = [
        missing("python libraries", "; ".join(wrong), "pip install svcfabric, in this environment")
        if wrong
        else ok("python libraries", f"all {len(needed)}")
    ]
    for name, module, extra in (("PostgreSQL driver", "psycopg", "postgresql"), ("MariaDB driver", "MySQLdb", "mysql")):
        found.append(
            ok(name, module)
            if importlib.util.find_spec(module)
            else degraded(
                name, f"no {module}", f"other databases serve; for this one: pip install '.[{extra}]' in the source"
            )
        )
    return found


def privilege() -> Finding:
    """Whether this process may make and enter network namespaces."""
    status = Path("/proc/self/status").read_text()
    effective = int(re.search(r"^CapEff:\s*(\w+)$", status, re.M)[1], 16)  # type: ignore[index] # it is always there
    lacking = [name for bit, name in _CAPABILITIES.items() if not effective >> bit & 1]
    if lacking:
        return missing(
            "privilege", f"no {' and no '.join(lacking)}", "network namespaces need both: run as root, or by sudo"
        )
    return ok("privilege", "root" if os.geteuid() == 0 else ", ".join(_CAPABILITIES.values()))


def haproxy(search_path: str) -> Finding:
    """Whether there is an HAProxy that is new enough."""
    program = shutil.which("haproxy", path=search_path)
    if program is None:
        return missing("haproxy", "not found", "apt-get install haproxy")
    text = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10).stdout
    version = re.search(r"version (\d+)\.(\d+)\S*", text)
    if version is None:
        return missing("haproxy", f"{program} does not say its version: {text[:80]!r}", "apt-get install haproxy")
    if (int(version[1]), int(version[2])) < _HAPROXY:
        return missing("haproxy", version[0], f"load balancers need {_HAPROXY[0]}.{_HAPROXY[1]} or later")
    return ok("haproxy", f"{version[0]} at {program}")


def dnsmasq(search_path: str) -> Finding:
    """Whether there is a dnsmasq that is new enough."""
    program = shutil.which("dnsmasq", path=search_path)
    if program is None:
        return missing("dnsmasq", "not found", "DHCP needs it: apt-get install dnsmasq-base")
    text = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10).stdout
    version = re.search(r"version (\d+)\.(\d+)\S*", text)
    if version is None or (int(version[1]), int(version[2])) < _DNSMASQ:
        shown = version[0] if version else f"{program} does not say its version: {text[:80]!r}"
        return missing("dnsmasq", shown, f"DHCP needs {_DNSMASQ[0]}.{_DNSMASQ[1]} or later")
    return ok("dnsmasq", f"{version[0]} at {program}")


def _nftables() -> Finding:
    try:
        import nftables

        nftables.Nftables()
    except (ImportError, OSError) as exc:
        return missing("libnftables", str(exc), "apt-get install libnftables1")
    return ok("libnftables", "loads")


def _ip() -> Finding:
    if found := shutil.which("ip", path=_search_path()):
        return ok("ip (iproute2)", found)
    return degraded(
        "ip (iproute2)", "not found", "svcfabric does without; to look into namespaces: apt-get install iproute2"
    )


def _conntrack() -> Finding:
    if found := shutil.which("conntrack", path=_search_path()):
        return ok("conntrack tool", found)
    return degraded(
        "conntrack tool", "not found", "svcfabric speaks to the kernel itself; to look: apt-get install conntrack"
    )


def _radvd() -> Finding:
    if found := shutil.which("radvd", path=_search_path()):
        return ok("radvd", found)
    return degraded(
        "radvd", "not found", "routers send no advertisements: IPv6 subnets need another's; apt-get install radvd"
    )


def _files() -> Finding:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = "no limit" if hard == resource.RLIM_INFINITY else f"{hard:,} per process"
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        return degraded(
            "open files", text, f"a load balancer serves about {hard // 2:,} connections; raise it: ulimit -Hn"
        )
    return ok("open files", text)


def _neighbours() -> Finding:
    limit = NEIGHBOUR_LIMITS["gc_thresh3"]
    try:
        found = int((_NEIGHBOURS / "gc_thresh3").read_text())
    except FileNotFoundError:
        return degraded(
            "neighbour table", "not visible from this network namespace", "the agent sets it from where process 1 lives"
        )
    if found < limit:
        return degraded("neighbour table", f"{found:,} entries for all namespaces", f"the agent raises it to {limit:,}")
    return ok("neighbour table", f"{found:,} entries")
