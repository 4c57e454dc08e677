"""The Socket.IO flavour of sockets, at `/socket.io/`: Engine.IO 4 and Socket.IO 5, websocket transport only.

Every client gets an open transport. Its token is checked, and refused, when it sends its CONNECT packet: a client
retries a transport that fails forever, but accepts a refusal in a packet.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from inbox.http.responses import bare
from inbox.http.upgrade import UpgradeRequest, encode_answer
from inbox.realtime.connecting import ConnectingReceiver, Phase
from inbox.realtime.events import CLIENT_LEFT, MALFORMED_PACKET, REFUSED, STORE_LOST
from inbox.realtime.frames import text_frame
from inbox.realtime.handshake import Handshake, OpenSocket, Refusal, Sockets
from inbox.realtime.inbound import ClientFault
from inbox.realtime.socketio import packets
from inbox.realtime.socketio.heartbeat import Heartbeat, Rhythm
from inbox.realtime.socketio.packets import CODEC, MAIN, Packet
from inbox.realtime.transport import MAX_MESSAGE_BYTES, SocketTransport

RHYTHM = Rhythm(interval_seconds=25.0, timeout_seconds=20.0)
LEAVE_SECONDS = 5.0
OUTAGE_SECONDS = 5.0
RETRY_SECONDS = 0.25
PROTOCOL = "4"
UNKNOWN_NAMESPACE = "Invalid namespace"
_PING = text_frame(packets.PING)


def open_socket(sockets: Sockets, request: UpgradeRequest, transport: SocketTransport) -> None:
    """Answer `/socket.io/?EIO=4&transport=websocket`, with the token in the query or in the CONNECT packet."""
    if problem := _find_problem(request.query):
        transport.refuse(encode_answer(400, problem, {}))
        return
    transport.accept(SocketIoReceiver(sockets, Handshake.of_upgrade(request), transport), has_heartbeat=True)
    transport.write(text_frame(packets.opening(secrets.token_hex(10), RHYTHM, MAX_MESSAGE_BYTES)))


async def polling(request: Request) -> Response:
    """Answer `/socket.io/` without an upgrade with 400, as a server without the polling transport does."""
    return bare(_find_problem(request.query_params) or _problem(3, "Bad request"), 400)


def _find_problem(query: Mapping[str, str]) -> dict[str, object] | None:
    """Return the body of the refusal of a request that gets no transport, or None."""
    if query.get("transport") != "websocket":
        return _problem(0, "Transport unknown")
    if query.get("EIO") != PROTOCOL:
        return _problem(5, "Unsupported protocol version")
    if "sid" in query:  # the upgrade of a polling session, which cannot exist
        return _problem(1, "Session ID unknown")
    return None


def _problem(code: int, message: str) -> dict[str, object]:
    return {"code": code, "message": message}


class SocketIoReceiver(ConnectingReceiver):
    """The packets of one client."""

    __slots__ = ("_heartbeat",)

    def __init__(self, sockets: Sockets, handshake: Handshake, transport: SocketTransport) -> None:
        super().__init__(sockets, handshake, transport)
        self._heartbeat: Heartbeat | None = None

    def received(self, message: str | bytes) -> None:
        if self._phase is Phase.REFUSED or self._phase is Phase.OVER:
            return
        if self._heartbeat is not None and message == packets.PONG:
            self._heartbeat.acknowledge()
        elif message == packets.CLOSE:
            self.end(CLIENT_LEFT)
        else:
            try:
                self._handle(packets.parse(message))
            except ClientFault as fault:
                self.end(fault.close)

    def _handle(self, packet: Packet | None) -> None:
        """Handle a packet. Events and acknowledgements are ignored. Raise ClientFault for one out of place."""
        if packet is None:
            return
        if packet.kind == "connect" and packet.namespace != MAIN:
            self._send(packets.refused(UNKNOWN_NAMESPACE, packet.namespace))
        elif packet.kind == "connect" and self._is_waiting:
            self._connect(packet)
        elif packet.kind == "connect" or packet.namespace != MAIN or self._is_waiting:
            raise ClientFault(MALFORMED_PACKET)
        elif packet.kind == "disconnect":
            self.end(CLIENT_LEFT)

    def _send(self, packet: bytes) -> None:
        if self._socket is not None:
            self._socket.connection.send(text_frame(packet))
        else:
            self._transport.write(text_frame(packet))

    def _connect(self, packet: Packet) -> None:
        """Open the socket; a token in the CONNECT packet overrides one in the query."""
        handshake = self._begin_connecting()
        token = (packet.payload or {}).get("token")
        if token is not None:
            handshake = dataclasses.replace(handshake, token=str(token))
        self._transport.start(self._open(handshake))

    async def _open(self, handshake: Handshake) -> None:
        try:
            socket = await self._wait_for_socket(handshake)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if self._phase is Phase.OVER:  # the client has left meanwhile
            self._sockets.close(socket)
            return
        self._socket, self._phase = socket, Phase.OPEN
        self._heartbeat = Heartbeat(socket.connection, _PING, RHYTHM)
        self._send(packets.connected(socket.connection.id))
        socket.connection.open()

    async def _wait_for_socket(self, handshake: Handshake) -> OpenSocket:
        """Open the socket; wait up to OUTAGE_SECONDS for the store. Raise Refusal."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + OUTAGE_SECONDS
        while True:
            try:
                return await self._sockets.open(handshake, self._transport, CODEC)
            except Refusal as refusal:
                if not refusal.is_outage or loop.time() >= deadline or self._phase is Phase.OVER:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    def _refuse(self, refusal: Refusal) -> None:
        if self._phase is Phase.OVER:
            return
        if refusal.is_outage:
            self.end(STORE_LOST)  # after a refusal in a packet, the client would not return
            return
        self._phase = Phase.REFUSED  # it has to leave by itself: if the server closed first, it would come back
        self._send(packets.refused(refusal.error))
        self._end_after(LEAVE_SECONDS, REFUSED)

    def _stop(self) -> None:
        super()._stop()
        if self._heartbeat is not None:
            self._heartbeat.stop()
