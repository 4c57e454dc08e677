"""Reading frames, the same for every flavour of socket."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

FRAMES_A_MINUTE = 120
"""A client has nothing to say but a heartbeat every 25 s."""
MINUTE_SECONDS = 60.0


class TooManyFrames(Exception):
    """A client that says more than any has to say."""


class FrameReader:
    """What one client sends."""

    __slots__ = ("_count", "_since", "_websocket")

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._count = 0
        self._since = 0.0

    async def next(self) -> str | bytes | None:
        """The next message: text, or bytes; None when the socket has closed. Raises TooManyFrames."""
        try:
            message = await self._websocket.receive()
        except WebSocketDisconnect:
            return None
        if message["type"] == "websocket.disconnect":
            return None
        self._take_one()
        text: str | None = message.get("text")
        frame: bytes = message.get("bytes") or b""
        return frame if text is None else text

    def _take_one(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._since >= MINUTE_SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > FRAMES_A_MINUTE:
            raise TooManyFrames
