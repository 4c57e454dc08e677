"""Ends the sockets of sessions that ended with a revoked key; nothing is published in the feeds of such a change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from inbox.errors import StoreUnavailable
from inbox.fanout.hub import Hub
from inbox.models.environment import Environment
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class RevocationWatch:
    """Looks once a second whether an environment's sessions have ended, while sockets are open here."""

    def __init__(self, hub: Hub, environments: Callable[[], Awaitable[Sequence[Environment]]]) -> None:
        """`environments` gives every environment as it is now."""
        self._hub = hub
        self._environments = environments
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._run(), name="revocations")

    async def close(self) -> None:
        """Stops looking."""
        if self._task is not None:
            await end_tasks(self._task)

    async def look(self) -> None:
        """Ends what is to end. Raises StoreUnavailable."""
        if self._hub.has_connections():
            generations = {one.number: one.generation for one in await self._environments()}
            if ended := self._hub.end_revoked(generations):
                log.info("%d sockets of a revoked key", ended, extra={"action": "sessions_revoked"})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(StoreUnavailable):  # then nobody else can be served either: later
                await self.look()
