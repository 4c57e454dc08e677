"""Carries out dispatches beside a process's requests: one share at a time, in turns between environments."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from inbox import clock, metrics
from inbox.errors import ServiceUnavailable
from inbox.lru_cache import LruCache
from inbox.models.context_keys import feed_name
from inbox.models.subscriber import Subscriber
from inbox.service.environments.environments import EnvironmentService
from inbox.service.trigger.audience import SHARE_SLICE, Audience
from inbox.service.trigger.dispatches import Dispatch, decode_dispatch
from inbox.service.trigger.pipeline import BatchPolicy, Pipeline
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.store.dispatches import Batch, DispatchShare, DispatchStore
from inbox.store.feeds import FeedStore

log = logging.getLogger(__name__)

SHARE_BATCHES = BatchPolicy(max_steps=6, max_bytes=1024 * 1024)
"""Small, so that a batch blocks the store for some 0.2 ms."""
MAX_DISPATCHES = 16
"""Of one environment at a time, oldest first; others wait for one to end."""
MAX_FAILURES = 5
"""After these a share is given up, since it blocks the later dispatches of its bucket."""


@dataclass(eq=False)
class DispatchWorker:
    """Carries out dispatches of all processes; `has_work` is set when this process has accepted one."""

    _store: DispatchStore
    _audience: Audience
    _feeds: FeedStore
    _pipeline: Pipeline
    _environments: EnvironmentService
    _lease_ms: int
    _dispatches: LruCache[str, Dispatch] = field(init=False, default_factory=lambda: LruCache(MAX_DISPATCHES))
    has_work: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def run_until_idle(self) -> None:
        """Carry out shares until no more can be taken. Raise ServiceUnavailable."""
        while await self._turn():
            pass

    async def _turn(self) -> bool:
        """Carry out free shares of a dispatch of each environment that has some; return whether there were any."""
        numbers = [environment.number for environment in await self._environments.fresh()]
        worked = False
        for environment, ids in (await self._store.running(numbers, MAX_DISPATCHES)).items():
            for index, dispatch_id in enumerate(ids):
                shares = await self._store.acquire(environment, dispatch_id, self._lease_ms, SHARE_SLICE, ids[:index])
                if shares:
                    worked = True
                    await self._carry_out_all(shares)
                    break
        return worked

    async def _carry_out_all(self, shares: Sequence[DispatchShare]) -> None:
        """Carry out shares and finish those that ended, also if an error or cancelling leaves others to do.

        Raise ServiceUnavailable.
        """
        left, ended = deque(shares), list[DispatchShare]()
        try:
            while left:
                if await self._carry_out_safely(left[0]):
                    ended.append(left[0])
                left.popleft()
        finally:
            with suppress(ServiceUnavailable):  # then the leases lapse, and the next worker finds nothing left to do
                await self._store.release(left)
                if ended:
                    await self._store.finish(ended)

    async def _carry_out_safely(self, share: DispatchShare) -> bool:
        """Carry out a share; return whether it is to be finished: it was carried out, or is given up."""
        try:
            return await self._carry_out(share)
        except ServiceUnavailable:
            raise
        except Exception:
            log.exception("a share of a dispatch failed", extra={"action": "dispatch_failed"})
            if await self._store.postpone(share, self._lease_ms) >= MAX_FAILURES:
                log.error("a share of a dispatch is given up", extra={"action": "dispatch_given_up"})
                return True
            return False

    async def _carry_out(self, share: DispatchShare) -> bool:
        """Deliver to the rest of a share. Return whether it is to be finished, also if it is cancelled on the way.

        It is not if the dispatch has ended before, or if another worker has taken the share over.
        """
        dispatch, cursor = await self._dispatch(share), await self._store.cursor(share)
        if dispatch is None or cursor is None:
            return False
        was_checked = True  # with the cursor
        async for last, subscribers in self._audience.after(share, dispatch, cursor):
            if not was_checked and not await self._store.renew(share, self._lease_ms):
                break
            was_checked = False
            rendered = await self._render(share, dispatch.plan, subscribers)
            batches = list(SHARE_BATCHES.batches(rendered)) or [[]]
            cursors = [*(batch[-1].feed.subscriber_oid for batch in batches[:-1]), last]
            for batch, next_cursor in zip(batches, cursors, strict=True):
                began = time.monotonic()
                if not await self._append(share, dispatch.plan, batch, cursor, next_cursor):
                    return False
                cursor = next_cursor
                await asyncio.sleep(time.monotonic() - began)  # leave half of the time to requests
        return True

    async def _dispatch(self, share: DispatchShare) -> Dispatch | None:
        dispatch = self._dispatches.get(share.dispatch_id)
        if dispatch is None:
            raw = await self._store.plan(share.environment, share.dispatch_id)
            if raw is None:
                return None
            dispatch = decode_dispatch(raw)
            self._dispatches.put(share.dispatch_id, dispatch)
        return dispatch

    async def _render(self, share: DispatchShare, plan: Plan, subscribers: Sequence[Subscriber]) -> list[RenderedSteps]:
        feeds = await self._feeds.open_many(share.environment, subscribers, feed_name(plan.context_keys))
        by_oid = {feed.subscriber_oid: feed for feed in feeds}
        return await self._pipeline.render(plan, [(by_oid[one.oid], one) for one in subscribers if one.oid in by_oid])

    async def _append(
        self, share: DispatchShare, plan: Plan, batch: Sequence[RenderedSteps], cursor: str, next_cursor: str
    ) -> bool:
        """Store a batch and move the cursor; return False if another worker has moved it."""
        begun = await self._pipeline.begin(batch)  # before the cursor moves; once, however often it is tried
        stored = [*batch, *begun.rendered]
        failures = [failure for one in stored for failure in one.failures]
        skipped = sum(failure.kind == "skipped" for failure in failures)
        messages = Batch(
            next_cursor,
            [delivery for one in stored for delivery in one.deliveries],
            failed=len(failures) - skipped,
            skipped=skipped,
            waiting=begun.waiting,
            shares_contents=not plan.needs_subscriber,
        )
        results = await self._store.append(share, cursor, messages)
        if results is None:
            return False
        metrics.DISPATCH_LAG_SECONDS.observe((clock.now_ms() - plan.triggered_ms) / 1_000)
        # a message that was stored before is from a worker that died before it moved the cursor
        await self._pipeline.note(stored, results, repeats=False)
        return True
