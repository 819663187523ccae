"""Another project's things are out of reach: one set of attempts per kind of resource, made from its declaration.

Every resource that any feature declares is walked. A new kind needs a line in ``OWNED`` (what its owner says to make
one) or in ``FOLLOWING`` (who sees what nobody makes), without which ``test_every_kind_is_here`` fails. The attempts
themselves (show, list, filters, a change of each attribute, delete, tags, what is below it, actions, sharing,
making one in another's name or of another's parts) follow from the declaration.

mona owns everything, boris is of another project (both as managers, who may do all that tenants can), carol may only
read in mona's, root is the administrator.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svcfabric.api.resource import ABSENT, Action, Api, Attribute, Dialect, Resource
from tests.whole import Answer, Whole, whole

NET, LB, NATIVE = "/v2.0", "/load-balancer/v2/lbaas", "/v1"
QOS = f"{NET}/qos/policies"
Body = Callable[["Site"], dict[str, Any]]

# What mona says to make one; "site[path]" is the id of her thing of that kind. A path: the same thing as there.
OWNED: dict[str, Body | str] = {
    f"{NET}/networks": lambda site: {"name": "n"},
    f"{NET}/subnets": lambda site: {"network_id": site[f"{NET}/networks"], "ip_version": 4, "cidr": "10.0.0.0/24"},
    f"{NET}/ports": lambda site: {"network_id": site[f"{NET}/networks"]},
    f"{NET}/routers": lambda site: {"external_gateway_info": {"network_id": site.external}},
    f"{NET}/routers/{{parent_id}}/conntrack_helpers": lambda _: {"protocol": "udp", "port": 69, "helper": "tftp"},
    f"{NET}/floatingips": lambda site: {"floating_network_id": site.external},
    f"{NET}/floatingips/{{parent_id}}/port_forwardings": lambda site: {
        "protocol": "tcp",
        "internal_port_id": site.routed(),
        "internal_port": 80,
        "external_port": 8080,
    },
    f"{NET}/address-scopes": lambda _: {"name": "inside", "ip_version": 4},
    f"{NET}/subnetpools": lambda _: {"name": "pool", "prefixes": ["10.64.0.0/16"]},
    f"{NET}/security-groups": lambda _: {"name": "web"},
    f"{NET}/security-group-rules": lambda site: {
        "security_group_id": site[f"{NET}/security-groups"],
        "direction": "ingress",
        "protocol": "tcp",
        "port_range_min": 80,
        "port_range_max": 80,
    },
    f"{NET}/address-groups": lambda _: {"name": "offices", "addresses": ["192.0.2.0/24"]},
    QOS: lambda _: {"name": "slow"},
    **{
        path: rule
        for kind, said in {
            "bandwidth_limit": {"max_kbps": 1000},
            "dscp_marking": {"dscp_mark": 10},
            "packet_rate_limit": {"max_kpps": 10},
            "minimum_bandwidth": {"min_kbps": 100},
            "minimum_packet_rate": {"min_kpps": 1},
        }.items()
        for path, rule in (
            (f"{QOS}/{{parent_id}}/{kind}_rules", lambda _, said=said: said),
            (f"{NET}/qos/alias-{kind.replace('_', '-')}-rules", f"{QOS}/{{parent_id}}/{kind}_rules"),
        )
    },
    f"{NET}/rbac-policies": lambda site: {
        "object_type": "network",
        "object_id": site[f"{NET}/networks"],
        "action": "access_as_shared",
        "target_tenant": "three",
    },
    f"{LB}/loadbalancers": lambda site: {"vip_subnet_id": site[f"{NET}/subnets"]},
    f"{LB}/listeners": lambda site: {
        "loadbalancer_id": site[f"{LB}/loadbalancers"],
        "protocol": "HTTP",
        "protocol_port": 80,
    },
    f"{LB}/pools": lambda site: {
        "loadbalancer_id": site[f"{LB}/loadbalancers"],
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
    },
    f"{LB}/pools/{{parent_id}}/members": lambda site: {"address": "10.0.0.77", "protocol_port": 80},
    f"{LB}/healthmonitors": lambda site: {
        "pool_id": site[f"{LB}/pools"],
        "type": "TCP",
        "delay": 2,
        "timeout": 1,
        "max_retries": 1,
    },
}

# What no tenant makes, and what of it a member of any project sees: his own project's, nothing, or all of it.
OWN, NOTHING, ALL = "own", "nothing", "all"
FOLLOWING: dict[str, str] = {
    f"{NET}/agents": NOTHING,
    f"{NET}/network-ip-availabilities": NOTHING,
    f"{NET}/availability_zones": ALL,
    f"{NET}/floatingip-pools": ALL,
    f"{NET}/qos/rule-types": ALL,
    f"{NATIVE}/insertions": OWN,
    f"{NATIVE}/service_instances": OWN,
}

# What administrators make for everybody to see.
OPERATED: dict[str, Body] = {
    f"{NET}/default-security-group-rules": lambda _: {
        "direction": "ingress",
        "protocol": "tcp",
        "used_in_default_sg": False,
        "used_in_non_default_sg": True,
    },
}

# For an attribute whose value as shown is none a client may say.
OTHERS = (1, "x", True, [], {})


class Site:
    """mona's things, each made when it is first asked for."""

    def __init__(self, made: Whole) -> None:
        self.whole = made
        self.kinds: dict[str, tuple[Api, Resource]] = {
            f"{api.prefixes[0]}{resource.path}": (api, resource) for api in made.side.apis for resource in api.resources
        }
        self.actions: list[tuple[Api, Action]] = [(api, one) for api in made.side.apis for one in api.actions]
        flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
        self.external = made.make("root", f"{NET}/networks", "network", name="public", **flat)["id"]
        given = {"network_id": self.external, "ip_version": 4, "cidr": "203.0.113.0/24"}
        made.make("root", f"{NET}/subnets", "subnet", **given)
        self.rows: dict[str, Any] = {}

    def __getitem__(self, path: str) -> str:
        return str(self.row(path)["id"])

    def row(self, path: str) -> Any:
        """mona's thing of a kind."""
        said = OWNED[path]
        if isinstance(said, str):
            return self.row(said)
        if path not in self.rows:
            self.rows[path] = self.whole.make("mona", self.url(path), self.kinds[path][1].name, **said(self))
        return self.rows[path]

    def body(self, path: str) -> dict[str, Any]:
        """What makes one."""
        said = OWNED[path]
        assert callable(said)
        return said(self)

    def routed(self) -> str:
        """mona's port, with a router between it and the external network."""
        router, subnet = self[f"{NET}/routers"], self[f"{NET}/subnets"]
        self.ask("mona", "PUT", f"{NET}/routers/{router}/add_router_interface", {"subnet_id": subnet})
        return self[f"{NET}/ports"]

    def url(self, path: str) -> str:
        """The collection, of mona's parent if it has one."""
        above, nested, below = path.partition("/{parent_id}")
        return f"{above}/{self[above]}{below}" if nested else path

    def item(self, path: str) -> str:
        """mona's thing's URL."""
        ident = self[path]
        return f"{self.url(path)}/{ident}"

    def ask(self, user: str, method: str, url: str, body: Any = None, query: str = "") -> Answer:
        """One request."""
        return self.whole.ask(user, method, url, body, query=query)

    def refused(self, user: str, method: str, url: str, body: Any = None, *statuses: int) -> None:
        """One request that must have one of these answers (404 unless told)."""
        answer = self.ask(user, method, url, body)
        said = f"{user} {method} {url} {json.dumps(body)[:300]}: {answer.status} {answer.text[:300]}"
        assert answer.status in (statuses or (404,)), said

    def ids(self, user: str, path: str, query: str = "") -> list[str]:
        """Ids in a list, [] for one that is refused as not found."""
        answer = self.ask(user, "GET", self.url(path), query=query)
        assert answer.status in (200, 404), answer.text[:300]
        return [row["id"] for row in answer.document[self.kinds[path][1].collection]] if answer.status == 200 else []

    def changes(self, path: str) -> list[dict[str, Any]]:
        """A change to nothing new of each attribute that may be changed."""
        resource, row = self.kinds[path][1], self.row(path)
        named = [a for a in resource.attributes if a.put and a.visible and a.name in row]
        return [{resource.name: {a.name: _sayable(a, row[a.name])}} for a in named]

    def tags(self, path: str) -> str:
        """The URL of a thing's tags, "" for a kind that has none."""
        api, resource = self.kinds[path]
        if api.dialect is not Dialect.NEUTRON or not resource.tags or "update" not in resource.operations:
            return ""
        return f"{api.prefixes[0]}{resource.tag_path or resource.path}/{self[path]}/tags"

    def requests(self, path: str) -> Iterator[tuple[str, str, Any]]:
        """Everything that would change a thing: (method, URL, body)."""
        _, resource = self.kinds[path]
        if "update" in resource.operations:
            for body in self.changes(path):
                yield "PUT", self.item(path), body
        if "delete" in resource.operations:
            yield "DELETE", self.item(path), None
        if tags := self.tags(path):
            yield "PUT", tags, {"tags": ["mine"]}
            yield "POST", tags, {"tags": ["mine"]}
            yield "DELETE", tags, None
            yield "PUT", f"{tags}/mine", None
            yield "DELETE", f"{tags}/mine", None
        for prefix, action in ((a.prefixes[0], one) for a, one in self.actions if one.owner is resource.handler):
            if action.method != "GET":
                yield action.method, prefix + self._placed(action.path, path), {} if action.method != "DELETE" else None
        for below, (_, inner) in self.kinds.items():
            if below.startswith(f"{path}/{{parent_id}}/") and "create" in inner.operations:
                yield "POST", self.url(below), {inner.name: self.body(below)}

    def _placed(self, template: str, path: str) -> str:
        mine = template.replace("{id}", self[path])
        if "{parent_id}" in mine:
            mine = mine.replace("{parent_id}", self[path.partition("/{parent_id}")[0]] if "{" in path else self[path])
        while "{" in mine:  # what is named below the thing itself
            mine = mine[: mine.index("{")] + str(uuid.uuid4()) + mine[mine.index("}") + 1 :]
        return mine


