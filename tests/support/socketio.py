"""Clients of the Socket.IO flavour: two libraries' as applications use them, and one that speaks packet by packet."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

import pytest
import socketio
from socketio.exceptions import ConnectionError as RefusedConnect
from websockets.asyncio.client import ClientConnection, connect

from .npm import install_packages
from .server import Server

Json = dict[str, Any]
WAIT_SECONDS = 60.0  # several Node processes at once start late on a busy machine
HANDSHAKE = {"EIO": "4", "transport": "websocket"}


class SocketIoClient(ABC):
    """A library's client. `events` holds all that came, by name and payload; `pings` counts heartbeats, where told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Json]] = []
        self.connects = 0
        self.pings = 0
        self.errors: list[str] = []
        self.disconnects: list[str] = []
        self._news = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, token: str, *, in_query: bool = False) -> AsyncIterator[Self]:
        """Connected; `expect_counts` gives the counts that it was greeted with."""
        async with cls.started(server, token, in_query=in_query) as client:
            await client.until(lambda: client.connects == 1 or bool(client.errors))
            assert client.errors == []
            yield client

    @classmethod
    @asynccontextmanager
    async def started(cls, server: Server, token: str, *, in_query: bool = False) -> AsyncIterator[Self]:
        """On its way, or refused."""
        client = cls()
        try:
            await client.start(server.url, token, in_query)
            yield client
        finally:
            await client.stop()

    @abstractmethod
    async def start(self, url: str, token: str, in_query: bool) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    async def note(self, kind: str, value: Any) -> None:
        """Something has happened to the client."""
        async with self._news:
            if kind == "event":
                self.events.append((value[0], value[1]))
            elif kind == "connect":
                self.connects += 1
            elif kind == "ping":
                self.pings += 1
            elif kind == "connect_error":
                self.errors.append(value["message"] if isinstance(value, dict) else value)
            else:
                self.disconnects.append(value)
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Returns once the condition holds; it is looked at whenever something has happened. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._news:
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


class PythonClient(SocketIoClient):
    """python-socketio's."""

    def __init__(self) -> None:
        super().__init__()
        self.client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)
        self.client.on("*", self._event)
        for kind in ("connect", "connect_error", "disconnect"):
            self.client.on(kind, self._noting(kind))

    async def _event(self, event: str, payload: Json) -> None:
        await self.note("event", (event, payload))

    def _noting(self, kind: str) -> Callable[..., Awaitable[None]]:
        async def noted(value: Any = None) -> None:  # the library awaits only what was defined like this
            await self.note(kind, value)

        return noted

    async def start(self, url: str, token: str, in_query: bool) -> None:
        where = f"{url}?{urlencode({'token': token})}" if in_query else url
        with contextlib.suppress(RefusedConnect):  # `errors` tells
            await self.client.connect(where, auth=None if in_query else {"token": token}, transports=["websocket"])

    async def stop(self) -> None:
        await self.client.shutdown()


class NodeClient(SocketIoClient):
    """socket.io-client's, in a process of its own."""

    _process: asyncio.subprocess.Process
    _reading: asyncio.Task[None]

    async def start(self, url: str, token: str, in_query: bool) -> None:
        home = await asyncio.to_thread(install_packages)
        self._process = await asyncio.create_subprocess_exec(
            *("node", "socket/client.mjs"), cwd=home, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())
        place = {"query": {"token": token}} if in_query else {"auth": {"token": token}}
        options = {"transports": ["websocket"], "reconnectionDelay": 100, "reconnectionDelayMax": 500, **place}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"url": url, "options": options}).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self.note(*json.loads(line))

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


CLIENTS = [
    pytest.param(PythonClient, id="python-socketio"),
    pytest.param(NodeClient, id="socket.io-client", marks=pytest.mark.needs("node", "npm")),
]


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
