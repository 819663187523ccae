"""Alembic, run from the program: every feature's migrations are a labelled branch of their own."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import alembic.command
import alembic.config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from svcfabric.db.engine import Database

SCRIPTS = Path(__file__).parent / "migrations"


def config(
    database: Database | None, locations: Sequence[Path], out: io.StringIO | None = None
) -> alembic.config.Config:
    """An Alembic configuration over the given version folders (one per feature)."""
    made = alembic.config.Config(stdout=out) if out else alembic.config.Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.set_main_option("version_path_separator", "os")
    made.set_main_option("path_separator", "os")
    made.set_main_option("version_locations", ":".join(str(path) for path in locations))
    made.attributes["engine"] = database.engine if database else None
    return made


def upgrade(database: Database, locations: Sequence[Path], revision: str = "heads") -> None:
    """Bring the schema to ``revision``; a schema already there is left alone."""
    alembic.command.upgrade(config(database, locations), revision)


def downgrade(database: Database, locations: Sequence[Path], revision: str = "base") -> None:
    """Take the schema back to ``revision``."""
    alembic.command.downgrade(config(database, locations), revision)


def current(database: Database, locations: Sequence[Path]) -> str:
    """The revisions the schema is at, in Alembic's words."""
    out = io.StringIO()
    alembic.command.current(config(database, locations, out))
    return out.getvalue()


def missing(database: Database, locations: Sequence[Path]) -> list[str]:
    """The newest revisions of this version that the schema does not have; [] when it is a later version's."""
    script = ScriptDirectory.from_config(config(database, locations))
    with database.engine.connect() as conn:
        there = set(MigrationContext.configure(conn).get_current_heads())
    if there - {revision.revision for revision in script.walk_revisions()}:
        return []
    return sorted(set(script.get_heads()) - _included(script, there))


def _included(script: ScriptDirectory, names: Iterable[str]) -> set[str]:
    """Revisions and all that they come after, in other branches too: a schema that is at one has these."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        for revision in script.get_revisions(waiting.pop()):
            if revision.revision not in found:
                found.add(revision.revision)
                for before in (revision.down_revision, revision.dependencies):
                    waiting += [before] if isinstance(before, str) else before or ()
    return found
