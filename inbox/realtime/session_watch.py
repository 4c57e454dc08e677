"""The watch over sessions: it ends sockets whose token expired, or whose environment had a key revoked.

The deletion of a subscriber is published on its feeds instead, which the hub receives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from inbox.clock import now_seconds
from inbox.errors import StoreUnavailable
from inbox.models.environment import Environment
from inbox.realtime.connection import Connection
from inbox.realtime.events import SESSION_REVOKED, TOKEN_EXPIRED, Close

BATCH_SIZE = 500


class WatchedSocket(Protocol):
    """A socket, the environment of its token, and when the token expires (Unix seconds)."""

    @property
    def connection(self) -> Connection: ...

    @property
    def environment(self) -> Environment: ...

    @property
    def expires_at(self) -> float: ...


class SessionWatch:
    """The open sockets of this process and their sessions.

    `read_generations` returns the generation of each environment by number, or raises StoreUnavailable.
    """

    def __init__(self, read_generations: Callable[[], Awaitable[Mapping[int, int]]]) -> None:
        self._read_generations = read_generations
        self._sockets: set[WatchedSocket] = set()

    def add(self, socket: WatchedSocket) -> None:
        self._sockets.add(socket)

    def remove(self, socket: WatchedSocket) -> None:
        self._sockets.discard(socket)

    async def look(self) -> None:
        """End every socket whose session has ended."""
        if not self._sockets:
            return
        now, generations = now_seconds(), await self._generations()
        closes = [
            (socket.connection, close)
            for socket in self._sockets
            if (close := _end_of(socket.environment, socket.expires_at, now, generations)) is not None
        ]
        for number, (connection, close) in enumerate(closes, 1):
            connection.end(close)
            if number % BATCH_SIZE == 0:
                await asyncio.sleep(0)  # a revoked key may end all sockets

    async def _generations(self) -> Mapping[int, int] | None:
        """Return the generations, None while the store is unavailable: no session ends because of that."""
        try:
            return await self._read_generations()
        except StoreUnavailable:
            return None


def _end_of(
    environment: Environment, expires_at: float, now: float, generations: Mapping[int, int] | None
) -> Close | None:
    if expires_at <= now:
        return TOKEN_EXPIRED
    if generations is not None and generations.get(environment.number) != environment.generation:
        return SESSION_REVOKED
    return None
