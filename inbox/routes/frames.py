"""Reading frames, the same for every flavour of socket."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect


async def next_frame(websocket: WebSocket) -> str | bytes | None:
    """The next message of the client: text, or bytes; None when the socket has closed."""
    try:
        message = await websocket.receive()
    except WebSocketDisconnect:
        return None
    if message["type"] == "websocket.disconnect":
        return None
    text: str | None = message.get("text")
    frame: bytes = message.get("bytes") or b""
    return frame if text is None else text
