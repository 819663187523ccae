"""Attributes every resource has: identity, name, description, owner, times, revision, tags.

``project_id`` is declared once; the plumbing takes and shows ``tenant_id`` as its other name.
"""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, Attribute, Dialect

MAX_TAGS = 50
TAGS = checks.list_of(checks.string(255, 1), unique=True, max=MAX_TAGS)


def standard_attributes(
    dialect: Dialect,
    description: bool = True,
    *,
    name: bool = True,
    project: bool = True,
    tags: bool = True,
) -> tuple[Attribute, ...]:
    """The common attributes in the dialect's form; the switches leave one out.

    ``id``, ``created_at``, ``updated_at`` and ``revision_number`` are the handler's to fill. Rows hold
    ``created_at``/``updated_at`` as UTC ``datetime`` (or None); the plumbing writes them in the dialect.
    A create's body always holds ``project_id`` (the caller's own unless an administrator named another),
    ``name`` and ``description`` (default ``""``) and, where clients may set them, ``tags`` (default ``[]``).
    """
    octavia = dialect is Dialect.OCTAVIA
    return tuple(
        attribute
        for attribute, wanted in (
            (Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service."), True),
            (_text("name", "Name for people; need not be unique.", octavia), name),
            (_text("description", "Free text for people.", octavia), description),
            (_project(), project),
            (_time("created_at", "When it was created, UTC."), True),
            (_time("updated_at", "When it was last changed, UTC."), True),
            (_revision(), dialect is not Dialect.OCTAVIA),
            (_tags(octavia), tags),
        )
        if wanted
    )


def _text(name: str, doc: str, octavia: bool) -> Attribute:
    return Attribute(
        name=name,
        check=checks.string(255),
        default="",
        reset="" if octavia else ABSENT,
        post=True,
        put=True,
        sortable=True,
        doc=doc,
    )


def _project() -> Attribute:
    return Attribute(
        name="project_id", check=checks.string(255), post=True, sortable=True, doc="Owning project (also tenant_id)."
    )


def _time(name: str, doc: str) -> Attribute:
    return Attribute(name=name, check=checks.nullable(checks.timestamp()), sortable=True, doc=doc)


def _revision() -> Attribute:
    return Attribute(name="revision_number", check=checks.integer(0), sortable=True, doc="Grows with every change.")


def _tags(octavia: bool) -> Attribute:
    return Attribute(
        name="tags",
        check=TAGS,
        default=list,
        reset=list if octavia else ABSENT,
        post=True,
        put=octavia,
        filterable=False,  # the tag filters (tags, tags-any, ...) are the plumbing's
        doc="Labels; at most 50 of at most 255 characters.",
    )
