"""svcfabric-agent: one per host, turns specs into reality. Stopping it leaves the data plane as it is.

`svcfabric-agent purge` removes all that the stopped agent made on this host.
"""

from __future__ import annotations

import sys

from svcfabric.cmd import host_wiring, process


def main() -> None:
    """Entry point of ``svcfabric-agent``. With the word ``purge`` it removes all it made on the host and ends."""
    words = sys.argv[1:]
    conf = process.configure([word for word in words if word != "purge"], about=__doc__)
    if any(name.endswith(".linux") for name in conf.agent.drivers):
        process.need_privilege("svcfabric-agent")
    with process.plainly("svcfabric-agent"):
        if "purge" in words:
            from svcfabric.cmd.purge import purge  # an agent that starts does without its imports

            raise SystemExit(1 if purge(conf) else 0)
        transport = host_wiring.transport(conf)
        agent = host_wiring.agent(conf, transport)
    host_wiring.start(conf, agent)
    process.wait_for_signal()
    agent.stop()
    transport.close()
