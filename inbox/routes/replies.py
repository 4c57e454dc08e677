"""Answers: the success envelope and the error body (rest-server.md §1.2, §1.4)."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match

from inbox import errors
from inbox.models.error_body import error_body, error_headers, without_token

log = logging.getLogger(__name__)

STATIC_METHODS = {"GET", "HEAD"}
"""Of a mounted folder, which names none itself."""


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


def error_reply(request: HTTPConnection, error: errors.InboxError) -> Response:
    """The contract's error body for an error of ours."""
    return json_reply(error_body(_path_of(request), error), error.status, error_headers(error))


def _path_of(request: HTTPConnection) -> str:
    """Path and query as they came, without the values of a token."""
    path = str(request.scope.get("raw_path", b"").decode("latin-1")) or request.url.path
    query = request.scope.get("query_string", b"").decode("latin-1")
    return without_token(f"{path}?{query}" if query else path)


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
        return error_reply(request, errors.MethodNotAllowed(f"{method} is not allowed here", _methods_at(request)))
    return error_reply(request, errors.BadRequest(error.detail))


def _methods_at(request: Request) -> set[str]:
    """Return every method of a path: one path has several routes, and the framework's own answer names one route's."""
    root_path = request.scope.get("app_root_path", request.scope.get("root_path", ""))  # before a mount moved it
    scope, methods = {**request.scope, "root_path": root_path}, set[str]()
    for route in request.app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or STATIC_METHODS
    return methods


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Handler of what should not happen: logged with its trace, answered without it."""
    reply = error_reply(request, errors.InboxError("Internal server error, please try again later"))
    log.error("request failed", extra={"action": "request_failed", "path": request.scope["path"]}, exc_info=error)
    return reply
