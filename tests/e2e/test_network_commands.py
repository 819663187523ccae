"""Every ``openstack network|subnet|port|router|floating ip`` command of the core's resources, by the stock client."""

from __future__ import annotations

import json

import pytest


def test_network(cloud, name):
    made = cloud("network", "create", name, "--description", "for a test", "--tag", "blue", "--mtu", "1400")
    assert (made["name"], made["description"], made["tags"], made["mtu"]) == (name, "for a test", ["blue"], 1400)
    assert made["status"] in ("ACTIVE", "DOWN", "BUILD") and made["admin_state_up"] is True
    assert made["project_id"] and made["revision_number"] >= 0 and made["created_at"].endswith("Z")

    assert [row["ID"] for row in cloud("network", "list", "--name", name)] == [made["id"]]
    long = cloud("network", "list", "--long", "--tags", "blue", "--name", name)
    assert long[0]["Tags"] == ["blue"] and not long[0]["Shared"]
    assert cloud("network", "list", "--name", name, "--disable") == []

    cloud.text("network", "set", name, "--name", f"{name}2", "--disable", "--description", "", "--tag", "red")
    shown = cloud("network", "show", f"{name}2")
    assert (shown["id"], shown["admin_state_up"], shown["description"]) == (made["id"], False, "")
    assert sorted(shown["tags"]) == ["blue", "red"] and shown["revision_number"] > made["revision_number"]
    cloud.text("network", "unset", "--tag", "blue", f"{name}2")
    assert cloud("network", "show", made["id"])["tags"] == ["red"]
    cloud.text("network", "unset", "--all-tag", made["id"])

    other = cloud("network", "create", f"{name}3")
    cloud.text("network", "delete", made["id"], other["id"])
    assert "No Network found" in cloud.fails("network", "show", made["id"])
    assert "No Network found" in cloud.fails("network", "delete", name)


def test_external_network_is_the_administrators(admin, cloud, name):
    made = admin(
        "network", "create", name, "--external", "--share",
        "--provider-network-type", "vxlan", "--provider-segment", "4000",
    )  # fmt: skip
    assert (made["router:external"], made["provider:network_type"]) == (True, "vxlan")
    assert made["provider:segmentation_id"] == 4000 and made["shared"] is True
    seen = cloud("network", "show", name)
    assert seen["id"] == made["id"] and not seen.get("provider:segmentation_id")
    assert name in {row["Name"] for row in cloud("network", "list", "--external")}
    assert "403" in cloud.fails("network", "create", f"{name}-mine", "--external")
    admin.text("network", "set", name, "--internal", "--no-share")
    assert "No Network found" in cloud.fails("network", "show", name)
    admin.text("network", "delete", name)


def test_subnet(cloud, name):
    cloud("network", "create", name)
    made = cloud(
        "subnet", "create", name, "--network", name, "--subnet-range", "10.62.0.0/24", "--gateway", "10.62.0.254",
        "--allocation-pool", "start=10.62.0.10,end=10.62.0.20", "--dns-nameserver", "192.0.2.53", "--no-dhcp",
        "--host-route", "destination=198.51.100.0/24,gateway=10.62.0.9", "--description", "d", "--tag", "t1",
    )  # fmt: skip
    assert (made["cidr"], made["gateway_ip"], made["enable_dhcp"]) == ("10.62.0.0/24", "10.62.0.254", False)
    assert made["allocation_pools"] == [{"start": "10.62.0.10", "end": "10.62.0.20"}]
    assert made["dns_nameservers"] == ["192.0.2.53"] and made["tags"] == ["t1"]
    assert made["host_routes"] == [{"destination": "198.51.100.0/24", "nexthop": "10.62.0.9"}]

    six = cloud(
        "subnet", "create", f"{name}-6", "--network", name, "--subnet-range", "2001:db8:62::/64", "--ip-version", "6",
        "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "slaac",
    )  # fmt: skip
    assert (six["ip_version"], six["ipv6_address_mode"], six["ipv6_ra_mode"]) == (6, "slaac", "slaac")
    assert six["gateway_ip"].startswith("2001:db8:62::")

    listed = cloud("subnet", "list", "--network", name)
    assert {row["ID"] for row in listed} == {made["id"], six["id"]}
    assert [row["Subnet"] for row in cloud("subnet", "list", "--name", name, "--long")] == ["10.62.0.0/24"]
    assert [row["ID"] for row in cloud("subnet", "list", "--ip-version", "6", "--network", name)] == [six["id"]]

    cloud.text(
        "subnet", "set", name, "--name", f"{name}-b", "--gateway", "none", "--dhcp", "--dns-nameserver", "192.0.2.54",
        "--allocation-pool", "start=10.62.0.30,end=10.62.0.40",
    )  # fmt: skip
    shown = cloud("subnet", "show", f"{name}-b")
    assert (shown["gateway_ip"], shown["enable_dhcp"]) == (None, True)
    assert sorted(shown["dns_nameservers"]) == ["192.0.2.53", "192.0.2.54"] and len(shown["allocation_pools"]) == 2
    cloud.text(
        "subnet", "unset", made["id"], "--dns-nameserver", "192.0.2.53", "--tag", "t1",
        "--host-route", "destination=198.51.100.0/24,gateway=10.62.0.9",
        "--allocation-pool", "start=10.62.0.30,end=10.62.0.40",
    )  # fmt: skip
    shown = cloud("subnet", "show", made["id"])
    assert (shown["dns_nameservers"], shown["host_routes"], shown["tags"]) == (["192.0.2.54"], [], [])
    assert shown["allocation_pools"] == [{"start": "10.62.0.10", "end": "10.62.0.20"}]

    overlap = ("subnet", "create", "x", "--network", name, "--subnet-range", "10.62.0.0/16")
    assert "overlap" in cloud.fails(*overlap)
    cloud.text("subnet", "delete", made["id"], six["id"])
    assert cloud("subnet", "list", "--network", name) == []
    cloud.text("network", "delete", name)


