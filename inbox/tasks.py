"""Background tasks: ending them for certain, and work that lets others have their turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 16
"""So many calls `in_turn` makes at a time."""
TURN_SECONDS = 0.005
ROUNDS = 4
"""So many rounds of the loop a request takes that has just come in, until it is answered or waits for the store."""
_AGAIN_SECONDS = 0.2


class Turns:
    """Lets others have their turn, between two steps of work that waits for nothing, once it has gone on for long.

    Tasks that work together share one, or each would go on for as long.
    """

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def give(self) -> None:
        """To be called after each step."""
        while time.perf_counter() - self._began >= TURN_SECONDS:
            began = self._began
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            if self._began == began:  # else another task goes on already
                self._began = time.perf_counter()


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancels tasks and returns once all have ended, however they did.

    A cancellation that arrives in the same moment as the reply a task waits for can be lost (asyncio.wait_for before
    Python 3.12, and libraries that catch it while they disconnect), so it is repeated until it works.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)


async def in_turn(call: Callable[[Item], Awaitable[Result]], items: Sequence[Item]) -> list[Result]:
    """The results for items in their order, a few at a time; the first failure is raised after all have ended."""
    results: dict[int, Result] = {}
    failures: dict[int, Exception] = {}
    places = iter(range(len(items)))
    turns = Turns()

    async def work() -> None:
        for place in places:
            try:
                results[place] = await call(items[place])
            except Exception as error:
                failures[place] = error
            await turns.give()

    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(items)))))
    if failures:
        raise failures[min(failures)]
    return [results[place] for place in range(len(items))]
