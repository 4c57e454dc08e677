"""A WebSocket client that sends any bytes, well-formed or not, and reads frames as they come."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from .server import Server

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
SECONDS = 30.0
HEAD = (
    "Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(b'0123456789abcdef').decode()}\r\n\r\n"
)


@dataclass(frozen=True)
class Endpoint:
    """A path of sockets: what opens one, how often the server then writes, and a text that is always answered."""

    path: str
    opening: str
    first_frames: int
    question: bytes
    answer: bytes
    ignored: bytes | None
    """How a text begins that is not answered; any letters may follow. None: every text is answered."""

    def first_text(self, token: str) -> bytes:
        """What a client sends first; anything where it need not."""
        return self.opening.replace("{token}", token).encode() or b"x"

    def target(self, token: str) -> str:
        return f"{self.path}{'&' if '?' in self.path else '?'}token={token}"


ENDPOINTS = [
    Endpoint("/ws", "", 2, b"ping", b"pong", b""),
    Endpoint("/", "", 2, b"ping", b"pong", b""),
    Endpoint(
        "/v1/socket",
        '{"id":1,"connect":{"token":"{token}"}}',
        1,
        b'{"id":2}',
        b'{"id":2,"error":{"code":"invalid","message":"a request has one verb","field":"verb","retry":false}}',
        None,
    ),
    Endpoint("/socket.io/?EIO=4&transport=websocket", "40", 4, b"40/x,", b'44/x,{"message":"Invalid namespace"}', b"3"),
]


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """A frame of a client. `length`: what its head says, if not the truth; `length_bytes`: in 0, 2 or 8 bytes."""
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65_536 else 8
    second = {0: size, 2: 126, 8: 127}[length_bytes] | (0x80 if mask else 0)
    head = bytes((final << 7 | reserved << 4 | opcode, second)) + (
        size.to_bytes(length_bytes, "big") if length_bytes else b""
    )
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class RawSocket:
    """One connection, from its request on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def connected(cls, server: Server) -> AsyncIterator[Self]:
        """A connection that has sent nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            async with asyncio.timeout(SECONDS):
                yield cls(reader, writer)
        finally:
            writer.transport.abort()

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, endpoint: Endpoint, token: str) -> AsyncIterator[Self]:
        """An open socket whose first frames have been read."""
        async with cls.connected(server) as socket:
            await socket.upgrade(endpoint.target(token))
            if endpoint.opening:
                await socket.send(TEXT, endpoint.first_text(token))
            for _ in range(endpoint.first_frames):
                assert (await socket.next())[0] == TEXT
            yield socket

    async def upgrade(self, target: str) -> None:
        self.writer.write(f"GET {target} HTTP/1.1\r\n{HEAD}".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, opcode: int, payload: bytes = b"", **options: bool) -> None:
        await self.write(frame(opcode, payload, **options))  # type: ignore[arg-type]

    async def next(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises IncompleteReadError or ConnectionError at the end."""
        first, second = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80, "the server sends whole messages without extensions"
        assert second < 0x80, "a server does not mask"
        size = second
        if second > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if second == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    async def end(self) -> tuple[list[tuple[int, bytes]], int | None]:
        """All frames until the server ends the connection, and the code of its close frame, which comes last."""
        frames: list[tuple[int, bytes]] = []
        while True:
            try:
                frames.append(await self.next())
            except (asyncio.IncompleteReadError, ConnectionError):
                break
        code = int.from_bytes(frames[-1][1][:2], "big") if frames and frames[-1][0] == CLOSE else None
        return frames, code

    async def answers(self, endpoint: Endpoint) -> None:
        """Fails unless a text is answered, as the next frame."""
        await self.send(TEXT, endpoint.question)
        assert await self.next() == (TEXT, endpoint.answer)
