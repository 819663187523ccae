"""Lists: filters, order, pages, and a number of statements that does not grow."""

from __future__ import annotations

import pytest

POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
MONITOR = {"type": "HTTP", "delay": 2, "timeout": 1, "max_retries": 2}


def tree(number):
    members = [{"address": f"192.0.2.{each}", "protocol_port": 80} for each in range(1, 4)]
    pool = {**POOL, "name": "p", "members": members, "healthmonitor": MONITOR}
    return {"name": f"lb{number}", "listeners": [{"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}]}


PATHS = ("/loadbalancers", "/listeners", "/pools", "/healthmonitors")


def test_a_list_costs_as_many_statements_however_long(world, tenant, subnet):
    def cost():
        counts = {}
        for path in (*PATHS, f"/pools/{pool}/members", f"/loadbalancers/{first['id']}/status"):
            with world.statements() as seen:
                tenant.get(path)
            counts[path] = len(seen)
        return counts

    first = tenant.balancer(subnet, **tree(0))
    pool = first["pools"][0]["id"]
    few = cost()
    for number in range(1, 12):
        tenant.balancer(subnet, **tree(number))
    many = [{"address": "198.51.100.1", "protocol_port": port} for port in range(1, 101)]
    tenant.put(f"/pools/{pool}/members", {"members": many}, 202)
    assert cost() == few
    assert few == {
        "/loadbalancers": 3,
        "/listeners": 1,
        "/pools": 4,
        "/healthmonitors": 1,
        f"/pools/{pool}/members": 2,
        f"/loadbalancers/{first['id']}/status": 10,
    }


@pytest.mark.parametrize("path", PATHS)
def test_pages_forth_and_back(world, tenant, subnet, path):
    for number in range(5):
        tenant.balancer(subnet, **tree(number))
    collection = path.strip("/")
    whole = [row["id"] for row in tenant.get(path)[collection]]
    assert len(whole) == 5
    seen, url = [], f"{path}?limit=2"
    while url:
        page = tenant.get(url)
        seen.append([row["id"] for row in page[collection]])
        ahead = [link["href"] for link in page[f"{collection}_links"] if link["rel"] == "next"]
        url = ahead[0].partition(path)[1] + ahead[0].partition(path)[2] if ahead else ""
    assert [ident for page in seen for ident in page] == whole
    back = tenant.get(f"{path}?limit=2&marker={whole[4]}&page_reverse=True")[collection]
    assert [row["id"] for row in back] == whole[2:4]
    tenant.get(f"{path}?marker={tenant.project}", 400)


def test_order_fields_and_filters(world, tenant, subnet):
    names = ("b", "c", "a")
    made = {name: tenant.balancer(subnet, name=name, tags=[name, "all"], description="é") for name in names}

    def found(query):
        return [row["name"] for row in tenant.get(f"/loadbalancers?{query}")["loadbalancers"]]

    assert found("") == ["b", "c", "a"]
    assert found("sort=name:desc") == ["c", "b", "a"]
    assert found("sort=name") == ["a", "b", "c"]
    assert found("name=a&name=c") == ["c", "a"]
    assert found(f"id={made['c']['id']}") == ["c"]
    assert found(f"vip_address={made['a']['vip_address']}") == ["a"]
    assert found(f"vip_subnet_id={subnet.id}&provider=haproxy&admin_state_up=true") == ["b", "c", "a"]
    assert found("admin_state_up=false") == []
    assert found("flavor_id=0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b") == []
    assert found("vip_vnic_type=normal") == ["b", "c", "a"]
    assert found("tags=a,all") == ["a"]
    assert found("tags-any=a,b") == ["b", "a"]
    assert found("not-tags=a") == ["b", "c"]
    assert found(f"project_id={tenant.project}") == ["b", "c", "a"]
    assert found("project_id=another") == []
    (row,) = tenant.get("/loadbalancers?name=a&fields=name&fields=operating_status")["loadbalancers"]
    assert row == {"name": "a", "operating_status": "OFFLINE"}
    for query in ("nonsense=1", "listeners=x", "sort=listeners", "sort=name:up", "limit=x"):
        tenant.get(f"/loadbalancers?{query}", 400)


def test_children_are_found_by_parent(world, tenant, subnet):
    one, two = (tenant.balancer(subnet, **tree(number)) for number in range(2))
    for path, collection in (("/listeners", "listeners"), ("/pools", "pools"), ("/healthmonitors", "healthmonitors")):
        parent = (
            {"pool_id": one["pools"][0]["id"]} if collection == "healthmonitors" else {"loadbalancer_id": one["id"]}
        )
        ((key, ident),) = parent.items()
        rows = tenant.get(f"{path}?{key}={ident}")[collection]
        assert len(rows) == 1
        parents = [row.get("loadbalancers") or row["pools"] for row in rows]
        assert parents in ([[{"id": one["id"]}]], [[{"id": one["pools"][0]["id"]}]])
    assert two["id"] not in str(tenant.get(f"/listeners?default_pool_id={one['pools'][0]['id']}"))


def test_every_filter_and_sort_key_that_is_declared_works(world, tenant, subnet):
    lb = tenant.balancer(subnet, **tree(0))
    world.settle()
    pool = lb["pools"][0]["id"]
    from svcfabric.services.lbaas import schemas

    tables = {
        "/loadbalancers": schemas.LOADBALANCER,
        "/listeners": schemas.LISTENER,
        "/pools": schemas.POOL,
        f"/pools/{pool}/members": schemas.MEMBER,
        "/healthmonitors": schemas.MONITOR,
    }
    for path, attributes in tables.items():
        collection = path.rpartition("/")[2]
        (row, *_) = tenant.get(path)[collection]
        for attribute in attributes:
            if attribute.sortable:
                tenant.get(f"{path}?sort={attribute.name}:desc")
                tenant.get(f"{path}?sort={attribute.name}&marker={row['id']}")
            if attribute.filterable and attribute.visible and row[attribute.name] not in (None, ""):
                value = str(row[attribute.name])
                found = tenant.get(f"{path}?{attribute.name}={value}")[collection]
                if attribute.name not in ("created_at", "updated_at"):  # shown without microseconds
                    assert row["id"] in [each["id"] for each in found], attribute.name


def test_what_clients_list_and_is_not_offered_is_empty(tenant, admin):
    assert tenant.get("/flavors") == {"flavors": [], "flavors_links": []}
    assert tenant.get("/availabilityzones")["availability_zones"] == []
    assert tenant.get("/l7policies")["l7policies"] == []
    assert admin.get("/flavorprofiles")["flavorprofiles"] == []
    assert admin.get("/availabilityzoneprofiles")["availability_zone_profiles"] == []
    assert admin.get("/load-balancer/v2/octavia/amphorae?loadbalancer_id=x")["amphorae"] == []
    tenant.get("/flavorprofiles", 403)
    refused = tenant.post("/l7policies", {"l7policy": {"action": "REJECT"}}, 501)
    assert refused["faultstring"] == "There is no provider here that supports l7policies."
    admin.post("/flavors", {"flavor": {"name": "gold"}}, 501)
    tenant.post("/flavors", {"flavor": {"name": "gold"}}, 403)
    tenant.get("/flavors/0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b", 404)
    assert [row["name"] for row in tenant.get("/providers")["providers"]] == ["haproxy", "noop"]
    assert admin.get("/providers/haproxy/flavor_capabilities") == {"flavor_capabilities": []}
    admin.get("/providers/acme/flavor_capabilities", 400)


@pytest.mark.parametrize("prefix", ["/load-balancer/v2", "/load-balancer/v2.0", "/load-balancer/v2.0/lbaas"])
def test_all_four_base_paths_answer(tenant, prefix):
    assert tenant.get(f"{prefix}/loadbalancers")["loadbalancers"] == []
