"""What surrounds every request: the path as it was sent, a limit of its body, added headers, CORS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import cast

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox import metrics
from inbox.errors import RequestTimeout
from inbox.http.auth import ALLOWANCE
from inbox.http.idempotency import answer_once
from inbox.http.polls import REVALIDATED
from inbox.http.protocol import EXTENSION, InboxHttpProtocol
from inbox.http.request_log import RequestLog
from inbox.http.requests import header_of, headers_of
from inbox.http.responses import NotModified, reply_to
from inbox.http.route_index import ROUTE, Endpoint
from inbox.origins import ANY, AllowedOrigins
from inbox.store.connection.wire import limit_waiting
from inbox.tracing import REQUEST_ID, TRACEPARENT, begin_request

BROWSER_PATHS = ("/v1/inbox", "/v1/widgets", "/static/", "/socket.io/")
API_PATHS = ("/v1/", "/v2/")
BROWSER_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
BROWSER_HEADERS = (
    "Authorization",
    "Baggage",
    "Bypass-Tunnel-Reminder",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Novu-API-Version",
    "Novu-Application-Identifier",
    "Novu-Client-Version",
    "Novu-Environment-Id",
    "Novu-User-Agent",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
    "User-Agent",
    "X-Request-Id",
)
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
MAX_AGE_SECONDS = 86_400
ORIGIN, PREFLIGHT, IDEMPOTENCY_KEY = b"origin", b"access-control-request-method", b"idempotency-key"
CONTENT_LENGTH, TRANSFER_ENCODING = b"content-length", b"transfer-encoding"
"""A request without either has no body."""
PRIVATE = (b"cache-control", b"private, no-store")
"""An answer belongs to one caller, and nobody keeps it but who polls."""
VARY = (b"vary", b"Origin")
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 1024
"""A body has `BODY_SECONDS`, plus a second for each time this many bytes arrive: a slow line suffices."""


class Front:
    """What surrounds the routes: it gives each request what it needs, and nothing that it does not use.

    Routes see the path as it was sent, so that an id may contain an encoded slash; handlers decode parameters. The base
    path of a proxy is removed, unless the proxy has removed it already.
    """

    def __init__(
        self,
        answer: Endpoint,
        *,
        base_path: str = "",
        origins: Iterable[str] = (),
        log: RequestLog | None = None,
        is_idempotent: bool = False,
    ) -> None:
        """`answer` is that of the routes; it may raise any error."""
        self._routes = answer
        self._base_path = base_path
        self._cors = BrowserCors(origins)
        self._is_idempotent = is_idempotent
        self._log = log or RequestLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
        if self._base_path and f"{path}/".startswith(f"{self._base_path}/"):
            path = path.removeprefix(self._base_path)
            if not path:  # else the relative links of the page would break
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse(f"{self._base_path}/?{query}".rstrip("?"), 308)(scope, receive, send)
                return
        scope = {**scope, "path": path}
        began, sent = monotonic(), headers_of(scope)
        if CONTENT_LENGTH in sent or TRANSFER_ENCODING in sent:
            receive = Deadline(receive, scope.get("extensions", {}).get(EXTENSION)).receive
        request = Request(scope, receive)
        request_id = begin_request(
            header_of(request, REQUEST_ID) if REQUEST_ID in sent else None,
            header_of(request, TRACEPARENT) if TRACEPARENT in sent else None,
        )
        added: list[tuple[bytes, bytes]] = []
        is_preflight = False
        if path.startswith(BROWSER_PATHS):
            if ORIGIN not in sent:
                added.append(VARY)
            elif scope["method"] == "OPTIONS" and PREFLIGHT in sent:
                is_preflight = True
            else:
                added = self._cors.headers(scope)
        if is_preflight:
            response = self._cors.preflight_response(request.headers)
        elif self._is_idempotent and IDEMPOTENCY_KEY in sent:
            response = await answer_once(request, self._answer)
        else:
            response = await self._answer(request)
        if path.startswith(API_PATHS) and REVALIDATED not in response.raw_headers:
            added.append(PRIVATE)
        if allowance := scope.get(ALLOWANCE):
            added += allowance.headers()
        added.append((REQUEST_ID, request_id.encode()))
        response.raw_headers += added
        if isinstance(response, NotModified) and self._log.notes_all:
            response.poll = None  # so that it comes here again, and is noted
        self._note(scope, response.status_code, monotonic() - began, "preflight" if is_preflight else "none")
        await response(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float, without_route: str) -> None:
        """Count an answer, and log it if it is to be logged."""
        method, route = scope["method"], scope.get(ROUTE, without_route)
        metrics.REQUESTS.add((method, route, status))
        metrics.REQUEST_SECONDS.observe(seconds, (method, route))
        self._log.note(scope, status, seconds)

    async def _answer(self, request: Request) -> Response:
        """Return the answer of the routes; that of an error, whichever it is."""
        try:
            return await self._routes(request)
        except Exception as error:
            return reply_to(request, error)


class Deadline:
    """The `receive` of a request with a body; its deadline runs from the first call that has to wait for the client."""

    def __init__(self, receive: Receive, connection: InboxHttpProtocol | None = None) -> None:
        self._receive = receive
        self._connection = connection
        self._until: float | None = None
        self._earned_seconds = 0.0
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next message. Raise RequestTimeout if it is late, unless the body is complete."""
        if self._is_whole:
            return await self._receive()
        if self._connection and self._connection.has_input:
            message = await self._receive()
        else:
            if self._until is None:
                self._until = asyncio.get_running_loop().time() + BODY_SECONDS
            try:
                async with asyncio.timeout_at(self._until + self._earned_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise RequestTimeout from None
            limit_waiting()  # it came at the caller's pace
        self._earned_seconds += len(message.get("body", b"")) / BODY_BYTES_PER_SECOND
        self._is_whole = not message.get("more_body", False)
        return message


class BrowserCors(CORSMiddleware):
    """CORS for the paths that browsers of other origins call: the answers to preflights, and headers of all others."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = AllowedOrigins(origins)
        super().__init__(
            cast("ASGIApp", None),  # its own way through an application is not used
            allow_origins=[ANY] if self._origins.allows_any else [],
            allow_methods=BROWSER_METHODS,
            allow_headers=BROWSER_HEADERS,
            expose_headers=("ETag", "Retry-After", "X-Request-Id", *RATE_HEADERS),
            max_age=MAX_AGE_SECONDS,
        )
        self._simple = [(name.lower().encode(), value.encode()) for name, value in self.simple_headers.items()]

    def is_allowed_origin(self, origin: str) -> bool:
        return self._origins.allows(origin)

    def headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return the headers for the origin of a request. The library copies those of the answer for each of them."""
        origin = next(value for name, value in scope["headers"] if name == ORIGIN)
        is_named = not self.allow_all_origins and self.is_allowed_origin(origin.decode("latin-1"))
        return [*self._simple, *([(b"access-control-allow-origin", origin)] if is_named else []), VARY]
