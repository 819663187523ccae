"""Network namespaces: make, delete, list, and run code inside one.

Names are bind mounts in /run/netns as iproute2 makes them, so ``ip netns`` shows them. Entering is a
short-lived thread that calls setns(2): 0.1 ms, no fork. The calling thread never changes namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pyroute2 import IPRoute

from svcfabric.drivers.linux.fault import HostFault, NoNamespace

RUN = Path("/run/netns")

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED, _MNT_DETACH = 0x1000, 0x4000, 1 << 20, 2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)
_changes = threading.Lock()

P = ParamSpec("P")
T = TypeVar("T")


def path(name: str) -> Path:
    """Where a namespace of that name is (or would be) mounted."""
    return RUN / name


def exists(name: str) -> bool:
    """Whether a live namespace of that name exists (a stale file is not one)."""
    try:
        return path(name).stat().st_dev == os.stat("/proc/self/ns/net").st_dev
    except FileNotFoundError:
        return False


def names(prefix: str = "") -> list[str]:
    """The names of live namespaces that start with ``prefix``, sorted."""
    try:
        found = os.listdir(RUN)
    except FileNotFoundError:
        return []
    return sorted(name for name in found if name.startswith(prefix) and exists(name))


def create(name: str) -> bool:
    """Make a namespace with its loopback up; False if it was there already. No fork."""
    with _changes, _mount_point():
        if exists(name):
            return False
        target = path(name)
        target.touch(mode=0o444)
        try:
            _in_thread(_unshare_and_mount, str(target))
        except OSError:
            target.unlink(missing_ok=True)
            raise
    return True


def delete(name: str) -> bool:
    """Take the name away; False if there was none.

    The kernel destroys what is inside 50-200 ms later, once nothing holds the namespace: delete the outer
    ends of its veths explicitly first if they will be made again.
    """
    with _changes:
        target = path(name)
        if not target.exists():
            return False
        while exists(name):
            _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"umount {target}")
        target.unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def opened(name: str | None) -> Iterator[int]:
    """A file descriptor of the namespace, closed at the end. Raises ``NoNamespace``."""
    try:
        fd = os.open("/proc/self/ns/net" if name is None else path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise NoNamespace(f"network namespace {name} does not exist", detail=str(exc)) from exc
    try:
        yield fd
    finally:
        os.close(fd)


def run_in(name: str | None, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``fn`` in a thread inside the namespace and return (or raise) its outcome.

    Sockets opened there stay in that namespace; processes started there live in it.
    """
    with opened(name) as fd:
        return run_in_fd(fd, fn, *args, **kwargs)


def run_in_fd(fd: int, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``run_in`` for a namespace known by an open file descriptor only."""

    def body() -> T:
        _enter(fd)
        return fn(*args, **kwargs)

    return _in_thread(body)


def run_in_new(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``fn`` in a thread inside a namespace of its own that has no name and is gone afterwards."""

    def body() -> T:
        _check(_libc.unshare(_CLONE_NEWNET), "unshare a network namespace")
        return fn(*args, **kwargs)

    return _in_thread(body)


def rtnl(name: str | None, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Like ``run_in``, with an open ``pyroute2.IPRoute`` of the namespace as ``fn``'s first argument."""

    def body() -> T:
        with IPRoute() as ipr:
            return fn(ipr, *args, **kwargs)

    return run_in(name, body)


def enter(name: str) -> None:
    """Move the *calling thread* into the namespace for good: for the start of a process, before any thread."""
    with opened(name) as fd:
        _enter(fd)


def _enter(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise NoNamespace("cannot enter a network namespace", detail=os.strerror(ctypes.get_errno()))


def _in_thread(fn: Callable[..., T], *args: Any) -> T:
    future: Future[T] = Future()

    def body() -> None:
        try:
            future.set_result(fn(*args))
        except BaseException as exc:
            future.set_exception(exc)

    thread = threading.Thread(target=body, name="netns", daemon=True)
    thread.start()
    thread.join()
    return future.result()


def _unshare_and_mount(target: str) -> None:
    _check(_libc.unshare(_CLONE_NEWNET), "unshare a network namespace")
    _mount("/proc/thread-self/ns/net", target, _MS_BIND)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(sock, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


@contextlib.contextmanager
def _mount_point() -> Iterator[None]:
    """/run/netns as a shared mount, as iproute2 wants it, so that unmounting reaches other mount namespaces.

    Locked against other processes for the block: two that make the same name must not hide one another's.
    """
    if not RUN.exists():
        RUN.mkdir(exist_ok=True)
        RUN.chmod(0o755)  # as everybody expects it, whatever this process's umask
    fd = os.open(RUN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        # fails (EINVAL) exactly when it is no mount point yet; binding it twice would double all that is below
        if _libc.mount(b"", os.fsencode(RUN), b"none", _MS_SHARED | _MS_REC, None) != 0:
            _mount(str(RUN), str(RUN), _MS_BIND | _MS_REC)
            _mount("", str(RUN), _MS_SHARED | _MS_REC)
        yield
    finally:
        os.close(fd)


def _mount(source: str, target: str, flags: int) -> None:
    _check(_libc.mount(source.encode(), target.encode(), b"none", flags, None), f"mount {source} on {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise HostFault(f"cannot {what}", detail=os.strerror(ctypes.get_errno()))
