"""radvd's configuration as text."""

from svcfabric.drivers.linux import radvd
from svcfabric.spi.l2l3 import Leg, RaPrefix, RouterAdvertisement, Segment


def leg(mode="slaac", mtu=1450, **more):
    ra = RouterAdvertisement(prefixes=(RaPrefix(cidr="2001:db8::/64", mode=mode),), dns_nameservers=("2001:db8::53",))
    segment = Segment(network_id="n", type="vxlan", vni=1, mtu=mtu)
    return Leg(port_id="p", mac="fa:16:3e:00:00:01", segment=segment, ra=ra, **more)


def test_modes():
    for mode, flag, autonomous in (
        ("slaac", "", "on"),
        ("dhcpv6-stateless", "AdvOtherConfigFlag on;", "on"),
        ("dhcpv6-stateful", "AdvManagedFlag on;", "off"),
    ):
        text = radvd.config({"ina": leg(mode)})
        assert f"prefix 2001:db8::/64 {{ AdvOnLink on; AdvAutonomous {autonomous}; }};" in text
        assert ("Flag on" in text, flag in text) == (bool(flag), True)
        assert "RDNSS 2001:db8::53 { };" in text
        assert "AdvLinkMTU 1450;" in text


def test_a_small_mtu_is_not_told():
    assert "AdvLinkMTU" not in radvd.config({"ina": leg(mtu=1000)})


def test_legs_that_are_down_or_silent_say_nothing():
    assert radvd.config({"ina": leg(admin_state_up=False)}) == ""
    silent = Leg(port_id="p", mac="fa:16:3e:00:00:01", segment=leg().segment)
    assert radvd.config({"ina": silent}) == ""
    assert radvd.config({"inb": leg(), "ina": leg()}).index("ina") == len("interface ")
