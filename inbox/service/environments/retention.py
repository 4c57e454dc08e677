"""Messages that are older than their environment keeps them go, once an hour, bucket by bucket, slowly.

Length needs no sweep: an append that finds its feed too long trims it.
"""

from __future__ import annotations

import asyncio
import logging

from inbox import clock
from inbox.errors import StoreUnavailable
from inbox.models.environment import Environment
from inbox.service.environments.environments import EnvironmentService
from inbox.store.alarms import Place
from inbox.store.feeds import FeedStore
from inbox.store.keys import BUCKETS
from inbox.store.messages import MessageStore
from inbox.store.retention import RetentionStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
SWEEP_SECONDS = 3_600
PAUSE_SECONDS = 0.02
DAY_MS = 86_400_000


class RetentionSweep:
    """Runs beside the requests of a process."""

    def __init__(
        self, store: RetentionStore, feeds: FeedStore, messages: MessageStore, environments: EnvironmentService
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._messages = messages
        self._environments = environments
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look for what is too old."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def close(self) -> None:
        """Stops; what is left is found by the next sweep."""
        if self._task is not None:
            await end_tasks(self._task)

    async def sweep(self, now_ms: int | None = None) -> int:
        """Trims every feed that has messages older than its environment's age; how many feeds it looked at."""
        now = clock.now_ms() if now_ms is None else now_ms
        looked_at = 0
        for environment in await self._environments.fresh():
            before = now - environment.max_age_days * DAY_MS
            for bucket in range(BUCKETS):
                looked_at += await self._sweep_bucket(environment, bucket, before)
                await asyncio.sleep(PAUSE_SECONDS if now_ms is None else 0)
        return looked_at

    async def _sweep_bucket(self, environment: Environment, bucket: int, before_ms: int) -> int:
        place, looked_at = Place(environment.number, bucket), 0
        entered: set[int] = set()
        while found := await self._store.old(place, before_ms):
            last, numbers = found
            for number, row in (await self._trim(place, numbers - entered, before_ms)).items():
                await self._store.look_again(place, number, row)
                entered.add(number)
            await self._store.forget(place, last)
            looked_at += len(numbers)
        return looked_at

    async def _trim(self, place: Place, numbers: set[int], before_ms: int) -> dict[int, int]:
        """Trims feeds; gives those in which a snooze keeps older messages, with the first row that stays."""
        kept: dict[int, int] = {}
        wanted = {(place.bucket, number) for number in numbers}
        for feed in (await self._feeds.find_numbered(place.environment, wanted)).values():
            too_old = await self._feeds.seek(feed, before_ms - 1)
            base = await self._messages.trim(feed, too_old) if too_old else None
            if base is not None and base < too_old:
                kept[feed.number] = base + 1
        return kept

    async def _run(self) -> None:
        while True:
            try:
                if await self._store.claim(SWEEP_SECONDS):
                    await self.sweep()
            except StoreUnavailable:
                log.debug("retention put off: the store is away", extra={"action": "retention_put_off"})
            except Exception:
                log.exception("retention failed", extra={"action": "retention_failed"})
            await asyncio.sleep(LOOK_SECONDS)
