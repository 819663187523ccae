import re
import socket

from svcfabric import conf
from svcfabric.agent.identity import Identity, tag


def test_a_tag_is_short_stable_and_its_own():
    assert tag("h1", "/a") == tag("h1", "/a")
    assert len({tag("h1", "/a"), tag("h2", "/a"), tag("h1", "/b")}) == 3
    assert re.fullmatch("[0-9a-f]{6}", tag("h1", "/a"))


def test_from_the_configuration(tmp_path):
    path = tmp_path / "svcfabric.conf"
    path.write_text(
        f"[DEFAULT]\nstate_dir = {tmp_path}\n[agent]\nhost = h1\nlocal_ip = 192.0.2.1\n"
        "physical_networks = public:eth1\n[loadbalancer.haproxy]\nmaxconn = 5\n"
    )
    loaded = conf.load((), [str(path)])
    identity = Identity.of(loaded)
    assert (identity.host, identity.state_dir) == ("h1", f"{tmp_path}/agent")
    options = identity.driver_options(loaded, "loadbalancer", "haproxy")
    assert (options.host, options.tag, options.local_ip) == ("h1", identity.tag, "192.0.2.1")
    assert options.physical_networks == {"public": "eth1"}
    assert options.settings == {"maxconn": "5"}
    assert options.state_dir == f"{tmp_path}/agent/loadbalancer.haproxy"


def test_the_machine_has_a_name():
    assert Identity.of(conf.load((), ())).host == socket.gethostname()
