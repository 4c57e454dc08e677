"""Carries out dispatches beside the requests of a process: one share of one environment after the other, in turns."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from inbox.errors import StoreUnavailable
from inbox.models.context_keys import feed_name
from inbox.models.subscriber import Subscriber
from inbox.service.environments.environments import EnvironmentService
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.dispatch_audience import DispatchAudience
from inbox.service.trigger.dispatches import Dispatch, decode_dispatch
from inbox.service.trigger.drafts import Draft, Failure, Wait
from inbox.service.trigger.runs import RunService
from inbox.store.dispatches import Batch, DispatchStore, Share
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.messages import Delivery
from inbox.tasks import Turns, end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_SECONDS = 1.0
MOST_IN_BATCH = 6
"""So many that a batch holds the store some 0.2 ms."""
MOST_BATCH_BYTES = 1024 * 1024
MOST_DISPATCHES = 16
"""So many of an environment are looked at, the first accepted first; further ones wait for one to end."""
MOST_FAILURES = 5
"""A share that failed so often is given up, since it holds up the later dispatches of its bucket."""


class DispatchWorker:
    """Looks once a second for dispatches of any process, and at once for those of its own."""

    def __init__(
        self,
        store: DispatchStore,
        audience: DispatchAudience,
        feeds: FeedStore,
        activity: ActivityLog,
        environments: EnvironmentService,
        runs: RunService,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._audience = audience
        self._feeds = feeds
        self._activity = activity
        self._environments = environments
        self._runs = runs
        self._lease_ms = int(lease_seconds * 1_000)
        self._dispatches: OrderedDict[str, Dispatch] = OrderedDict()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look for work."""
        self._task = asyncio.create_task(self._run(), name="dispatches")

    async def close(self) -> None:
        """Stops where it is; another process goes on once the lease is over."""
        if self._task is not None:
            await end_tasks(self._task)

    def wake(self) -> None:
        """There is work."""
        self._awake.set()

    async def run_until_idle(self) -> None:
        """Carries out what is there until nothing can be taken. Raises StoreUnavailable."""
        while await self._turn():
            pass

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            try:
                await self.run_until_idle()
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("dispatches failed", extra={"action": "dispatches_failed"})
                await asyncio.sleep(RETRY_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), LOOK_SECONDS)

    async def _turn(self) -> bool:
        """One share of each environment that has one free; whether there was any."""
        numbers = [environment.number for environment in await self._environments.fresh()]
        worked = False
        for environment, ids in (await self._store.running(numbers, MOST_DISPATCHES)).items():
            share = await self._take(environment, ids)
            if share is not None:
                worked = True
                await self._carry_out_safely(share)
        return worked

    async def _take(self, environment: int, ids: Sequence[str]) -> Share | None:
        """A free share of the first of these dispatches that has one."""
        for place, one in enumerate(ids):
            share = await self._store.take(environment, one, self._lease_ms, ids[:place])
            if share is not None:
                return share
        return None

    async def _carry_out_safely(self, share: Share) -> None:
        try:
            await self._carry_out(share)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a share of a dispatch failed", extra={"action": "dispatch_failed"})
            if await self._store.put_off(share, self._lease_ms) >= MOST_FAILURES:
                log.error("a share of a dispatch is given up", extra={"action": "dispatch_given_up"})
                await self._store.finish(share)

    async def _carry_out(self, share: Share) -> None:
        """Delivers to the rest of a share. Returns early when it was cancelled, or when another worker is at it."""
        dispatch = await self._dispatch(share)
        if dispatch is None:
            return
        cursor = await self._store.cursor(share)
        async for last, subscribers in self._audience.after(share, dispatch, cursor):
            if not await self._store.hold(share, self._lease_ms):
                break
            for batch in await self._batches(share, dispatch, subscribers, last):
                began = time.monotonic()
                if not await self._append(share, dispatch, cursor, batch):
                    return
                cursor = batch.batch.cursor
                await asyncio.sleep(time.monotonic() - began)  # half of the time is the requests'
        await self._store.finish(share)

    async def _dispatch(self, share: Share) -> Dispatch | None:
        known = self._dispatches.get(share.dispatch_id)
        if known is None:
            raw = await self._store.plan(share.environment, share.dispatch_id)
            if raw is None:
                return None
            known = self._dispatches[share.dispatch_id] = decode_dispatch(raw)
            if len(self._dispatches) > MOST_DISPATCHES:
                self._dispatches.popitem(last=False)
        return known

    async def _append(self, share: Share, dispatch: Dispatch, cursor: str, drafted: _Drafted) -> bool:
        """False when the share has moved on without this worker."""
        batch, plan = drafted.batch, dispatch.plan
        begun = await self._runs.begin(plan, drafted.waits)  # before the cursor moves; once, however often it is tried
        batch.waiting += begun.waiting
        drafted.add_steps(begun.drafts)
        outcomes = await self._store.append(share, cursor, batch)
        if outcomes is None:
            return False
        for delivery, appended in zip(batch.deliveries, outcomes, strict=True):
            if appended and appended.outcome != "again":  # a worker that died before its cursor moved stored it
                self._activity.note_appended(plan, delivery, appended)
        for failure in drafted.failures:
            self._activity.note_failure(plan, failure)
        return True

    async def _batches(
        self, share: Share, dispatch: Dispatch, subscribers: Sequence[Subscriber], last: str
    ) -> list[_Drafted]:
        """What these recipients get, a few at a time; the last one moves the cursor to `last`."""
        contexts = feed_name(dispatch.plan.context_keys)
        feeds = {
            feed.subscriber_oid: feed for feed in await self._feeds.open_many(share.environment, subscribers, contexts)
        }
        drafts = _drafts(dispatch, [(one, feeds[one.oid]) for one in subscribers if one.oid in feeds])
        batches = [_Drafted(Batch(""))]
        async for oid, several in drafts:
            if not batches[-1].has_room(several):
                batches.append(_Drafted(Batch("")))
            batches[-1].add(oid, several)
        batches[-1].batch.cursor = last
        return batches


