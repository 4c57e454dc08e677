"""The wire beneath a connection: uvicorn's WebSocket protocol, with what its ASGI face leaves out.

ASGI offers no way to write several frames at once, to see that a reader has stalled, or to abort a socket. The protocol
class therefore puts itself into the scope's extensions, where the route finds it as the connection's transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any, cast

import websockets.http11
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidHandshake, InvalidHeader, InvalidState
from websockets.http11 import Request

from inbox.events import Close

EXTENSION = "inbox.transport"
WRITE_BUFFER_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
"""The largest message that a client may send; a larger one closes the socket with 1009."""


# The HTTP protocol has read and bounded a handshake before websockets reads it again, with limits of its own that are
# smaller: 8 KiB a line, 128 headers. Its variables for them (WEBSOCKETS_MAX_…) would have to be set before its import.
websockets.http11.MAX_LINE_LENGTH = websockets.http11.MAX_NUM_HEADERS = 1024 * 1024


class InboxWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's sansio protocol as a `Transport`; give it to uvicorn as `ws=`."""

    _callback: Callable[[], None] | None = None
    _ahead = b""
    unusable = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Leave a handshake that websockets refuses, such as one with two origins, to the protocol it came by.

        Its answer is in the service's own words; `unusable` says which header it has to name.
        """
        try:
            self.conn.process_request(event)
        except InvalidHandshake as error:
            self.unusable = error.name if isinstance(error, InvalidHeader) else "handshake"
        else:
            super().handle_connect(event)

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the handshake is answered until it is: websockets can read no frame before that."""
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
        elif data:
            self._ahead += data
            self.transport.pause_reading()

    def handle_ping(self) -> None:
        """Answers a ping, but not while the peer takes nothing: pongs would pile up without bound."""
        pong = b"".join(self.conn.data_to_send())
        if self.is_writable:
            self.transport.write(pong)

    def send_receive_event_to_app(self) -> None:
        """A message that claims to be text and is none ends the socket; uvicorn would report it as a defect."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
            self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self._ahead and self.handshake_complete and not self.transport.is_closing():
            ahead, self._ahead = self._ahead, b""
            self.transport.resume_reading()
            self.data_received(ahead)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused, in order: uvicorn would report it as a defect

    @property
    def is_writable(self) -> bool:
        return self.writable.is_set() and not self.transport.is_closing()

    def write(self, frames: list[bytes]) -> None:
        try:
            for frame in frames:
                self.conn.send_text(frame)
        except InvalidState:
            return  # the peer has begun to close; it will not read these
        self.transport.write(b"".join(self.conn.data_to_send()))

    def on_writable(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._callback:
            self._callback()

    def close(self, close: Close) -> None:
        if self.transport.is_closing() or self.close_sent:
            return
        self.conn.send_close(close.code, close.reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:  # else the peer's own close frame would never be read
            self.read_paused = False
            self.transport.resume_reading()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def abort(self) -> None:
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        """A peer that answers no ping is dropped at once: an orderly close would wait for its full buffer."""
        self.pong_timer = None
        self.transport.abort()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def transport_of(scope: MutableMapping[str, Any]) -> InboxWebSocketProtocol:
    """The transport of a WebSocket scope. Raises KeyError when the server runs another protocol class."""
    return cast(InboxWebSocketProtocol, scope["extensions"][EXTENSION])
