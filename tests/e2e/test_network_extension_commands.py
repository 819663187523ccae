"""Commands for what the core has beside networks, ports and routers: pools, groups, QoS, sharing, agents."""

from __future__ import annotations


def test_address_scope_and_subnet_pool(admin, cloud, name):
    scope = cloud("address", "scope", "create", name, "--ip-version", "4")
    assert (scope["ip_version"], scope["shared"], scope["name"]) == (4, False, name)
    cloud.text("address", "scope", "set", name, "--name", f"{name}-s")
    assert [row["ID"] for row in cloud("address", "scope", "list", "--name", f"{name}-s")] == [scope["id"]]
    assert "403" in cloud.fails("address", "scope", "set", f"{name}-s", "--share")
    made = cloud(
        "subnet", "pool", "create", name, "--pool-prefix", "10.64.0.0/16", "--default-prefix-length", "24",
        "--min-prefix-length", "20", "--max-prefix-length", "28", "--address-scope", f"{name}-s",
        "--description", "d", "--default-quota", "1024", "--tag", "t1",
    )  # fmt: skip
    assert (made["prefixes"], made["address_scope_id"]) == (["10.64.0.0/16"], scope["id"])
    assert [int(made[f"{each}_prefixlen"]) for each in ("default", "min", "max")] == [24, 20, 28]
    assert (made["default_quota"], made["is_default"], made["tags"]) == (1024, False, ["t1"])
    overlapping = ("subnet", "pool", "create", "x", "--pool-prefix", "10.64.1.0/24", "--address-scope", f"{name}-s")
    assert "409" in cloud.fails(*overlapping)
    assert "409" in cloud.fails("address", "scope", "delete", f"{name}-s")

    cloud.text("subnet", "pool", "set", name, "--pool-prefix", "10.65.0.0/16", "--name", f"{name}-p", "--tag", "t2")
    cloud.text("subnet", "pool", "unset", "--tag", "t1", f"{name}-p")
    shown = cloud("subnet", "pool", "show", f"{name}-p")
    assert (shown["prefixes"], shown["tags"]) == (["10.64.0.0/15"], ["t2"])
    assert cloud("subnet", "pool", "list", "--long", "--name", f"{name}-p")[0]["Address Scope"] == scope["id"]
    assert "403" in cloud.fails("subnet", "pool", "set", f"{name}-p", "--default")

    cloud("network", "create", name)
    first = cloud("subnet", "create", name, "--network", name, "--subnet-pool", f"{name}-p")
    assert (first["cidr"], first["subnetpool_id"]) == ("10.64.0.0/24", made["id"])
    chosen = ("subnet", "create", f"{name}-2", "--network", name, "--subnet-pool", f"{name}-p")
    assert "maximum allowed prefix" in cloud.fails(*chosen, "--prefix-length", "29")
    assert "quota" in cloud.fails(*chosen, "--prefix-length", "20")
    assert cloud(*chosen, "--prefix-length", "26")["cidr"].endswith("/26")
    assert len(cloud("subnet", "list", "--subnet-pool", f"{name}-p")) == 2
    assert cloud("network", "show", name)["ipv4_address_scope"] == scope["id"]
    assert "existing allocations" in cloud.fails("subnet", "pool", "delete", f"{name}-p")
    cloud.text("network", "delete", name)
    cloud.text("subnet", "pool", "set", f"{name}-p", "--no-address-scope")
    cloud.text("address", "scope", "delete", f"{name}-s")
    cloud.text("subnet", "pool", "delete", f"{name}-p")
    assert cloud("subnet", "pool", "list", "--name", f"{name}-p") == []


def test_subnet_service_types(cloud, net, name):
    made = cloud(
        "subnet", "create", f"{name}-t", "--network", name, "--subnet-range", "10.66.0.0/24",
        "--service-type", "compute:nova",
    )  # fmt: skip
    assert made["service_types"] == ["compute:nova"]
    listed = cloud("subnet", "list", "--network", name, "--service-type", "compute:nova")
    assert [row["ID"] for row in listed] == [made["id"]]
    cloud.text("subnet", "set", made["id"], "--service-type", "network:floatingip")
    cloud.text("subnet", "unset", made["id"], "--service-type", "compute:nova")
    assert cloud("subnet", "show", made["id"])["service_types"] == ["network:floatingip"]
    cloud.text("network", "delete", name)


