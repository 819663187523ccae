import pathlib

import pytest
from oslo_config import cfg, generator

from svcfabric import conf


def write(tmp_path: pathlib.Path, text: str) -> str:
    path = tmp_path / "svcfabric.conf"
    path.write_text(text)
    return str(path)


def test_defaults_need_no_file():
    loaded = conf.load((), ())
    assert loaded.messaging.transport_url == "inproc://"
    assert loaded.database.connection == "sqlite:////var/lib/svcfabric/svcfabric.db"
    assert loaded.quotas.port == 500
    assert loaded.agent.drivers[0] == "network.linux"


def test_two_loads_share_nothing(tmp_path):
    one = conf.load((), [write(tmp_path, "[agent]\nhost = h1\n")])
    two = conf.load((), ())
    assert (one.agent.host, two.agent.host) == ("h1", "")


def test_state_dir_moves_what_is_under_it(tmp_path):
    loaded = conf.load((), [write(tmp_path, "[DEFAULT]\nstate_dir = /x\n")])
    assert loaded.database.connection == "sqlite:////x/svcfabric.db"
    assert loaded.api.password_file == "/x/passwords"


def test_file_on_the_command_line_and_environment(tmp_path, monkeypatch):
    path = write(tmp_path, "[api]\nbind_port = 1\nworkers = 3\n")
    monkeypatch.setenv("OS_API__BIND_PORT", "8080")
    loaded = conf.load(["--config-file", path])
    assert (loaded.api.bind_port, loaded.api.workers) == (8080, 3)


def test_physical_networks_are_a_mapping(tmp_path):
    loaded = conf.load((), [write(tmp_path, "[agent]\nphysical_networks = public:, lab:eth1\n")])
    assert loaded.agent.physical_networks == {"public": "", "lab": "eth1"}


@pytest.mark.parametrize(
    "text, words",
    [
        ("[api]\nbind_port = 99999\n", ("bind_port", "65535")),
        ("[api]\nauth_strategy = none\n", ("auth_strategy", "none")),
        ("[network]\nbase_mac = zz:00:00:00:00:00\n", ("base_mac",)),
        ("[network]\nvni_min = 9\nvni_max = 3\n", ("vni_min", "vni_max")),
        ("[agent]\nretry_min = 9\nretry_max = 3\n", ("retry_min", "retry_max")),
    ],
)
def test_a_bad_value_is_refused_by_name_when_loaded(tmp_path, text, words):
    with pytest.raises((cfg.Error, ValueError)) as caught:
        conf.load((), [write(tmp_path, text)])
    assert all(word in str(caught.value) for word in words)


def test_a_refusal_names_the_file_plainly(tmp_path):
    path = write(tmp_path, "[api]\nbind_port = x\n")
    with pytest.raises(cfg.Error) as refused:
        conf.load((), [path])
    assert conf.reason(refused.value).startswith(f"Value for option bind_port from {path} is not valid: ")


def test_a_misspelt_option_is_found(tmp_path):
    loaded = conf.load((), [write(tmp_path, "[agent]\nhots = a\n[other]\nx = 1\n")])
    assert conf.unknown(loaded) == ["[agent] hots"]


def test_a_drivers_own_section(tmp_path):
    loaded = conf.load((), [write(tmp_path, "[loadbalancer.haproxy]\nmaxconn = 5\n")])
    assert conf.section(loaded, "loadbalancer.haproxy") == {"maxconn": "5"}
    assert conf.section(loaded, "absent") == {}


def test_every_option_has_help_and_makes_a_sample(tmp_path):
    assert all(opt.help for _, opts in conf.list_opts() for opt in opts)
    out = tmp_path / "sample.conf"
    generator.main(["--namespace", "svcfabric", "--output-file", str(out)])
    text = out.read_text()
    assert "[messaging]" in text
    assert "#transport_url = inproc://" in text
