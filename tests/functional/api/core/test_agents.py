def test_agents_in_the_form_clients_know(world, admin):
    world.agent("h1", "192.0.2.1", ["public"])
    (agent,) = admin.list("agent", "agent_type=host")
    assert (agent["host"], agent["binary"], agent["alive"]) == ("h1", "svcfabric-agent", True)
    assert agent["admin_state_up"] is True
    assert agent["configurations"]["tunneling_ip"] == "192.0.2.1"
    assert agent["configurations"]["physical_networks"] == ["public"]
    assert "router.linux" in agent["configurations"]["drivers"]
    assert agent["heartbeat_timestamp"]
    assert admin.show("agent", agent["id"]) == agent
    assert admin.list("agent", "alive=True&host=h1&agent_type=host") == [agent]
    assert admin.list("agent", "alive=False") == []
    assert admin.list("agent", "binary=neutron-dhcp-agent") == []


def test_a_host_that_takes_nothing_new(world, admin, tenant):
    world.agent("h1")
    (agent,) = admin.list("agent", "agent_type=host")
    assert admin.change("agent", agent["id"], admin_state_up=False)["admin_state_up"] is False
    assert world.placements(tenant.make("router")["id"]) == {}
    admin.refused(400, "PUT", f"/agents/{agent['id']}", {"agent": {"host": "other"}})


def test_an_agent_is_forgotten(world, admin):
    world.agent("h1")
    (agent,) = admin.list("agent", "agent_type=host")
    admin.delete(f"/agents/{agent['id']}")
    assert admin.list("agent") == []
    assert admin.refused(404, "DELETE", f"/agents/{agent['id']}")[0] == "AgentNotFound"
    admin.refused(404, "GET", f"/agents/{agent['id']}")


def test_agents_are_the_administrators(world, tenant, admin):
    world.agent("h1")
    assert tenant.list("agent") == []
    (agent,) = admin.list("agent", "agent_type=host")
    for method, body in (("GET", None), ("PUT", {"agent": {"admin_state_up": False}}), ("DELETE", None)):
        tenant.refused(404, method, f"/agents/{agent['id']}", body)
