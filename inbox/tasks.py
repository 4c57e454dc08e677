"""Ending background tasks for certain."""

from __future__ import annotations

import asyncio

_AGAIN_SECONDS = 0.2


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
