"""Take a demo away whole, and look whether anything of it is left."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from svcfabric.cmd import here
from svcfabric.cmd.client import Client, Refused
from svcfabric.cmd.demo import build, product
from svcfabric.cmd.demo.record import PRODUCT, Record
from svcfabric.cmd.demo.screen import Screen
from svcfabric.drivers.linux import link, netns, nft, process, wire

TABLES = "sf_"  # nft tables of ours have names that start so
PATIENCE = 20.0  # seconds for the API to let go of what something else was still using
HASTE = 2.0  # the same where all goes anyway, with the product


def clean(record: Record, screen: Screen) -> None:
    """Everything the demo made, through the API as far as it answers; then what the agent made; then the files."""
    prefixes = [f"sf-demo-{record.run}-", *([f"sf-{_tag(record)}-"] if record.product else [])]
    with screen.step("clean up") as step:
        for name in record.processes:
            if name != PRODUCT and (child := process.adopt(record.directory, name)):
                child.stop()
        build.remove_namespaces(record)
        admin = product.clients(record)[0]
        try:
            for method, path, body in reversed(record.undo):
                undo(admin, method, path, body, HASTE if record.product else PATIENCE)
            step.say(f"{len(record.undo)} things deleted through the API")
        except Refused as exc:
            # a product of our own that does not answer, or in which more was made, is purged all the same
            if record.product:
                step.say(f"all of it went with the product, which had said: {exc}")
            else:
                step.expect(False, str(exc))
        if record.product:
            product.stop(record)
            product.purge(record)
        shutil.rmtree(record.directory)
    with screen.step("check") as step:
        process.until(lambda: not any(leftovers(record, prefixes)), timeout=5.0, step=0.1)
        found = list(leftovers(record, prefixes))
        step.expect(not found, "left: " + ", ".join(found))
        if not found:
            step.say("no namespace, process, link, nft table or file is left")


def undo(admin: Client, method: str, path: str, body: dict[str, object] | None, patience: float = PATIENCE) -> None:
    """One request, again (for ``patience`` seconds) while something is in use; then wait until it is gone."""
    deadline = time.monotonic() + patience
    while True:
        try:
            admin.call(method, path, body)
            break
        except Refused as exc:
            if exc.status == 404:
                return
            if exc.status != 409 or time.monotonic() > deadline:
                raise
        time.sleep(0.1)
    if method == "DELETE":
        plain = path.partition("?")[0]
        admin.wait(f"{plain} gone", lambda: not admin.exists(plain), PATIENCE)


def leftovers(record: Record, prefixes: list[str]) -> Iterator[str]:
    """What there still is of a demo, in words."""
    ids = [path.partition("?")[0].rpartition("/")[2] for method, path, _body in record.undo if method == "DELETE"]
    for name in netns.names():
        if name.startswith(tuple(prefixes)) or any(each in name for each in ids):
            yield f"namespace {name}"
    for item in nft.list_json(None, "tables"):
        if item.get("table", {}).get("name", "").startswith(TABLES):
            yield f"nft table {item['table']['name']}"
    for each in netns.rtnl(None, lambda ipr: list(ipr.get_links())):
        if any(link.alias_of(each) == wire.ALIAS + ident for ident in ids):
            yield f"link {each.get_attr('IFLA_IFNAME')}"
    yield from (f"process {pid}" for pid in processes(record.directory))
    if record.directory.exists():
        yield f"directory {record.directory}"


def processes(directory: Path) -> Iterator[int]:
    """Processes whose command line or working directory is of the demo; not this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace") + os.readlink(entry / "cwd")
        except OSError:
            continue  # it ended meanwhile, or is a kernel thread
        if str(directory) in words:
            yield int(entry.name)


def _tag(record: Record) -> str:
    return here.here(product.configuration(record)).kit.tag
