"""Fires timers beside the requests of a process: takes buckets whose alarm rings, carries out what is due, drops it.

What a timer does is safe to repeat, so a timer is dropped after it has taken effect, and whoever takes over from a
process that died in between changes nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from inbox.clock import now_ms
from inbox.errors import StoreUnavailable
from inbox.service.environments.environments import EnvironmentService
from inbox.store.alarms import Place
from inbox.store.timers import Timer, TimerStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
RETRY_SECONDS = 1.0
SWEEP_SECONDS = 60
MOST_AT_ONCE = 100
PUT_OFF_MS = 60_000

Handler = Callable[[Place, Sequence[Timer]], Awaitable[None]]
"""Carries out timers of one kind and bucket; may be called again for the same ones."""


class TimerWorker:
    """Looks twice a second, and at the moment of the next alarm."""

    def __init__(
        self,
        store: TimerStore,
        environments: EnvironmentService,
        handlers: Mapping[bytes, Handler],
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._environments = environments
        self._handlers = handlers
        self._lease_ms = int(lease_seconds * 1_000)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to fire timers."""
        self._task = asyncio.create_task(self._run(), name="timers")

    async def close(self) -> None:
        """Stops where it is; another process goes on once the lease is over."""
        if self._task is not None:
            await end_tasks(self._task)

    async def fire_due(self) -> float:
        """Fires what is due; in how many seconds to look again. Raises StoreUnavailable."""
        while True:
            claim = await self._store.claim(self._lease_ms)
            if not claim.places:
                return LOOK_SECONDS if claim.next_ms is None else min(LOOK_SECONDS, claim.next_ms / 1_000)
            looks = [self._look_into(place, claim.until_ms) for place in claim.places]
            ended = await asyncio.gather(*looks, return_exceptions=True)
            for error in filter(None, ended):
                raise error

    async def sweep(self) -> None:
        """Leaves alarms for timers that have none, in one process a minute. Raises StoreUnavailable."""
        if await self._store.claim_sweep(SWEEP_SECONDS):
            for environment in await self._environments.fresh():
                await self._store.sweep(environment.number)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
                wait = await self.fire_due()
            except StoreUnavailable:
                wait = RETRY_SECONDS
            except Exception:
                log.exception("timers failed", extra={"action": "timers_failed"})
                wait = RETRY_SECONDS
            await asyncio.sleep(wait)

    async def _look_into(self, place: Place, until_ms: int) -> None:
        """Fires a bucket's timers, at most a hundred; if there are more, its alarm rings again at once."""
        timers = await self._store.due(place, MOST_AT_ONCE)
        kinds: dict[bytes, list[Timer]] = defaultdict(list)
        for timer in timers:
            kinds[timer.kind].append(timer)
        for kind, several in kinds.items():
            await self._fire(kind, place, several)
        if len(timers) == MOST_AT_ONCE:
            await self._store.ring_at(place, timers[-1].due_ms)
        await self._store.hold(place, until_ms, None)

    async def _fire(self, kind: bytes, place: Place, timers: Sequence[Timer]) -> None:
        """All together; if that fails, one by one, so that one that cannot be carried out holds up no other."""
        with contextlib.suppress(_Failed):
            await self._try(kind, place, timers)
            return
        for timer in timers:
            try:
                await self._try(kind, place, [timer])
            except _Failed as failure:
                log.error("a timer is put off", exc_info=failure.__cause__, extra={"action": "timer_put_off"})
                await self._store.put_off(place, [timer], PUT_OFF_MS)
                await self._store.ring_at(place, now_ms() + PUT_OFF_MS + 1_000)

    async def _try(self, kind: bytes, place: Place, timers: Sequence[Timer]) -> None:
        try:
            await self._handlers[kind](place, timers)
        except StoreUnavailable:
            raise
        except Exception as error:
            raise _Failed from error
        await self._store.end(place, timers)


class _Failed(Exception):
    """A handler failed otherwise than for want of the store."""
