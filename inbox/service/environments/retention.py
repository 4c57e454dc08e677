"""A slow sweep, bucket by bucket, that deletes messages older than their environment's maximum age.

The length of a feed needs no sweep: an append to a feed that is too long trims it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from inbox import clock
from inbox.errors import WriteRefused
from inbox.models.environment import Environment
from inbox.service.environments.environments import EnvironmentService
from inbox.store.due_buckets import BucketKey
from inbox.store.feeds import FeedStore
from inbox.store.keys import BUCKETS
from inbox.store.messages import MessageStore
from inbox.store.retention import RetentionStore
from inbox.store.slices import in_slices

BUCKETS_AT_ONCE = 16
PAUSE_SECONDS = 0.3
DAY_MS = 86_400_000


@dataclass(eq=False)
class RetentionSweep:
    """Trims feeds by age."""

    _store: RetentionStore
    _feeds: FeedStore
    _messages: MessageStore
    _environments: EnvironmentService

    async def run(self) -> None:
        """Sweep; the next sweep does what a cancelled one has not done. Raise ServiceUnavailable."""
        await self.sweep()

    async def sweep(self, now_ms: int | None = None) -> int:
        """Trim every feed that has messages older than its environment's maximum age; return how many it read."""
        now = clock.now_ms() if now_ms is None else now_ms
        feeds_read = 0
        for environment in await self._environments.fresh():
            before = now - environment.max_age_days * DAY_MS
            for buckets in in_slices(range(BUCKETS), BUCKETS_AT_ONCE):
                for bucket in await self._store.buckets_with_old(environment.number, buckets, before):
                    with suppress(WriteRefused):  # what frees memory is done in a full store; the rest later
                        feeds_read += await self._sweep_bucket(environment, bucket, before)
                await asyncio.sleep(PAUSE_SECONDS if now_ms is None else 0)
        return feeds_read

    async def _sweep_bucket(self, environment: Environment, bucket: int, before_ms: int) -> int:
        key, feeds_read = BucketKey(environment.number, bucket), 0
        entered: set[int] = set()
        while old := await self._store.old(key, before_ms):
            last, numbers = old
            for number, row in (await self._trim(key, numbers - entered, before_ms)).items():
                await self._store.look_again(key, number, row)
                entered.add(number)
            await self._store.forget(key, last)
            feeds_read += len(numbers)
        return feeds_read

    async def _trim(self, key: BucketKey, numbers: set[int], before_ms: int) -> dict[int, int]:
        """Trim feeds; return the first remaining row of each feed in which a snooze keeps older messages."""
        kept: dict[int, int] = {}
        feeds = {(key.bucket, number) for number in numbers}
        for feed in (await self._feeds.find_numbered(key.environment, feeds)).values():
            too_old = await self._feeds.seek(feed, before_ms - 1)
            base = await self._messages.trim(feed, too_old) if too_old else None
            if base is not None and base < too_old:
                kept[feed.number] = base + 1
        return kept
