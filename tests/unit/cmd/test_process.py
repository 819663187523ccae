"""What a process says when it cannot start."""

from __future__ import annotations

import pathlib

import pytest
from oslo_config import cfg

from svcfabric import conf as conf_module
from svcfabric.cmd import process, wiring
from svcfabric.errors import Conflict


@pytest.mark.parametrize("fault", [Conflict("Taken."), OSError("Taken."), ValueError("Taken."), cfg.Error("Taken.")])
def test_one_sentence_and_a_status(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, process.plainly("svcfabric-x"):
        raise fault
    assert ended.value.code == 1
    assert capsys.readouterr().err == "svcfabric-x: Taken.\n"


def test_a_programs_own_fault_is_shown_whole() -> None:
    with pytest.raises(KeyError), process.plainly("svcfabric-x"):
        raise KeyError("x")


@pytest.mark.parametrize("url", ["nosql://x", "nonsense"])
def test_a_database_url_that_is_no_good(url: str) -> None:
    conf = conf_module.load(files=())
    conf.set_override("connection", url, "database")
    with pytest.raises(cfg.Error, match=r"\[database\] connection: "):
        wiring.database(conf)


def test_a_process_without_its_schema_says_what_to_run(tmp_path: pathlib.Path) -> None:
    conf = conf_module.load(files=())
    conf.set_override("state_dir", str(tmp_path))
    side = wiring.server_side(conf, wiring.database(conf), wiring.transport(conf))
    with pytest.raises(cfg.Error, match="run svcfabric-db upgrade"):
        wiring.check_schema(side)
    wiring.upgrade(side)
    wiring.check_schema(side)
    side.database.dispose()
