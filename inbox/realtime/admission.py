"""The admission of handshakes: a few work at the store at a time, and the others wait in a line.

When a proxy or a network comes back, thousands of sockets open at once. Without a limit their handshakes would take
every turn of the event loop, and requests would wait for seconds. A few at a time cost a loop turn a bounded time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

AT_ONCE = 16
"""Handshakes that work at the store. Each takes some 0.1 ms of a loop turn, and three turns in all."""
MAX_WAITING = 10_000


class LineFull(Exception):
    """The line is at its bound."""


class Admission:
    """A bounded number of places, and a bounded line of those who wait for one, first come first served."""

    def __init__(self, at_once: int, max_waiting: int) -> None:
        self._free = at_once
        self._max_waiting = max_waiting
        self._line: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Return how many wait in the line."""
        return len(self._line)

    async def enter(self) -> None:
        """Take a place; wait for it in line. Raise LineFull. Safe to cancel: who gives up leaves the line."""
        if self._free:
            self._free -= 1
            return
        if len(self._line) >= self._max_waiting:
            raise LineFull
        turn = asyncio.get_running_loop().create_future()
        self._line[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._line.pop(turn, None)
            else:  # the place was given already
                self.leave()
            raise

    def leave(self) -> None:
        """Pass the place to the first in line."""
        while self._line:
            turn, _ = self._line.popitem(last=False)
            if not turn.done():  # else its task is about to give up
                turn.set_result(None)
                return
        self._free += 1
