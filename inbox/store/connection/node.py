"""One server of the store: connects again after a break, and knows whether there is an outage."""

from __future__ import annotations

import asyncio
import random
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from inbox import metrics
from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.url import Address, Login
from inbox.store.connection.wire import Command, Wire, open_wire, pack, pack_all
from inbox.tasks import end_tasks, start_detached

BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.2)

Find = Callable[[], Awaitable[Address]]


class StoreNode:
    """A server. It connects at the first command and, after a break, by itself.

    Commands that come during the first attempt after a break wait for it. When it fails, or when the server had been
    silent before the break, there is an outage: commands fail at once, while one task goes on trying to connect.
    """

    def __init__(self, address: Address, login: Login, find: Find | None = None) -> None:
        self.address = address
        self._login = login
        self._find = find
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when a connection breaks, cannot be made, or is silent."""
        self._wire: Wire | None = None
        self._outage: Exception | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._attempt: asyncio.Future[None]
        self._dialed: weakref.WeakSet[Wire] = weakref.WeakSet()
        """Every open connection, also the one for commands."""
        self._drops = 0
        self.is_closed = False
        self.breaks = 0
        """How often the connection for commands has broken: after that the server may be another one."""

    @property
    def name(self) -> str:
        """Return the server's address as text."""
        return str(self.address)

    @property
    def is_unreachable(self) -> bool:
        """Return whether the last attempt to connect failed."""
        return self._outage is not None

    @property
    def is_away(self) -> bool:
        """Return whether the server is unreachable, or owes a reply for so long that it may be."""
        return self.is_unreachable or (self._wire is not None and self._wire.is_silent)

    def request(self, packed: bytes, count: int = 1) -> Awaitable[Any]:
        """Send packed commands, in this turn of the loop if there is a connection.

        Return what to await for the reply, or the list of replies; it raises what `Wire.request` raises. It is no
        coroutine: each one between a caller and the reply is paid at every command.
        """
        wire = self._wire
        if wire is None or wire.is_full:
            return self._request_when_ready(packed, count)
        return wire.request(packed, count)

    def send(self, command: Command) -> Awaitable[Any]:
        """Run one command. Return what to await for the reply; it raises ReplyError and ConnectionLost."""
        return self.request(pack(command))

    async def send_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands together. Return the replies, errors among them. Raise ConnectionLost."""
        if len(commands) == 1:
            return [await self.send_tolerant(commands[0])]
        return list(await self.request(pack_all(commands), len(commands))) if commands else []

    async def send_tolerant(self, command: Command) -> Any:
        """Run one command. Return the reply, even a ReplyError. Raise ConnectionLost."""
        try:
            return await self.send(command)
        except ReplyError as error:
            return error

    async def dial(self) -> Wire:
        """Return a further connection to this server, which ends with `drop`. Raise ConnectionLost and ReplyError."""
        if self.is_closed:
            raise ConnectionLost(f"{self.address}: closed")
        drops = self._drops
        address = self.address = await self._find() if self._find else self.address
        wire = await open_wire(address, self._login)
        try:
            if self._find and (await wire.request(pack(("ROLE",))))[0] != b"master":
                raise ConnectionLost(f"{address}: it is no primary")
            if drops != self._drops:  # a server that was left for good may answer late, and take itself for the primary
                raise ConnectionLost(f"{address}: it was left meanwhile")
        except BaseException:
            wire.drop("it is not used")
            raise
        self._dialed.add(wire)
        self.leave_others(address)
        return wire

    def drop(self, reason: str) -> None:
        """Break every connection to this server at once, even one that is being opened; then connect again."""
        self._drops += 1
        for wire in list(self._dialed):
            wire.drop(reason)

    def leave_others(self, address: Address) -> None:
        """Break every connection that leads elsewhere: to a server that was the primary."""
        for wire in list(self._dialed):
            if wire.address != address:
                wire.drop(f"the primary is {address} now")

    async def close(self) -> None:
        """End every connection for good."""
        self.is_closed = True
        if self._connecting is not None:
            await end_tasks(self._connecting)
            self._end_attempt()
        self.drop("closed")
        self._wire = None

    async def _request_when_ready(self, packed: bytes, count: int) -> Any:
        return await (await self._ready()).request(packed, count)

    async def _ready(self) -> Wire:
        while self._wire is None or self._wire.is_full:
            if self._wire is not None:
                await self._wire.room()
            elif self._outage is not None:
                raise ConnectionLost(str(self._outage)) from self._outage
            elif self.is_closed:
                raise ConnectionLost(f"{self.address}: closed")
            else:
                await asyncio.shield(self._connect_soon())
        return self._wire

    def _connect_soon(self) -> asyncio.Future[None]:
        """Begin to connect, unless that is under way. The future is done after the first attempt."""
        if self._connecting is None:
            self._attempt = asyncio.get_running_loop().create_future()
            self._connecting = start_detached(self._connect(), f"connect to {self.address}")
        return self._attempt

    async def _connect(self) -> None:
        failures = 0
        while True:
            try:
                wire = await self.dial()
            except Exception as error:  # of any kind: who waits for the attempt would wait for ever
                self._outage = error
                self._end_attempt()
                self.on_trouble()
            else:
                break
            pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            failures += 1
        self._wire, self._outage, self._connecting = wire, None, None
        wire.on_silent = self.on_trouble
        wire.lost.add_done_callback(self._on_lost)
        self._end_attempt()

    def _on_lost(self, lost: asyncio.Future[ConnectionLost]) -> None:
        if self.is_away:  # it has been silent: whoever comes now would only wait again
            self._outage = lost.result()
        self._wire = None
        self.breaks += 1
        if not self.is_closed:
            metrics.STORE_BREAKS.add(("commands",))
            self._connect_soon()
            self.on_trouble()

    def _end_attempt(self) -> None:
        if not self._attempt.done():
            self._attempt.set_result(None)
