"""svcfabric demo: make a topology through the REST API, send real requests through its load balancer, clean up.

Starts the product with a state directory of its own, unless --api names one that runs on this host. Servers and
clients are processes in network namespaces. A server is stopped and started and a member added while requests
come; every request is counted. The exit status is 0 only if all went as it must and nothing is left behind.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from svcfabric.cmd import here, process
from svcfabric.cmd.client import Refused
from svcfabric.cmd.demo import cleanup, product, record, topology_file
from svcfabric.cmd.demo.build import Builder
from svcfabric.cmd.demo.reader import Invalid
from svcfabric.cmd.demo.screen import Screen
from svcfabric.cmd.demo.story import Story
from svcfabric.cmd.demo.topology import Topology
from svcfabric.drivers.linux.fault import HostFault


def main(argv: Sequence[str]) -> int:
    """The command."""
    args = _arguments(argv)
    process.need_privilege("svcfabric demo")
    screen = Screen()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, screen.interrupt)
    if args.clean:
        return clean_up(args.work_dir, screen)
    try:
        checked = topology_file.load(args.topology)
    except (Invalid, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        print(f"svcfabric demo: {args.topology}: {reason}", file=sys.stderr)
        return 2
    made = record.new(args.work_dir)
    made.url = args.api or ""
    made.agent = {"config_file": args.config_file, "state_dir": args.state_dir, "host": args.host}
    return Demo(made, checked, screen).run(keep=args.keep)


class Demo:
    """One run, from the product's start to the check that nothing is left."""

    def __init__(self, made: record.Record, checked: Topology, screen: Screen) -> None:
        self.record, self.topology, self.screen = made, checked, screen
        self.story: Story | None = None

    def run(self, *, keep: bool) -> int:
        """The exit status."""
        interrupted = kept = False
        try:
            self.tell()
            kept = keep
        except KeyboardInterrupt:
            interrupted = True
        except (Refused, HostFault, TimeoutError) as exc:
            self.explain(exc)
            kept = keep
        finally:
            if not kept:
                _finish(self.record, self.screen)
        self.screen.table("svcfabric demo")
        if kept:
            self.say_how_to_play()
        return 130 if interrupted else self.verdict()

    def tell(self) -> None:
        """Start the product if need be, then everything."""
        if not self.record.url:
            with self.screen.step("product") as step:
                flat = [net.physical_network for net in self.topology.networks if net.external]
                product.start(self.record, sorted(set(flat)))
                step.say(f"API, controller and agent at {self.record.url}")
        admin, tenant = product.clients(self.record)
        host = here.here(product.configuration(self.record))
        self.story = Story(self.topology, Builder(self.record, admin, tenant, host), self.screen)
        self.story.run()

    def explain(self, exc: Exception) -> None:
        """More of why a step failed, for those who must mend it."""
        print(f"svcfabric demo: {exc}", *filter(None, [getattr(exc, "detail", "")]), sep="\n  ", file=sys.stderr)
        log = product.tail(self.record.directory / f"{record.PRODUCT}.log")
        if log:
            print("the end of the product's log:", log, sep="\n", file=sys.stderr)

    def verdict(self) -> int:
        """What failed, in words; the exit status."""
        steps = self.screen.steps
        sent, failed = (sum(getattr(step.ledger, each) for step in steps) for each in ("sent", "failed"))
        print(f"{sent:,} requests sent, {sent - failed:,} answered, {failed:,} failed")
        wrong = [f"{step.name}: {text}" for step in steps for text in step.wrong]
        for text in wrong:
            print(f"NOT AS IT MUST BE: {text}", file=sys.stderr)
        return 1 if wrong else 0

    def say_how_to_play(self) -> None:
        """What the user can do with a demo that was kept."""
        print("\nIt goes on running. Try:")
        for front in self.story.fronts if self.story else []:
            for target in front.targets:
                print(f"  ip netns exec {target.namespace} curl http://{target.address}:{target.port}/")
        clouds = self.record.directory / "state" / "clouds.yaml"
        if clouds.exists():
            print(f"  export OS_CLIENT_CONFIG_FILE={clouds} OS_CLOUD=svcfabric-demo")
        if self.story and self.story.fronts:
            print(f"  openstack loadbalancer status show {self.story.fronts[0].balancer.id}")
        print("  openstack port list")
        print(f"To remove it: svcfabric demo --clean --work-dir {self.record.directory.parent}")


def clean_up(work_dir: str | None, screen: Screen) -> int:
    """Remove every demo that was kept or whose process died."""
    count = 0
    for each in record.left(work_dir):
        screen.console.print(f"demo {each.run} in {each.directory}", highlight=False)
        _finish(each, screen)
        count += 1
    if not count:
        screen.console.print("there is no demo to clean up")
    return 1 if any(step.wrong for step in screen.steps) else 0


def _finish(made: record.Record, screen: Screen) -> None:
    """Clean up; Ctrl-C meanwhile changes nothing."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        cleanup.clean(made, screen)
    except (Refused, HostFault, OSError) as exc:
        print(f"svcfabric demo: {exc}", file=sys.stderr)
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="svcfabric demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--topology", metavar="FILE", help="what to make, instead of the shipped topology")
    parser.add_argument("--work-dir", metavar="DIR", help="where demos keep their files [the temporary directory]")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--keep", action="store_true", help="leave everything running and say how to play with it")
    end.add_argument("--clean", action="store_true", help="remove what --keep, or a killed demo, left")
    here.add_arguments(parser, title="to use a product that runs already")
    return parser.parse_args(argv)
