"""The other protocol class, with `INBOX_WEBSOCKETS=websockets`: the framing of uvicorn and the library websockets.

It has the same handshake, the same flavours and the same limits as `InboxWebSocketProtocol`, without ASGI.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import State
from websockets.server import ServerProtocol

from inbox.errors import ServiceUnavailable
from inbox.http.upgrade import UpgradeRequest
from inbox.realtime.events import INVALID_TEXT, TOO_MANY_FRAMES, Close
from inbox.realtime.inbound import HEARTBEATS, FrameLimits, FrameMeter
from inbox.realtime.transport import (
    CLOSE_SECONDS,
    MAX_DROPPED_BYTES,
    MAX_MESSAGE_BYTES,
    WRITE_BUFFER_BYTES,
    Receiver,
    start_task,
)
from inbox.realtime.upgrades import Upgrades

SLICE_BYTES = 1024
"""What is read from one connection before others get their turn."""


class StockWebSocketProtocol(WebSocketsSansIOProtocol):
    """A connection from its request for an upgrade on."""

    _request: UpgradeRequest
    _receiver: Receiver | None = None
    _callback: Callable[[], None] | None = None
    _waits_for_turn = False
    _dropped = 0

    def __init__(self, upgrades: Upgrades, config: uvicorn.Config, server: ServerState) -> None:
        super().__init__(config, server, {})
        self.conn = ServerProtocol(
            state=State.OPEN, max_size=MAX_MESSAGE_BYTES, logger=logging.getLogger("uvicorn.error")
        )
        self.close_timeout = CLOSE_SECONDS
        self._upgrades = upgrades
        self._meter = FrameMeter()
        self._unread = bytearray()

    def begin(self, transport: asyncio.Transport, request: UpgradeRequest) -> None:
        """Take over a connection with a well-formed request, and have it answered."""
        self._request = request
        self.connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._upgrades.open(request, self)

    # the transport of a flavour

    @property
    def has_ended(self) -> bool:
        return self.transport.is_closing()

    @property
    def is_open(self) -> bool:
        return self.handshake_complete and self.conn.state is State.OPEN and not self.transport.is_closing()

    @property
    def is_writable(self) -> bool:
        return self.is_open and self.writable.is_set()

    def accept(
        self,
        receiver: Receiver,
        *,
        has_heartbeat: bool = False,
        subprotocol: str = "",
        limits: FrameLimits = HEARTBEATS,
    ) -> None:
        if self.handshake_complete:
            receiver.closed()
            return
        self._receiver = receiver
        self.handshake_complete = True
        self.transport.write(self._request.accept(self.default_headers, subprotocol))
        self._meter = FrameMeter(limits)
        if not has_heartbeat:
            self.start_keepalive()

    def refuse(self, answer: bytes) -> None:
        if not self.handshake_complete:
            self.handshake_complete = True
            self.transport.write(answer)
            self.transport.close()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        start_task(work, self.tasks, self)

    def write(self, data: bytes) -> None:
        if self.is_open:
            self.transport.write(data)

    def on_writable(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def close(self, close: Close) -> None:
        if self.is_open:
            self.conn.send_close(close.code, close.reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.stop_keepalive()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def abort(self) -> None:
        self.transport.abort()

    # what the server calls

    @property
    def expects_request(self) -> bool:
        """Whether the handshake is not answered yet."""
        return not self.handshake_complete

    def shutdown(self) -> None:
        """End the connection, since the server stops."""
        if not self.handshake_complete:
            self.refuse(self._request.refuse(ServiceUnavailable()))
        else:
            self.close(self._upgrades.restart())  # not while one side has begun to close
            self.transport.close()

    # what the event loop calls

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._upgrades.closed()
        receiver, self._receiver, self._callback = self._receiver, None, None
        if receiver is not None:
            receiver.closed()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._callback:
            self._callback()

    def data_received(self, data: bytes) -> None:
        """Read one slice, and the rest in later turns of the event loop. Drop what comes before the handshake's end."""
        if not self.handshake_complete:
            self._dropped += len(data)
            if self._dropped > MAX_DROPPED_BYTES:
                self.abort()
            return
        self._unread += data
        if not self._waits_for_turn:
            self._read()

    # frames of the client, and what uvicorn does about them

    def _read(self) -> None:
        if self.transport.is_closing():
            return
        data = bytes(self._unread[:SLICE_BYTES])
        del self._unread[:SLICE_BYTES]
        super().data_received(data)
        if self._unread:
            self.loop.call_soon(self._read)
        if self._unread and not self._waits_for_turn:
            self.transport.pause_reading()
        elif self._waits_for_turn and not self._unread:
            self.transport.resume_reading()
        self._waits_for_turn = bool(self._unread)

    def handle_events(self) -> None:
        """Count every frame. End the socket after too many; one that is closing already is cut off."""
        self.conn.events, events = [], self.conn.events_received()
        for event in events:
            if self._meter.allows_frame(self.loop.time()):
                self.conn.events = [event]
                super().handle_events()
            elif self.close_sent:
                self.transport.abort()
                return
            else:
                self._end(TOO_MANY_FRAMES)

    def handle_ping(self) -> None:
        """Answer a ping, but not while the peer reads nothing: pongs would pile up without bound."""
        pong = b"".join(self.conn.data_to_send())
        if self.is_writable:
            self.transport.write(pong)

    def send_receive_event_to_app(self) -> None:
        """Give a whole message to the receiver."""
        message, self.frames = b"".join(self.frames), []
        if self.close_sent or self._receiver is None:
            return
        if not self._meter.allows_message():
            self._end(self._meter.limits.too_many_messages)
        elif self.curr_msg_data_type == "bytes":
            self._receiver.received(message)
        else:
            try:
                text = message.decode()
            except UnicodeDecodeError:
                self._end(INVALID_TEXT)
                self.transport.close()
            else:
                self._receiver.received(text)

    def _end(self, close: Close) -> None:
        if self._receiver is not None:
            self._receiver.end(close)

    def keepalive_timeout(self) -> None:
        """Abort when a ping has no answer: an orderly close would wait for the peer's full buffer."""
        self.pong_timer = None
        self.transport.abort()
