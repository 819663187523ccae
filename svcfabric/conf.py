"""Configuration: every option, by section, with its help text. Nothing here is global.

``load`` makes a ``ConfigOpts`` that is handed down. Values come, highest first, from the environment
(``OS_API__BIND_PORT=8080``), the configuration files, the defaults below. Drivers have sections of their
own, named like the driver (``[loadbalancer.haproxy]``), read with ``section``.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator, Sequence

from oslo_config import cfg

LOG = logging.getLogger(__name__)

DEFAULT = [
    cfg.StrOpt(
        "state_dir",
        default="/var/lib/svcfabric",
        help="Directory for what must survive a restart: the embedded database, the agent's and the drivers' state.",
    ),
    cfg.StrOpt(
        "log_level",
        default="INFO",
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        ignore_case=True,
        help="Least severity that is logged.",
    ),
    cfg.BoolOpt("debug", default=False, help="Log everything, libraries included; overrides log_level."),
]

API = [
    cfg.HostAddressOpt("bind_host", default="127.0.0.1", help="Address the API listens on."),
    cfg.PortOpt("bind_port", default=9696, help="Port the API listens on; 0 takes a free one."),
    cfg.IntOpt("workers", default=1, min=1, help="API processes."),
    cfg.IntOpt("threads", default=8, min=1, help="Threads per API process that run requests."),
    cfg.IntOpt("backlog", default=1024, min=128, help="Connections that may wait to be accepted."),
    cfg.StrOpt(
        "auth_strategy",
        default="http_basic",
        choices=["keystone", "http_basic", "noauth"],
        help="Who says who a caller is: Keystone (see [keystone_authtoken]), a password file, or nobody "
        "(every caller is an administrator, or what its X-Roles and X-Project-Id headers claim).",
    ),
    cfg.StrOpt(
        "password_file",
        default="$state_dir/passwords",
        help="For http_basic: lines of user:bcrypt-hash:project:role,role.",
    ),
    cfg.StrOpt("policy_file", default="", help="YAML file with policy rules that replace the built-in ones."),
    cfg.IntOpt(
        "pagination_max_limit",
        default=1000,
        min=-1,
        help="Most items a list of the load-balancer and native APIs returns at once; -1 for no limit. Clients of the "
        "network API expect everything unless they name a limit.",
    ),
    cfg.IntOpt("max_body_size", default=4 * 1024 * 1024, min=1024, help="Largest request body, bytes."),
    cfg.StrOpt(
        "network_url",
        default="",
        help="Base URL of the network API as clients see it, for links; empty: as the request came in.",
    ),
    cfg.StrOpt("load_balancer_url", default="", help="As network_url, for the load-balancer API."),
    cfg.BoolOpt(
        "load_balancer_reveal_foreign",
        default=False,
        help="Answer 403 instead of 404 for another project's load balancer and what is in it, as stock Octavia "
        "does; a caller who guesses an identity then learns whether it exists.",
    ),
    cfg.IntOpt("drain_timeout", default=30, min=0, help="Seconds a stopping API process gives requests to finish."),
]

DATABASE = [
    cfg.StrOpt(
        "connection",
        default="sqlite:///$state_dir/svcfabric.db",
        secret=True,
        help="SQLAlchemy URL: sqlite:///FILE, postgresql+psycopg://..., mysql+mysqldb://... (MariaDB too).",
    ),
    cfg.IntOpt("pool_size", default=10, min=1, help="Connections each process keeps open."),
    cfg.IntOpt("max_overflow", default=20, min=0, help="Connections a process may open beyond pool_size."),
    cfg.IntOpt("pool_timeout", default=10, min=1, help="Seconds to wait for a connection before giving up."),
]

MESSAGING = [
    cfg.StrOpt(
        "transport_url",
        default="inproc://",
        secret=True,
        help="How API, controllers and agents reach each other. inproc:// when all run in one process, else any "
        "oslo.messaging URL, e.g. rabbit://user:password@host:5672/vhost. RabbitMQ's own options are in "
        "[oslo_messaging_rabbit].",
    ),
    cfg.FloatOpt("call_timeout", default=15.0, min=0.1, help="Seconds to wait for the answer to a question."),
    cfg.FloatOpt(
        "hold_off",
        default=1.0,
        min=0.0,
        help="Seconds after a failed send during which further sends fail at once instead of trying the broker again.",
    ),
    cfg.IntOpt("batch_size", default=200, min=1, help="Most specs or reports in one message."),
]

NOTIFICATIONS = [
    cfg.StrOpt(
        "exchange",
        default="neutron",
        help="Exchange of the network API's events; Ceilometer listens to this one without being told.",
    ),
    cfg.StrOpt(
        "load_balancer_exchange",
        default="octavia",
        help="Exchange of the load-balancer API's events; Ceilometer has to be told of it.",
    ),
    cfg.StrOpt(
        "host", default="", help="Host events say they come from (publisher network.HOST); empty: the machine's name."
    ),
    cfg.IntOpt(
        "queue_size",
        default=10000,
        min=1,
        help="Events a process keeps while the broker is away; what comes when it has as many is lost, and logged.",
    ),
    cfg.FloatOpt(
        "audit_interval",
        default=0,
        min=0,
        help="Seconds between two tellings of all that exists (network.exists and so on), as billing by the hour wants "
        "it: 3600. 0: never.",
    ),
    cfg.ListOpt(
        "audit_resources",
        default=["network", "subnet", "port", "router", "floatingip"],
        help="What is told of then.",
    ),
]

AGENT = [
    cfg.StrOpt("host", default="", help="Name of this host, unique among agents; empty: the machine's host name."),
    cfg.StrOpt(
        "local_ip",
        default="",
        help="Address of this host's tunnel endpoint (VXLAN); empty: no tunnels to other hosts.",
    ),
    cfg.StrOpt(
        "availability_zone",
        default="nova",
        regex=r"^[A-Za-z0-9_.:-]{1,64}$",
        help="Availability zone of this host; routers whose hints name it may be placed here.",
    ),
    cfg.DictOpt(
        "physical_networks",
        default={},
        help="Physical networks of this host as name:interface pairs, e.g. public:eth1. An empty interface "
        "(public:) means a bridge that leads nowhere.",
    ),
    cfg.ListOpt(
        "drivers",
        default=[
            "network.linux",
            "port.linux",
            "router.linux",
            "floatingip.linux",
            "dhcp.linux",
            "security_group.linux",
            "security_group_member.linux",
            "address_group.linux",
            "loadbalancer.haproxy",
        ],
        help="Drivers to load, by entry point name (group svcfabric.drivers).",
    ),
    cfg.IntOpt("workers", default=6, min=1, help="Instances worked on at the same time."),
    cfg.FloatOpt("observe_interval", default=1.0, min=0.05, help="Seconds between two looks at what is really there."),
    cfg.FloatOpt("counters_interval", default=2.0, min=0.05, help="Least seconds between two reports of counters."),
    cfg.FloatOpt("resync_interval", default=60.0, min=0.1, help="Seconds between two full compares with the server."),
    cfg.FloatOpt(
        "orphan_grace",
        default=60.0,
        min=0.0,
        help="Seconds something nobody knows must have been on the host before it is removed.",
    ),
    cfg.FloatOpt("heartbeat_interval", default=5.0, min=0.1, help="Seconds between two signs of life."),
    cfg.FloatOpt("retry_min", default=0.5, min=0.01, help="Seconds before the first retry of a failed change."),
    cfg.FloatOpt("retry_max", default=60.0, min=0.01, help="Most seconds between two retries of a failed change."),
]

CONTROLLER = [
    cfg.FloatOpt("sweep_interval", default=5.0, min=0.1, help="Seconds between two searches for lagging placements."),
    cfg.FloatOpt(
        "agent_down_time",
        default=20.0,
        min=1.0,
        help="Seconds without a sign of life after which an agent counts as down.",
    ),
    cfg.FloatOpt(
        "failover_time",
        default=60.0,
        min=0.0,
        help="Seconds an agent must count as down before the routers on its host move to another, with their floating"
        " IPs; 0: they never do.",
    ),
    cfg.IntOpt("threads", default=8, min=1, help="Threads per controller that take in reports."),
]

QUOTAS = [
    cfg.IntOpt(name, default=default, min=-1, help=f"{label} a project may have; -1 for no limit.")
    for name, default, label in (
        ("network", 100, "Networks"),
        ("subnet", 100, "Subnets"),
        ("port", 500, "Ports"),
        ("router", 10, "Routers"),
        ("floatingip", 50, "Floating IPs"),
        ("subnetpool", -1, "Subnet pools"),
        ("address_scope", -1, "Address scopes"),
        ("security_group", 10, "Security groups"),
        ("security_group_rule", 100, "Security group rules"),
        ("address_group", -1, "Address groups"),
        ("qos_policy", -1, "QoS policies"),
        ("rbac_policy", 10, "Sharing policies"),
        ("loadbalancer", -1, "Load balancers"),
        ("listener", -1, "Listeners"),
        ("pool", -1, "Pools"),
        ("member", -1, "Members"),
        ("healthmonitor", -1, "Health monitors"),
        ("l7policy", -1, "L7 policies"),
        ("l7rule", -1, "L7 rules"),
    )
]

NETWORK = [
    cfg.StrOpt("driver", default="linux", help="Driver that realises networks, ports, routers and floating IPs."),
    cfg.IntOpt("vni_min", default=1, min=1, max=16777215, help="First VXLAN network identifier to hand out."),
    cfg.IntOpt("vni_max", default=16777215, min=1, max=16777215, help="Last VXLAN network identifier to hand out."),
    cfg.IntOpt("global_physnet_mtu", default=1500, min=1280, max=65535, help="MTU of the physical network, bytes."),
    cfg.IntOpt("vxlan_overhead", default=50, min=0, help="Bytes a VXLAN tunnel takes off the MTU."),
    cfg.StrOpt(
        "base_mac",
        default="fa:16:3e:00:00:00",
        regex=r"^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$",
        help="Prefix of generated MAC addresses: the first three bytes (the fourth too unless it is 00).",
    ),
    cfg.StrOpt(
        "dns_domain",
        default="openstacklocal",
        regex=r"^([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?(\.|$)){0,32}$",
        help="Domain that DHCP tells ports, and in which the network's DNS has their names; empty for none.",
    ),
    cfg.IntOpt("dhcp_lease_duration", default=86400, min=120, help="Seconds a DHCP lease holds."),
    cfg.BoolOpt(
        "metadata",
        default=True,
        help="Whether networks with DHCP have metadata at 169.254.169.254 and fe80::a9fe:a9fe; where it comes from "
        "is for each host to say, in [dhcp.linux].",
    ),
    cfg.ListOpt(
        "conntrack_helpers",
        default=[
            "amanda:udp",
            "ftp:tcp",
            "h323:tcp",
            "h323:udp",
            "irc:tcp",
            "netbios-ns:udp",
            "pptp:tcp",
            "sane:tcp",
            "sip:tcp",
            "sip:udp",
            "snmp:udp",
            "tftp:udp",
        ],
        help="Conntrack helpers that routers may have, helper:protocol each; of these, those that hosts' kernels have.",
    ),
    cfg.ListOpt(
        "flat_networks", default=["public"], help="Physical networks on which flat networks may be made; * for any."
    ),
]

IPAM = [
    cfg.ListOpt(
        "dns_servers",
        default=[],
        help="Name servers (ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT) that controllers ask whether a record still names "
        "an address, for subnets with the recycling policy dns; empty: those the host uses.",
    ),
    cfg.IntOpt(
        "dns_recheck",
        default=60,
        min=1,
        help="Seconds until an address that a record still names, or of which DNS does not say, is looked at again.",
    ),
]

LBAAS = [
    cfg.StrOpt("default_provider", default="haproxy", help="Provider of load balancers that name none."),
    cfg.ListOpt(
        "enabled_providers",
        default=["haproxy:HAProxy in a network namespace", "noop:Accepts everything and does nothing"],
        help="Providers tenants may name: driver:description, or alias:driver for another name of one.",
    ),
    cfg.IntOpt("timeout_client_data", default=50000, min=0, max=86400000, help="Idle client connection, ms."),
    cfg.IntOpt("timeout_member_connect", default=5000, min=0, max=86400000, help="Connecting to a member, ms."),
    cfg.IntOpt("timeout_member_data", default=50000, min=0, max=86400000, help="Idle member connection, ms."),
    cfg.IntOpt("timeout_tcp_inspect", default=0, min=0, max=86400000, help="Waiting for content to inspect, ms."),
]

SECTIONS: dict[str, list[cfg.Opt]] = {
    "DEFAULT": DEFAULT,
    "api": API,
    "database": DATABASE,
    "messaging": MESSAGING,
    "notifications": NOTIFICATIONS,
    "agent": AGENT,
    "controller": CONTROLLER,
    "quotas": QUOTAS,
    "network": NETWORK,
    "ipam": IPAM,
    "lbaas": LBAAS,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option of the product with ``conf``."""
    for group, opts in SECTIONS.items():
        conf.register_opts(opts, group=None if group == "DEFAULT" else group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options by section: what ``oslo-config-generator --namespace svcfabric`` writes."""
    return [(group, copy.deepcopy(opts)) for group, opts in SECTIONS.items()]


def load(argv: Sequence[str] = (), files: Sequence[str] | None = None, about: str | None = None) -> cfg.ConfigOpts:
    """Read the configuration and check all of it.

    ``argv``: command-line arguments in oslo.config's form (``--config-file F``). ``files``: the files to
    read when argv names none; None for the usual places (``/etc/svcfabric/svcfabric.conf``), () for none.
    ``about``: what ``--help`` says of the program.
    Raises ``cfg.Error`` (or ``ValueError``) naming the option, its value and the rule it breaks. Unknown
    options in the product's sections are logged.
    """
    conf = cfg.ConfigOpts()
    register_opts(conf)
    usual = None if files is None else list(files)
    conf(list(argv), project="svcfabric", default_config_files=usual, description=about)
    for group, opts in SECTIONS.items():
        for opt in opts:
            _ = conf[opt.dest] if group == "DEFAULT" else conf[group][opt.dest]
    if conf.network.vni_min > conf.network.vni_max:
        raise ValueError(f"[network] vni_min ({conf.network.vni_min}) is above vni_max ({conf.network.vni_max})")
    if conf.agent.retry_min > conf.agent.retry_max:
        raise ValueError(f"[agent] retry_min ({conf.agent.retry_min}) is above retry_max ({conf.agent.retry_max})")
    for name in unknown(conf):
        LOG.warning("configuration: %s is not an option of svcfabric and has no effect", name)
    return conf


def reason(exc: Exception) -> str:
    """The words of a ``cfg.Error`` with the file it means as a plain path."""
    return re.sub(r"LocationInfo\(location=[^']*'([^']*)'\)", r"\1", str(exc))


def section(conf: cfg.ConfigOpts, name: str) -> dict[str, str]:
    """The options of a section nobody registered (a driver's), as text; a later file wins over an earlier one."""
    found: dict[str, str] = {}
    for sections in _parsed(conf):
        found.update({key: values[-1] for key, values in sections.get(name, {}).items()})
    return found


def unknown(conf: cfg.ConfigOpts) -> list[str]:
    """Options in the files, as ``[section] name``, that are in a section of ours and that we do not have."""
    names: set[str] = set()
    for sections in _parsed(conf):
        for group, opts in SECTIONS.items():
            if group == "DEFAULT":  # shared with the libraries
                continue
            known = {opt.dest for opt in opts} | {opt.name for opt in opts}
            names |= {f"[{group}] {key}" for key in sections.get(group, {}) if key not in known}
    return sorted(names)


def _parsed(conf: cfg.ConfigOpts) -> Iterator[dict[str, dict[str, list[str]]]]:
    for path in conf.config_file or []:
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        yield sections
