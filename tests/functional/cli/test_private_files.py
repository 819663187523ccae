"""What the product writes is for its own user's eyes."""

from __future__ import annotations

import pathlib
import subprocess
import sys


def test_the_embedded_database_is_nobody_elses_to_read(tmp_path: pathlib.Path) -> None:
    state = tmp_path / "below" / "state"
    config = tmp_path / "svcfabric.conf"
    config.write_text(f"[DEFAULT]\nstate_dir = {state}\n")
    command = [sys.executable, "-c", "from svcfabric.cmd.db import main; main()", "upgrade", "--config-file", config]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = [state, *state.iterdir()]
    assert state / "svcfabric.db" in made
    assert [(each.name, oct(each.stat().st_mode)) for each in made if each.stat().st_mode & 0o077] == []
