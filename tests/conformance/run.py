"""The public API suites against this product: ``python -m tests.conformance.run [SUITE ...]``.

Starts a real Keystone and ``svcfabric up`` (real HAProxy, real namespaces), runs the modules of ``expected.toml``
with tempest and its plugins for networks and load balancers, unchanged, and prints a table by module. Ends with 1
when a module passes fewer tests than expected, or when a test fails that ``known.toml`` does not give a reason for.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as xml
from collections.abc import Iterator, Sequence

from svcfabric.cmd.client import NETWORK, Client
from tests import cluster, keystone, servers

PACKAGES = (
    "tempest==47.0.0",
    "neutron-tempest-plugin==3.3.0",
    "octavia-tempest-plugin==3.5.0",
    "python-subunit",
    "junitxml",
)
HERE = pathlib.Path(__file__).parent
SUITES = ("network", "network-plugin", "load-balancer")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One test: ``result`` is pass, skip or fail; ``reason`` the last line of what was said."""

    module: str
    name: str
    result: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Site:
    """Where the suites run: a product with its Keystone, an external network, a tempest."""

    product: cluster.Product
    identity: keystone.Keystone
    public: str
    venv: pathlib.Path


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """A product to test. Load balancers of every provider name the plugin knows are HAProxy's."""
    venv = keystone.peer_venv("tempest", *PACKAGES)
    quotas = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
    lbaas = {
        "default_provider": "amphora",
        "enabled_providers": "haproxy:HAProxy in a namespace,amphora:haproxy,octavia:amphora,amphorav2:amphora",
    }
    with (
        keystone.keystone(writers=True) as identity,
        cluster.standalone(
            auth="keystone",
            more=identity.service_section(),
            api={"load_balancer_reveal_foreign": True},  # the plugin's tests insist on 403
            quotas=quotas,
            lbaas=lbaas,
            agent={"host": f"conformance-{os.getpid()}"},
        ) as product,
    ):
        identity.register({"network": product.url, "load-balancer": f"{product.url}/load-balancer"})
        yield Site(product, identity, external(product, identity), venv)


def external(product: cluster.Product, identity: keystone.Keystone) -> str:
    """Make the external network tempest wants, and the pools auto-allocated topologies need; the network's id."""
    admin = Client(product.url, {"X-Auth-Token": identity.token("admin")[0]})
    body = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
    network = admin.create(f"{NETWORK}/networks", "network", name="public", **body)
    for version, cidr in ((4, "172.24.4.0/24"), (6, "2001:db8:1000::/64")):
        subnet = {"network_id": network["id"], "ip_version": version, "cidr": cidr, "enable_dhcp": False}
        admin.create(f"{NETWORK}/subnets", "subnet", **subnet)
    for name, prefix, length in (("four", "10.80.0.0/16", 26), ("six", "2001:db8:8000::/36", 64)):
        pool = {"prefixes": [prefix], "default_prefixlen": length, "is_default": True, "shared": True}
        admin.create(f"{NETWORK}/subnetpools", "subnetpool", name=f"default-{name}", **pool)
    return str(network["id"])


def tempest_conf(where: Site, root: pathlib.Path, *, computing: bool) -> dict[str, dict[str, object]]:
    """tempest's configuration for a cloud of Keystone, network and load balancer.

    ``computing``: say that there is a compute service, too (the load-balancer plugin wants nova and glance named
    before it uses real networks; it never calls them).
    """
    admin = Client(where.product.url, {"X-Auth-Token": where.identity.token("admin")[0]})
    extensions = [each["alias"] for each in admin.call("GET", f"{NETWORK}/extensions")["extensions"]]
    absent = dict.fromkeys(("cinder", "swift", "horizon"), False)
    return {
        "DEFAULT": {"log_file": root / "tempest.log", "debug": False},
        "oslo_concurrency": {"lock_path": root / "lock"},
        "auth": {
            "use_dynamic_credentials": True,
            "create_isolated_networks": False,
            "admin_username": "admin",
            "admin_password": keystone.PASSWORD,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "tempest_roles": "member",
        },
        "identity": {
            "auth_version": "v3",
            "uri_v3": where.identity.url,
            "region": "RegionOne",
            "v3_endpoint_type": "public",
            "default_domain_id": "default",
        },
        "identity-feature-enabled": {"api_v2": False, "api_v2_admin": False},
        "service_available": {"neutron": True, "load_balancer": True, "nova": computing, "glance": computing, **absent},
        "enforce_scope": {"neutron": True, "octavia": True},
        "network": {
            "public_network_id": where.public,
            "floating_network_name": "public",
            "project_networks_reachable": True,
            "build_timeout": 60,
            "build_interval": 1,
        },
        "network-feature-enabled": {
            "api_extensions": ",".join(extensions),
            "ipv6": True,
            "ipv6_subnet_attributes": True,
            "floating_ips": True,
            "port_security": True,
            "available_features": "all",
        },
        "neutron_plugin_options": {
            "provider_vlans": "foo",
            "agent_availability_zone": "nova",
            "available_type_drivers": "flat,vxlan",
            "create_shared_resources": True,
            "l3_agent_mode": "legacy",
        },
        "validation": {"run_validation": False},
        "load_balancer": {
            "region": "RegionOne",
            "catalog_type": "load-balancer",
            "provider": "amphora",
            "enabled_provider_drivers": "amphora:haproxy,octavia:amphora,amphorav2:amphora",
            "test_with_noop": False,
            "test_with_ipv6": True,
            "RBAC_test_type": "keystone_default_roles",
            "enforce_new_defaults": True,
            "log_user_roles": False,
            "availability_zone": "",
            "default_ipv6_subnetpool": "",
            **dict.fromkeys(("build_interval", "check_interval", "lb_build_interval"), 0.2),
            **dict.fromkeys(("build_timeout", "check_timeout", "lb_build_timeout"), 60),
        },
        "loadbalancer-feature-enabled": {"not_implemented_is_error": True},
    }


