"""Helpers for asyncio tasks: end them reliably, let long work give way to others, share the wait for an outage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any, TypeVar

from inbox.errors import StoreUnavailable, WriteRefused

Item = TypeVar("Item")
ItemResult = TypeVar("ItemResult")
Returned = TypeVar("Returned")

MAX_CONCURRENT_CALLS = 16
TURN_SECONDS = 0.005
ROUNDS = 4
"""How many rounds of the event loop a new request takes until it is answered or waits for the store."""
_REPEAT_SECONDS = 0.2


class Turns:
    """Turns of work that awaits nothing: it gives way to other tasks once it has run for TURN_SECONDS.

    Tasks that work together share one object, or each of them would run for that long.
    """

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def is_over(self) -> bool:
        """Return whether the turn has lasted TURN_SECONDS; where a step takes microseconds, ask before `give`."""
        return time.perf_counter() - self._began >= TURN_SECONDS

    async def give(self) -> None:
        """Give way if the turn is over. Call it after each step. Safe to cancel."""
        while self.is_over():
            began = self._began
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            if self._began == began:  # else another task has begun a turn
                self._began = time.perf_counter()


def start_detached(work: Coroutine[Any, Any, Returned], name: str | None = None) -> asyncio.Task[Returned]:
    """Start work that may outlive the request that causes it: it inherits no context, above all no deadline."""
    return asyncio.create_task(work, name=name, context=Context())


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return once all have ended, with or without an error.

    A cancellation can be lost if it arrives together with the reply that a task waits for (asyncio.wait_for before
    Python 3.12, and libraries that catch it while they disconnect), so it is repeated.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_REPEAT_SECONDS)


async def in_turn(call: Callable[[Item], Awaitable[ItemResult]], items: Sequence[Item]) -> list[ItemResult]:
    """Call for each item, MAX_CONCURRENT_CALLS at once. Return results in order; raise the first failure at the end."""
    results: dict[int, ItemResult] = {}
    failures: dict[int, Exception] = {}
    indexes = iter(range(len(items)))
    turns = Turns()

    async def work() -> None:
        for index in indexes:
            try:
                results[index] = await call(items[index])
            except Exception as error:
                failures[index] = error
            await turns.give()

    await asyncio.gather(*(work() for _ in range(min(MAX_CONCURRENT_CALLS, len(items)))))
    if failures:
        raise failures[min(failures)]
    return [results[index] for index in range(len(items))]


class SharedTurn:
    """A lock around calls of the store: callers that wait for a holder share its StoreUnavailable.

    Otherwise each of them would meet the same outage in its turn, after a time-out of its own.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failures = 0

    @property
    def is_taken(self) -> bool:
        return self._lock.locked()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold the lock. Raise StoreUnavailable if an earlier holder met an outage during the wait. Safe to cancel."""
        failures = self._failures
        async with self._lock:
            if self._failures != failures:
                raise StoreUnavailable
            try:
                yield
            except WriteRefused:  # a refusal comes at once, so nobody needs to share it
                raise
            except StoreUnavailable:
                self._failures += 1
                raise
