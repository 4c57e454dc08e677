"""The receiver of flavours whose clients connect by a message: the handshake only opens the transport."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from inbox.realtime.events import CONNECT_TIMEOUT, Close
from inbox.realtime.handshake import Handshake, OpenSocket, Sockets
from inbox.realtime.transport import SocketTransport

CONNECT_SECONDS = 10.0


class Phase(Enum):
    """Where a client is on its way from the handshake to its end."""

    WAITING = auto()
    """No message that connects has come."""
    CONNECTING = auto()
    OPEN = auto()
    REFUSED = auto()
    """It has been sent a refusal, and is expected to leave."""
    OVER = auto()


class ConnectingReceiver:
    """Ends a client that does not connect in time, and whatever it has opened."""

    __slots__ = ("_handshake", "_phase", "_socket", "_sockets", "_timer", "_transport")

    def __init__(self, sockets: Sockets, handshake: Handshake, transport: SocketTransport) -> None:
        self._sockets = sockets
        self._handshake: Handshake | None = handshake
        self._transport = transport
        self._phase = Phase.WAITING
        self._socket: OpenSocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._end_after(CONNECT_SECONDS, CONNECT_TIMEOUT)

    def end(self, close: Close) -> None:
        if self._socket is not None:
            self._socket.connection.end(close)
        else:
            self._transport.close(close)
        self._stop()

    def closed(self) -> None:
        self._stop()
        if self._socket is not None:
            self._sockets.close(self._socket)

    @property
    def _is_waiting(self) -> bool:
        return self._phase is Phase.WAITING

    def _begin_connecting(self) -> Handshake:
        """Return the handshake, which an open socket need not hold; the client is in time."""
        handshake, self._handshake = self._handshake, None
        assert handshake is not None  # noqa: S101 (a client connects once)
        self._cancel_timer()
        self._phase = Phase.CONNECTING
        return handshake

    def _end_after(self, seconds: float, close: Close) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end, close)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop(self) -> None:
        """Stop all that runs for the client. It may be called again."""
        self._phase = Phase.OVER
        self._cancel_timer()
