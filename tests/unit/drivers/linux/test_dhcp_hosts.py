"""What is told of a port, as lines."""

from __future__ import annotations

import pytest

from svcfabric.drivers.linux import dhcp_hosts
from svcfabric.spi.l2l3 import Address, DhcpHost, DhcpOption, DnsName, PortSpec, Segment

ID = "11111111-2222-3333-4444-555555555555"
LABEL = "p11111111222233334444555555555555"


def port(*addresses: str, **told) -> PortSpec:
    held = tuple(Address(address=address, prefix_length=24) for address in addresses)
    segment = Segment(network_id="n", type="vxlan", vni=5)
    return PortSpec(id=ID, segment=segment, mac="fa:16:3e:00:00:01", addresses=held, dhcp=DhcpHost(**told))


def test_the_first_address_is_said_last():
    begin = "fa:16:3e:00:00:01"
    made = dhcp_hosts.host_lines(port("10.0.0.5", "fd00::5", "10.1.0.5", "fd00::6", hostname="vm"))
    assert made == f"{begin},[fd00::5],[fd00::6],vm\n{begin},10.1.0.5,vm\n{begin},10.0.0.5,vm\n"
    assert dhcp_hosts.host_lines(port("10.0.0.5")) == f"{begin},10.0.0.5\n"
    assert dhcp_hosts.host_lines(port()) == ""
    labelled = dhcp_hosts.host_lines(port("10.0.0.5", options=(DhcpOption(name="mtu", value="1400"),)))
    assert labelled == f"{begin},set:{LABEL},10.0.0.5\n"


def test_options_by_name_number_tag_and_family():
    options = (
        DhcpOption(name="mtu", value="1400"),
        DhcpOption(name="67", value="pxelinux.0"),
        DhcpOption(name="tag:!ipxe,67", value="undionly.kpxe"),
        DhcpOption(name="tag:ipxe,bootfile-name", value="http://192.0.2.1/x"),
        DhcpOption(name="dns-server", value="[fd00::53]", version=6),
        DhcpOption(name="router", value=""),
    )
    assert dhcp_hosts.option_lines(ID, options).splitlines() == [
        f"tag:{LABEL},option:mtu,1400",
        f"tag:{LABEL},67,pxelinux.0",
        f"tag:{LABEL},tag:!ipxe,67,undionly.kpxe",
        f"tag:{LABEL},tag:ipxe,option:bootfile-name,http://192.0.2.1/x",
        f"tag:{LABEL},option6:dns-server,[fd00::53]",
        f"tag:{LABEL},option:router",
    ]


def test_one_line_each():
    with pytest.raises(ValueError):
        dhcp_hosts.option_lines(ID, [DhcpOption(name="mtu", value="1\ndhcp-script=/x")])
    with pytest.raises(ValueError):
        dhcp_hosts.host_lines(port("10.0.0.5", hostname="a\nb"))


def test_names_as_in_a_hosts_file():
    dns = DnsName(name="web", domains=("example.org", "x.net"))
    held = ("10.0.0.5", "fd00::5")
    assert dhcp_hosts.name_lines(dns, held) == (
        "10.0.0.5 web.example.org web.x.net web\nfd00::5 web.example.org web.x.net web\n"
    )
    assert dhcp_hosts.name_lines(DnsName(domains=("x.net",)), held) == (
        "10.0.0.5 host-10-0-0-5.x.net host-10-0-0-5\nfd00::5 host-fd00--5.x.net host-fd00--5\n"
    )
    # nothing that would be a name elsewhere
    assert dhcp_hosts.name_lines(DnsName(name="www.bank", domains=("x.net",)), held[:1]) == "10.0.0.5 www.bank.x.net\n"
    assert dhcp_hosts.name_lines(None, held) == dhcp_hosts.name_lines(dns, ()) == ""
    with pytest.raises(ValueError):
        dhcp_hosts.name_lines(DnsName(name="a\n10.0.0.1 b"), held)