def run(
    where: Site, modules: Sequence[str], out: pathlib.Path, processes: int, *, computing: bool = False
) -> list[Outcome]:
    """Run tempest's modules; what became of each test. The logs stay in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    with servers.directory("tempest") as root:
        command = where.venv / "bin" / "tempest"
        # tempest notes its workspaces in the home directory
        environ = os.environ | {"HOME": str(root), "OS_TEST_TIMEOUT": "300", "PYTHONWARNINGS": "ignore"}
        subprocess.run([command, "init", root / "ws"], check=True, capture_output=True, env=environ)
        cluster.write_config(root / "ws" / "etc" / "tempest.conf", tempest_conf(where, out, computing=computing))
        expression = "|".join(rf"^{module.replace('.', chr(92) + '.')}\." for module in modules)
        results = out / "results.subunit"
        with results.open("wb") as file, (out / "run.log").open("wb") as log:
            subprocess.run(
                [command, "run", "--subunit", "--regex", expression, "--concurrency", str(processes)],
                cwd=root / "ws",
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=log,
                check=False,
            )
        junit = out / "results.xml"
        with results.open("rb") as source, junit.open("wb") as target:
            subprocess.run([where.venv / "bin" / "subunit2junitxml"], stdin=source, stdout=target, check=False)
    try:
        return list(_outcomes(junit))
    except xml.ParseError:
        raise SystemExit(f"tempest did not run: {results.read_text(errors='replace')[-3000:]}") from None


def _outcomes(junit: pathlib.Path) -> Iterator[Outcome]:
    for case in xml.parse(junit).getroot().iter("testcase"):
        full = f"{case.get('classname')}.{case.get('name')}".strip(".")
        text, result = "", "pass"
        for tag, meaning in (("failure", "fail"), ("error", "fail"), ("skipped", "skip")):
            if (found := case.find(tag)) is not None:
                result, text = meaning, (found.text or "").strip()
        inner = full.partition("(")[2].rstrip(")") if full.startswith(("setUpClass", "tearDownClass")) else full
        inner = inner.partition("[")[0]
        module, _, name = inner.rpartition(".") if inner != full.partition("[")[0] else _split(inner)
        yield Outcome(module, name if inner == full.partition("[")[0] else full, result, _last(text))


def _split(name: str) -> tuple[str, str, str]:
    parts = name.split(".")
    return ".".join(parts[:-2]), ".", ".".join(parts[-2:])


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "}", "{"))]
    return lines[-1][:300] if lines else ""


def judge(outcomes: Sequence[Outcome], expected: dict[str, int], known: dict[str, str]) -> int:
    """Print the table and the failures; how many surprises there were."""
    surprises = 0
    width = max(map(len, expected))
    print(f"\n{'module':{width}}  expected  passed  failed  skipped")
    for module, want in expected.items():
        results = [each.result for each in outcomes if each.module == module]
        passed = results.count("pass")
        drop = passed < want
        surprises += drop
        counts = f"{want:8}  {passed:6}  {results.count('fail'):6}  {results.count('skip'):7}"
        print(f"{module:{width}}  {counts}{'  FEWER THAN EXPECTED' if drop else ''}")
    for each in sorted((each for each in outcomes if each.result == "fail"), key=lambda each: each.name):
        reason = next((why for part, why in known.items() if part in f"{each.module}.{each.name}"), "")
        surprises += not reason
        print(f"{'known' if reason else 'NEW  '}  {each.name}: {reason or each.reason}")
    return surprises


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"which of {', '.join(SUITES)} [all]")
    parser.add_argument("--out", type=pathlib.Path, default=keystone.ROOT / ".cache" / "conformance", help="for logs")
    parser.add_argument("--processes", type=int, default=2, help="tests at a time")
    parser.add_argument("--module", action="append", help="only modules whose name ends so")
    options = parser.parse_args()
    if strange := set(options.suites) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(strange))}")
    expected = tomllib.loads((HERE / "expected.toml").read_text())
    known = tomllib.loads((HERE / "known.toml").read_text())
    surprises = 0
    with site() as where:
        for suite in options.suites or SUITES:
            wanted = {
                name: count
                for name, count in expected[suite].items()
                if not options.module or name.endswith(tuple(options.module))
            }
            began = time.monotonic()
            outcomes = run(
                where, list(wanted), options.out / suite, options.processes, computing=suite == "load-balancer"
            )
            surprises += judge(outcomes, wanted, known.get(suite, {}))
            print(f"{suite}: {len(outcomes)} tests in {time.monotonic() - began:.0f} s; logs in {options.out / suite}")
        root = where.identity.root
        logs = {"product": where.product.programs["up"].log, "keystone": root / "keystone.log"}
        logs["gunicorn"] = root / "gunicorn.log"
        for name, log in logs.items():
            shutil.copy(log, options.out / f"{name}.log")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
