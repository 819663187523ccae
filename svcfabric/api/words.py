"""The sentences of refusals, as clients of each API know them. Every one names the field and the rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from svcfabric import errors
from svcfabric.api.checks import shown
from svcfabric.api.resource import Dialect


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """Refusals in one dialect; each method returns the error to raise."""

    dialect: Dialect

    @property
    def octavia(self) -> bool:
        """Whether this is the load-balancer API."""
        return self.dialect is Dialect.OCTAVIA

    def not_json(self) -> errors.SvcfabricError:
        """The body is no JSON text, or not UTF-8."""
        return _bad("Request is not in valid JSON format" if self.octavia else "Body contains invalid data")

    def not_object(self) -> errors.SvcfabricError:
        """The body is JSON but no object."""
        return _bad("Request must be a JSON dict" if self.octavia else "Body contains invalid data")

    def too_deep(self, depth: int) -> errors.SvcfabricError:
        """The body nests deeper than anything declared."""
        return _bad(f"The request body is nested deeper than {depth} levels")

    def too_many(self, limit: int) -> errors.SvcfabricError:
        """The body holds more objects than one request may."""
        return _bad(f"The request body holds more than {limit} objects")

    def no_wrapper(self, name: str) -> errors.SvcfabricError:
        """``{"network": ...}`` is missing."""
        return _bad(f'Missing argument: "{name}"' if self.octavia else f"Unable to find '{name}' in request body")

    def stray_wrapper(self, names: Sequence[str]) -> errors.SvcfabricError:
        """Keys beside the wrapper."""
        text = shown(", ".join(names))
        return _bad(f'Unknown argument: "{text}"' if self.octavia else f"Unrecognized attribute(s) '{text}'")

    def wrapped_not_object(self, name: str, value: Any) -> errors.SvcfabricError:
        """What stands under the wrapper is no object."""
        if self.octavia:
            return _bad(f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. Value not a valid dict")
        return _bad(f"Object '{name}' contains invalid data")

    def no_bulk(self) -> errors.SvcfabricError:
        """A list was posted where only one object is taken."""
        return _bad("Bulk operation not supported")

    def empty_bulk(self) -> errors.SvcfabricError:
        """An empty list was posted."""
        return _bad("Resources required")

    def big_bulk(self, limit: int) -> errors.SvcfabricError:
        """Too many objects in one request."""
        return _bad(f"At most {limit} resources may be created in one request")

    def unrecognized(self, resource: str, names: Sequence[str]) -> errors.SvcfabricError:
        """Attributes nobody declared."""
        text = shown(", ".join(names))
        if self.octavia:
            plural = "s" if len(names) > 1 else ""
            return _bad(f"Unknown attribute{plural} for argument {resource}: {text}")
        return _bad(f"Unrecognized attribute(s) '{text}'")

    def required(self, name: str) -> errors.SvcfabricError:
        """A create must name this attribute."""
        if self.octavia:
            return _bad(f"Invalid input for field/attribute {name}. Value: 'None'. Mandatory field missing.")
        return _bad(f"Failed to parse request. Required attribute '{name}' not specified")

    def not_in_post(self, resource: str, name: str) -> errors.SvcfabricError:
        """A create may not name this attribute."""
        return self.unrecognized(resource, [name]) if self.octavia else _bad(f"Attribute '{name}' not allowed in POST")

    def read_only(self, resource: str, name: str) -> errors.SvcfabricError:
        """An update may not name this attribute."""
        if self.octavia:
            return self.unrecognized(resource, [name])
        return _bad(f"Cannot update read-only attribute {name}")

    def refused(self, name: str, value: Any, reason: ValueError) -> errors.SvcfabricError:
        """The attribute's check refused the value."""
        if self.octavia:
            why = getattr(reason, "octavia", str(reason))
            return _invalid(f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. {why}")
        return _invalid(f"Invalid input for {name}. Reason: {reason}.")

    def two_projects(self) -> errors.SvcfabricError:
        """``project_id`` and ``tenant_id`` differ."""
        return _bad("'project_id' and 'tenant_id' do not match")

    def foreign_project(self) -> errors.SvcfabricError:
        """Somebody who may not named another project as the owner."""
        if self.octavia:
            return self.forbidden(())
        return _bad(
            "Specifying 'project_id' other than the authenticated project in request"
            " is not allowed for the current user."
        )

    def no_project(self) -> errors.SvcfabricError:
        """The caller has no project and named none."""
        if self.octavia:
            return _bad("Missing project ID in request where one is required.")
        return _bad("Running without keystone AuthN requires that project_id is specified")

    def forbidden(self, rules: Sequence[str]) -> errors.SvcfabricError:
        """Policy says no; ``rules`` are the policy's names."""
        if self.octavia:
            return errors.Forbidden("Policy does not allow this request to be performed.")
        text = " and ".join(f"rule:{rule}" for rule in rules)
        return errors.Forbidden(
            f"({text}) is disallowed by policy" if len(rules) > 1 else f"{text} is disallowed by policy"
        )

    def bad_filter(self, names: Sequence[str]) -> errors.SvcfabricError:
        """Filters nobody declared."""
        if self.octavia:
            text = shown(", ".join(names))
            return _bad(f"One or more arguments are either duplicate or invalid: {text}")
        return _bad(f"{shown(list(names))} is invalid attribute for filtering")

    def bad_sort_key(self, names: Sequence[str]) -> errors.SvcfabricError:
        """Sort keys nobody declared."""
        if self.octavia:
            return _bad(f"Supplied sort key '{shown(', '.join(names))}' is not valid.")
        return _bad(f"{shown(list(names))} is invalid attribute for sort_keys")

    def bad_sort_dir(self, names: Sequence[str]) -> errors.SvcfabricError:
        """Neither ``asc`` nor ``desc``."""
        if self.octavia:
            return _bad(f"Supplied sort direction '{shown(', '.join(names))}' is not valid.")
        return _bad(f"{shown(list(names))} is invalid value for sort_dirs, valid value is 'asc' and 'desc'")

    def uneven_sorts(self) -> errors.SvcfabricError:
        """Not as many directions as keys."""
        return _bad("The number of sort_keys and sort_dirs must be same")

    def bad_limit(self, value: str) -> errors.SvcfabricError:
        """``limit`` is no whole number."""
        if self.octavia:
            return _bad(f"Supplied pagination limit '{shown(value)}' is not valid.")
        text = f"Bad limit request: Limit must be an integer 0 or greater and not '{shown(value)}'."
        return errors.BadRequest(text, neutron_type="BadRequest")

    def bad_marker(self, value: str) -> errors.SvcfabricError:
        """``marker`` can be no identity."""
        return _bad(f"Supplied pagination marker '{shown(value)}' is not valid.")

    def bad_if_match(self, reason: str) -> errors.SvcfabricError:
        """``If-Match`` is not of the form ``revision_number=N``."""
        return errors.BadRequest(f"Bad if-match request: {reason}", neutron_type="BadRequest")


def _bad(message: str) -> errors.SvcfabricError:
    return errors.BadRequest(message)


def _invalid(message: str) -> errors.SvcfabricError:
    return errors.BadRequest(message, code="invalid_input")
