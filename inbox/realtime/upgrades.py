"""The one way into a socket: each request for an upgrade is answered from here, for either protocol class."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping

from inbox import metrics
from inbox.errors import NotFound, TooManyConnections
from inbox.http.upgrade import UpgradeRequest
from inbox.logs import PacedLog
from inbox.realtime import native, plain, socketio
from inbox.realtime.events import Close
from inbox.realtime.handshake import Sockets
from inbox.realtime.transport import SocketTransport

log = logging.getLogger(__name__)

Flavour = Callable[[Sockets, UpgradeRequest, SocketTransport], None]
"""What answers a request, with `accept` or `refuse` of the transport, at once or later."""

FLAVOURS: Mapping[str, Flavour] = {
    "/ws": plain.open_socket,
    "/": plain.open_socket,
    "/socket.io/": socketio.open_socket,
    "/v1/socket": native.open_socket,
}
"""The paths of sockets, as they are sent."""


class Upgrades:
    """Answers requests for an upgrade, and limits the open connections of all flavours; None means no limit.

    The base path of a proxy is removed from a path, unless the proxy has removed it already.
    """

    def __init__(self, sockets: Sockets, *, base_path: str = "", max_sockets: int | None = None) -> None:
        self._sockets = sockets
        self._base_path = base_path
        self._max_sockets = math.inf if max_sockets is None else max_sockets
        self._open = 0
        self._refused = PacedLog(log, "socket refused")

    def open(self, request: UpgradeRequest, transport: SocketTransport) -> None:
        """Have a request answered. Once its connection has ended, call `closed`."""
        self._open += 1
        path = request.path
        if self._base_path and f"{path}/".startswith(f"{self._base_path}/"):
            path = path.removeprefix(self._base_path) or "/"
        if self._open > self._max_sockets:
            error = TooManyConnections("This process has as many sockets open as it may; try again later")
            self._refused.write(action="connection_refused", status=error.status, reason=error.message)
            metrics.SOCKETS_REFUSED.add((error.status,))
            transport.refuse(request.refuse(error))
        elif flavour := FLAVOURS.get(path):
            flavour(self._sockets, request, transport)
        else:
            where = "they open at /v1/socket, at /ws, and with Socket.IO at /socket.io/"
            metrics.SOCKETS_REFUSED.add((NotFound.status,))
            transport.refuse(request.refuse(NotFound(f"No WebSocket at {path}: {where}")))

    def closed(self) -> None:
        """Note that a connection has ended."""
        self._open -= 1

    def restart(self) -> Close:
        """Return the close of one socket of a service that stops."""
        return Close(1012, f"retry_after={self._sockets.restart_ms()}")
