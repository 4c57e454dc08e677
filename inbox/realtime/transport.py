"""The seam between a socket's flavour and the protocol class that holds its connection.

Two classes hold connections: `InboxWebSocketProtocol` (protocol.py) and, with `INBOX_WEBSOCKETS=websockets`,
`StockWebSocketProtocol` (stock_protocol.py). Handshake, flavours and limits are the same for both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from inbox.errors import InboxError
from inbox.http.upgrade import encode_error
from inbox.realtime import connection
from inbox.realtime.events import Close
from inbox.realtime.inbound import HEARTBEATS, FrameLimits

log = logging.getLogger(__name__)

WRITE_BUFFER_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
"""The largest message that a client may send; a larger one closes the socket with 1009."""
MAX_DROPPED_BYTES = 1024 * 1024
"""What a client may send where nothing is read: before its handshake is answered, and after it broke a rule."""
CLOSE_SECONDS = 10.0
"""How long the client may take to answer a close frame, or to read what was written before the connection closes."""


class Receiver(Protocol):
    """What a flavour does about its open socket."""

    def received(self, message: str | bytes) -> None:
        """Handle a message of the client."""

    def end(self, close: Close) -> None:
        """End the socket, since its client broke a rule."""

    def closed(self) -> None:
        """Release what the socket holds. It is called once, at the end of the connection."""


class SocketTransport(connection.Transport, Protocol):
    """A connection whose request for an upgrade waits for its answer: exactly one of `accept` and `refuse`."""

    @property
    def is_open(self) -> bool:
        """Whether the handshake is answered, the connection lasts, and no close frame was sent or received."""

    def accept(
        self,
        receiver: Receiver,
        *,
        has_heartbeat: bool = False,
        subprotocol: str = "",
        limits: FrameLimits = HEARTBEATS,
    ) -> None:
        """Answer that the connection is a WebSocket now. Messages go to the receiver.

        If the connection has ended meanwhile, only its `closed` is called. `has_heartbeat`: the flavour finds out by
        itself whether the client is there, so no pings are sent. `subprotocol` is selected if the client offers it.
        """

    def refuse(self, answer: bytes) -> None:
        """Send an HTTP answer and close the connection. Do nothing after `accept`, or if the connection has ended."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in a task of its own, which a stopping server waits for. If it fails, end the connection."""


def start_task(
    work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]], transport: SocketTransport
) -> asyncio.Task[None]:
    """Start a task of a transport."""

    def end(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a socket failed", exc_info=error, extra={"action": "socket_failed"})
            if transport.is_open:
                transport.abort()
            else:
                transport.refuse(encode_error("", InboxError("Internal server error, please try again later")))

    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(end)
    return task
