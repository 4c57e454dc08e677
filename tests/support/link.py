"""The network between a client and a service: a relay of TCP connections that a test cuts and mends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from .processes import free_port

CHUNK_BYTES = 65_536
SUBSCRIBES = b"*2\r\n$10\r\nSSUBSCRIBE"
"""How a client of the store begins to subscribe to one channel."""


class Link:
    """Relays connections to `port` from a port of its own, which stays the same while the link is down."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._target = port
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._is_silent = False
        self._blocked: tuple[bytes, ...] = ()
        self._loses_subscriptions = False
        self._subscribers: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Link]:
        """A link that is up."""
        link = cls(port)
        await link.mend()
        try:
            yield link
        finally:
            await link.cut()

    async def mend(self) -> None:
        """Let connections through. Those that fell silent stay so."""
        self._is_silent = self._loses_subscriptions = False
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        await self._refuse()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def fall_silent(self) -> None:
        """Lose what is sent on every connection, without a word to either end, and refuse new ones."""
        self._is_silent = True
        await self._refuse()

    async def block(self, *paths: str) -> None:
        """Break every connection, and from now on those that ask for one of these paths, as a proxy may."""
        await self.cut()
        self._blocked = tuple(f"GET {path}".encode() for path in paths)
        await self.mend()

    async def refuse_subscriptions(self) -> None:
        """Break every connection, and from now on those of a store's clients that subscribe to a channel."""
        await self.cut()
        self._blocked = (SUBSCRIBES,)
        await self.mend()

    def silence_subscriptions(self) -> None:
        """Lose what is sent on connections of a store's clients that have subscribed to a channel, or will."""
        self._loses_subscriptions = True

    async def _refuse(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            for listening in server.sockets:
                asyncio.get_running_loop().remove_reader(listening)
            await asyncio.sleep(0)  # a connection that was just accepted: a server that is closed would never close it
            server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted just before the link went down
            writer.close()
            return
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        relay.add_done_callback(self._subscribers.discard)
        with suppress(OSError, asyncio.CancelledError):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                try:
                    await asyncio.gather(
                        self._pump(relay, reader, back, self._blocked), self._pump(relay, there, writer)
                    )
                finally:
                    back.close()
            finally:
                writer.close()

    async def _pump(
        self,
        relay: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        blocked: tuple[bytes, ...] = (),
    ) -> None:
        is_lost = False
        while chunk := await reader.read(CHUNK_BYTES):
            if chunk.startswith(blocked):  # the head of a request begins a chunk: browsers wait for each answer
                break
            if chunk.startswith(SUBSCRIBES):
                self._subscribers.add(relay)
            is_lost = is_lost or self._is_silent or (self._loses_subscriptions and relay in self._subscribers)
            if not is_lost:
                writer.write(chunk)
                await writer.drain()
        if not is_lost:
            writer.close()
