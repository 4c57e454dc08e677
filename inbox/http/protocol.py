"""uvicorn's HTTP protocol with limits on heads, bodies and unread answers, for a service without a proxy.

uvicorn keeps a head of any length for any time, waits forever for the rest of a body, and keeps every answer until it
is read. Refusals here have the usual error body. The protocol puts itself into the scope's extensions, so that an
answer that cannot be completed can be cut off.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from inbox.errors import BadRequest, HeadTooLarge, InboxError, MalformedHandshake, TooManyConnections
from inbox.http.descriptors import descriptor_limit, share_out
from inbox.http.upgrade import UpgradeRequest, encode_error
from inbox.logs import PacedLog
from inbox.models.error_body import without_token

log = logging.getLogger(__name__)

EXTENSION = "inbox.http"
DRAINING = "inbox_draining"
"""A key of the state that every request gets: there when this process is about to stop; true if `/ready` says so."""
HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024
"""Of target and headers. An unfinished head may exceed this by its first read from the socket (256 KiB at most)."""
LINGER_SECONDS = 10.0
"""How long the rest of a body may take after its request was answered without it."""
STALL_SECONDS = 10.0
STALL_BYTES = 4 * 1024
"""A client that reads less than this of a waiting answer within `STALL_SECONDS` is dropped."""
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Answers that clients have not read yet, over all connections; beyond, the one that waits longest is dropped."""
STOP_SECONDS = 1.0
"""How long a stopping service waits for the rest of a request, and for a client that reads nothing."""


class UnreadAnswers:
    """The connections with unread answers, the one that waits longest first."""

    def __init__(self) -> None:
        self._waiting: dict[InboxHttpProtocol, None] = {}

    def add(self, connection: InboxHttpProtocol) -> None:
        """Add a connection, and drop those that wait longest until the rest is within the limit."""
        self._waiting[connection] = None
        sizes = {waiting: waiting.transport.get_write_buffer_size() for waiting in self._waiting}
        total = sum(sizes.values())
        for oldest, size in sizes.items():
            if total <= MAX_UNREAD_BYTES:
                return
            total -= size
            self.discard(oldest)
            oldest.transport.abort()

    def discard(self, connection: InboxHttpProtocol) -> None:
        self._waiting.pop(connection, None)


