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


def test_details_tell_pools_from_the_rest(admin, tenant):
    network = tenant.network()
    given = {"allocation_pools": [{"start": "10.0.0.10", "end": "10.0.0.19"}], "enable_dhcp": False}
    subnet = tenant.subnet(network, **given)
    for last in (5, 12, 13):
        tenant.port(network, fixed_ips=[{"ip_address": f"10.0.0.{last}"}])
    found = admin.get(f"{PATH}/{network['id']}")["network_ip_availability"]
    details = {
        "total_ips_in_subnet": 254,
        "total_ips_in_allocation_pool": 10,
        "used_ips_in_subnet": 3,
        "used_ips_in_allocation_pool": 2,
    }
    assert found["ip_availability_details"] == details
    (one,) = found["subnet_ip_availability"]
    assert (one["subnet_id"], one["ip_availability_details"]) == (subnet["id"], details)
    query = f"network_id={network['id']}&fields=ip_availability_details"
    (only,) = admin.get(f"{PATH}?{query}")["network_ip_availabilities"]
    assert only == {"ip_availability_details": details}
