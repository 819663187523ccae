"""What DHCP and metadata on this host know of the ports bound here: small files, written before a port has its wire.
And what DNS knows of all ports of a network.

    /run/svcfabric/TAG/NETWORK/hosts/PORT        who gets which addresses (dnsmasq's ``dhcp-host``)
    /run/svcfabric/TAG/NETWORK/options/PORT      and which options (``dhcp-option``)
    /run/svcfabric/TAG/NETWORK/callers/ADDRESS   who asks for metadata from there; for link-local ones by MAC
    /run/svcfabric/TAG/NETWORK/names/PORT        what a port, here or on another host, is called (as in /etc/hosts)

A daemon watches the directories for what is new; of names, for what changed or went, too. Of other things that did
``changed`` tells whoever ``watch``es in this process. Readable for the group daemons run as; /run, since it describes
what a reboot takes away.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from svcfabric.drivers.linux import files
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import DhcpOption, DnsName, PortSpec

RUN = Path("/run/svcfabric")
HOSTS, OPTIONS, CALLERS, NAMES = "hosts", "options", "callers", "names"
SERVED = "served"  # a file, naming the instance, as long as a daemon watches the directories: they must not go

# A file that is there when a port has had options: dnsmasq tells such ports apart by a label it has read with their
# host entry, and up to 2.90 at least dies of reading again once it has used a label.
LABELLED = "labelled"

_watchers: dict[str, Callable[[str], None]] = {}
_guard = threading.Lock()


def daemon_user() -> tuple[str, str]:
    """Whom daemons that face tenants run as: (user, group)."""
    for name in ("dnsmasq", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return name, grp.getgrgid(user.pw_gid).gr_name
    return "root", "root"


def root(host: Host) -> Path:
    """The directory of all networks of an agent."""
    return RUN / host.tag


def directory(host: Host, network_id: str) -> Path:
    """The directory of a network."""
    return root(host) / network_id


def watch(host: Host, changed: Callable[[str], None]) -> None:
    """Have ``changed(network id)`` called, in any thread, when an entry of a network has been changed or dropped."""
    with _guard:
        _watchers[host.tag] = changed


@contextlib.contextmanager
def prepared(host: Host, network_id: str) -> Iterator[Path]:
    """The network's directory with those below it, kept by others from going for the block."""
    with host.locked(f"dhcp hosts {network_id}"):
        top = directory(host, network_id)
        if not (top / NAMES).exists():
            for each in (RUN, RUN / host.tag):
                each.mkdir(exist_ok=True)
                each.chmod(0o755)
            group = grp.getgrnam(daemon_user()[1]).gr_gid
            for each in (top, top / HOSTS, top / OPTIONS, top / CALLERS, top / NAMES):
                each.mkdir(exist_ok=True)
                os.chown(each, -1, group)
                each.chmod(0o2750)  # what is made inside belongs to the group, too
        yield top


def put(host: Host, spec: PortSpec, before: Mapping[str, Any] | None) -> None:
    """Tell of a port. ``before``: its record (network, mac, addresses) when it was told of already.

    Raises ``ValueError`` for an option that would be more than one line.
    """
    assert spec.dhcp is not None
    network_id = spec.segment.network_id
    hosts, options = host_lines(spec), option_lines(spec.id, spec.dhcp.options)
    if before is not None and before["network"] != network_id:
        drop(host, spec.id, before)
        before = None
    caller = json.dumps(
        {"port": spec.id, "project": spec.project_id, "device": spec.dhcp.device_id, "mac": spec.mac}, sort_keys=True
    )
    keys = [spec.mac, *(each.address for each in spec.addresses)]
    with prepared(host, network_id) as top:
        for key in keys:
            _write(top / CALLERS / key, caller)
        stale = [] if before is None else {before["mac"], *before["addresses"]} - set(keys)
        _forget_callers(top, spec.id, stale)
        if options:
            (top / LABELLED).touch()
        rewritten = _write(top / OPTIONS / spec.id, options)
        rewritten = _write(top / HOSTS / spec.id, hosts) or rewritten
    if rewritten:
        changed(host, network_id)


def drop(host: Host, port_id: str, record: Mapping[str, Any]) -> None:
    """No longer tell of a port; ``record``: its network, mac and addresses. The last one takes the directory along."""
    network_id = record["network"]
    with host.locked(f"dhcp hosts {network_id}"):
        top = directory(host, network_id)
        if not top.exists():
            return
        for folder in (HOSTS, OPTIONS):
            (top / folder / port_id).unlink(missing_ok=True)
        _forget_callers(top, port_id, [record["mac"], *record["addresses"]])
        clear(host, network_id)
    changed(host, network_id)


