"""Logs an outage of the store and its end: a line each, for all requests and workers that fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from inbox.errors import StoreUnavailable
from inbox.tasks import end_tasks, start_detached

log = logging.getLogger(__name__)

BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0)


class OutageWatch:
    """Logs the first failure, then polls until `is_available` raises no StoreUnavailable, and logs the recovery."""

    def __init__(self, is_available: Callable[[], Awaitable[None]]) -> None:
        self._is_available = is_available
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, error: Exception) -> None:
        """Note that a command or a subscription failed."""
        if self._closed or (self._watching and not self._watching.done()):
            return
        reason = " ".join(str(error).split()) or type(error).__name__
        log.error("the store fails: %s", reason, extra={"action": "store_failing", "reason": type(error).__name__})
        self._watching = start_detached(self._watch(), "outage watch")

    async def close(self) -> None:
        """Stop polling; later failures are not logged."""
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
            await self._is_available()
        except StoreUnavailable:
            return False
        return True
