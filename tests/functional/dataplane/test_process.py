"""Daemons that outlive the agent: started in a namespace, adopted by the next agent, stopped by process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest

from svcfabric.drivers.linux import netns, process
from svcfabric.drivers.linux.fault import HostFault


@pytest.fixture
def namespace():
    name = f"proc{uuid.uuid4().hex[:8]}"
    netns.create(name)
    yield name
    netns.delete(name)


@pytest.fixture
def daemon(tmp_path, namespace):
    made = process.start("nap", ["sleep", "300"], namespace, tmp_path)
    yield made
    made.stop()


def test_it_runs_in_the_namespace_and_in_a_session_of_its_own(daemon, namespace):
    assert daemon.alive()
    assert os.stat(f"/proc/{daemon.pid}/ns/net").st_ino == netns.path(namespace).stat().st_ino
    assert os.getsid(daemon.pid) == daemon.pid
    assert os.readlink(f"/proc/{daemon.pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{daemon.pid}/fd/1") == str(daemon.log)


def test_stop_reaps_and_forgets(tmp_path, daemon):
    daemon.stop()
    assert not daemon.alive()
    assert not os.path.exists(f"/proc/{daemon.pid}")
    assert process.adopt(tmp_path, "nap") is None
    daemon.stop()


def test_one_that_will_not_stop_is_killed(tmp_path):
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
    )
    deaf = process.start("deaf", [sys.executable, "-c", script], None, tmp_path)
    assert process.until(lambda: "deaf" in deaf.log.read_text(), 10)
    started = time.monotonic()
    deaf.stop(timeout=0.3)
    assert not deaf.alive()
    assert time.monotonic() - started < 3


def test_the_next_agent_adopts_what_the_last_one_started(tmp_path, namespace):
    """The starter is another process, and ends."""
    script = (
        "from svcfabric.drivers.linux import process\n"
        f"print(process.start('nap', ['sleep', '300'], {namespace!r}, {str(tmp_path)!r}).pid)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    adopted = process.adopt(tmp_path, "nap")
    assert adopted is not None
    assert adopted.pid == int(done.stdout)
    assert adopted.alive()
    adopted.stop()
    assert process.until(lambda: not adopted.alive(), 5), "somebody else's child: a zombie counts as gone"


def test_the_starter_being_killed_does_not_end_it(tmp_path, namespace):
    script = (
        "import time\nfrom svcfabric.drivers.linux import process\n"
        f"process.start('nap', ['sleep', '300'], {namespace!r}, {str(tmp_path)!r})\ntime.sleep(300)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    assert process.until(lambda: process.adopt(tmp_path, "nap") is not None, 10)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait()
    adopted = process.adopt(tmp_path, "nap")
    assert adopted is not None
    assert adopted.alive()
    adopted.stop()


def test_another_process_with_that_id_is_not_adopted(tmp_path, daemon):
    record = tmp_path / "nap.pid"
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "started": told["started"] + 1}))
    stranger = process.Process(tmp_path, "nap", told["pid"], told["started"] + 1)
    assert process.adopt(tmp_path, "nap") is None
    assert stranger.signal(signal.SIGKILL) is False
    stranger.stop()
    assert daemon.alive(), "a stranger is never signalled"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "started": 1}'])
def test_a_broken_record_adopts_nothing(tmp_path, text):
    (tmp_path / "nap.pid").write_text(text)
    assert process.adopt(tmp_path, "nap") is None


def test_one_that_ends_at_once_is_seen(tmp_path):
    gone = process.start("gone", ["sh", "-c", "echo why >&2; exit 3"], None, tmp_path)
    assert process.until(lambda: not gone.alive(), 5)
    assert gone.log.read_text() == "why\n"
    assert not os.path.exists(f"/proc/{gone.pid}")


def test_a_program_that_is_not_there_is_said(tmp_path):
    with pytest.raises(HostFault, match="cannot run no-such-program"):
        process.start("none", ["no-such-program"], None, tmp_path)


def test_its_children_are_found(tmp_path):
    parent = process.start("parent", ["sh", "-c", "sleep 300 & wait"], None, tmp_path)
    assert process.until(lambda: process.children_of(parent.pid), 5)
    (child,) = process.children_of(parent.pid)
    parent.stop()
    os.kill(child, signal.SIGKILL)
    assert process.children_of(parent.pid) == []