def name(host: Host, spec: PortSpec, before: str) -> None:
    """Tell what a port is called. ``before``: the network where that was told already, or ""."""
    network_id, lines = spec.segment.network_id, name_lines(spec.dns, (each.address for each in spec.addresses))
    if before and (before != network_id or not lines):
        unname(host, spec.id, before)
    if lines:
        with prepared(host, network_id) as top:
            _write(top / NAMES / spec.id, lines)


def unname(host: Host, port_id: str, network_id: str) -> None:
    """No longer tell what a port is called."""
    (directory(host, network_id) / NAMES / port_id).unlink(missing_ok=True)
    clear(host, network_id)


def clear(host: Host, network_id: str) -> None:
    """Remove the network's directory if nothing is told of it and nobody watches it."""
    with host.locked(f"dhcp hosts {network_id}"):
        top = directory(host, network_id)
        if (top / SERVED).exists() or not (_empty(top / CALLERS) and _empty(top / NAMES)):
            return
        shutil.rmtree(top, ignore_errors=True)
        for each in (root(host), RUN):
            with contextlib.suppress(OSError):
                each.rmdir()


def changed(host: Host, network_id: str) -> None:
    """Tell who watches."""
    with _guard:
        told = _watchers.get(host.tag)
    if told is not None:
        told(network_id)


def labelled(host: Host, network_id: str) -> bool:
    """Whether entries with labels have been read; asked by who makes a daemon forget all it has read."""
    with host.locked(f"dhcp hosts {network_id}"):
        top = directory(host, network_id)
        found = (top / LABELLED).exists()
        if found and not any((top / OPTIONS).glob("*")):
            (top / LABELLED).unlink()
        return found


def caller(host: Host, network_id: str, key: str) -> dict[str, Any] | None:
    """Who has an address or MAC: port, project, device, mac; None for nobody."""
    text = files.read(directory(host, network_id) / CALLERS / key)
    return None if text is None else dict(json.loads(text))


def host_lines(spec: PortSpec) -> str:
    """Its lines for dnsmasq; of several that fit it takes the last."""
    assert spec.dhcp is not None
    begin = f"{spec.mac},set:{label(spec.id)}" if spec.dhcp.options else spec.mac
    name = _line(f",{spec.dhcp.hostname}" if spec.dhcp.hostname else "")
    v4 = [each.address for each in spec.addresses if ":" not in each.address]
    v6 = [f"[{each.address}]" for each in spec.addresses if ":" in each.address]
    lines = [f"{begin},{','.join(v6)}{name}"] if v6 else []
    lines += [f"{begin},{each}{name}" for each in reversed(v4)]
    return "".join(f"{line}\n" for line in lines)


def name_lines(dns: DnsName | None, addresses: Iterable[str]) -> str:
    """Each address with its names, as in /etc/hosts: the first is the one it leads back to."""
    return "".join(f"{address} {' '.join(names_of(dns, address))}\n" for address in addresses) if dns else ""


def names_of(dns: DnsName, address: str) -> list[str]:
    """The names of an address: in each domain, and alone if that is one label (others are names elsewhere)."""
    host = _line(dns.name or dns.default(address))
    full = [f"{host}.{_line(domain)}" for domain in dns.domains]
    return full if "." in host else [*full, host]


def option_lines(port_id: str, options: Iterable[DhcpOption]) -> str:
    """The lines of a port's own options."""
    return "".join(f"tag:{label(port_id)},{_line(_option(each))}\n" for each in options)


def label(port_id: str) -> str:
    """What dnsmasq marks a port's requests with."""
    return "p" + port_id.replace("-", "")


def _option(option: DhcpOption) -> str:
    tags, _, name = option.name.rpartition(",")
    if option.version == 6:
        name = f"option6:{name}"
    elif not name.isdecimal():
        name = f"option:{name}"
    return ",".join(filter(None, [tags, name, option.value]))


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"what DHCP or DNS is told must be one line of text: {text!r}")
    return text


def _write(path: Path, text: str) -> bool:
    """Whether there had been another text."""
    before = files.read(path)
    if before == text or (before is None and not text):
        return False
    if text:
        files.swap(path, text, 0o640)
    else:
        path.unlink()
    return before is not None


def _empty(folder: Path) -> bool:
    """Whether there is nothing in it; it is not read to its end."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return next(entries, None) is None
    return True


def _forget_callers(top: Path, port_id: str, keys: Iterable[str]) -> None:
    """Those that are still the port's."""
    for key in keys:
        text = files.read(top / CALLERS / key)
        if text is not None and json.loads(text)["port"] == port_id:
            (top / CALLERS / key).unlink(missing_ok=True)
