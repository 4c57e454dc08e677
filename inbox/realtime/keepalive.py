"""The pings of all open sockets of a process, with one timer."""

from __future__ import annotations

import asyncio
from typing import Protocol

TURNS = 100
"""The parts of a period. Each socket has one of them, so that not all are pinged at once."""


class Pinged(Protocol):
    """A socket that is pinged."""

    def keep_alive(self) -> None:
        """Ping the client. Abort if it has not answered the ping before."""


class Keepalive:
    """Calls `keep_alive` of each socket once in a period."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turns: list[set[Pinged]] = [set() for _ in range(TURNS)]
        self._turn = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Pinged) -> int:
        """Add a socket, first called after a period. Return its turn, which `remove` takes."""
        self._turns[self._turn].add(socket)
        self._count += 1
        if self._timer is None:
            self._wait()
        return self._turn

    def remove(self, socket: Pinged, turn: int) -> None:
        self._turns[turn].discard(socket)
        self._count -= 1

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds / TURNS, self._take_turn)

    def _take_turn(self) -> None:
        self._timer = None
        self._turn = (self._turn + 1) % TURNS
        for socket in list(self._turns[self._turn]):
            socket.keep_alive()
        if self._count:
            self._wait()
