"""Runs stock ``openstack`` commands one after the other in one interpreter, to spare each the 1.5 s of imports.

Started by the environment of the clients. Reads one JSON list of words a line, writes one JSON object
{rc, out, err} a line. The client's own entry point does all the work.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings


def run(words: list[str]) -> dict[str, object]:
    """One command, as ``openstack WORDS`` would do it."""
    from openstackclient import shell

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            rc = shell.OpenStackShell().run(words)
        except SystemExit as exc:
            rc = exc.code if isinstance(exc.code, int) else 1
    return {"rc": rc, "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    """Serve until the input ends."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
