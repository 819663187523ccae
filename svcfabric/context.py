"""Who asks: made by the authentication middleware, handed down to every use case."""

from __future__ import annotations

import dataclasses
import uuid


def new_request_id() -> str:
    """A request id in the form OpenStack clients log (``req-UUID``)."""
    return f"req-{uuid.uuid4()}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The caller. ``project_id`` is empty for a caller without a project (system scope)."""

    project_id: str = ""
    user_id: str = ""
    project_name: str = ""
    roles: frozenset[str] = frozenset()
    is_admin: bool = False
    request_id: str = dataclasses.field(default_factory=new_request_id)

    def sees(self, project_id: str) -> bool:
        """Whether things of that project are visible to the caller at all."""
        return self.is_admin or self.project_id == project_id


# The product itself, which sees everything: it looks at rows for a caller whose right to do so has been checked.
SYSTEM = Context(is_admin=True)
