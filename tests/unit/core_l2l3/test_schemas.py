"""The declarations: what bodies become, and that each attribute has a source."""

import pytest

from svcfabric import errors
from svcfabric.api.body import BodyRules
from svcfabric.api.resource import Dialect, Resource
from svcfabric.context import Context
from svcfabric.core_l2l3 import readers
from svcfabric.core_l2l3.schemas import floatingip, network, port, router, subnet

CTX = Context(project_id="p")
ID = "11111111-1111-1111-1111-111111111111"
# made from several columns, or never shown
FINISHED = {"external_gateway_info", "port_details", "subnet_id", "dns_assignment"}


@pytest.mark.parametrize(
    ("module", "reader"),
    [
        (network, readers.NETWORKS),
        (subnet, readers.SUBNETS),
        (port, readers.PORTS),
        (router, readers.ROUTERS),
        (floatingip, readers.FLOATINGIPS),
    ],
)
def test_every_attribute_has_a_source(module, reader):
    shown = {attribute.name for attribute in module.ATTRIBUTES if attribute.visible or attribute.filterable}
    assert shown - FINISHED <= reader.columns.keys()


def rules(name, module):
    return BodyRules(
        Resource(name=name, collection=f"{name}s", path="/", attributes=module.ATTRIBUTES, handler=None),
        Dialect.NEUTRON,
    )


def created(name, module, **given):
    (body,), _, _ = rules(name, module).created(CTX, {name: given})
    return body


def test_a_port_says_nothing_of_addresses_unless_asked():
    body = created("port", port, network_id=ID)
    assert "fixed_ips" not in body
    assert "mac_address" not in body
    assert body["binding:host_id"] == ""
    assert body["admin_state_up"] is True


def test_null_in_a_fixed_ip_is_as_good_as_nothing():
    body = created("port", port, network_id=ID, fixed_ips=[{"subnet_id": ID, "ip_address": None}])
    assert body["fixed_ips"] == [{"subnet_id": ID}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ip_address=10.0.0.1", ("ip_address", "10.0.0.1")),
        ("ip_address=2001:DB8::0001", ("ip_address", "2001:db8::1")),
        (f"subnet_id={ID}", ("subnet_id", ID)),
        ("ip_address_substr=10.0.", ("ip_address_substr", "10.0.")),
    ],
)
def test_the_fixed_ips_filter(text, value):
    assert port.FIXED_IPS.parse(text) == value


@pytest.mark.parametrize("text", ["10.0.0.1", "address=10.0.0.1", "ip_address"])
def test_another_fixed_ips_filter_is_refused(text):
    with pytest.raises(ValueError, match="KEY=VALUE"):
        port.FIXED_IPS.parse(text)


def test_a_router_loses_its_routes_by_null():
    assert rules("router", router).changed(CTX, {"router": {"routes": None}}) == {"routes": []}


def test_a_subnet_keeps_null_and_nothing_apart():
    assert "gateway_ip" not in created("subnet", subnet, network_id=ID, ip_version=4, cidr="10.0.0.0/24")
    body = created("subnet", subnet, network_id=ID, ip_version="4", cidr="10.0.0.5/24", gateway_ip=None)
    assert (body["gateway_ip"], body["ip_version"], body["cidr"]) == (None, 4, "10.0.0.0/24")


@pytest.mark.parametrize(
    ("name", "module", "given", "names"),
    [
        ("subnet", subnet, {"network_id": ID, "ip_version": 5, "cidr": "10.0.0.0/24"}, "ip_version"),
        ("subnet", subnet, {"network_id": ID, "cidr": "10.0.0.0/24"}, "ip_version"),
        ("subnet", subnet, {"network_id": ID, "ip_version": 4, "prefixlen": -1}, "prefixlen"),
        ("subnet", subnet, {"network_id": ID, "ip_version": 4, "service_types": ["compute"]}, "service type"),
        ("subnet", subnet, {"network_id": ID, "ip_version": 4, "cidr": "10.0.0.0/33"}, "cidr"),
        ("subnet", subnet, {"network_id": ID, "ip_version": 4, "cidr": "10.0.0.0/24", "dns_nameservers": ["x"]}, "dns"),
        ("port", port, {"network_id": ID, "binding:vnic_type": "direct"}, "binding:vnic_type"),
        ("port", port, {"network_id": ID, "binding:host_id": "a b"}, "binding:host_id"),
        ("port", port, {"network_id": ID, "mac_address": "nonsense"}, "mac_address"),
        ("port", port, {"network_id": ID, "security_groups": "x"}, "security_groups"),
        ("network", network, {"mtu": 0}, "mtu"),
        ("network", network, {"provider:network_type": "vlan"}, "provider:network_type"),
        ("router", router, {"external_gateway_info": {"network": ID}}, "external_gateway_info"),
        ("floatingip", floatingip, {"floating_network_id": ID, "floating_ip_address": "::1"}, "floating_ip_address"),
    ],
)
def test_bad_input_names_the_field(name, module, given, names):
    with pytest.raises(errors.BadRequest) as refused:
        created(name, module, **given)
    assert names in refused.value.message
