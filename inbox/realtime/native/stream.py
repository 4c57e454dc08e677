"""The native protocol as server-sent events, at `/v1/inbox/events`: an answer without an end in place of a socket.

The task of the request writes the answer; whatever it has not written yet waits in the connection, as for a socket.
"""

from __future__ import annotations

import asyncio
import random
import socket as tcp
from collections.abc import Callable
from typing import cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from inbox.errors import MethodNotAllowed, NotFound, Unauthorized
from inbox.http.auth import bearer_of, count_request
from inbox.http.protocol import EXTENSION, InboxHttpProtocol
from inbox.http.requests import header_of, parse_json
from inbox.realtime.connection import EncodedDelivery
from inbox.realtime.events import Close
from inbox.realtime.feed_events import FeedEvent
from inbox.realtime.handshake import PING_SECONDS, Handshake, OpenSocket, Refusal, Sockets
from inbox.realtime.native.codec import NativeCodec, event_json, ping_json
from inbox.realtime.native.connect import ListQuery, greet
from inbox.realtime.native.connection import NativeConnection
from inbox.realtime.native.frames import refusal_of
from inbox.store.connection.wire import limit_waiting
from inbox.store.feed import Feed
from inbox.store.rows import Position

RETRY_MS = (1_000, 5_000)
"""Between these a client that has lost its stream comes back, at its own time."""
UNACKNOWLEDGED_MS = int(2_000 * PING_SECONDS)
_HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]


class StreamCodec(NativeCodec):
    """Encodes a change as the event `change`, whose id is the position."""

    flavour = "stream"

    def frame(self, event: FeedEvent, held: Position, _: int | None) -> bytes:
        return stream_event("change", event.feed.position_text(event.position), event_json(event, held))

    def ping(self, feed: Feed, position: Position) -> EncodedDelivery:
        text = stream_event("ping", feed.position_text(position), ping_json(feed, position))
        return EncodedDelivery(text, 1, b"")

    def close_packets(self, close: Close) -> bytes:
        """Return the last event, which has no id: it would become the position that an EventSource comes back with."""
        return b"event: closed\ndata: %b\n\n" % orjson.dumps({"code": close.code, "reason": close.reason})


CODEC = StreamCodec()


def stream_event(name: str, event_id: str, data: bytes) -> bytes:
    """Return a server-sent event; `data` is JSON of one line."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), event_id.encode(), data)


class StreamTransport:
    """The answer to a request, as a connection writes it. It is written by `run`, one write after the other."""

    __slots__ = ("_callback", "_http", "_is_sending", "_news", "_restart_ms", "_waiting", "has_ended")

    def __init__(self, http: InboxHttpProtocol, restart_ms: Callable[[], int]) -> None:
        self.has_ended = http.transport.is_closing()
        self._http = http
        self._restart_ms = restart_ms
        self._waiting = b""
        self._is_sending = False
        self._news = asyncio.Event()
        self._callback: Callable[[], None] = lambda: None
        http.stream = self
        _end_when_unacknowledged(http.transport)

    @property
    def is_writable(self) -> bool:
        return not (self._waiting or self._is_sending or self.has_ended)

    def write(self, data: bytes) -> None:
        self._waiting += data
        self._news.set()

    def on_writable(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def close(self, _: Close) -> None:
        """End the answer after what was written; the codec has said why."""
        self.has_ended = True
        self._news.set()

    def abort(self) -> None:
        self.has_ended = True
        self._http.transport.abort()

    def lost(self) -> None:
        """Note that the client has left."""
        self.has_ended = True
        self._news.set()

    def restart(self) -> None:
        """End the answer, since the service stops, and say when to come back."""
        if not self.has_ended:
            self.write(b"retry: %d\n\n" % self._restart_ms())
            self.has_ended = True

    async def run(self, send: Send) -> None:
        """Write the body until it has ended."""
        while self._waiting or not self.has_ended:
            await self._news.wait()
            self._news.clear()
            data, self._waiting = self._waiting, b""
            self._is_sending = True
            await send({"type": "http.response.body", "body": data, "more_body": True})
            self._is_sending = False
            self._callback()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _end_when_unacknowledged(transport: asyncio.Transport) -> None:
    """Have the system end a connection whose peer acknowledges nothing: the pings of a stream are never answered."""
    connection = transport.get_extra_info("socket")
    if connection and connection.family in (tcp.AF_INET, tcp.AF_INET6) and hasattr(tcp, "TCP_USER_TIMEOUT"):
        connection.setsockopt(tcp.IPPROTO_TCP, tcp.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


class FeedStream(Response):
    """The answer to a request for events, once its connection has joined the feed."""

    def __init__(self, sockets: Sockets, socket: OpenSocket, transport: StreamTransport) -> None:
        self.status_code, self.background, self.raw_headers = 200, None, [*_HEADERS]
        self._sockets = sockets
        self._socket = socket
        self._transport = transport

    def keep_alive(self) -> None:
        """Tell the client its position."""
        connection = cast(NativeConnection, self._socket.connection)
        connection.deliver(CODEC.ping(self._socket.connected.feed, connection.position))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        turn = self._sockets.pings.add(self)
        self._socket.connection.open()
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._transport.run(send)
        finally:
            self._sockets.pings.remove(self, turn)
            self._sockets.close(self._socket)


async def stream_events(request: Request) -> FeedStream:
    """Open a stream of the feed of a session: `?position=` or `Last-Event-ID` to recover from, `?list=` as JSON.

    Raise the errors of REST: 400 and 422 for a query, 401, 403, 429 and 503.
    """
    if request.method != "GET":
        raise MethodNotAllowed("HEAD is not allowed here", {"GET"})
    limit_waiting()
    sockets: Sockets = request.scope["app"].state.sockets
    token = request.query_params.get("token") or bearer_of(request)
    environment, claims = await sockets.services.sessions.check(token)
    await count_request(request, "subscriber", environment, claims.subscriber_oid)
    list_text = request.query_params.get("list")
    query = ListQuery(parse_json(list_text.encode(errors="surrogatepass"), dict)) if list_text else None
    held = header_of(request, b"last-event-id") or request.query_params.get("position")
    transport = StreamTransport(request.scope["extensions"][EXTENSION], sockets.restart_ms)
    handshake = Handshake(token, header_of(request, b"origin"), header_of(request, b"host"))
    try:
        socket = await sockets.open(handshake, transport, CODEC, NativeConnection)
    except Refusal as refusal:
        raise refusal_of(refusal)[0] from None
    try:
        await _begin(sockets, socket, held, query)
    except BaseException as error:
        sockets.close(socket)
        if isinstance(error, NotFound):
            raise Unauthorized from None
        raise
    return FeedStream(sockets, socket, transport)


async def _begin(sockets: Sockets, socket: OpenSocket, held: str | None, query: ListQuery | None) -> None:
    """Have the answer to `connect` sent first, and then the events behind it."""
    connection = cast(NativeConnection, socket.connection)
    result, position = await greet(sockets.services, socket, connection, held, query)
    text = socket.connected.feed.position_text(position)
    connection.send(b"retry: %d\n" % random.randint(*RETRY_MS) + stream_event("connected", text, orjson.dumps(result)))
    connection.begin(position)
