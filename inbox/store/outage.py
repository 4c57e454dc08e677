"""When the store fails and when it is well again: one line each, however many requests and workers meet the failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from inbox.errors import StoreUnavailable
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

IN_PIPELINE = " of pipeline caused error: "
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0)


class OutageWatch:
    """Log the first failure, then look again and again until `is_well` raises no StoreUnavailable, and log that."""

    def __init__(self, is_well: Callable[[], Awaitable[None]]) -> None:
        self._is_well = is_well
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, error: Exception) -> None:
        """Note that a command or a subscription failed."""
        if self._closed or (self._watching and not self._watching.done()):
            return
        text = str(error).rpartition(IN_PIPELINE)[2]  # what stands before names the command, with ids of people in it
        reason = " ".join(text.split()) or type(error).__name__
        log.error("the store fails: %s", reason, extra={"action": "store_failing", "reason": type(error).__name__})
        self._watching = asyncio.create_task(self._watch(), name="outage watch")

    async def close(self) -> None:
        """Stop looking; what fails from now on is not noted."""
        self._closed = True
        if self._watching:
            await end_tasks(self._watching)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        began, failures = loop.time(), 0
        while not await self._check():
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1
        seconds = loop.time() - began
        fields = {"action": "store_recovered", "duration_ms": round(seconds * 1000)}
        log.warning("the store is well again, after %.1f s", seconds, extra=fields)

    async def _check(self) -> bool:
        try:
            await self._is_well()
        except StoreUnavailable:
            return False
        return True
