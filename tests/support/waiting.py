"""Waiting for what nothing announces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

STEP_SECONDS = 0.02


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Returns once `condition()` gives True, asked again and again. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(STEP_SECONDS)
