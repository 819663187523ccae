"""The JSON body of a request: read within bounds, parsed."""

from __future__ import annotations

from typing import Any

import falcon
import orjson

from svcfabric.api.limits import Limits
from svcfabric.api.words import Words


def read(req: falcon.Request, words: Words, limits: Limits) -> Any:
    """The parsed body, None without one.

    Raises ``errors.BadRequest`` for what is no JSON, nests too deeply or holds too many objects; 413 and 415 as
    Falcon's errors.
    """
    raw = _raw(req, limits.max_body)
    if not raw:
        return None
    kind = req.content_type
    if kind is not None and not _is_json(kind):
        raise falcon.HTTPUnsupportedMediaType(
            description=f"Unsupported content type '{kind[:100]}', use application/json"
        )
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise words.not_json() from None
    objects = raw.count(b"{")
    if objects > limits.max_objects:
        raise words.too_many(limits.max_objects)
    # Only a text with that many brackets can nest that deeply.
    if raw.count(b"[") + objects > limits.max_depth and _deeper(value, limits.max_depth):
        raise words.too_deep(limits.max_depth)
    return value


def _raw(req: falcon.Request, limit: int) -> bytes:
    length = req.content_length
    if length is None:
        # Without a length a body comes in chunks. Only a server that marks its end can be asked for it.
        if not req.env.get("wsgi.input_terminated"):
            if "HTTP_TRANSFER_ENCODING" in req.env:
                raise falcon.HTTPLengthRequired(description="A request with a body needs a Content-Length header")
            return b""
        raw: bytes = req.env["wsgi.input"].read(limit + 1)
    elif length > limit:
        raw = b""
    else:
        raw = req.bounded_stream.read(length) if length else b""
        if len(raw) < length:  # the client went away in the middle
            raise falcon.HTTPBadRequest(description=f"The request body ended after {len(raw)} of {length} bytes")
        return raw
    if length is not None or len(raw) > limit:
        raise falcon.HTTPContentTooLarge(description=f"The request body is larger than {limit} bytes")
    return raw


def _is_json(kind: str) -> bool:
    kind = kind.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _deeper(value: Any, limit: int) -> bool:
    """Whether objects and lists stand in each other more than ``limit`` levels deep."""
    holders = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        children = (child for one in holders for child in (one.values() if isinstance(one, dict) else one))
        holders = [child for child in children if isinstance(child, (dict, list))]
        if not holders:
            return False
    return bool(holders)
