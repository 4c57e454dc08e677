"""Every error the service answers with, and the one table error → HTTP status.

An error's `message` is what the caller reads. `context` is flattened into the body beside `ctx`, as the contract asks
(rest-server.md §1.4); `fields` is the `errors` object of a validation failure: field → messages and the value received.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

NO_VALUE = "No Value Recorded"


class StartupError(Exception):
    """The service cannot start; the message is one line for the person at the terminal."""


class InboxError(Exception):
    """The request could not be served."""

    status: int = 500

    def __init__(self, message: str | None = None, **context: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.context = context
        super().__init__(self.message)

    @property
    def name(self) -> str:
        """The status in words, e.g. `Not Found`; the contract's `error`."""
        return HTTPStatus(self.status).phrase

    def detail(self) -> dict[str, Any]:
        """What the error body carries beside statusCode, timestamp, path and message."""
        context = {"error": self.name, "statusCode": self.status, **self.context}
        return {**context, "ctx": context}


class BadRequest(InboxError):
    """The request is malformed."""

    status = 400


class Unauthorized(InboxError):
    """Unauthorized"""

    status = 401


class PaymentRequired(InboxError):
    """Beyond what this installation offers."""

    status = 402


class Forbidden(InboxError):
    """Not allowed here."""

    status = 403


class NotFound(InboxError):
    """Not found."""

    status = 404


class SubscriberGone(NotFound):
    """The subscriber was deleted while the request was carried out."""


class MethodNotAllowed(InboxError):
    """Method not allowed."""

    status = 405


class RequestTimeout(InboxError):
    """The body did not come in time."""

    status = 408


class Conflict(InboxError):
    """The thing exists already."""

    status = 409


class PayloadTooLarge(InboxError):
    """The body is larger than this endpoint accepts."""

    status = 413


class UnsupportedMediaType(InboxError):
    """The body must be JSON (Content-Type: application/json)."""

    status = 415


class UnprocessableEntity(InboxError):
    """The request is well-formed but cannot be carried out."""

    status = 422

    @property
    def name(self) -> str:
        return "Unprocessable Entity"  # what the contract says; the interpreter's table renames it in 3.13

    def detail(self) -> dict[str, Any]:
        """With `errors`, which novu-py asks of every 422."""
        return super().detail() | {"errors": {"general": {"messages": [self.message], "value": NO_VALUE}}}


class ValidationFailed(InboxError):
    """Validation Error"""

    status = 422

    def __init__(
        self, fields: Mapping[str, str | list[str]], message: str | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.fields = {name: [text] if isinstance(text, str) else text for name, text in fields.items()}
        self.values = values or {}

    def detail(self) -> dict[str, Any]:
        errors = {
            name: {"messages": messages, "value": self.values.get(name, NO_VALUE)}
            for name, messages in self.fields.items()
        }
        return {"ctx": {}, "errors": errors}


class PayloadInvalid(BadRequest):
    """Payload validation failed"""

    def __init__(self, problems: list[dict[str, Any]], schema: Mapping[str, Any]) -> None:
        super().__init__()
        self.problems = problems
        self.schema = schema

    def detail(self) -> dict[str, Any]:
        """As the contract has it for a payload that does not fit the workflow's schema (rest-server.md §1.4)."""
        return super().detail() | {"type": "PAYLOAD_VALIDATION_ERROR", "errors": self.problems, "schema": self.schema}


class TooManyRequests(InboxError):
    """Too many requests; try again later."""

    status = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(InboxError):
    """The store is not available; try again shortly."""

    status = 503
    retry_after_seconds = 1


def invalid(field: str, message: str, value: Any = NO_VALUE) -> ValidationFailed:
    """A 422 that names one field."""
    return ValidationFailed({field: message}, values={field: value})
