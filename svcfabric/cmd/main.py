"""svcfabric: the user's command. Each subcommand is a module with a ``main(argv) -> exit status`` of its own."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

COMMANDS = {
    "up": ("svcfabric.cmd.standalone", "run API, controller and agent in one process, until stopped"),
    "demo": ("svcfabric.cmd.demo", "make a topology, send real requests through its load balancer, clean up"),
    "doctor": ("svcfabric.cmd.doctor", "say what this machine lacks and what will be used instead"),
    "plug": ("svcfabric.cmd.plug", "put a port into a network namespace of this host"),
    "unplug": ("svcfabric.cmd.unplug", "take a port out of its network namespace again"),
}

EPILOG = """\
`svcfabric COMMAND --help` says more of each. The parts of a larger installation are commands of their own:
svcfabric-api, svcfabric-controller, svcfabric-agent, svcfabric-db.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``svcfabric``. Returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    if not words:
        parser.print_help()
        return 2
    args = parser.parse_args(words)
    try:
        module = importlib.import_module(COMMANDS[args.command][0])
        return int(module.main(args.words))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<8} {text}" for name, (_module, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="svcfabric",
        usage="svcfabric [-h] [--version] COMMAND [OPTION...]",
        description=f"Service insertion for cloud networks.\n\ncommands:\n{listed}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=importlib.metadata.version("svcfabric"))
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