def test_security_group(cloud, name):
    made = cloud("security", "group", "create", name, "--description", "d", "--tag", "t1")
    assert (made["description"], made["stateful"], made["tags"]) == ("d", True, ["t1"])
    assert sorted(rule["ethertype"] for rule in made["rules"]) == ["IPv4", "IPv6"]
    other = cloud("security", "group", "create", f"{name}-o", "--stateless")
    assert other["stateful"] is False
    assert [row["ID"] for row in cloud("security", "group", "list", "--tags", "t1")] == [made["id"]]
    cloud.text("security", "group", "set", name, "--name", f"{name}-g", "--description", "e", "--stateless")
    cloud.text("security", "group", "unset", f"{name}-g", "--tag", "t1")
    shown = cloud("security", "group", "show", f"{name}-g")
    assert (shown["description"], shown["stateful"], shown["tags"]) == ("e", False, [])

    rule = ("security", "group", "rule", "create", f"{name}-g")
    web = cloud(*rule, "--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "10.0.0.0/8", "--description", "w")
    assert (web["protocol"], web["port_range_min"], web["port_range_max"]) == ("tcp", 80, 90)
    assert (web["direction"], web["ether_type"], web["remote_ip_prefix"]) == ("ingress", "IPv4", "10.0.0.0/8")
    again = cloud.fails(*rule, "--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "10.0.0.0/8")
    assert "already exists" in again and web["id"] in again
    ping = cloud(*rule, "--egress", "--ethertype", "IPv6", "--protocol", "ipv6-icmp", "--icmp-type", "128")
    assert (ping["direction"], ping["ether_type"], ping["port_range_min"]) == ("egress", "IPv6", 128)
    group = cloud(*rule, "--protocol", "udp", "--remote-group", f"{name}-o")
    assert group["remote_group_id"] == other["id"]
    assert "not supported" in cloud.fails(*rule, "--protocol", "nonsense")
    assert "Conflicting value ethertype" in cloud.fails(*rule, "--ethertype", "IPv6", "--remote-ip", "10.0.0.0/8")
    assert cloud("security", "group", "rule", "show", web["id"])["description"] == "w"
    listed = {row["ID"]: row for row in cloud("security", "group", "rule", "list", f"{name}-g")}
    assert len(listed) == 5 and listed[web["id"]]["Port Range"] == "80:90"
    ingress = cloud("security", "group", "rule", "list", f"{name}-g", "--ingress", "--protocol", "tcp")
    assert [row["ID"] for row in ingress] == [web["id"]]
    cloud.text("security", "group", "rule", "delete", web["id"], ping["id"])
    cloud.text("security", "group", "delete", made["id"], other["id"])
    assert "No SecurityGroup found" in cloud.fails("security", "group", "show", made["id"])
    assert "409" in cloud.fails("security", "group", "delete", "default")


def test_address_group(cloud, name):
    made = cloud("address", "group", "create", name, "--address", "10.9.0.0/24", "--address", "fd00::/64")
    assert sorted(made["addresses"]) == ["10.9.0.0/24", "fd00::/64"]
    cloud.text(
        "address", "group", "set", name, "--name", f"{name}-a", "--address", "10.10.0.1/32", "--description", "d"
    )
    cloud.text("address", "group", "unset", f"{name}-a", "--address", "fd00::/64")
    shown = cloud("address", "group", "show", f"{name}-a")
    assert sorted(shown["addresses"]) == ["10.10.0.1/32", "10.9.0.0/24"]
    assert "already exist" in cloud.fails("address", "group", "set", f"{name}-a", "--address", "10.10.0.1/32")
    assert "404" in cloud.fails("address", "group", "unset", f"{name}-a", "--address", "10.11.0.1/32")
    assert [row["ID"] for row in cloud("address", "group", "list", "--name", f"{name}-a")] == [made["id"]]
    cloud("security", "group", "create", name)
    rule = cloud("security", "group", "rule", "create", name, "--protocol", "tcp", "--remote-address-group", made["id"])
    assert rule["remote_address_group_id"] == made["id"]
    assert "in use" in cloud.fails("address", "group", "delete", f"{name}-a")
    cloud.text("security", "group", "delete", name)
    cloud.text("address", "group", "delete", f"{name}-a")


def test_default_security_group_rules_are_the_administrators(admin, cloud, name):
    rule = ("default", "security", "group", "rule")
    made = admin(*rule, "create", "--protocol", "tcp", "--dst-port", "61", "--for-custom-sg", "--description", name)
    assert (made["used_in_default_sg"], made["used_in_non_default_sg"]) == (False, True)
    try:
        assert made["id"] in {row["ID"] for row in cloud(*rule, "list", "--protocol", "tcp")}
        assert cloud(*rule, "show", made["id"])["description"] == name
        group = cloud("security", "group", "create", name)
        assert [each for each in group["rules"] if each.get("port_range_min") == 61]
        cloud.text("security", "group", "delete", name)
        assert "403" in cloud.fails(*rule, "create", "--protocol", "tcp", "--dst-port", "62")
    finally:
        admin.text(*rule, "delete", made["id"])


def test_port_security_and_dhcp_options(cloud, net, name):
    groups = [cloud("security", "group", "create", f"{name}-{each}")["id"] for each in "ab"]
    made = cloud(
        "port", "create", name, "--network", name, "--security-group", groups[0],
        "--allowed-address", "ip-address=10.61.0.200", "--extra-dhcp-option", "name=bootfile-name,value=x.0",
    )  # fmt: skip
    assert (made["security_group_ids"], made["port_security_enabled"]) == ([groups[0]], True)
    assert made["allowed_address_pairs"] == [{"ip_address": "10.61.0.200", "mac_address": made["mac_address"]}]
    assert [each["opt_value"] for each in made["extra_dhcp_opts"]] == ["x.0"]
    assert [row["ID"] for row in cloud("port", "list", "--security-group", groups[0])] == [made["id"]]
    cloud.text(
        "port", "set", name, "--security-group", groups[1], "--extra-dhcp-option", "name=bootfile-name,value=y.0",
        "--allowed-address", "ip-address=10.61.0.0/28,mac-address=fa:16:3e:11:22:33",
    )  # fmt: skip
    shown = cloud("port", "show", name)
    assert sorted(shown["security_group_ids"]) == sorted(groups) and len(shown["allowed_address_pairs"]) == 2
    assert [each["opt_value"] for each in shown["extra_dhcp_opts"]] == ["y.0"]
    cloud.text("port", "unset", name, "--security-group", groups[0], "--allowed-address", "ip-address=10.61.0.200,"
               f"mac-address={made['mac_address']}")  # fmt: skip
    assert "Port security must be enabled" in cloud.fails("port", "set", name, "--disable-port-security")
    cloud.text("port", "set", name, "--no-security-group", "--no-allowed-address", "--disable-port-security")
    shown = cloud("port", "show", name)
    assert (shown["security_group_ids"], shown["port_security_enabled"]) == ([], False)
    assert "not a valid IP address" in cloud.fails("port", "create", "x", "--network", name, "--allowed-address",
                                                   "ip-address=rubbish")  # fmt: skip
    cloud.text("network", "set", name, "--disable-port-security")
    assert cloud("port", "create", f"{name}-2", "--network", name)["port_security_enabled"] is False
    cloud.text("port", "delete", name, f"{name}-2")
    cloud.text("security", "group", "delete", *groups)
    cloud.text("network", "delete", name)


def test_qos(admin, cloud, external, net, name):
    policy, rules = ("network", "qos", "policy"), ("network", "qos", "rule")
    assert "403" in cloud.fails(*policy, "create", name)
    made = admin(*policy, "create", name, "--description", "d")
    assert (made["shared"], made["is_default"], made["rules"]) == (False, False, [])
    assert "No QoSPolicy found" in cloud.fails(*policy, "show", made["id"])
    admin.text(*policy, "set", name, "--name", f"{name}-q", "--share")
    assert made["id"] in {row["ID"] for row in cloud(*policy, "list", "--share")}

    assert {"bandwidth_limit", "dscp_marking"} <= {row["Type"] for row in admin(*rules, "type", "list")}
    assert admin(*rules, "type", "show", "dscp_marking")["rule_type_name"] == "dscp_marking"
    limit = admin(*rules, "create", made["id"], "--type", "bandwidth-limit", "--max-kbps", "1000", "--egress")
    assert (limit["max_kbps"], limit["direction"]) == (1000, "egress")
    mark = admin(*rules, "create", made["id"], "--type", "dscp-marking", "--dscp-mark", "26")
    assert "400" in admin.fails(*rules, "create", made["id"], "--type", "dscp-marking", "--dscp-mark", "27")
    admin.text(*rules, "set", made["id"], limit["id"], "--max-kbps", "2000", "--ingress")
    shown = admin(*rules, "show", made["id"], limit["id"])
    assert (shown["max_kbps"], shown["direction"]) == (2000, "ingress")
    assert {row["ID"] for row in cloud(*rules, "list", made["id"])} == {limit["id"], mark["id"]}

    cloud.text("network", "set", name, "--qos-policy", made["id"])
    port = cloud("port", "create", name, "--network", name)
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (None, made["id"])
    cloud.text("port", "set", name, "--qos-policy", made["id"])
    address = cloud("floating", "ip", "create", external["name"], "--qos-policy", made["id"])
    assert address["qos_policy_id"] == made["id"]
    assert "is used by" in admin.fails(*policy, "delete", made["id"])
    cloud.text("floating", "ip", "unset", "--qos-policy", address["id"])
    cloud.text("port", "unset", "--qos-policy", name)
    cloud.text("network", "set", name, "--no-qos-policy")
    shown = cloud("port", "show", name)
    assert (shown["qos_policy_id"], shown["qos_network_policy_id"]) == (None, None)
    admin.text(*rules, "delete", made["id"], mark["id"])
    admin.text(*policy, "delete", made["id"])
    cloud.text("floating", "ip", "delete", address["id"])
    cloud.text("port", "delete", name)
    cloud.text("network", "delete", name)


def test_port_forwarding_and_conntrack_helper(cloud, external, net, name):
    cloud("router", "create", name, "--external-gateway", external["name"])
    cloud.text("router", "add", "subnet", name, f"{name}-sub")
    port = cloud("port", "create", name, "--network", name)
    inside = port["fixed_ips"][0]["ip_address"]
    outside = cloud("floating", "ip", "create", external["name"])["floating_ip_address"]
    forward = ("floating", "ip", "port", "forwarding")
    to = ("--internal-ip-address", inside, "--port", port["id"])
    made = cloud(
        *forward, "create", outside, *to, "--internal-protocol-port", "80", "--external-protocol-port", "8080",
        "--protocol", "tcp", "--description", "d",
    )  # fmt: skip
    assert (made["internal_port"], made["external_port"], made["description"]) == (80, 8080, "d")
    block = cloud(
        *forward, "create", outside, *to, "--internal-protocol-port", "100:110", "--external-protocol-port", "200:210",
        "--protocol", "udp",
    )  # fmt: skip
    assert (block["internal_port_range"], block["external_port_range"]) == ("100:110", "200:210")
    taken = (*forward, "create", outside, *to, "--internal-protocol-port", "81", "--external-protocol-port", "8080")
    assert "400" in cloud.fails(*taken, "--protocol", "tcp")
    assert {row["ID"] for row in cloud(*forward, "list", outside)} == {made["id"], block["id"]}
    assert [row["ID"] for row in cloud(*forward, "list", outside, "--protocol", "udp")] == [block["id"]]
    cloud.text(*forward, "set", outside, made["id"], "--internal-protocol-port", "90", "--description", "e")
    shown = cloud(*forward, "show", outside, made["id"])
    assert (shown["internal_port"], shown["external_port"], shown["description"]) == (90, 8080, "e")
    assert "409" in cloud.fails("floating", "ip", "set", outside, "--port", port["id"])
    cloud.text(*forward, "delete", outside, made["id"], block["id"])
    assert cloud(*forward, "list", outside) == []

    helper = ("network", "l3", "conntrack", "helper")
    made = cloud(*helper, "create", name, "--helper", "ftp", "--protocol", "tcp", "--port", "21")
    assert (made["helper"], made["protocol"], made["port"]) == ("ftp", "tcp", 21)
    assert "400" in cloud.fails(*helper, "create", name, "--helper", "ftp", "--protocol", "udp", "--port", "21")
    assert "400" in cloud.fails(*helper, "create", name, "--helper", "nonsense", "--protocol", "tcp", "--port", "22")
    cloud.text(*helper, "set", name, made["id"], "--port", "2121")
    assert cloud(*helper, "show", name, made["id"])["port"] == 2121
    assert [row["ID"] for row in cloud(*helper, "list", name)] == [made["id"]]
    cloud.text(*helper, "delete", name, made["id"])
    cloud.text("floating", "ip", "delete", outside)
    cloud.text("router", "remove", "subnet", name, f"{name}-sub")
    cloud.text("router", "delete", name)
    cloud.text("port", "delete", port["id"])
    cloud.text("network", "delete", name)


def test_sharing(admin, cloud, other, net, name, projects):
    rbac = ("network", "rbac")
    everybody = ("--type", "network", "--action", "access_as_shared", "--target-all-projects", net["id"])
    assert "403" in cloud.fails(*rbac, "create", *everybody)
    if projects:
        theirs = other("network", "create", f"{name}-theirs")["project_id"]
        other.text("network", "delete", f"{name}-theirs")
        made = cloud(*rbac, "create", *everybody[:4], "--target-project", theirs, net["id"])
    else:
        made = admin(*rbac, "create", *everybody)
    assert (made["object_id"], made["action"], made["object_type"]) == (net["id"], "access_as_shared", "network")
    assert other("network", "show", net["id"])["id"] == net["id"]
    port = other("port", "create", name, "--network", net["id"])
    assert "409" in admin.fails(*rbac, "delete", made["id"])
    other.text("port", "delete", port["id"])
    assert "403" in other.fails("network", "delete", net["id"])
    assert admin(*rbac, "show", made["id"])["target_project_id"] == made["target_project_id"]
    rows = admin(*rbac, "list", "--long", "--type", "network", "--action", "access_as_shared")
    assert made["id"] in {row["ID"] for row in rows}
    admin.text(*rbac, "delete", made["id"])
    assert "No Network found" in other.fails("network", "show", net["id"])
    cloud.text("network", "delete", name)


def test_agents_and_zones(admin, cloud, name):
    agents = admin("network", "agent", "list")
    assert agents and all(row["Alive"] is True for row in agents)
    shown = admin("network", "agent", "show", agents[0]["ID"])
    assert (shown["id"], shown["host"]) == (agents[0]["ID"], agents[0]["Host"])
    assert {row["Agent Type"] for row in admin("network", "agent", "list", "--agent-type", "l3")} == {"L3 agent"}
    assert cloud("network", "agent", "list") == []
    assert "No Agent found" in cloud.fails("network", "agent", "set", agents[0]["ID"], "--disable")
    zones = {row["Zone Name"] for row in cloud("availability", "zone", "list", "--network", "--long")}
    assert zones
    zone = sorted(zones)[0]
    assert cloud("network", "create", name, "--availability-zone-hint", zone)["availability_zone_hints"] == [zone]
    unknown = cloud.fails("router", "create", name, "--availability-zone-hint", "nowhere")
    assert "AvailabilityZone nowhere" in unknown
    cloud.text("network", "delete", name)


def test_ip_availability(admin, cloud, net, name):
    port = cloud("port", "create", name, "--network", name)
    shown = admin("ip", "availability", "show", net["id"])
    assert (shown["total_ips"], shown["network_name"]) == (253, name)
    assert shown["used_ips"] >= 1
    assert net["id"] in {row["Network ID"] for row in admin("ip", "availability", "list", "--ip-version", "4")}
    assert cloud("ip", "availability", "list") == []
    cloud.text("port", "delete", port["id"])
    cloud.text("network", "delete", name)