def test_port(cloud, net, name):
    made = cloud(
        "port", "create", name, "--network", name, "--fixed-ip", f"subnet={name}-sub,ip-address=10.61.0.77",
        "--mac-address", "fa:16:3e:00:61:77", "--disable", "--device", "thing", "--device-owner", "test:thing",
        "--description", "d", "--tag", "t1",
    )  # fmt: skip
    assert made["fixed_ips"][0]["ip_address"] == "10.61.0.77" and made["mac_address"] == "fa:16:3e:00:61:77"
    assert (made["device_id"], made["device_owner"], made["admin_state_up"]) == ("thing", "test:thing", False)
    assert made["network_id"] == net["id"] and made["tags"] == ["t1"]
    plain = cloud("port", "create", f"{name}-2", "--network", name)
    assert plain["fixed_ips"][0]["ip_address"].startswith("10.61.0.") and plain["mac_address"]

    assert {row["ID"] for row in cloud("port", "list", "--network", name)} >= {made["id"], plain["id"]}
    by = {
        "--fixed-ip": "ip-address=10.61.0.77",
        "--mac-address": "fa:16:3e:00:61:77",
        "--device-owner": "test:thing",
        "--tags": "t1",
        "--name": name,
    }
    for option, value in by.items():
        assert [row["ID"] for row in cloud("port", "list", "--network", name, option, value)] == [made["id"]], option
    assert cloud("port", "list", "--long", "--name", name)[0]["Device Owner"] == "test:thing"

    cloud.text(
        "port", "set", made["id"], "--name", f"{name}-3", "--enable", "--no-fixed-ip",
        "--fixed-ip", "ip-address=10.61.0.78", "--device", "other", "--description", "e",
    )  # fmt: skip
    shown = cloud("port", "show", f"{name}-3")
    assert [ip["ip_address"] for ip in shown["fixed_ips"]] == ["10.61.0.78"]
    assert (shown["admin_state_up"], shown["device_id"], shown["description"]) == (True, "other", "e")
    cloud.text("port", "set", made["id"], "--fixed-ip", "ip-address=10.61.0.79")
    assert len(cloud("port", "show", made["id"])["fixed_ips"]) == 2
    sub = shown["fixed_ips"][0]["subnet_id"]
    cloud.text("port", "unset", made["id"], "--fixed-ip", f"subnet={sub},ip-address=10.61.0.79", "--tag", "t1")
    shown = cloud("port", "show", made["id"])
    assert (len(shown["fixed_ips"]), shown["tags"]) == (1, [])

    taken = ("port", "create", "x", "--network", name, "--fixed-ip", "ip-address=10.61.0.78")
    assert "10.61.0.78" in cloud.fails(*taken)
    assert "in use" in cloud.fails("network", "delete", name)
    cloud.text("port", "delete", made["id"], plain["id"])
    cloud.text("network", "delete", name)


def test_port_binding_is_the_administrators(admin, cloud, net, name):
    made = cloud("port", "create", name, "--network", name)
    assert not made.get("binding_host_id")
    admin.text("port", "set", made["id"], "--host", "nowhere")
    assert admin("port", "show", made["id"])["binding_host_id"] == "nowhere"
    assert [row["ID"] for row in admin("port", "list", "--host", "nowhere")] == [made["id"]]
    assert "403" in cloud.fails("port", "set", made["id"], "--host", "elsewhere")
    admin.text("port", "unset", made["id"], "--host")
    assert admin("port", "show", made["id"])["binding_host_id"] == ""
    cloud.text("port", "delete", made["id"])
    cloud.text("network", "delete", name)


