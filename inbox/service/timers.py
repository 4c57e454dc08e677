"""Fires timers: acquires due buckets, calls the handlers of the due timers, then drops the timers.

Handlers are safe to repeat, and a timer is dropped after it has taken effect: a process that takes over from one that
died in between misses nothing and changes nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from inbox import metrics
from inbox.clock import now_ms
from inbox.errors import ServiceUnavailable
from inbox.service.environments.environments import EnvironmentService
from inbox.store.due_buckets import BucketKey
from inbox.store.timers import KINDS, Timer, TimerStore

log = logging.getLogger(__name__)

MAX_AT_ONCE = 100
POSTPONED_MS = 60_000

TimerHandler = Callable[[BucketKey, Sequence[Timer]], Awaitable[None]]
"""Carries out timers of one kind and bucket; may be called again for the same timers."""


@dataclass(eq=False)
class TimerWorker:
    """Fires the due timers of all buckets, each under a lease of its bucket."""

    _store: TimerStore
    _environments: EnvironmentService
    _handlers: Mapping[bytes, TimerHandler]
    _lease_ms: int

    async def fire_due(self) -> float | None:
        """Fire all due timers. Return in how many seconds the next one is due, if any. Raise ServiceUnavailable."""
        while True:
            acquired = await self._store.acquire(self._lease_ms)
            if not acquired.buckets:
                return acquired.next_seconds
            firing = [self._fire_bucket(bucket, acquired.until_ms) for bucket in acquired.buckets]
            for error in filter(None, await asyncio.gather(*firing, return_exceptions=True)):
                raise error

    async def lag_seconds(self) -> float:
        """Return how long the oldest due bucket of the installation has waited. Raise ServiceUnavailable."""
        return await self._store.lag_seconds()

    async def sweep(self) -> None:
        """Schedule every bucket that has timers. Raise ServiceUnavailable."""
        for environment in await self._environments.fresh():
            await self._store.sweep(environment.number)

    async def _fire_bucket(self, bucket: BucketKey, until_ms: int) -> None:
        """Fire a bucket's due timers, at most MAX_AT_ONCE; if there are more, it is due again at once."""
        timers = await self._store.due(bucket, MAX_AT_ONCE)
        by_kind: dict[bytes, list[Timer]] = defaultdict(list)
        for timer in timers:
            by_kind[timer.kind].append(timer)
        for kind, same_kind in by_kind.items():
            await self._fire(kind, bucket, same_kind)
        if len(timers) == MAX_AT_ONCE:
            await self._store.schedule(bucket, timers[-1].due_ms)
        await self._store.release(bucket, until_ms)

    async def _fire(self, kind: bytes, bucket: BucketKey, timers: Sequence[Timer]) -> None:
        """Fire timers together; if that fails, one by one, so that one that fails delays no other."""
        try:
            await self._handlers[kind](bucket, timers)
        except ServiceUnavailable:
            raise
        except Exception:
            if len(timers) > 1:
                for timer in timers:
                    await self._fire(kind, bucket, [timer])
                return
            log.exception("a timer is postponed", extra={"action": "timer_postponed"})
            await self._store.postpone(bucket, timers, POSTPONED_MS)
            await self._store.schedule(bucket, now_ms() + POSTPONED_MS + 1_000)
        else:
            await self._store.end(bucket, timers)
            name, now = KINDS.get(kind, "other"), now_ms()
            metrics.TIMERS_FIRED.add((name,), len(timers))
            for timer in timers:
                metrics.TIMER_LAG_SECONDS.observe((now - timer.due_ms) / 1_000, (name,))
