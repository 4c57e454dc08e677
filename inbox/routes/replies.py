"""Answers: the success envelope and the error body (rest-server.md §1.2, §1.4)."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from inbox import errors
from inbox.models.dates import iso_now

log = logging.getLogger(__name__)


def json_reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer as it is."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def data(value: Any, status: int = 200) -> Response:
    """`{"data": value}`: exactly one key, since the SDKs unwrap only that."""
    return json_reply({"data": value}, status)


def page(body: dict[str, Any]) -> Response:
    """A paginated answer, which has its own `data` and is not wrapped again."""
    return json_reply(body)


def no_content() -> Response:
    """204 with an empty body."""
    return Response(status_code=204)


def error_reply(request: Request, error: errors.InboxError) -> Response:
    """The contract's error body for an error of ours."""
    body = {
        "statusCode": error.status,
        "timestamp": iso_now(),
        "path": _path_of(request),
        "message": error.message,
        **error.detail(),
    }
    if error.status >= 500:
        body["errorId"] = str(uuid.uuid4())
    return json_reply(body, error.status, _headers_of(error))


def _headers_of(error: errors.InboxError) -> dict[str, str]:
    if isinstance(error, errors.RequestTimeout):  # what is left of the body is not waited for
        return {"Connection": "close"}
    retry_after = getattr(error, "retry_after_seconds", None)
    return {"Retry-After": str(retry_after)} if retry_after else {}


def _path_of(request: Request) -> str:
    """Path and query as they came, without the values of a token."""
    path = str(request.scope.get("raw_path", b"").decode("latin-1")) or request.url.path
    query = request.scope.get("query_string", b"").decode("latin-1")
    if "token=" in query:
        return path
    return f"{path}?{query}" if query else path


async def on_inbox_error(request: Request, error: Exception) -> Response:
    """Handler of every error of ours."""
    assert isinstance(error, errors.InboxError)  # noqa: S101 (registered for these only)
    return error_reply(request, error)


async def on_subscriber_gone(request: Request, error: Exception) -> Response:
    """As if the request had come a moment later: 401 to a session, whose token is worth nothing, 404 to a backend."""
    assert isinstance(error, errors.SubscriberGone)  # noqa: S101 (registered for these only)
    is_session = request.headers.get("authorization", "").lower().startswith("bearer ")
    return error_reply(request, errors.Unauthorized() if is_session else error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler of the framework's own errors: unknown path, wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these only)
    method, path = request.method, request.scope["path"]
    if error.status_code == 404:
        return error_reply(request, errors.NotFound(f"Cannot {method} {path}"))
    if error.status_code == 405:
        return error_reply(request, errors.MethodNotAllowed(f"{method} is not allowed here"))
    return error_reply(request, errors.BadRequest(error.detail))


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Handler of what should not happen: logged with its trace, answered without it."""
    reply = error_reply(request, errors.InboxError("Internal server error, please try again later"))
    log.error("request failed", extra={"action": "request_failed", "path": request.scope["path"]}, exc_info=error)
    return reply
