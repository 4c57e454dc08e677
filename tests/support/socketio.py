"""Clients of the Socket.IO flavour: python-socketio's as applications use it, and one that speaks packet by packet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

import socketio
from websockets.asyncio.client import ClientConnection, connect

from .server import Server

Json = dict[str, Any]
WAIT_SECONDS = 10.0
HANDSHAKE = {"EIO": "4", "transport": "websocket"}


class SocketIoClient:
    """python-socketio's client. `events` holds all that came, by name and payload."""

    def __init__(self, **options: Any) -> None:
        self.client = socketio.AsyncClient(**options)
        self.events: list[tuple[str, Json]] = []
        self.connects = 0
        self.errors: list[Any] = []
        self.disconnects: list[str] = []
        self._news = asyncio.Condition()
        self.client.on("*", self._take)
        self.client.on("connect", self._connected)
        self.client.on("connect_error", self._failed)
        self.client.on("disconnect", self._disconnected)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, token: str, *, in_query: bool = False) -> AsyncIterator[Self]:
        """Connected; `expect_counts` gives the counts that it was greeted with."""
        client = cls(reconnection_delay=0.1, reconnection_delay_max=0.5)
        await client.connect(server, token, in_query=in_query)
        try:
            yield client
        finally:
            await client.client.shutdown()

    async def connect(self, server: Server, token: str, *, in_query: bool = False) -> None:
        """Raises socketio's ConnectionError when it is refused."""
        url = f"{server.url}?{urlencode({'token': token})}" if in_query else server.url
        auth = None if in_query else {"token": token}
        await self.client.connect(url, auth=auth, transports=["websocket"])

    async def _take(self, event: str, payload: Json) -> None:
        self.events.append((event, payload))
        await self._tell()

    async def _connected(self) -> None:
        self.connects += 1
        await self._tell()

    async def _failed(self, data: Any) -> None:
        self.errors.append(data)
        await self._tell()

    async def _disconnected(self, reason: str) -> None:
        self.disconnects.append(reason)
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Any, seconds: float = WAIT_SECONDS) -> None:
        """Returns once the condition holds; it is looked at whenever something has come. Raises TimeoutError."""
        async with self._news, asyncio.timeout(seconds):
            await self._news.wait_for(condition)

    async def take(self, count: int, seconds: float = WAIT_SECONDS) -> list[tuple[str, Json]]:
        """The next events, taken out of `events`, once there are so many."""
        await self.until(lambda: len(self.events) >= count, seconds)
        taken, self.events[:count] = self.events[:count], []
        return taken

    async def expect_counts(self, unseen: int, unread: int, seconds: float = WAIT_SECONDS) -> None:
        """The next two events are both counts, with these values."""
        (first, one), (second, two) = await self.take(2, seconds)
        assert (first, second) == ("unseen_count_changed", "unread_count_changed")
        assert (one["unseenCount"], two["unreadCount"], two["counts"]["total"]) == (unseen, unread, unread)


class PacketSocket:
    """A WebSocket at `/socket.io/` that is spoken to packet by packet."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def open(
        cls, server: Server, *, origin: str | None = None, compression: str | None = None, **query: str
    ) -> AsyncIterator[Self]:
        """An open transport whose opening packet has been read."""
        url = f"ws://127.0.0.1:{server.port}/socket.io/?{urlencode({**HANDSHAKE, **query})}"
        async with connect(url, origin=origin, compression=compression, proxy=None) as connection:  # type: ignore[arg-type]
            socket = cls(connection)
            assert (await socket.next())[0] == "0"
            yield socket

    @classmethod
    @asynccontextmanager
    async def connected(cls, server: Server, token: str, **options: Any) -> AsyncIterator[Self]:
        """One that was let in and has read its counts."""
        async with cls.open(server, **options) as socket:
            await socket.connect(token)
            for event in ("unseen_count_changed", "unread_count_changed"):
                assert (await socket.next_event())[0] == event
            yield socket

    async def connect(self, token: str) -> None:
        await self.send("40" + json.dumps({"token": token}))
        answer = await self.next()
        assert answer.startswith("40{"), answer

    async def send(self, packet: str | bytes) -> None:
        await self.connection.send(packet)

    async def next(self, seconds: float = WAIT_SECONDS) -> str:
        """The next packet. Raises ConnectionClosed, TimeoutError."""
        async with asyncio.timeout(seconds):
            packet = await self.connection.recv()
        assert isinstance(packet, str), "a binary frame"
        return packet

    async def next_event(self, seconds: float = WAIT_SECONDS) -> tuple[str, Json]:
        packet = await self.next(seconds)
        assert packet.startswith("42["), packet
        name, payload = json.loads(packet[2:])
        return name, payload

    async def refusal(self, seconds: float = WAIT_SECONDS) -> str:
        """The message of the refusal that comes next."""
        packet = await self.next(seconds)
        assert packet.startswith("44{"), packet
        return str(json.loads(packet[2:])["message"])

    async def closed(self, seconds: float = WAIT_SECONDS) -> tuple[int, str]:
        """Code and reason of the server's close frame; (1006, "") when it just vanished."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
        return self.connection.close_code or 1006, self.connection.close_reason or ""
