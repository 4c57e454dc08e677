"""The Socket.IO flavour of sockets, websocket transport only (websocket.md §2).

Whoever asks for it gets an open transport; the token is looked at when the client sends its CONNECT packet, and refused
there, since a client repeats a transport that fails for ever but believes a packet.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from inbox.events import CLIENT_LEFT, CONNECT_TIMEOUT, MALFORMED_PACKET, REFUSED, STORE_LOST, TOO_MANY_FRAMES
from inbox.fanout import packets
from inbox.fanout.codecs import SOCKET_IO
from inbox.fanout.connection import Connection
from inbox.fanout.heartbeat import Heartbeat, Rhythm
from inbox.fanout.packets import MAIN, MalformedPacket, Packet
from inbox.fanout.transport import MAX_MESSAGE_BYTES, InboxWebSocketProtocol, transport_of
from inbox.routes.frames import FrameReader, TooManyFrames
from inbox.routes.gate import Admission, Gate, Handshake, Refusal
from inbox.routes.replies import json_reply
from inbox.routes.socket import handshake_of

RHYTHM = Rhythm(interval_seconds=25.0, patience_seconds=20.0)
CONNECT_SECONDS = 10.0
LEAVE_SECONDS = 5.0
OUTAGE_SECONDS = 5.0
AGAIN_SECONDS = 0.25
PROTOCOL = "4"
UNKNOWN_NAMESPACE = "Invalid namespace"


async def socketio_socket(websocket: WebSocket) -> None:
    """`/socket.io/?EIO=4&transport=websocket`, the token in the query or in the CONNECT packet."""
    problem = _problem_of(websocket.query_params)
    if problem is not None:
        await websocket.send_denial_response(problem)
        return
    await websocket.accept()
    transport = transport_of(websocket.scope)
    transport.stop_keepalive()  # this protocol has its own
    transport.write([packets.opening(secrets.token_hex(10), RHYTHM, MAX_MESSAGE_BYTES)])
    try:
        await _serve(websocket, transport)
    except MalformedPacket:
        transport.close(MALFORMED_PACKET)
    except TooManyFrames:
        transport.close(TOO_MANY_FRAMES)


async def polling(request: Request) -> Response:
    """`/socket.io/` without an upgrade: 400 at once, as of a server that has no such transport."""
    return _problem_of(request.query_params) or _bad_request(3, "Bad request")


def _problem_of(query: Mapping[str, str]) -> Response | None:
    """What a Socket.IO server has against a request before it opens a transport."""
    if query.get("transport") != "websocket":
        return _bad_request(0, "Transport unknown")
    if query.get("EIO") != PROTOCOL:
        return _bad_request(5, "Unsupported protocol version")
    if "sid" in query:  # the upgrade of a polling session, and there are none
        return _bad_request(1, "Session ID unknown")
    return None


def _bad_request(code: int, message: str) -> Response:
    return json_reply({"code": code, "message": message}, 400)


async def _serve(websocket: WebSocket, transport: InboxWebSocketProtocol) -> None:
    """Raises MalformedPacket, TooManyFrames."""
    frames, gate = FrameReader(websocket), websocket.app.state.gate
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connect = await _wait_for_connect(frames, transport)
    except TimeoutError:
        transport.close(CONNECT_TIMEOUT)
        return
    if connect is None:
        return
    try:
        admission, connection = await _enter(gate, _handshake_of(websocket, connect), transport)
    except Refusal as refusal:
        if refusal.is_outage:
            transport.close(STORE_LOST)  # by a packet it would stay away for good
        else:
            await _dismiss(frames, transport, refusal)
        return
    await _converse(frames, gate, admission, connection)


async def _enter(gate: Gate, handshake: Handshake, transport: InboxWebSocketProtocol) -> tuple[Admission, Connection]:
    """Raises Refusal. Waits for a store that is just being restarted."""
    loop = asyncio.get_running_loop()
    patient_until = loop.time() + OUTAGE_SECONDS
    while True:
        try:
            admission = await gate.admit(handshake)
            return admission, await gate.attach(admission, transport, SOCKET_IO)
        except Refusal as refusal:
            if not refusal.is_outage or loop.time() >= patient_until:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


async def _wait_for_connect(frames: FrameReader, transport: InboxWebSocketProtocol) -> Packet | None:
    """The CONNECT of the main namespace; None when the client left before it."""
    while (frame := await frames.next()) is not None and frame != packets.CLOSE:
        packet = packets.parse(frame)
        if packet and packet.kind != "connect":
            raise MalformedPacket
        if packet and packet.namespace == MAIN:
            return packet
        if packet:
            transport.write([packets.refused(UNKNOWN_NAMESPACE, packet.namespace)])
    return None


def _handshake_of(websocket: WebSocket, connect: Packet) -> Handshake:
    """What the upgrade said; a token in the CONNECT packet goes before one in the query."""
    handshake = handshake_of(websocket)
    given: Any = (connect.payload or {}).get("token")
    return handshake if given is None else dataclasses.replace(handshake, token=str(given))


async def _dismiss(frames: FrameReader, transport: InboxWebSocketProtocol, refusal: Refusal) -> None:
    """Refuses by a packet and leaves it to the client to hang up, as it does: one that is hung up on tries again."""
    transport.write([packets.refused(refusal.error)])
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            while await frames.next() is not None:
                pass
    except TimeoutError:
        transport.close(REFUSED)


async def _converse(frames: FrameReader, gate: Gate, admission: Admission, connection: Connection) -> None:
    heartbeat = Heartbeat(connection, packets.PING, RHYTHM)
    try:
        connection.send(packets.connected(connection.id))
        connection.open()
        await _read(frames, connection, heartbeat)
    except MalformedPacket:
        connection.end(MALFORMED_PACKET)
    except TooManyFrames:
        connection.end(TOO_MANY_FRAMES)
    finally:
        heartbeat.stop()
        await gate.detach(admission, connection)


async def _read(frames: FrameReader, connection: Connection, heartbeat: Heartbeat) -> None:
    """Until the client leaves. Raises MalformedPacket, TooManyFrames."""
    while (frame := await frames.next()) is not None:
        if frame == packets.PONG:
            heartbeat.heard()
        elif frame == packets.CLOSE or not _is_staying(packets.parse(frame), connection):
            connection.end(CLIENT_LEFT)
            return


def _is_staying(packet: Packet | None, connection: Connection) -> bool:
    """Takes a packet; whether the client stays. Events and acknowledgements are ignored: none is for us."""
    if packet is None:
        return True
    if packet.kind == "connect" and packet.namespace != MAIN:
        connection.send(packets.refused(UNKNOWN_NAMESPACE, packet.namespace))
        return True
    if packet.kind == "connect" or packet.namespace != MAIN:  # it has been connected already, or never was
        raise MalformedPacket
    return packet.kind != "disconnect"