def test_router(cloud, external, net, name):
    made = cloud("router", "create", name, "--description", "d", "--tag", "t1")
    assert (made["name"], made["description"], made["tags"]) == (name, "d", ["t1"])
    assert (made["admin_state_up"], made["external_gateway_info"], made["routes"]) == (True, None, [])

    cloud.text("router", "add", "subnet", name, f"{name}-sub")
    cloud("subnet", "create", f"{name}-sub2", "--network", name, "--subnet-range", "10.64.0.0/24")
    wanted = f"subnet={name}-sub2,ip-address=10.64.0.200"
    port = cloud("port", "create", f"{name}-p", "--network", name, "--fixed-ip", wanted)
    twice = cloud("port", "create", f"{name}-q", "--network", name, "--fixed-ip", f"subnet={name}-sub")
    assert "already has a port on subnet" in cloud.fails("router", "add", "port", name, twice["id"])
    cloud.text("port", "delete", twice["id"])
    cloud.text("router", "add", "port", name, port["id"])
    shown = cloud("router", "show", name)
    assert {each["ip_address"] for each in shown["interfaces_info"]} == {"10.61.0.1", "10.64.0.200"}
    owners = [row["Device Owner"] for row in cloud("port", "list", "--router", name, "--long")]
    assert owners == ["network:router_interface"] * 2

    cloud.text("router", "set", name, "--external-gateway", external["name"])
    gateway = cloud("router", "show", name)["external_gateway_info"]
    assert gateway["network_id"] == external["id"] and gateway["enable_snat"] is True
    assert len(gateway["external_fixed_ips"]) == 1
    cloud.text("router", "set", name, "--route", "destination=198.51.100.0/24,gateway=10.61.0.9", "--disable")
    shown = cloud("router", "show", name)
    assert shown["routes"] == [{"destination": "198.51.100.0/24", "nexthop": "10.61.0.9"}]
    assert shown["admin_state_up"] is False
    cloud.text(
        "router", "set", name, "--no-route", "--route", "destination=203.0.113.0/24,gateway=10.61.0.9", "--enable"
    )
    cloud.text("router", "unset", name, "--route", "destination=203.0.113.0/24,gateway=10.61.0.9")
    cloud.text("router", "unset", "--tag", "t1", name)
    shown = cloud("router", "show", name)
    assert (shown["routes"], shown["tags"]) == ([], [])

    assert made["id"] in {row["ID"] for row in cloud("router", "list")}
    long = cloud("router", "list", "--long", "--name", name)
    assert long[0]["External gateway info"]["network_id"] == external["id"] and long[0]["Routes"] == []
    assert cloud("router", "list", "--name", name, "--disable") == []

    assert "409" in cloud.fails("router", "delete", name)
    cloud.text("router", "unset", "--external-gateway", name)
    assert cloud("router", "show", name)["external_gateway_info"] is None
    cloud.text("router", "remove", "subnet", name, f"{name}-sub")
    cloud.text("router", "remove", "port", name, port["id"])
    assert cloud("port", "list", "--router", name) == []
    cloud.text("router", "set", name, "--name", f"{name}-r")
    cloud.text("router", "delete", f"{name}-r")
    assert "No Router found" in cloud.fails("router", "show", name)
    left = cloud("port", "list", "--network", name, "--device-owner", "network:router_interface")
    assert left == []  # a router takes its ports with it
    cloud.text("network", "delete", name)


def test_router_routes_one_by_one(cloud, net, name):
    cloud("router", "create", name)
    cloud.text("router", "add", "subnet", name, f"{name}-sub")
    for third in (1, 2):
        cloud.text("router", "add", "route", name, "--route", f"destination=198.51.{third}.0/24,gateway=10.61.0.9")
    cloud.text("router", "remove", "route", name, "--route", "destination=198.51.1.0/24,gateway=10.61.0.9")
    assert [each["destination"] for each in cloud("router", "show", name)["routes"]] == ["198.51.2.0/24"]
    assert "required by one or more routes" in cloud.fails("router", "remove", "subnet", name, f"{name}-sub")
    cloud.text("router", "set", name, "--no-route")
    cloud.text("router", "remove", "subnet", name, f"{name}-sub")
    cloud.text("router", "delete", name)
    cloud.text("network", "delete", name)


def test_router_gateway_without_nat_is_the_administrators(admin, external, name):
    admin("router", "create", name)
    fixed = ("--fixed-ip", f"subnet={external['subnet_id']},ip-address={external['prefix']}.99")
    admin.text("router", "set", name, "--external-gateway", external["name"], "--disable-snat", *fixed)
    gateway = admin("router", "show", name)["external_gateway_info"]
    assert gateway["enable_snat"] is False
    assert gateway["external_fixed_ips"][0]["ip_address"] == f"{external['prefix']}.99"
    admin.text("router", "delete", name)


