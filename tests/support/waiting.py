"""Waiting for what nothing announces, and for several things at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

STEP_SECONDS = 0.02
HOUR_SECONDS = 3_600


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Returns once `condition()` gives True, asked again and again. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(STEP_SECONDS)


async def until_hour_has(seconds: float = 30.0) -> None:
    """Returns at once, but at the end of an hour when the next one has begun: for what is counted by the hour."""
    left = HOUR_SECONDS - time.time() % HOUR_SECONDS
    if left < seconds:
        await asyncio.sleep(left)


async def at_once(parts: Mapping[str, Awaitable[None]]) -> None:
    """Await all parts together; a failure names its part."""

    async def run(name: str, part: Awaitable[None]) -> None:
        try:
            await part
        except Exception as error:
            error.add_note(name)
            raise

    async with asyncio.TaskGroup() as tasks:
        for name, part in parts.items():
            tasks.create_task(run(name, part))
