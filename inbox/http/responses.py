"""Responses: the success envelope, and every error as the error body."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from inbox import errors
from inbox.models.error_body import error_body, without_token

log = logging.getLogger(__name__)

POLL = "inbox.poll"
"""The key of a 304 on its way out for its `StandingPoll`, which `Exchange` keeps."""
_JSON_TYPE = (b"content-type", b"application/json")
T = TypeVar("T")


class Bare(Response, Generic[T]):
    """An answer whose JSON is a T."""


class Data(Response, Generic[T]):
    """An answer whose JSON is `{"data": T}` with no other key: the SDKs unwrap only that."""


class _Ready(Response):
    """An answer whose body is bytes already. Starlette would build the same headers in three times as long."""

    def __init__(
        self, body: bytes, status: int, own: Sequence[tuple[bytes, bytes]], headers: Mapping[str, str] | None = None
    ) -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [*own]
        for name, value in headers.items() if headers else ():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


class NotModified(_Ready):
    """A 304; `poll` is the `StandingPoll` that decides when the request comes again, None if the application does."""

    def __init__(self, poll: object) -> None:
        super().__init__(b"", 304, ())
        self.poll = poll

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": self.raw_headers, POLL: self.poll})
        await send({"type": "http.response.body"})


class _Json(_Ready):
    def __init__(self, body: bytes, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, status, ((b"content-length", b"%d" % len(body)), _JSON_TYPE), headers)


class _BareJson(_Json, Bare[T]):
    pass


class _DataJson(_Json, Data[T]):
    pass


class SecretData(_DataJson[T]):
    """An answer with a key or a secret, which is stored nowhere."""


def bare(body: T, status: int = 200, headers: Mapping[str, str] | None = None) -> Bare[T]:
    """Return a JSON answer that is not wrapped: a page has its own `data`."""
    return _BareJson(orjson.dumps(body), status, headers)


def data(value: T, status: int = 200) -> Data[T]:
    """Return `{"data": value}`."""
    return _DataJson(orjson.dumps({"data": value}), status)


def secret_data(value: T, status: int = 200) -> Data[T]:
    """Return `{"data": value}` of a value that is shown once, so that no Idempotency-Key keeps it."""
    return SecretData(orjson.dumps({"data": value}), status)


def no_content() -> Response:
    """Return 204 with an empty body."""
    return Response(status_code=204)


def not_modified(poll: object = None) -> NotModified:
    """Return 304: the client has the answer already."""
    return NotModified(poll)


def error_reply(request: HTTPConnection, error: errors.InboxError, cause: Exception | None = None) -> Response:
    """Return an error as the body that Novu's clients expect.

    A server error (5xx) gets an `errorId` and a log line that names it: at ERROR with the traceback of its `cause`,
    else at WARNING.
    """
    error_id = None
    if error.status >= 500:
        error_id = str(uuid.uuid4())
        fields = {"method": request.scope["method"], "path": request.scope["path"], "status": error.status}
        level = logging.ERROR if cause else logging.WARNING
        extra = {"action": "request_failed", "error_id": error_id, **fields}
        log.log(level, "request failed: %s", error.message, extra=extra, exc_info=cause)
    return bare(error_body(_path_of(request), error, error_id), error.status, error.headers)


def _path_of(request: HTTPConnection) -> str:
    """Return path and query exactly as received; the path alone if the query may hold a token."""
    path = str(request.scope.get("raw_path", b"").decode("latin-1")) or request.url.path
    query = request.scope.get("query_string", b"").decode("latin-1")
    return without_token(f"{path}?{query}" if query else path)


def reply_to(request: HTTPConnection, error: Exception) -> Response:
    """Return the answer to a request that ended with an exception of any kind; log an unexpected one."""
    if isinstance(error, errors.SubscriberGone):
        return _reply_to_gone(request, error)
    if isinstance(error, errors.InboxError):
        return error_reply(request, error)
    if isinstance(error, HTTPException):
        return _reply_to_framework(request, error)
    return error_reply(request, errors.InboxError("Internal server error, please try again later"), cause=error)


def _reply_to_gone(request: HTTPConnection, error: errors.SubscriberGone) -> Response:
    """Answer as if the request had come a moment later: 401 to a session, whose token is void, 404 to a backend."""
    is_session = request.headers.get("authorization", "").lower().startswith("bearer ")
    return error_reply(request, errors.Unauthorized() if is_session else error)


def _reply_to_framework(request: HTTPConnection, error: HTTPException) -> Response:
    """Answer the framework's own errors: a file that does not exist."""
    if error.status_code == 404:
        return error_reply(request, errors.NotFound(f"Cannot {request.scope['method']} {request.scope['path']}"))
    return error_reply(request, errors.BadRequest(error.detail))
