"""Domain errors. Each class has a permanent code; the API turns them into the client's dialect.

``message`` is a plain sentence for the tenant. ``code`` never changes once released.
``neutron_type`` is the ``NeutronError.type`` that clients of the network API match on.
"""

from __future__ import annotations


class SvcfabricError(Exception):
    """Root of every error the product raises on purpose."""

    status = 500
    code = "internal"
    neutron_type = "HTTPInternalServerError"

    def __init__(self, message: str, *, neutron_type: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if neutron_type:
            self.neutron_type = neutron_type
        if code:
            self.code = code


class BadRequest(SvcfabricError):
    """The request cannot be honoured as written; names the field and the rule."""

    status, code, neutron_type = 400, "bad_request", "HTTPBadRequest"


class InvalidInput(BadRequest):
    """One attribute has a value the declaration does not allow."""

    code, neutron_type = "invalid_input", "InvalidInput"


class Unauthorized(SvcfabricError):
    """No credentials, or credentials nobody recognises."""

    status, code, neutron_type = 401, "unauthorized", "HTTPUnauthorized"


class Forbidden(SvcfabricError):
    """Policy refuses what the caller asked."""

    status, code, neutron_type = 403, "forbidden", "PolicyNotAuthorized"


class NotFound(SvcfabricError):
    """No such thing, or one the caller may not know of."""

    status, code, neutron_type = 404, "not_found", "HTTPNotFound"

    @classmethod
    def of(cls, kind: str, ident: str, neutron_type: str | None = None) -> NotFound:
        return cls(
            f"{kind} {ident} could not be found.", neutron_type=neutron_type or f"{kind.replace(' ', '')}NotFound"
        )


class Foreign(NotFound):
    """Another project's thing: not found, and 403 instead where an API is configured to tell (``reveal_foreign``)."""


class Conflict(SvcfabricError):
    """The request contradicts what exists."""

    status, code, neutron_type = 409, "conflict", "Conflict"


class InUse(Conflict):
    """The thing is used by another and cannot go."""

    code, neutron_type = "in_use", "InUse"


class OverQuota(Conflict):
    """The project's limit is reached; ``message`` tells resource, limit and usage."""

    code, neutron_type = "over_quota", "OverQuota"


class PreconditionFailed(SvcfabricError):
    """If-Match named another revision."""

    status, code, neutron_type = 412, "precondition_failed", "RevisionNumberConstraintFailed"


class NotSupported(BadRequest):
    """No driver here can do it; names the feature."""

    code, neutron_type = "not_supported", "NotSupported"


class ServiceUnavailable(SvcfabricError):
    """A backend (database, broker) does not answer now; the client may try again."""

    status, code, neutron_type = 503, "unavailable", "ServiceUnavailable"
