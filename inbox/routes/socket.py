"""The plain flavour of sockets (websocket.md §3)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from inbox.errors import NotFound
from inbox.events import TOO_MANY_FRAMES
from inbox.fanout.codecs import PLAIN
from inbox.fanout.connection import Connection
from inbox.fanout.transport import transport_of
from inbox.routes.frames import FrameReader, TooManyFrames
from inbox.routes.gate import Gate, Handshake, Refusal
from inbox.routes.replies import error_reply, json_reply


async def plain_socket(websocket: WebSocket) -> None:
    """`/ws` and `/`: the plain flavour. Text `ping` is answered `pong`; whatever else a client sends is ignored."""
    gate: Gate = websocket.app.state.gate
    try:
        admission = await gate.admit(handshake_of(websocket))
        connection = await gate.attach(admission, transport_of(websocket.scope), PLAIN)
    except Refusal as refusal:
        await websocket.send_denial_response(_refused(refusal))
        return
    try:
        await websocket.accept()
        connection.open()
        await _read(FrameReader(websocket), connection)
    except TooManyFrames:
        connection.end(TOO_MANY_FRAMES)
    finally:
        await gate.detach(admission, connection)


def handshake_of(websocket: WebSocket) -> Handshake:
    """What of an upgrade decides whether it is let in."""
    headers = websocket.headers
    return Handshake(websocket.query_params.get("token"), headers.get("origin"), headers.get("host"))


async def _read(frames: FrameReader, connection: Connection) -> None:
    while (frame := await frames.next()) is not None:
        if frame == "ping":
            connection.send(b"pong")


def _refused(refusal: Refusal) -> Response:
    retry_after = refusal.retry_after_seconds
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return json_reply({"error": refusal.error}, refusal.status, headers)


async def unknown_socket(websocket: WebSocket) -> None:
    """Any other path → 404 in words: `/socket.io` without its slash, `//ws`, `/api/ws`."""
    path = websocket.scope["path"]
    error = NotFound(f"No WebSocket at {path}: they open at /ws, and with Socket.IO at /socket.io/")
    await websocket.send_denial_response(error_reply(websocket, error))


async def upgrade_required(_: Request) -> Response:
    """GET of a socket's path without an upgrade → 426."""
    return json_reply({"error": "This path is a WebSocket"}, 426, {"Upgrade": "websocket"})
