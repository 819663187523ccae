NOBODY = "11111111-1111-1111-1111-111111111111"
PATH = "/network-ip-availabilities"


def test_addresses_networks_have_and_use(admin, tenant, private):
    tenant.port(private)
    v6 = tenant.subnet(private, "2001:db8::/64")
    empty = tenant.network()
    (found,) = admin.get(f"{PATH}?network_id={private['id']}")["network_ip_availabilities"]
    assert (found["network_id"], found["network_name"]) == (private["id"], "private")
    first, second = found["subnet_ip_availability"]
    assert (first["cidr"], first["total_ips"], first["used_ips"]) == ("10.0.0.0/24", 253, 1)
    assert (second["subnet_id"], second["used_ips"]) == (v6["id"], 0)
    assert found["used_ips"] == 1
    assert found["total_ips"] == 253 + second["total_ips"]
    assert admin.get(f"{PATH}/{private['id']}")["network_ip_availability"] == found
    only4 = admin.get(f"{PATH}?network_id={private['id']}&ip_version=4")["network_ip_availabilities"][0]
    assert only4["total_ips"] == 253
    every = admin.get(PATH)["network_ip_availabilities"]
    assert {one["network_id"] for one in every} == {private["id"], empty["id"]}
    assert len(admin.get(f"{PATH}?limit=1")["network_ip_availabilities"]) == 1


def test_it_is_the_administrators(admin, tenant, private):
    assert tenant.get(PATH)["network_ip_availabilities"] == []
    tenant.refused(404, "GET", f"{PATH}/{private['id']}")
    admin.refused(404, "GET", f"{PATH}/{NOBODY}")


def test_queries_do_not_grow_with_networks(world, admin, tenant):
    counts = []
    for _ in range(2):
        for _ in range(3):
            tenant.subnet(tenant.network())
        with world.round_trips() as seen:
            admin.get(PATH)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 3
