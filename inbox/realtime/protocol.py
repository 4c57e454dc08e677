"""A WebSocket server (RFC 6455) on one connection: no task, no queue, no timer while it is idle.

The HTTP protocol hands over the connection with the parsed head of its request. There are no extensions, so no
compression. A client's data before the answer to its handshake are dropped; it has to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from inbox.errors import ServiceUnavailable
from inbox.http.upgrade import UpgradeRequest
from inbox.realtime.events import INVALID_TEXT, MALFORMED_PACKET, MESSAGE_TOO_LARGE, TOO_MANY_FRAMES, Close
from inbox.realtime.frames import PING, close_frame, close_reply, is_close_code, pong_frame, unmask
from inbox.realtime.inbound import HEARTBEATS, FrameLimits, FrameMeter
from inbox.realtime.keepalive import Keepalive
from inbox.realtime.transport import (
    CLOSE_SECONDS,
    MAX_DROPPED_BYTES,
    MAX_MESSAGE_BYTES,
    WRITE_BUFFER_BYTES,
    Receiver,
    start_task,
)
from inbox.realtime.upgrades import Upgrades

SLICE_FRAMES = 32
"""Frames that are read from one connection before others get their turn."""
LINGER_SECONDS = 2.0
"""How long a client that broke a rule may still send: it reads the close frame only if the connection is not reset."""

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80


class ConnectionState(Enum):
    """Where a connection is between its handshake and its end."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    """A close frame was sent; the client has to answer it."""
    LINGERING = auto()
    """The client broke a rule: what it sends is dropped."""
    CLOSED = auto()


class InboxWebSocketProtocol(asyncio.Protocol):
    """A connection from its request for an upgrade on."""

    __slots__ = (
        "_answer",
        "_callback",
        "_is_full",
        "_is_pinged",
        "_is_text",
        "_keepalive",
        "_loop",
        "_message",
        "_meter",
        "_needed",
        "_receiver",
        "_request",
        "_rest",
        "_server",
        "_state",
        "_timer",
        "_transport",
        "_turn",
        "_upgrades",
        "_waits_for_turn",
    )

    def __init__(self, upgrades: Upgrades, keepalive: Keepalive, _: uvicorn.Config, server: ServerState) -> None:
        self._upgrades = upgrades
        self._keepalive = keepalive
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._state = ConnectionState.CONNECTING
        self._request: UpgradeRequest | None = None
        self._answer: bytes | None = None
        """The answer to the handshake while it waits for the first frames, until the next turn of the event loop."""
        self._transport: asyncio.Transport
        self._receiver: Receiver | None = None
        self._callback: Callable[[], None] | None = None
        self._meter = FrameMeter()
        self._message: bytearray | None = None
        """The fragments of a message that is not complete."""
        self._is_text = False
        self._rest: bytearray | None = None
        """What was received and not read: part of a frame, or what waits for its turn."""
        self._needed = 0
        """The length of `rest` from which on reading it makes sense; while nothing is read, what was dropped."""
        self._waits_for_turn = False
        self._is_full = False
        self._is_pinged = False
        self._turn: int | None = None
        """Where the keepalive has this connection."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport, request: UpgradeRequest) -> None:
        """Take over a connection with a well-formed request, and have it answered."""
        self._transport = transport
        self._request = request
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._upgrades.open(request, self)

    # the transport of a flavour

    @property
    def has_ended(self) -> bool:
        return self._state is ConnectionState.CLOSED or self._transport.is_closing()

    @property
    def is_open(self) -> bool:
        return self._state is ConnectionState.OPEN and not self._transport.is_closing()

    @property
    def is_writable(self) -> bool:
        return self._state is ConnectionState.OPEN and not self._is_full and not self._transport.is_closing()

    def accept(
        self,
        receiver: Receiver,
        *,
        has_heartbeat: bool = False,
        subprotocol: str = "",
        limits: FrameLimits = HEARTBEATS,
    ) -> None:
        if self._state is not ConnectionState.CONNECTING:
            receiver.closed()
            return
        assert self._request is not None  # noqa: S101 (`begin` came first)
        self._receiver, self._state = receiver, ConnectionState.OPEN
        self._answer = self._request.accept(self._server.default_headers, subprotocol)
        self._meter = FrameMeter(limits)
        self._request, self._needed = None, 0
        self._loop.call_soon(self._flush_answer)
        if not has_heartbeat:
            self._turn = self._keepalive.add(self)

    def refuse(self, answer: bytes) -> None:
        if self._state is ConnectionState.CONNECTING:
            self._send(answer)
            self._hang_up()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        start_task(work, self._server.tasks, self)

    def write(self, data: bytes) -> None:
        if self.is_open:
            self._send(data)

    def on_writable(self, callback: Callable[[], None]) -> None:
        if self._state is not ConnectionState.CLOSED:
            self._callback = callback

    def close(self, close: Close) -> None:
        if self.is_open:
            self._send(close_frame(close))
            self._state = ConnectionState.CLOSING
            self._abort_after(CLOSE_SECONDS)

    def abort(self) -> None:
        self._state = ConnectionState.CLOSED
        self._transport.abort()

    # what the server calls

    @property
    def expects_request(self) -> bool:
        """Whether the handshake is not answered yet."""
        return self._state is ConnectionState.CONNECTING

    def shutdown(self) -> None:
        """End the connection, since the server stops."""
        if self._state is ConnectionState.CONNECTING and self._request is not None:
            self._send(self._request.refuse(ServiceUnavailable()))
        elif self._state is ConnectionState.OPEN:
            self._send(close_frame(self._upgrades.restart()))
        self._hang_up()

    # what the keepalive calls

    def keep_alive(self) -> None:
        """Ping the client. Abort if it has not answered the ping before."""
        if self._state is not ConnectionState.OPEN:
            return  # another timer holds its end
        if self._is_pinged:  # an orderly close would wait for the client's full buffer
            self.abort()
        else:
            self._is_pinged = True
            self.write(PING)

    # what the event loop calls

    def connection_lost(self, _: Exception | None) -> None:
        self._state = ConnectionState.CLOSED
        self._server.connections.discard(self)
        if self._turn is not None:
            self._keepalive.remove(self, self._turn)
        if self._timer is not None:
            self._timer.cancel()
        self._upgrades.closed()
        receiver, self._receiver = self._receiver, None
        self._request = self._callback = self._rest = self._message = self._timer = None
        if receiver is not None:
            receiver.closed()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._callback is not None:
            self._callback()

    def data_received(self, data: bytes) -> None:
        if self._state is not ConnectionState.OPEN and self._state is not ConnectionState.CLOSING:
            self._drop(len(data))
        elif self._rest is None:
            self._read(data)
        else:
            self._rest += data
            if len(self._rest) >= self._needed and not self._waits_for_turn:
                self._read(self._rest)

    def _drop(self, size: int) -> None:
        """Count what is not read, before the handshake is answered and after a broken rule. Cut off who sends much."""
        self._needed += size
        if self._needed > MAX_DROPPED_BYTES:
            self.abort()

    # frames of the client

    def _read(self, data: bytes | bytearray) -> None:
        """Read one slice of frames and keep the rest, for the next data or for the next turn of the event loop."""
        start, size, is_whole = 0, len(data), True
        for _ in range(SLICE_FRAMES):
            end = self._read_frame(data, start)
            if self._state is not ConnectionState.OPEN and self._state is not ConnectionState.CLOSING:
                self._rest = None
                return
            is_whole = end > start
            start = end
            if not is_whole or start == size:
                break
        if start == size:
            self._rest = None
        elif data is self._rest:
            del self._rest[:start]
        else:
            self._rest = bytearray(data[start:])
        self._wait_for_turn(is_whole and start < size)

    def _wait_for_turn(self, waits: bool) -> None:
        if waits:
            self._loop.call_soon(self._take_turn)
        if waits and not self._waits_for_turn:
            self._transport.pause_reading()
        elif self._waits_for_turn and not waits:
            self._transport.resume_reading()
        self._waits_for_turn = waits

    def _take_turn(self) -> None:
        if self._rest is not None:
            self._read(self._rest)

    def _read_frame(self, data: bytes | bytearray, start: int) -> int:
        """Handle the frame at `start` and return its end; `start` if it is incomplete. It may end the socket."""
        size = len(data) - start
        if size < 2:
            self._needed = 2
            return start
        first, second = data[start], data[start + 1]
        if not self._is_allowed(first, second):
            return self._fail(MALFORMED_PACKET)
        opcode, length, head = first & 0x0F, second & ~_MASKED, 6
        if length > 125:
            head = 8 if length == 126 else 14
            if size < head:
                self._needed = head
                return start
            length = int.from_bytes(data[start + 2 : start + head - 4], "big")
        if opcode < _CLOSE and length + len(self._message or b"") > MAX_MESSAGE_BYTES:
            return self._fail(MESSAGE_TOO_LARGE)
        if size < head + length:
            self._needed = head + length
            return start
        if not self._meter.allows_frame(self._loop.time()):
            return self._fail(TOO_MANY_FRAMES)
        start += head
        end = start + length
        payload = unmask(data[start:end], data[start - 4 : start]) if length else b""
        if opcode >= _CLOSE:
            self._handle_control(opcode, payload)
        else:
            self._handle_data(opcode, payload, is_final=first >= _FINAL)
        return end

    def _is_allowed(self, first: int, second: int) -> bool:
        """Return whether a client may send a frame with these first two bytes now."""
        if second < _MASKED or first & _RESERVED:
            return False
        opcode = first & 0x0F
        if opcode >= _CLOSE:
            return opcode <= _PONG and first >= _FINAL and second & ~_MASKED <= 125
        return opcode == _CONTINUATION if self._message is not None else opcode in (_TEXT, _BINARY)

    def _handle_control(self, opcode: int, payload: bytes) -> None:
        if opcode == _CLOSE:
            self._handle_close(payload)
        elif opcode == _PONG:
            self._is_pinged = False
        elif self.is_writable:  # else the client reads nothing, and pongs would pile up
            self._send(pong_frame(payload))

    def _handle_close(self, payload: bytes) -> None:
        if self._state is ConnectionState.OPEN:
            if payload and not is_close_code(int.from_bytes(payload[:2], "big")):  # a single byte is none either
                self._fail(MALFORMED_PACKET)
                return
            if not _is_text(payload[2:]):
                self._fail(INVALID_TEXT)
                return
            self._send(close_reply(payload))
        self._hang_up()

    def _handle_data(self, opcode: int, payload: bytes, *, is_final: bool) -> None:
        if opcode != _CONTINUATION:
            self._is_text = opcode == _TEXT
        if self._message is not None:
            self._message += payload
        elif not is_final:
            self._message = bytearray(payload)
        if is_final:
            whole = payload if self._message is None else bytes(self._message)
            self._message = None
            self._handle_message(whole)

    def _handle_message(self, message: bytes) -> None:
        if self._state is not ConnectionState.OPEN or self._receiver is None:
            return
        if not self._meter.allows_message():
            self._receiver.end(self._meter.limits.too_many_messages)
        elif not self._is_text:
            self._receiver.received(message)
        elif _is_text(message):
            self._receiver.received(message.decode())
        else:
            self._fail(INVALID_TEXT)

    # writes

    def _send(self, data: bytes) -> None:
        """Write; the first frames leave together with the answer to the handshake, in one system call."""
        if self._answer is not None:
            data, self._answer = self._answer + data, None
        self._transport.write(data)

    def _flush_answer(self) -> None:
        if self._answer is not None and not self._transport.is_closing():
            self._send(b"")

    # ends

    def _fail(self, close: Close) -> int:
        """End the socket of a client that broke a rule. Return 0, the end of nothing."""
        if self._state is ConnectionState.OPEN and self._receiver is not None:
            self._receiver.end(close)
        if self._state is not ConnectionState.CLOSED:
            self._state, self._rest, self._message, self._needed = ConnectionState.LINGERING, None, None, 0
            if self._waits_for_turn:
                self._waits_for_turn = False
                self._transport.resume_reading()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._abort_after(LINGER_SECONDS)
        return 0

    def _hang_up(self) -> None:
        """Close the connection once the client has read what was written, or after CLOSE_SECONDS."""
        self._state = ConnectionState.CLOSED
        self._transport.close()
        self._abort_after(CLOSE_SECONDS)

    def _abort_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._transport.abort)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
