"""Fetching the thing a request names."""

from __future__ import annotations

import dataclasses

from svcfabric import errors
from svcfabric.api.resource import Dialect, Handler, Row
from svcfabric.api.words import Words
from svcfabric.context import Context


class Finder:
    """``handler.get``. Another project's thing is 404 like one that is not there.

    ``reveal``: it is 403 instead. Stock Octavia answers so, and tests written for it expect that; the price
    is that a caller who guesses an identity learns whether it exists.
    """

    def __init__(self, dialect: Dialect, reveal: bool = False) -> None:
        self._words = Words(dialect)
        self._reveal = reveal

    def __call__(self, ctx: Context, handler: Handler, ident: str, parent: str | None = None) -> Row:
        """The row. Raises ``errors.NotFound``, or ``errors.Forbidden`` as said above."""
        try:
            return handler.get(ctx, ident, parent)
        except errors.NotFound:
            if not self._reveal or ctx.is_admin:
                raise
        handler.get(dataclasses.replace(ctx, is_admin=True), ident, parent)
        raise self._words.forbidden(["foreign"])
