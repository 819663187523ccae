"""svcfabric plug: put a port into a network namespace of this host, as a server's interface.

Binds the port to this host if it is not, waits until it is ACTIVE, makes the namespace if it is not there, moves
the port's wire into it and sets its addresses and routes. Doing it again sets the same anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from svcfabric.cmd import here, process
from svcfabric.cmd.client import Refused
from svcfabric.drivers.linux.fault import HostFault


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="svcfabric plug", description=__doc__)
    add_arguments(parser)
    parser.add_argument(
        "--bare",
        action="store_true",
        help="set no addresses and routes: what is inside gets them by DHCP or router advertisements, as a virtual "
        "machine does",
    )
    args = parser.parse_args(argv)
    conf = here.configuration(args)
    process.need_privilege("svcfabric plug")
    client = here.client(conf, args.api)
    try:
        port_id = here.port_id(client, args.port)
        addresses = here.put(client, here.here(conf), port_id, args.netns, args.ifname, configured=not args.bare)
    except (Refused, HostFault) as exc:
        print(f"svcfabric plug: {exc}", *filter(None, [getattr(exc, "detail", "")]), sep="\n  ", file=sys.stderr)
        return 1
    print(f"{args.ifname} in {args.netns}: {', '.join(addresses)}")
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What plugging and unplugging both take."""
    parser.add_argument("--port", metavar="PORT", required=True, help="the port: its id, or its name")
    parser.add_argument(
        "--netns", metavar="NAME", type=_namespace, required=True, help="the namespace, as `ip netns` shows it"
    )
    parser.add_argument(
        "--ifname", metavar="NAME", type=_interface, default="eth0", help="the interface's name there [eth0]"
    )
    here.add_arguments(parser)


def _namespace(text: str) -> str:
    if not re.fullmatch(r"(?!\.\.?$)[^/\s]{1,255}", text):
        raise argparse.ArgumentTypeError("a name of up to 255 characters without / and spaces")
    return text


def _interface(text: str) -> str:
    if not re.fullmatch(r"(?!\.\.?$)[^/:\s]{1,15}", text):
        raise argparse.ArgumentTypeError("a name of up to 15 characters without /, : and spaces")
    return text