class JoinedWrites:
    """The transport of uvicorn's answers: head and body, which it writes one after the other, leave in one system call.

    The first write waits for the second, at most until the next round of the event loop.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting = b""

    def write(self, data: bytes) -> None:
        if self._waiting:
            self._waiting += data
            self.flush()
        elif data:
            self._waiting = data
            self._loop.call_soon(self.flush)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting and not self._transport.is_closing():
            self._transport.write(self._waiting)
        self._waiting = b""


class InboxHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with these limits, for its option `http`."""

    # of the process
    _limits = share_out(descriptor_limit() or sys.maxsize)
    _unread = UnreadAnswers()
    _refused = PacedLog(log, "request refused")
    _full = PacedLog(log, "connection refused: hardly any descriptor is left", logging.WARNING)
    # of a connection
    _is_over_limit = False
    _refusal: InboxError | None = None
    _running: RequestResponseCycle | None = None
    _head_is_open = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._made_at = self.loop.time()
        self._answers = JoinedWrites(transport)
        self._start_timer("head", HEAD_SECONDS, transport.abort)
        descriptor = transport.get_extra_info("socket").fileno()
        self._is_over_limit = descriptor >= self._limits.connections
        if self._is_over_limit:
            self._full.write(action="descriptors_exhausted", reason="raise the limit of descriptors (ulimit -n)")
        if descriptor >= self._limits.answers:  # with this many, even refusals take too long
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.discard(self)
        for name in list(self._timers):
            self._stop_timer(name)
        if self._running and not self._running.response_complete:  # uvicorn: only the last one
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_is_open:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_is_open and "head" not in self._timers:
            self._start_timer("head", HEAD_SECONDS, self.transport.abort)
        if self._head_is_open and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refusal = HeadTooLarge()
            self.send_400_response("")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the protocol of WebSockets, with the head. Refuse a malformed handshake.

        Data behind the head are dropped: a client must wait for the answer (RFC 6455, section 4.1).
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # the answer to the request before this one would end in the WebSocket
            return
        if not self.url.isascii():
            self.send_400_response("")
            return
        request = UpgradeRequest(self.scope["method"], self.url.decode(), self.headers)
        if problem := request.find_problem():
            self._refusal = MalformedHandshake(problem)
            self.send_400_response("")
            return
        self._answers.flush()
        if self.flow.write_paused:  # an unread answer stands before it, of which the next protocol would not know
            self.transport.abort()
            return
        self.connections.discard(self)
        for name in list(self._timers):
            self._stop_timer(name)
        self.parser = None  # type: ignore[assignment]  # it and this object refer to each other
        protocol: Any = self.ws_protocol_class(self.config, self.server_state)  # type: ignore[call-arg, misc]
        self.transport.set_protocol(protocol)
        protocol.begin(self.transport, request)

    def send_400_response(self, _: str) -> None:
        """Answer a request that is refused before it has a scope, and close the connection."""
        error = self._refusal or BadRequest("This is no HTTP request that can be read")
        path = without_token(self.url.decode("latin-1")) if self.scope else ""
        if not self._is_over_limit:  # logged as descriptors_exhausted
            self._refused.write(action="request_refused", status=error.status, reason=error.message)
        self.transport.write(encode_error(path, error))
        self.transport.close()

    def on_message_begin(self) -> None:
        self._head_is_open, self._head_bytes = True, 0
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {EXTENSION: self}

    def on_headers_complete(self) -> None:
        self._head_is_open = False
        self._stop_timer("head")
        if self._is_over_limit:
            self._refuse(TooManyConnections())
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())  # `data_received` sees only heads in several reads
        super().on_headers_complete()
        if self.cycle is not None and DRAINING in self.app_state:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._stop_timer("linger")
        super().on_message_complete()
        if self.cycle is not None:
            self.cycle.more_body = False  # uvicorn does not set it on an answered request

    def on_response_complete(self) -> None:
        self._answers.flush()  # to HEAD there is no body
        super().on_response_complete()
        if not self.pipeline and self.cycle.more_body and not self.transport.is_closing():
            self._start_timer("linger", LINGER_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.add(self)
        self._watch_stall(STALL_SECONDS)

    def resume_writing(self) -> None:
        self._unread.discard(self)
        self._stop_timer("stall")
        super().resume_writing()

    @property
    def has_input(self) -> bool:
        """Whether the running request receives its next message without waiting."""
        return self._running is not None and self._running.message_event.is_set()

    @property
    def expects_request(self) -> bool:
        """Whether a request is on its way: its head has begun, or the connection is new."""
        return self._head_is_open or (self.cycle is None and self.loop.time() - self._made_at < STOP_SECONDS)

    def shutdown(self) -> None:
        super().shutdown()
        if "stall" in self._timers:
            self._watch_stall(STOP_SECONDS)
        if self.cycle is not None and self.cycle.more_body:
            self.loop.call_later(STOP_SECONDS, self._drop_unless_whole, self.cycle)

    async def cut(self, receive: Receive) -> None:
        """End the connection at once, so that no client takes what was sent for a complete answer.

        Return once the request counts as disconnected: then uvicorn does not log that the answer has no end.
        """
        self.transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, cycle.transport = cycle, cast(asyncio.Transport, self._answers)
        super()._start_asgi_task(cycle, self._cut_when_cancelled(app))

    def _cut_when_cancelled(self, app: Any) -> Any:
        """Wrap the application: a stopping service cancels requests after its timeout, whose connections are cut."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                await self.cut(receive)

        return run

    def _refuse(self, error: InboxError) -> NoReturn:
        """Raise in a callback of the parser, after which uvicorn calls `send_400_response`."""
        self._refusal = error
        raise error

    def _start_timer(self, name: str, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        self._stop_timer(name)
        self._timers[name] = self.loop.call_later(seconds, callback, *args)

    def _stop_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()

    def _watch_stall(self, seconds: float) -> None:
        self._start_timer("stall", seconds, self._drop_stalled, self.transport.get_write_buffer_size(), seconds)

    def _drop_stalled(self, size: int, seconds: float) -> None:
        if size - self.transport.get_write_buffer_size() < STALL_BYTES:
            self.transport.abort()
        else:
            self._watch_stall(seconds)

    def _drop_unless_whole(self, cycle: RequestResponseCycle) -> None:
        if cycle.more_body:
            self.transport.abort()


async def cut(scope: Scope, receive: Receive) -> None:
    """End the connection of a request whose answer cannot be completed (`InboxHttpProtocol.cut`)."""
    connection: InboxHttpProtocol = scope["extensions"][EXTENSION]
    await connection.cut(receive)
