"""uvicorn's HTTP protocol, strict about heads, with an end to what a client may leave open.

uvicorn takes heads that HTTP has servers refuse: versions it does not speak, no Host or two, codings it does not undo.
They are answered here with the error body of every other refusal, the handshakes of sockets included. uvicorn also
keeps a head of any length for any time, waits for ever for the rest of a body, and keeps every answer until it is read.
The protocol puts itself into the scope's extensions, so that an answer which turns out to be half can be cut off.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, cast

import orjson
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from inbox.descriptors import descriptor_limit, share_out
from inbox.errors import (
    BadRequest,
    HeadTooLarge,
    InboxError,
    MethodNotAllowed,
    TooManyConnections,
    UpgradeRequired,
)
from inbox.logs import PacedLog
from inbox.models.error_body import error_body, error_headers, without_token

log = logging.getLogger(__name__)

EXTENSION = "inbox.http"
HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024
"""Of the target and the headers. One that does not end may be as large beyond the part in which it began, which is
whatever the socket gave at once (256 KiB at most).
"""
LINGER_SECONDS = 10.0
"""For how long a body may go on to come whose request was answered without it."""
STALL_SECONDS = 10.0
STALL_BYTES = 4 * 1024
"""A client that takes less than this of a waiting answer within `STALL_SECONDS` is dropped."""
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Of answers that clients have not taken yet, over all connections; beyond, the one that waits longest is dropped."""
STOP_SECONDS = 1.0
"""How long a stopping service waits for the rest of a request, and for a client that takes nothing."""

VERSIONS = ("1.0", "1.1")
CHECKED = frozenset((b"host", b"transfer-encoding", b"upgrade", b"sec-websocket-version", b"sec-websocket-key"))
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")


class Unread:
    """The connections whose clients do not keep up, the one that waits longest first."""

    def __init__(self) -> None:
        self._waiting: dict[InboxHttpProtocol, None] = {}

    def add(self, waiting: InboxHttpProtocol) -> None:
        """One more; those that wait longest are dropped until what all of them wait for is within the limit."""
        self._waiting[waiting] = None
        sizes = {one: one.transport.get_write_buffer_size() for one in self._waiting}
        size = sum(sizes.values())
        for one in sizes:
            if size <= MAX_UNREAD_BYTES:
                return
            size -= sizes[one]
            self.discard(one)
            one.transport.abort()

    def discard(self, taken: InboxHttpProtocol) -> None:
        """It keeps up, or is gone."""
        self._waiting.pop(taken, None)


class InboxHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with these limits; give it to uvicorn as `http=`."""

    _share = share_out(descriptor_limit() or sys.maxsize)  # of the process
    _unread = Unread()  # likewise
    _refused = PacedLog(log, "request refused")  # likewise
    _full = PacedLog(log, "connection refused: hardly any descriptor is left", logging.WARNING)  # likewise
    _is_beyond = False
    _refusal: InboxError | None = None
    _segment = b""
    _running: RequestResponseCycle | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None
    _head_is_open = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        descriptor = transport.get_extra_info("socket").fileno()
        self._is_beyond = descriptor >= self._share.connections
        if self._is_beyond:
            self._full.write(action="descriptors_exhausted", reason="raise the limit of descriptors (ulimit -n)")
        if descriptor >= self._share.answers:  # even a refusal takes too long for so many
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        self._taken()
        self._stop_lingering()
        if self._running and not self._running.response_complete:  # uvicorn tells the last of those pipelined only
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_is_open:
            self._head_bytes += len(data)
        self._segment = data
        super().data_received(data)
        self._segment = b""
        if self._head_is_open and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refusal = HeadTooLarge()
            self.send_400_response("")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, with what came behind the handshake: uvicorn would lose it."""
        upgrade = sys.exception()
        super().handle_websocket_upgrade()
        protocol: Any = self.transport.get_protocol()
        if not protocol.handshake_initiated:  # websockets refuses it, or could not read it: uvicorn would leave that
            if protocol.unusable:
                self._refusal = BadRequest(f"The {protocol.unusable} of this WebSocket is malformed, or there are two")
            self.send_400_response("")
        elif upgrade is not None and (ahead := self._segment[upgrade.args[0] :]):
            protocol.data_received(ahead)

    def send_400_response(self, _: str) -> None:
        """Answer a request that is refused before there is a scope for it, and close the connection."""
        error = self._refusal or BadRequest("This is no HTTP request that can be read")
        path = without_token(self.url.decode("latin-1")) if self.scope else ""
        if not self._is_beyond:  # that has a line of its own
            self._refused.write(action="request_refused", status=error.status, reason=error.message)
        self.transport.write(_encode(path, error))
        self.transport.close()

    def on_message_begin(self) -> None:
        self._head_is_open, self._head_bytes = True, 0
        self._await_head()
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {EXTENSION: self}

    def on_headers_complete(self) -> Any:
        self._head_is_open = False
        self._head_has_come()
        self._check_head()
        return super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_lingering()
        super().on_message_complete()
        if self.cycle is not None:
            self.cycle.more_body = False  # also of one that is answered: uvicorn leaves it as it was

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and self.cycle.more_body and not self.transport.is_closing():
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.add(self)
        self._watch_stall(STALL_SECONDS)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def shutdown(self) -> None:
        super().shutdown()
        if self._stall_timer:
            self._watch_stall(STOP_SECONDS)
        if self.cycle is not None and self.cycle.more_body:
            self.loop.call_later(STOP_SECONDS, self._drop_unless_whole, self.cycle)

    async def cut(self, receive: Receive) -> None:
        """Ends the connection at once, so that nobody takes what was sent for a whole answer.

        Returns once the request counts as gone: then uvicorn misses no end of the answer.
        """
        self.transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, self._cut_when_cancelled(app))

    def _cut_when_cancelled(self, app: Any) -> Any:
        """The application, whose request ends without a word when the service stops and has waited long enough."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                await self.cut(receive)

        return run

    def _check_head(self) -> None:
        """Refuse what RFC 9112 has a server refuse, and a head that is too large however it was cut up on the way."""
        version, given = self.parser.get_http_version(), dict[bytes, list[bytes]]()
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name in CHECKED:
                given.setdefault(name, []).append(value)
        hosts, codings = given.get(b"host", []), given.get(b"transfer-encoding", [])
        if self._is_beyond:
            self._refuse(TooManyConnections())
        if size > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())
        if version not in VERSIONS:
            self._refuse(BadRequest(f"HTTP/{version} is not spoken here: use HTTP/1.1"))
        if len(hosts) > 1 or (version == "1.1" and not hosts) or not all(_HOST.fullmatch(host) for host in hosts):
            self._refuse(BadRequest("A request must name its Host, once"))
        if codings and (version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
            self._refuse(BadRequest("Transfer-Encoding can only be chunked, of HTTP/1.1"))
        if self.parser.should_upgrade() and [one.lower() for one in given.get(b"upgrade", [])] == [b"websocket"]:
            self._check_handshake(version, given)

    def _check_handshake(self, version: str, given: Mapping[bytes, list[bytes]]) -> None:
        """Refuse what websockets would refuse, but with our body."""
        if version == "1.0":
            self._refuse(UpgradeRequired())
        if self.parser.get_method() != b"GET":
            self._refuse(MethodNotAllowed("A WebSocket opens with GET", ["GET"]))
        if given.get(b"sec-websocket-version") != [b"13"]:
            self._refuse(UpgradeRequired("A WebSocket needs Sec-WebSocket-Version: 13"))
        if [bool(_KEY.fullmatch(key)) for key in given.get(b"sec-websocket-key", [])] != [True]:
            self._refuse(BadRequest("A WebSocket needs one Sec-WebSocket-Key, of 16 bytes in base64"))

    def _refuse(self, error: InboxError) -> NoReturn:
        """Raise in a callback of the parser, which makes uvicorn call `send_400_response`."""
        self._refusal = error
        raise error

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_lingering(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _watch_stall(self, seconds: float) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        size = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(seconds, self._drop_stalled, size, seconds)

    def _drop_stalled(self, size: int, seconds: float) -> None:
        if size - self.transport.get_write_buffer_size() < STALL_BYTES:
            self.transport.abort()
        else:
            self._watch_stall(seconds)

    def _taken(self) -> None:
        self._unread.discard(self)
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _drop_unless_whole(self, cycle: RequestResponseCycle) -> None:
        if cycle.more_body:
            self.transport.abort()


def _encode(path: str, error: InboxError) -> bytes:
    """Return the answer to a refused request, the last of its connection."""
    body = orjson.dumps(error_body(path, error))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **error_headers(error),
    }
    lines = [f"HTTP/1.1 {error.status} {error.name}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def cut(scope: Scope, receive: Receive) -> None:
    """Ends the connection of a request whose answer cannot be finished (`InboxHttpProtocol.cut`)."""
    connection: InboxHttpProtocol = scope["extensions"][EXTENSION]
    await connection.cut(receive)
