"""svcfabric unplug: take a port out of a network namespace of this host; its wire waits to be plugged again.

The namespace stays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from svcfabric.cmd import here
from svcfabric.cmd.plug import add_arguments
from svcfabric.drivers.linux import plug


def main(argv: Sequence[str]) -> int:
    """The command; exit status 1 when the port is not there."""
    parser = argparse.ArgumentParser(prog="svcfabric unplug", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(argv)
    kit = here.here(here.configuration(args)).kit
    if plug.unplug(kit, args.port, args.netns, args.ifname):
        return 0
    print(f"svcfabric unplug: {args.ifname} in {args.netns} is not port {args.port}", file=sys.stderr)
    return 1