class _Drafted:
    """A batch as it is put together, with the steps that gave no message."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.failures: list[Failure] = []
        self.waits: list[Wait] = []
        self._size = 0

    def has_room(self, drafts: Sequence[Draft]) -> bool:
        """Whether a recipient's messages still fit; the first one's always do."""
        count = len(self.batch.deliveries) + len(self.waits)
        return count == 0 or (count + len(drafts) <= MOST_IN_BATCH and self._size < MOST_BATCH_BYTES)

    def add(self, oid: str, drafts: Sequence[Draft]) -> None:
        self.batch.cursor = oid
        self.add_steps(drafts)

    def add_steps(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if isinstance(draft, Delivery):
                self.batch.deliveries.append(draft)
                self._size += len(draft.content)
                continue
            if isinstance(draft, Wait):
                self.waits.append(draft)
                continue
            self.failures.append(draft)
            self.batch.skipped += draft.kind == "skipped"
            self.batch.failed += draft.kind != "skipped"


async def _drafts(
    dispatch: Dispatch, recipients: Sequence[tuple[Subscriber, Feed]]
) -> AsyncIterator[tuple[str, list[Draft]]]:
    """What each recipient gets. A content that names nobody is rendered once, and stored once."""
    plan = dispatch.plan
    common: list[Draft] | None = None
    turns = Turns()
    for subscriber, feed in recipients:
        await turns.give()
        if plan.needs_subscriber:
            yield subscriber.oid, plan.draft(feed, subscriber.variables())
            continue
        if common is None:
            common = [_once(draft) for draft in plan.draft(feed, None)]
        yield subscriber.oid, [replace(draft, feed=feed) for draft in common]


def _once(draft: Draft) -> Draft:
    return replace(draft, stored_once=True) if isinstance(draft, Delivery) else draft
