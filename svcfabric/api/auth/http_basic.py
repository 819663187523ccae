"""Users in a password file, for a standalone service: ``openstack --os-auth-type http_basic ...``.

One line each: ``user:bcrypt-hash:project_id:role,role``; ``#`` starts a comment. The file is read again when it
changes. A verified pair is remembered until then, for ten minutes at most (bcrypt is slow by intent), as a keyed
hash. An unknown user costs as much time as a wrong password.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import logging
import pathlib
import secrets
import threading
import time
from typing import Any

import bcrypt

from svcfabric.api.auth.identity import CONTEXT, Factory, WsgiApp, identity, refuse

LOG = logging.getLogger(__name__)

CHALLENGE = 'Basic realm="svcfabric", charset="UTF-8"'
MAX_PASSWORD = 72  # bytes; bcrypt takes no more
REMEMBER = 600.0  # seconds
MAX_REMEMBERED = 10_000
LOOK_EVERY = 1.0  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """One line of the file."""

    name: str
    hashed: bytes
    project_id: str
    roles: frozenset[str]


def hash_line(user: str, password: str, project_id: str, roles: list[str], *, rounds: int = 12) -> str:
    """A line of the password file, without a newline. Raises ``ValueError`` naming what is wrong."""
    for what, text in (("user", user), ("project", project_id), *(("role", role) for role in roles)):
        if not text or not text.isprintable() or any(c in text for c in ":,# "):
            raise ValueError(f"{what} {text!r}: needs at least one character, and none of ':', ',', '#' or blank")
    if not password or len(password.encode()) > MAX_PASSWORD:
        raise ValueError(f"password: needs 1 to {MAX_PASSWORD} bytes")
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()
    return f"{user}:{hashed}:{project_id}:{','.join(roles)}"


def parse(text: str) -> dict[str, User]:
    """The users of a file's text. Raises ``ValueError`` naming the line and the rule."""
    users: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = line.split(":")
        if len(parts) != 4 or not all(parts):
            raise ValueError(f"line {number}: must be user:bcrypt-hash:project_id:role,role")
        name, hashed, project, roles = parts
        if not hashed.startswith(("$2a$", "$2b$", "$2y$")) or len(hashed) != 60:
            raise ValueError(f"line {number}: the second field is no bcrypt hash")
        if name in users:
            raise ValueError(f"line {number}: user {name!r} is there twice")
        users[name] = User(name, hashed.encode(), project, frozenset(r.strip().lower() for r in roles.split(",")))
    return users


class Passwords:
    """The file's users; ``verified`` is safe for threads."""

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path)
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._next_look = 0.0
        self._users: dict[str, User] = {}
        self._remembered: dict[bytes, tuple[User, float]] = {}
        self._stranger = bcrypt.hashpw(secrets.token_bytes(16).hex().encode(), bcrypt.gensalt(12))
        self._look(strict=True)

    def verified(self, name: str, password: str) -> User | None:
        """The user if the password is right."""
        now = time.monotonic()
        if now >= self._next_look:
            self._look()
        pair = hmac.digest(self._key, f"{len(name)}:{name}{password}".encode(), hashlib.sha256)
        known = self._remembered.get(pair)
        if known is not None and now < known[1]:
            return known[0]
        users, raw = self._users, password.encode()
        user = users.get(name)
        right = bcrypt.checkpw(raw[:MAX_PASSWORD], user.hashed if user else self._stranger)
        if not right or user is None or len(raw) > MAX_PASSWORD:
            return None
        with self._lock:
            if users is self._users:  # else the file changed meanwhile
                if len(self._remembered) >= MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[pair] = (user, now + REMEMBER)
        return user

    def _look(self, *, strict: bool = False) -> None:
        with self._lock:
            self._next_look = time.monotonic() + LOOK_EVERY
            try:
                found = self._path.stat()
                seen = (found.st_mtime_ns, found.st_size, found.st_ino)
                if seen == self._seen:
                    return
                users = parse(self._path.read_text())
            except (OSError, ValueError) as error:
                if strict:
                    raise ValueError(f"password file {self._path}: {error}") from error
                LOG.error("password file %s cannot be used, the users stay as they were: %s", self._path, error)
                return
            self._seen, self._users, self._remembered = seen, users, {}


def factory(path: str) -> Factory:
    """Middleware over a password file. Raises ``ValueError`` when the file cannot be used."""
    passwords = Passwords(path)

    def wrap(app: WsgiApp) -> WsgiApp:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            given = _given(environ.get("HTTP_AUTHORIZATION", ""))
            user = passwords.verified(*given) if given else None
            if user is None:
                return refuse(start_response, CHALLENGE)
            environ[CONTEXT] = identity(
                environ, project_id=user.project_id, user_id=user.name, roles=user.roles, project_name=user.project_id
            )
            return app(environ, start_response)

        return serve

    return wrap


def _given(header: str) -> tuple[str, str] | None:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    name, colon, password = pair.partition(":")
    return (name, password) if colon and "\0" not in pair else None
