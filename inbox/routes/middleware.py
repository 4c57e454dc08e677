"""What surrounds every request: routing on the raw path, and CORS for the browser side."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox.errors import RequestTimeout, TooManyConnections
from inbox.logs import PacedLog
from inbox.origins import ANY, AllowedOrigins
from inbox.routes.access import ALLOWANCE
from inbox.routes.replies import error_reply

log = logging.getLogger(__name__)

BROWSER_PATHS = ("/v1/inbox", "/v1/widgets", "/static/", "/socket.io/")
API_PATHS = ("/v1/", "/v2/")
BROWSER_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
BROWSER_HEADERS = (
    "Authorization",
    "Baggage",
    "Bypass-Tunnel-Reminder",
    "Content-Type",
    "Idempotency-Key",
    "Novu-API-Version",
    "Novu-Application-Identifier",
    "Novu-Client-Version",
    "Novu-Environment-Id",
    "Novu-User-Agent",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "User-Agent",
)
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
MAX_AGE_SECONDS = 86_400
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 1024
"""A body has `BODY_SECONDS`, and a second more for every so many bytes that came: a slow line is let in."""


class RawPath:
    """Routes see the path as it was sent, so that an id may hold an encoded slash; handlers decode what they take.

    The base path of a proxy is cut off here. One that the proxy has cut off already is not missed.
    """

    def __init__(self, app: ASGIApp, base_path: str = "") -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if raw_path := scope.get("raw_path"):
            path = raw_path.partition(b"?")[0].decode("latin-1")
            if self._base_path and f"{path}/".startswith(f"{self._base_path}/"):
                path = path.removeprefix(self._base_path)
                if not path and scope["type"] == "http":  # else the links of the page would lead beside it
                    query = scope["query_string"].decode("latin-1")
                    app = RedirectResponse(f"{self._base_path}/?{query}".rstrip("?"), 308)
            scope = {**scope, "path": path or "/"}
        await app(scope, receive, send)


class SocketLimit:
    """So many sockets at a time, of both flavours together; a handshake beyond is answered 503. None: without limit."""

    def __init__(self, app: ASGIApp, most: int | None) -> None:
        self._app = app
        self._most = math.inf if most is None else most
        self._open = 0
        self._refused = PacedLog(log, "socket refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
        elif self._open < self._most:
            self._open += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._open -= 1
        else:
            error = TooManyConnections("This process has as many sockets open as it may; try again later")
            self._refused.write(action="connection_refused", status=error.status, reason=error.message)
            await error_reply(HTTPConnection(scope), error)(scope, receive, send)


class BodyDeadline:
    """A body has to come at some pace, whoever reads it; else that reader gets RequestTimeout."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, Deadline(receive).receive if scope["type"] == "http" else receive, send)


class Deadline:
    """A request's `receive`. Its time runs from the first call, so that what came before was not the client's."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until: float | None = None
        self._is_whole = False

    async def receive(self) -> Message:
        """The next message. Raises RequestTimeout when it does not come in time, unless the body is whole."""
        if self._is_whole:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        self._until += len(message.get("body", b"")) / BODY_BYTES_PER_SECOND
        self._is_whole = not message.get("more_body", False)
        return message


class NoStore:
    """Answers of the API belong to one caller: no cache, of a browser or in between, may keep them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"cache-control", b"private, no-store")]}
            await send(message)

        is_personal = scope["type"] == "http" and scope["path"].startswith(API_PATHS)
        await self._app(scope, receive, tell if is_personal else send)


class RateHeaders:
    """Tells a caller that has a limit what is left of it, with every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            allowance = scope.get(ALLOWANCE)
            if allowance is not None and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *allowance.headers()]}
            await send(message)

        await self._app(scope, receive, tell if scope["type"] == "http" else send)


class OriginCors(CORSMiddleware):
    """The framework's CORS with our matcher of origins."""

    def __init__(self, app: ASGIApp, origins: AllowedOrigins, **options: Any) -> None:
        super().__init__(app, allow_origins=[ANY] if origins.allows_any else [], **options)
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether this origin is listed."""
        return self._origins.allows(origin)


class BrowserCors:
    """CORS on the paths that browsers of other origins call, and on no other."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._cors = OriginCors(
            app,
            AllowedOrigins(origins),
            allow_methods=BROWSER_METHODS,
            allow_headers=BROWSER_HEADERS,
            expose_headers=("Retry-After", *RATE_HEADERS),
            max_age=MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_browser_side = scope["type"] == "http" and scope["path"].startswith(BROWSER_PATHS)
        await (self._cors if is_browser_side else self._app)(scope, receive, send)