def test_floating_ip(cloud, external, net, name):
    cloud("router", "create", name)
    cloud.text("router", "add", "subnet", name, f"{name}-sub")
    cloud.text("router", "set", name, "--external-gateway", external["name"])
    port = cloud("port", "create", name, "--network", name)

    made = cloud("floating", "ip", "create", external["name"], "--description", "d", "--tag", "t1")
    address = made["floating_ip_address"]
    assert address.startswith(external["prefix"]) and made["floating_network_id"] == external["id"]
    assert (made["port_id"], made["status"], made["tags"]) == (None, "DOWN", ["t1"])

    cloud.text("floating", "ip", "set", address, "--port", port["id"], "--description", "e")
    shown = cloud("floating", "ip", "show", address)
    assert (shown["port_id"], shown["description"]) == (port["id"], "e")
    assert shown["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    for option, value in {"--port": port["id"], "--router": name, "--floating-ip-address": address}.items():
        assert [row["ID"] for row in cloud("floating", "ip", "list", option, value)] == [made["id"]], option
    assert made["id"] in {row["ID"] for row in cloud("floating", "ip", "list", "--network", external["name"], "--long")}
    assert "required by one or more floating" in cloud.fails("router", "unset", "--external-gateway", name)
    cloud.text("floating", "ip", "unset", "--port", address)
    cloud.text("floating", "ip", "unset", "--tag", "t1", address)
    shown = cloud("floating", "ip", "show", made["id"])
    assert (shown["port_id"], shown["fixed_ip_address"], shown["tags"]) == (None, None, [])

    bound = cloud("floating", "ip", "create", external["name"], "--port", port["id"])
    assert bound["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    cloud.text("floating", "ip", "delete", made["id"], bound["id"])
    assert "No" in cloud.fails("floating", "ip", "show", address)

    cloud.text("router", "unset", "--external-gateway", name)
    cloud.text("router", "remove", "subnet", name, f"{name}-sub")
    cloud.text("router", "delete", name)
    cloud.text("port", "delete", port["id"])
    cloud.text("network", "delete", name)


def test_floating_ip_of_choice(admin, external, name):
    wanted = f"{external['prefix']}.111"
    made = admin("floating", "ip", "create", external["name"], "--floating-ip-address", wanted)
    assert made["floating_ip_address"] == wanted
    assert wanted in admin.fails("floating", "ip", "create", external["name"], "--floating-ip-address", wanted)
    admin.text("floating", "ip", "delete", wanted)


def test_extensions(cloud):
    aliases = {row["Alias"] for row in cloud("extension", "list", "--network")}
    assert {"router", "external-net", "standard-attr-tag", "sorting", "pagination"} <= aliases
    assert cloud("extension", "show", "router")["alias"] == "router"


def test_quota(admin, cloud, net, name, projects):
    if not projects:
        pytest.skip("without Keystone the client cannot say which project")
    project = net["project_id"]
    have = len(cloud("router", "list", "--project", project))
    before = {row["Resource"]: row["Limit"] for row in admin("quota", "show", "--network", project)}
    assert admin("quota", "list", "--network") is not None
    admin.text("quota", "set", "--routers", str(have), project)
    after = {row["Resource"]: row["Limit"] for row in admin("quota", "show", "--network", project)}
    assert after["routers"] == have and after["networks"] == before["networks"]
    assert "quota" in cloud.fails("router", "create", name).lower()
    usage = {row["Resource"]: row["In Use"] for row in admin("quota", "show", "--network", "--usage", project)}
    assert usage["networks"] >= 1
    admin.text("quota", "delete", "--network", project)
    after = {row["Resource"]: row["Limit"] for row in admin("quota", "show", "--network", project)}
    assert after == before
    cloud.text("network", "delete", name)


def test_projects_do_not_meet(cloud, other, name):
    made = cloud("network", "create", name)
    assert "No Network found" in other.fails("network", "show", made["id"])
    assert "No Network found" in other.fails("network", "delete", made["id"])
    assert made["id"] not in {row["ID"] for row in other("network", "list")}
    cloud.text("network", "delete", name)


def test_a_reader_reads(cloud, reader, name):
    made = cloud("network", "create", name)
    assert reader("network", "show", name)["id"] == made["id"]
    assert "403" in reader.fails("network", "create", f"{name}-x")
    assert "403" in reader.fails("network", "delete", name)
    cloud.text("network", "delete", name)


def test_real_processes(cloud, name):
    assert json.loads(cloud.process("network", "create", name, "-f", "json"))["name"] == name
    assert name in cloud.process("network", "list")
    cloud.process("network", "delete", name)
