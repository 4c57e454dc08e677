"""The plain flavour of sockets, at `/ws` and `/`: JSON frames, and a handshake that is refused by HTTP status."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.http.responses import bare
from inbox.http.upgrade import UpgradeRequest, encode_answer
from inbox.realtime.compatible import CompatibleCodec
from inbox.realtime.events import Close, SocketEvent
from inbox.realtime.frames import text_frame
from inbox.realtime.handshake import Handshake, OpenSocket, Refusal, Sockets
from inbox.realtime.transport import SocketTransport


class PlainCodec(CompatibleCodec):
    """Encodes an event as `{"event": name, "data": payload, "timestamp": ms}`."""

    flavour = "plain"

    def frame(self, event: SocketEvent, at_ms: int) -> bytes:
        return text_frame(b'{"event":"%b","data":%b,"timestamp":%d}' % (event.name.encode(), event.data, at_ms))


CODEC = PlainCodec()
PONG = text_frame(b"pong")


def open_socket(sockets: Sockets, request: UpgradeRequest, transport: SocketTransport) -> None:
    """Answer a handshake once the store has answered."""
    transport.start(_open(sockets, request, transport))


async def _open(sockets: Sockets, request: UpgradeRequest, transport: SocketTransport) -> None:
    try:
        socket = await sockets.open(Handshake.of_upgrade(request), transport, CODEC)
    except Refusal as refusal:
        transport.refuse(_encode(refusal))
        return
    transport.accept(PlainReceiver(sockets, socket))
    if socket.connection.ended_by is not None:  # meanwhile: its subscriber was deleted
        transport.close(socket.connection.ended_by)
    socket.connection.open()


def _encode(refusal: Refusal) -> bytes:
    retry_after = refusal.retry_after_seconds
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return encode_answer(refusal.status, {"error": refusal.error}, headers)


class PlainReceiver:
    """Answers the text `ping` with `pong`, and ignores everything else."""

    __slots__ = ("_socket", "_sockets")

    def __init__(self, sockets: Sockets, socket: OpenSocket) -> None:
        self._sockets = sockets
        self._socket = socket

    def received(self, message: str | bytes) -> None:
        if message == "ping":
            self._socket.connection.send(PONG)

    def end(self, close: Close) -> None:
        self._socket.connection.end(close)

    def closed(self) -> None:
        self._sockets.close(self._socket)


async def upgrade_required(_: Request) -> Response:
    """Answer a GET of a socket's path without an upgrade with 426."""
    return bare({"error": "This path is a WebSocket"}, 426, {"Upgrade": "websocket"})
