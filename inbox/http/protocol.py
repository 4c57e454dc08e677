"""uvicorn's HTTP protocol with limits on heads, bodies and unread answers, for a service without a proxy.

uvicorn keeps a head of any length for any time, waits forever for the rest of a body, and keeps every answer until it
is read. Refusals here have the usual error body. The protocol puts itself into the scope's extensions, so that an
answer that cannot be completed can be cut off. `Exchange` carries a request and its answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from inbox import metrics
from inbox.errors import BadRequest, HeadTooLarge, InboxError, MalformedHandshake, TooManyConnections
from inbox.http.descriptors import descriptor_limit, share_out
from inbox.http.exchange import Exchange
from inbox.http.upgrade import UpgradeRequest, encode_error
from inbox.logs import PacedLog
from inbox.models.error_body import without_token

log = logging.getLogger(__name__)

EXTENSION = "inbox.http"
ASGI = {"version": "3.0", "spec_version": "2.3"}
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


class Stream(Protocol):
    """An answer without an end."""

    def lost(self) -> None:
        """Note that the client has left."""

    def restart(self) -> None:
        """End, since the service stops."""


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
    """Of the present head, without the read from the socket in which it began."""
    _read_bytes = 0
    """Of the present read from the socket."""
    _idle_since = 0.0
    url = b""
    received = b""
    """The bytes with which the present request came, if nothing stood before it and they may be kept as a poll."""
    stream: Stream | None = None
    """What the answer that is being sent has to hear of its connection, if it has no end of its own."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._made_at = self.loop.time()
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
        if self.stream is not None:
            self.stream.lost()
        if self._running and not self._running.response_complete:  # uvicorn: only the last one
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._read_bytes = len(data)
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
        request = UpgradeRequest(self.parser.get_method().decode(), self.url.decode(), self.headers)
        if problem := request.find_problem():
            self._refusal = MalformedHandshake(problem)
            self.send_400_response("")
            return
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
        metrics.HEADS_REFUSED.add((error.status,))
        path = without_token(self.url.decode("latin-1"))
        if not self._is_over_limit:  # logged as descriptors_exhausted
            self._refused.write(action="request_refused", status=error.status, reason=error.message)
        self.transport.write(encode_error(path, error))
        self.transport.close()

    def on_message_begin(self) -> None:
        self._head_is_open, self._head_bytes = True, 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._head_is_open = False
        self._stop_timer("head")
        if self._is_over_limit:
            self._refuse(TooManyConnections())
        if (self._head_bytes or self._read_bytes > MAX_HEAD_BYTES) and self._size_of_head() > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        version = self.parser.get_http_version()
        self.scope = self._scope_of(version)
        is_busy = self.cycle is not None and not self.cycle.response_complete
        is_kept = version != "1.0" and self.parser.should_keep_alive() and DRAINING not in self.app_state
        self.cycle = Exchange(self, keep_alive=is_kept)
        if is_busy:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def on_message_complete(self) -> None:
        self._stop_timer("linger")
        super().on_message_complete()
        if self.cycle is not None:
            self.cycle.more_body = False  # uvicorn does not set it on an answered request

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.stream = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._begin_idling()
        if self.cycle.more_body:
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

    @property
    def is_at_rest(self) -> bool:
        """Whether every request is answered, and nothing of another has come."""
        is_answered = self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)
        return is_answered and not self._head_is_open and not self.transport.is_closing()

    def shutdown(self) -> None:
        super().shutdown()
        if self.stream is not None:
            self.stream.restart()
        if "stall" in self._timers:
            self._watch_stall(STOP_SECONDS)
        if self.cycle is not None and self.cycle.more_body:
            self.loop.call_later(STOP_SECONDS, self._drop_unless_whole, self.cycle)

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _scope_of(self, version: str) -> Any:
        """Return the ASGI scope of the present request."""
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self.headers,
            "server": self.server,
            "client": self.client,
            "state": self.app_state.copy(),
            "extensions": {EXTENSION: self},
        }

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _begin_idling(self) -> None:
        """Wait for the next request, for a limited time."""
        self._idle_since = self.loop.time()
        if "idle" not in self._timers:  # one timer for many requests
            self._start_timer("idle", self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Close a connection that has been kept for long enough; look again later if it was used meanwhile."""
        del self._timers["idle"]
        if not self.is_at_rest:
            return  # a timer starts with the next answer
        rest = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if rest > 0:
            self._start_timer("idle", rest, self._close_if_idle)
        else:
            self.transport.close()

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


def cut(scope: Scope) -> None:
    """End the connection of a request at once, so that no client takes what was sent for a complete answer."""
    connection: InboxHttpProtocol = scope["extensions"][EXTENSION]
    connection.transport.abort()
