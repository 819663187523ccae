"""What a name may be, and what follows from it."""

from __future__ import annotations

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.dns import names, schemas
from svcfabric.spi.l2l3 import DnsName

LONG = ".".join(["a" * 63] * 4)  # 255 characters
NAME, FLOATING = schemas.PORT[0].check, schemas.FLOATINGIP[0].check
DOMAIN = schemas.NETWORK_DOMAIN.check


def held(*addresses):
    return [{"subnet_id": "s", "ip_address": address} for address in addresses]


@pytest.mark.parametrize("text", ["", "web", "web.sub", "web.example.org.", "a" * 63, "3", "1-2", LONG, LONG + "."])
def test_names(text):
    assert NAME.convert(text) == text
    assert NAME.convert(text.upper()) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (".", "empty label"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("-a", "hyphen"),
        ("a.b-", "hyphen"),
        ("a_b", "letters, digits"),
        ("a b", "letters, digits"),
        ("a\nb", "letters, digits"),
        ("web\n", "letters, digits"),
        ("b\u00fccher", "letters, digits"),
        ("\u0661", "letters, digits"),
        ("\u212a", "letters, digits"),
        ("a" * 64, "1 to 63"),
        ("web.1", "top level domain"),
        (LONG + "a", "exceeds"),
        (LONG[:-2] + ".ab.", "exceeds"),
        (5, "not a valid string"),
        (None, "not a valid string"),
        ("a\0", "NUL"),
    ],
)
def test_what_is_no_name(text, why):
    with pytest.raises(ValueError, match=why):
        NAME.convert(text)


def test_domains_end_in_a_dot_and_leave_room():
    assert DOMAIN.convert("") == ""
    assert DOMAIN.convert("Example.ORG.") == "example.org."
    for text, why in (("example.org", "not a FQDN"), (".", "empty label"), (LONG[2:] + ".", "no room")):
        with pytest.raises(ValueError, match=why):
            DOMAIN.convert(text)


def test_names_outside_are_relative():
    assert FLOATING.convert("Web.sub") == "web.sub"
    for text, why in (("web.example.org.", "relative"), (LONG[2:], "no room")):
        with pytest.raises(ValueError, match=why):
            FLOATING.convert(text)


def test_a_full_name_is_below_the_clouds_domain():
    for domain in ("example.org", "example.org."):
        for name in ("web", "web.example.org.", "a.b.example.org.", ""):
            assert names.fit(name, domain) == name
        for name in ("web.example.com.", "example.org.", "webexample.org.", LONG[:245]):
            with pytest.raises(errors.InvalidInput, match="dns_name"):
                names.fit(name, domain)
    assert names.fit("web.example.com.", "") == "web.example.com."


def assigned(name, fixed_ips, domain):
    row = {"dns_name": name, "fixed_ips": fixed_ips}
    names.assign([row], domain)
    return row["dns_assignment"]


def test_assignments_are_one_for_each_address():
    def fqdns(name, domain="example.org"):
        made = assigned(name, held("10.0.0.5", "fd00::5"), domain)
        assert [one["ip_address"] for one in made] == ["10.0.0.5", "fd00::5"]
        return [(one["hostname"], one["fqdn"]) for one in made]

    assert fqdns("web") == [("web", "web.example.org.")] * 2
    assert fqdns("web.example.org.") == [("web.example.org.", "web.example.org.")] * 2
    own = ["host-10-0-0-5", "host-fd00--5"]
    assert fqdns("", "example.org.") == [(each, f"{each}.example.org.") for each in own]
    assert fqdns("", "") == [(each, each) for each in own]
    assert assigned("web", [], "example.org") == []


def test_hosts_are_told_names_below_domains():
    assert names.told("", "") == DnsName()
    assert names.told("web", "example.org", "") == DnsName(name="web", domains=("example.org",))
    assert names.told("web.example.org.", "Example.org.", "x.net.") == DnsName(
        name="web", domains=("example.org", "x.net")
    )
    assert names.told("web", "example.org", "example.org.").domains == ("example.org",)


def test_dhcp_says_one_label():
    assert names.hostname("web.sub", held("10.0.0.5")) == "web"
    assert names.hostname("", held("fd00::5", "10.0.0.5")) == "host-10-0-0-5"
    assert names.hostname("", held("fd00::")) == "host-fd00"
    assert names.hostname("", []) == ""
