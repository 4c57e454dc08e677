"""Retries of an optimistic step: read, compute, and write only if the read value is unchanged.

    async for _ in Attempts():
        before = …
        if await write(before, change(before)):
            return
    raise Contention

A step that lost every attempt raises `Contention`: other writers were faster each time. A step with an alternative (one
script, a change in slices) uses that after fewer attempts.
"""

from __future__ import annotations

import asyncio
import random
from typing import Self

MAX_ATTEMPTS = 100
EAGER_ATTEMPTS = 3
"""The number of attempts without a pause."""
PAUSE_SECONDS = 0.001
MAX_PAUSE_SECONDS = 0.02


class Attempts:
    """Iterate over at most `limit` attempts, numbered from 0. Safe to cancel.

    After the first three, each waits up to 20 ms at random, so that competing writers get out of step and other tasks
    run. This is no async generator, since the event loop starts a task to close each one that a `return` leaves.
    """

    __slots__ = ("_limit", "_made")

    def __init__(self, limit: int = MAX_ATTEMPTS) -> None:
        self._limit = limit
        self._made = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        attempt = self._made
        if attempt >= self._limit:
            raise StopAsyncIteration
        if attempt >= EAGER_ATTEMPTS:
            await asyncio.sleep(random.uniform(0, min(PAUSE_SECONDS * attempt, MAX_PAUSE_SECONDS)))
        self._made += 1
        return attempt
