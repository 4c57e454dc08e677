"""What surrounds every request: routing on the raw path, and CORS for the browser side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox.errors import RequestTimeout
from inbox.routes.access import ALLOWANCE

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
    "User-Agent",
)
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
MAX_AGE_SECONDS = 86_400
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 1024
"""A body has `BODY_SECONDS`, and a second more for every so many bytes that came: a slow line is let in."""


class RawPath:
    """Routes see the path as it was sent, so that an id may hold an encoded slash; handlers decode what they take."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if raw_path := scope.get("raw_path"):
            scope = {**scope, "path": raw_path.partition(b"?")[0].decode("latin-1")}
        await self._app(scope, receive, send)


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


class BrowserCors:
    """CORS on the paths that browsers of other origins call, and on no other."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=BROWSER_METHODS,
            allow_headers=BROWSER_HEADERS,
            expose_headers=("Retry-After", *RATE_HEADERS),
            max_age=MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_browser_side = scope["type"] == "http" and scope["path"].startswith(BROWSER_PATHS)
        await (self._cors if is_browser_side else self._app)(scope, receive, send)
