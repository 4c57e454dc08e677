"""Every error that the service answers with, in one tree; its leaves carry the HTTP status.

    StartupError                  the process cannot start: one line at the terminal, exit code 1
      DirectoryInUse              (embedded/directory.py) another process has the data directory
    InboxError             500    the request could not be served; alone, a defect of ours
      BadRequest           400
        MalformedHandshake        with `Sec-WebSocket-Version`
        PayloadInvalid            with `type`, `errors` and `schema`
      Unauthorized         401
      PaymentRequired      402
      Forbidden            403
      NotFound             404
        SubscriberGone            deleted while the request was carried out; its own session is answered 401
      MethodNotAllowed     405    with `Allow`
      RequestTimeout       408    closes the connection
      Conflict             409
      PayloadTooLarge      413
      UnsupportedMediaType 415
      UnprocessableEntity  422    with `errors.general`
      ValidationFailed     422    with `errors.<field>`
        TemplateError             (rendering/templates.py) a template that does not parse
        RenderError               (rendering/templates.py) a template that these variables do not fit
      TooManyRequests      429    with `Retry-After`
      HeadTooLarge         431    closes the connection
      ServiceUnavailable   503    with `Retry-After`: the same request can succeed a moment later
        Busy                      too many handshakes at once; those who are sent away come back spread
        StoreUnavailable          the store is away
          WriteRefused            the store is full or read-only; what only reads goes on
        Contention                the store is well, but other writers were faster at every attempt
        TooManyConnections        this process is full
        Draining                  this process is about to stop; only `/ready` says so

docs/errors.md says when each is answered. `http/responses.py` answers with them, `models/error_body.py` makes the body.
Background jobs catch `ServiceUnavailable` and try again later.

Exceptions outside the tree never reach a caller; each ends in its own package:

    Refusal                             realtime/       a refused socket: an HTTP answer, or a close code
    ClientFault                         realtime/       a close code
    LineFull                            realtime/       Busy
    ReplyError, ConnectionLost          store/          StoreUnavailable, WriteRefused; any other reply is a defect
    PrivateHost                         service/webhooks/hosts.py           a failed attempt to send
    LiquidSyntaxError, LiquidError      rendering/      TemplateError, RenderError
    TooMuchWork                         work.py         RenderError, or a condition that does not hold
    CannotEvaluate                      rendering/      a condition that does not hold
    UnsafeLink                          rendering/      ValidationFailed when stored, no link when rendered
    SchemaInvalid, ValueTooLarge        service/workflows/json_schema.py    ValidationFailed, PayloadInvalid
    PrivateHost                         service/webhooks/    ValidationFailed, or the reason of a failed event
    NotJson                             models/json_values.py               a problem of a workflow file

The Python client has errors of its own (`client/errors.py`).

An error's `message` is what the caller reads. `context` is flattened into the body beside `ctx`, as the clients expect;
`fields` is the `errors` object of a validation failure: field → messages and the value received.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")

NO_VALUE = "No Value Recorded"


class StartupError(Exception):
    """The service cannot start; the message is one line for the person at the terminal."""


class InboxError(Exception):
    """The request could not be served."""

    status: int = 500
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers of the answer."""

    def __init__(self, message: str | None = None, **context: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.context = context
        super().__init__(self.message)

    @property
    def name(self) -> str:
        """The status in words, e.g. `Not Found`; `error` of the body."""
        return HTTPStatus(self.status).phrase

    @property
    def reason(self) -> str:
        """What is wrong, in one line."""
        return self.message

    def detail(self) -> dict[str, Any]:
        """Return what the error body holds beside statusCode, timestamp, path and message."""
        context = {"error": self.name, "statusCode": self.status, **self.context}
        return {**context, "ctx": context}


class BadRequest(InboxError):
    """The request is malformed."""

    status = 400


class MalformedHandshake(BadRequest):
    """The handshake of a WebSocket is malformed, or of another version; the answer names the one that is spoken."""

    headers = MappingProxyType({"Sec-WebSocket-Version": "13"})

    def __init__(self, problem: str) -> None:
        super().__init__(f"The {problem} of this WebSocket is missing, malformed or repeated")


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

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(sorted(allowed))}


class RequestTimeout(InboxError):
    """The body did not come in time."""

    status = 408
    headers = MappingProxyType({"Connection": "close"})  # the rest of the body is not waited for


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
        return "Unprocessable Entity"  # as Novu's clients expect; Python 3.13 has another phrase

    def detail(self) -> dict[str, Any]:
        """Return the details with `errors`, which novu-py expects in every 422."""
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

    @property
    def reason(self) -> str:
        return "; ".join(chain.from_iterable(self.fields.values()))

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
        """Return the problems and the schema that they violate, under the names that Novu's clients read."""
        return super().detail() | {"type": "PAYLOAD_VALIDATION_ERROR", "errors": self.problems, "schema": self.schema}


class HeadTooLarge(InboxError):
    """The request line and the headers are too large."""

    status = 431


class TooManyRequests(InboxError):
    """Too many requests; try again later."""

    status = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class ServiceUnavailable(InboxError):
    """The service cannot answer at the moment; try again shortly."""

    status = 503
    headers = MappingProxyType({"Retry-After": "1"})


class Busy(ServiceUnavailable):
    """Too much is asked for at once; try again later."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.headers = MappingProxyType({"Retry-After": str(retry_after_seconds)})


class StoreUnavailable(ServiceUnavailable):
    """The store is not available; try again shortly."""


class WriteRefused(StoreUnavailable):
    """The store accepts no changes at the moment; try again shortly."""

    def __init__(self, refusal: str = "") -> None:
        """`refusal` is the code of the store's reply: OOM, MISCONF, READONLY or NOREPLICAS."""
        super().__init__()
        self.refusal = refusal


class Contention(ServiceUnavailable):
    """Other requests keep changing the same data; try again shortly."""

    def __init__(self) -> None:
        super().__init__(code="contention")


class TooManyConnections(ServiceUnavailable):
    """This process has as many connections open as it can hold; try again later."""

    headers = MappingProxyType({"Retry-After": "10"})


class Draining(ServiceUnavailable):
    """This process is about to stop; send requests to another one."""


def invalid(field: str, message: str, value: Any = NO_VALUE) -> ValidationFailed:
    """Return a 422 for one field."""
    return ValidationFailed({field: message}, values={field: value})


def existing(value: T | None, error: InboxError) -> T:
    """Return a value that was looked up. Raise the error if there is none."""
    if value is None:
        raise error
    return value
