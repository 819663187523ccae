"""svcfabric unplug: take a port out of a network namespace of this host; its wire waits to be plugged again.

The namespace stays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from svcfabric.cmd import here, process
from svcfabric.cmd.client import Refused
from svcfabric.cmd.plug import add_arguments
from svcfabric.drivers.linux import plug
from svcfabric.drivers.linux.fault import HostFault


def main(argv: Sequence[str]) -> int:
    """The command; exit status 1 when the port is not there."""
    parser = argparse.ArgumentParser(prog="svcfabric unplug", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(argv)
    conf = here.configuration(args)
    process.need_privilege("svcfabric unplug")
    try:
        port = here.port_id(here.client(conf, args.api), args.port)  # an id needs no API
        if plug.unplug(here.here(conf).kit, port, args.netns, args.ifname):
            return 0
        reason = f"{args.ifname} in {args.netns} is not port {args.port}"
    except (Refused, HostFault) as exc:
        reason = str(exc)
    print(f"svcfabric unplug: {reason}", file=sys.stderr)
    return 1