def _sayable(attribute: Attribute, shown: Any) -> Any:
    if shown is None and attribute.reset is not ABSENT:
        return None
    for value in (shown, *OTHERS):
        with contextlib.suppress(ValueError):
            attribute.check.convert(value)
            return value
    raise AssertionError(f"no value for {attribute.name}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with whole(tmp_path_factory.mktemp("isolation")) as made:
        site = Site(made)
        for path in OWNED:
            site[path]
        for user in ("root", "mona", "boris", "carol"):  # each project's default group is made when it is looked for
            site.ids(user, f"{NET}/security-groups")
        made.settle()
        yield site


@pytest.fixture
def untouched(site):
    """Whatever is tried, mona's things and everything else in the database stay as they are."""
    before = site.whole.dump()
    yield
    assert site.whole.dump() == before


def test_every_kind_is_here(site):
    here, there = OWNED.keys() | FOLLOWING.keys() | OPERATED.keys(), set(site.kinds)
    assert there - here == set(), "these need a line in OWNED, FOLLOWING or OPERATED"
    assert here - there == set(), "these are declared no more"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", OWNED)
def test_its_owner_reaches_it(site, path):
    assert site.ask("mona", "GET", site.item(path)).status == 200
    if "list" in site.kinds[path][1].operations:
        assert site[path] in site.ids("mona", path)
        assert site[path] in site.ids("root", path)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", OWNED)
def test_another_project_finds_nothing(site, path):
    ident, (_, resource) = site[path], site.kinds[path]
    site.refused("boris", "GET", site.item(path))
    queries = ["", f"id={ident}"]
    for name, value in (("project_id", "one"), ("name", site.row(path).get("name"))):
        attribute = resource.attribute(name)
        if attribute is not None and attribute.filterable:
            queries.append(f"{name}={value}")
    for query in queries if "list" in resource.operations else ():
        assert ident not in site.ids("boris", path, query)
    if tags := site.tags(path):
        site.refused("boris", "GET", tags)
    for prefix, action in ((a.prefixes[0], one) for a, one in site.actions if one.owner is resource.handler):
        if action.method == "GET":
            site.refused("boris", "GET", prefix + site._placed(action.path, path))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", OWNED)
def test_another_project_changes_nothing(site, path):
    for method, url, body in site.requests(path):
        site.refused("boris", method, url, body)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", OWNED)
def test_a_reader_changes_nothing(site, path):
    for method, url, body in site.requests(path):
        site.refused("carol", method, url, body, 403)
    if "create" in site.kinds[path][1].operations:
        site.refused("carol", "POST", site.url(path), {site.kinds[path][1].name: site.body(path)}, 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", [path for path, said in OWNED.items() if callable(said)])
def test_nothing_is_made_of_anothers_things_or_in_his_name(site, path):
    name, body = site.kinds[path][1].name, site.body(path)
    site.refused("boris", "POST", site.url(path), {name: {**body, "project_id": "one"}}, 400, 403, 404)
    hers = {str(row["id"]) for row in site.rows.values()}
    if "{parent_id}" in path or any(ident in json.dumps(body) for ident in hers):
        site.refused("boris", "POST", site.url(path), {name: body}, 400, 403, 404)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", FOLLOWING)
def test_what_nobody_makes(site, path):
    resource = site.kinds[path][1]
    url = site.url(path)
    listed = {user: site.ask(user, "GET", url) for user in ("root", "mona", "boris")}
    rows = {user: answer.document[resource.collection] for user, answer in listed.items()}
    if FOLLOWING[path] == ALL:
        own = {"project_id", "tenant_id"}  # the asking project's, where it stands for him
        mine, theirs = ([{k: v for k, v in row.items() if k not in own} for row in rows[u]] for u in ("boris", "root"))
        assert mine == theirs != []
    else:
        assert rows["root"]
        assert rows["boris"] == []
        assert bool(rows["mona"]) == (FOLLOWING[path] == OWN)
    seen = next(iter(rows["root"]))
    if FOLLOWING[path] != ALL and "get" in resource.operations:
        site.refused("boris", "GET", f"{url}/{seen['id']}")
    site.refused("boris", "POST", url, {resource.name: {}}, 403, 404, 405)
    if "id" in seen:
        site.refused("boris", "PUT", f"{url}/{seen['id']}", {resource.name: {}}, 403, 404, 405)
        site.refused("boris", "DELETE", f"{url}/{seen['id']}", None, 403, 404, 405)


@pytest.mark.parametrize("path", OPERATED)
def test_what_administrators_make(site, path):
    resource, body = site.kinds[path][1], OPERATED[path](site)
    made = site.whole.make("root", path, resource.name, **body)
    assert made in site.ask("boris", "GET", path).document[resource.collection]
    site.refused("boris", "POST", path, {resource.name: body}, 403)
    if "update" in resource.operations:
        site.refused("boris", "PUT", f"{path}/{made['id']}", {resource.name: {}}, 403)
    site.refused("boris", "DELETE", f"{path}/{made['id']}", None, 403)
    site.refused("root", "DELETE", f"{path}/{made['id']}", None, 204)


def _shareable(site: Site) -> dict[str, str]:
    """The kinds that can be shared: path by object type."""
    declared = site.kinds[f"{NET}/rbac-policies"][1].attribute("object_type")
    names = {resource.name: path for path, (api, resource) in site.kinds.items() if api.prefixes[0] == NET}
    return {kind: names.get(kind) or names[kind.partition("_")[2]] for kind in declared.check.schema["enum"]}


@pytest.fixture
def shared(site):
    """Lets boris's project at one of mona's things for as long as the test lasts."""
    policies = []

    def share(object_type: str, ident: str, action: str = "access_as_shared") -> None:
        body = {"object_type": object_type, "object_id": ident, "action": action, "target_tenant": "two"}
        policies.append(site.whole.make("root", f"{NET}/rbac-policies", "rbac_policy", **body)["id"])

    yield share
    for ident in policies:
        site.refused("root", "DELETE", f"{NET}/rbac-policies/{ident}", None, 204)


def test_what_is_shared_is_its_owners_to_change(site, shared):
    for object_type, path in _shareable(site).items():
        shared(object_type, site[path])
        seen = site.ask("boris", "GET", site.item(path))
        assert (seen.status, seen.document[site.kinds[path][1].name]["shared"]) == (200, True), object_type
        assert site[path] in site.ids("boris", path)
        refusals = (403, 404) if site.kinds[path][1].concealed else (403,)
        for method, url, body in site.requests(path):
            site.refused("boris", method, url, body, *refusals)
        again = {"object_type": object_type, "object_id": site[path], "action": "access_as_shared"}
        site.refused("boris", "POST", f"{NET}/rbac-policies", {"rbac_policy": {**again, "target_tenant": "four"}}, 400)
        site.refused("boris", "POST", f"{NET}/rbac-policies", {"rbac_policy": {**again, "target_tenant": "*"}}, 403)


@pytest.mark.usefixtures("untouched")
def test_what_is_not_shared_cannot_be_shared_by_others(site):
    for object_type, path in _shareable(site).items():
        body = {"object_type": object_type, "object_id": site[path], "action": "access_as_shared"}
        site.refused("boris", "POST", f"{NET}/rbac-policies", {"rbac_policy": {**body, "target_tenant": "two"}}, 404)
        site.refused("carol", "POST", f"{NET}/rbac-policies", {"rbac_policy": {**body, "target_tenant": "two"}}, 403)
        site.refused("mona", "POST", f"{NET}/rbac-policies", {"rbac_policy": {**body, "target_tenant": "*"}}, 403)


@pytest.mark.usefixtures("untouched")
def test_limits_are_the_administrators(site):
    for prefix in (NET, LB):
        site.refused("boris", "GET", f"{prefix}/quotas/one", None, 403)
        site.refused("boris", "PUT", f"{prefix}/quotas/two", {"quota": {}}, 403)
        site.refused("boris", "DELETE", f"{prefix}/quotas/two", None, 403)
