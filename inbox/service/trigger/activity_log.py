"""Notes what became of triggers, so that the activity can tell why somebody got a message, or none.

Rows wait here for a moment and go to the store many at a time: a trigger pays no round trip for them. What a killed
process had not written is found again by comparing the messages of the last minutes with the rows (`repair`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque

import msgspec

from inbox import clock
from inbox.errors import StoreUnavailable
from inbox.ids import derived_object_id
from inbox.models.message import Message
from inbox.service.environments.environments import EnvironmentService
from inbox.service.trigger.drafts import Failure, Plan
from inbox.store.activity import (
    ActivityStore,
    Noted,
    Outcome,
    Row,
    notification_tag,
    parse_rows,
    template_tag,
    transaction_tag,
)
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.messages import Appended, Delivery
from inbox.store.rows import SEVERITIES
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.05
MOST_AT_ONCE = 1_000
MOST_WAITING = 100_000
REPAIR_SECONDS = 600
REPAIRED_SECONDS = 900
SETTLE_SECONDS = 10
MOST_REPAIRED = 2_000
RETRY_SECONDS = 1.0
MAX_REASON_LENGTH = 1_000

_STEPS: dict[str, Outcome] = {"again": Outcome.DUPLICATE, "suppressed": Outcome.SUPPRESSED, "stored": Outcome.DELIVERED}
PLACE_TAKEN = "a later one has taken its place, or it was deleted"


class Record(msgspec.Struct, frozen=True):
    """What is kept of an outcome that left no message. `subscriber` is its oid, empty when it was refused."""

    transaction: str
    workflow: str
    identifier: str
    step: str
    reason: str
    name: str
    subscriber: str


class ActivityLog:
    """The rows of this process that are still to be written, and the task that writes them."""

    def __init__(self, store: ActivityStore, feeds: FeedStore, environments: EnvironmentService) -> None:
        self._store = store
        self._feeds = feeds
        self._environments = environments
        self._waiting: dict[int, deque[Noted]] = defaultdict(deque)
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to write what is noted, and to look for what a killed process left out."""
        self._tasks = [asyncio.create_task(self._write_on()), asyncio.create_task(self._repair_on())]

    async def close(self) -> None:
        """Writes what is left, if the store is there, and stops."""
        await end_tasks(*self._tasks)
        try:
            await self.flush()
        except StoreUnavailable:
            log.warning("activity was not written: the store is away", extra={"action": "activity_lost"})

    def note_appended(self, plan: Plan, delivery: Delivery, appended: Appended) -> None:
        """An append ended so."""
        if appended.outcome == "failed":
            self.note_failed(plan, delivery.feed, delivery.step_id, appended.reason)
            return
        feed, outcome = delivery.feed, _STEPS[appended.outcome]
        ms = appended.created_ms or clock.now_ms()
        row = _row(plan, feed, delivery.step_id, outcome, ms, appended.row, delivery.severity)
        record = None
        if outcome == Outcome.SUPPRESSED:
            record = _record(plan, feed, feed.subscriber_id, delivery.step_id, "the subscriber's preferences")
        elif delivery.collapse:  # its message may be another transaction's soon
            record = _record(plan, feed, feed.subscriber_id, delivery.step_id, PLACE_TAKEN)
        self._add(feed.environment, Noted(row, record))

    def note_failed(self, plan: Plan, feed: Feed, step_id: str, reason: str, *, skipped: bool = False) -> None:
        """A step gave no message for this feed."""
        outcome = Outcome.SKIPPED if skipped else Outcome.FAILED
        row = _row(plan, feed, step_id, outcome, clock.now_ms(), 0, plan.workflow.severity)
        self._add(feed.environment, Noted(row, _record(plan, feed, feed.subscriber_id, step_id, reason)))

    def note_failure(self, plan: Plan, failure: Failure) -> None:
        """The same, as it was drafted."""
        is_skipped = failure.kind == "skipped"
        self.note_failed(plan, failure.feed, failure.step_id, failure.reason, skipped=is_skipped)

    def note_wait(
        self, plan: Plan, feed: Feed, step_id: str, outcome: Outcome, reason: str = "", *, later: bool = False
    ) -> None:
        """A step that waits began, or had no need to; with `later`, it ended or was cancelled some time afterwards."""
        row = _row(plan, feed, step_id, outcome, clock.now_ms(), 0, plan.workflow.severity)
        if later:
            row = row._replace(is_further=True)
        self._add(feed.environment, Noted(row, _record(plan, feed, feed.subscriber_id, step_id, reason)))

    def note_refused(self, plan: Plan, environment: int, name: str, reason: str) -> None:
        """A recipient that cannot be delivered to: `name` is what the trigger called it."""
        row = _row(plan, None, "", Outcome.FAILED, clock.now_ms(), 0, plan.workflow.severity, name)
        self._add(environment, Noted(row, _record(plan, None, name, "", reason)))

    async def flush(self) -> None:
        """Writes everything that was noted until now. Raises StoreUnavailable; what is left then is kept."""
        async with self._writing:
            for environment, waiting in list(self._waiting.items()):
                while waiting:
                    part = [waiting[place] for place in range(min(len(waiting), MOST_AT_ONCE))]
                    await self._store.append(environment, part)
                    for _ in part:
                        waiting.popleft()

    async def repair(self, environment: int, now_ms: int | None = None) -> int:
        """Adds the rows of messages of the last minutes that have none; gives how many. For one process at a time."""
        now = now_ms if now_ms is not None else clock.now_ms()
        since, until = now - REPAIRED_SECONDS * 1_000, now - SETTLE_SECONDS * 1_000
        recent = await self._store.recent(environment, since, MOST_REPAIRED)
        stored = {(bucket, number, row): ms for ms, bucket, number, row in recent if ms <= until}
        if not stored:
            return 0
        async for block in self._store.blocks(environment):
            for row in parse_rows(block.raw):
                stored.pop((*row.feed, row.row), None)
            if block.oldest_ms < since - SETTLE_SECONDS * 1_000:
                break
        feeds = await self._feeds.find_numbered(environment, {(bucket, number) for bucket, number, _ in stored})
        added: list[Noted] = []
        for place, feed in feeds.items():
            missing = {row: ms for (bucket, number, row), ms in stored.items() if (bucket, number) == place}
            found = await self._feeds.stored_at(feed, list(missing))
            added += [Noted(_row_of(feed, message, missing[row], row)) for row, message in found.items()]
        for start in range(0, len(added), MOST_AT_ONCE):
            await self._store.append(environment, added[start : start + MOST_AT_ONCE])
        return len(added)

    def _add(self, environment: int, noted: Noted) -> None:
        waiting = self._waiting[environment]
        if len(waiting) < MOST_WAITING:  # beyond it the store is away for long; messages are found again by repair
            waiting.append(noted)
        self._wake.set()

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._wake.clear()
            try:
                await self.flush()
            except StoreUnavailable:
                self._wake.set()
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("activity was not written", extra={"action": "activity_failed"})
                self._wake.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _repair_on(self) -> None:
        while True:
            try:
                for environment in self._environments.all():
                    if await self._store.claim_repair(environment.number, REPAIR_SECONDS):
                        await self.repair(environment.number)
            except StoreUnavailable:
                log.debug("repair of the activity put off: the store is away", extra={"action": "repair_put_off"})
            except Exception:
                log.exception("repair of the activity failed", extra={"action": "repair_failed"})
            await asyncio.sleep(REPAIR_SECONDS)


def notification_id(transaction_id: str, owner: str) -> str:
    """The `_id` of an activity: of a transaction and a subscriber's oid (of a refused recipient: its name)."""
    return derived_object_id("notification", transaction_id, owner)


def _row(
    plan: Plan,
    feed: Feed | None,
    step_id: str,
    outcome: Outcome,
    ms: int,
    row: int,
    severity: str,
    name: str = "",
) -> Row:
    return Row(
        ms=ms,
        outcome=outcome,
        severity=SEVERITIES.index(severity),
        is_further=bool(step_id) and step_id != plan.steps[0].step.step_id,
        bucket=feed.bucket if feed else 0,
        number=feed.number if feed else 0,
        row=row,
        transaction=transaction_tag(plan.transaction_id),
        template=template_tag(plan.workflow.id),
        notification=notification_tag(notification_id(plan.transaction_id, feed.subscriber_oid if feed else name)),
    )


def _row_of(feed: Feed, message: Message, ms: int, row: int) -> Row:
    """The row of a message that is stored, made from what is known of it later."""
    stored = message.stored
    return Row(
        ms=ms,
        outcome=Outcome.DELIVERED,
        severity=SEVERITIES.index(stored.severity),
        is_further=False,
        bucket=feed.bucket,
        number=feed.number,
        row=row,
        transaction=transaction_tag(stored.transaction_id),
        template=template_tag(stored.template_id),
        notification=notification_tag(notification_id(stored.transaction_id, feed.subscriber_oid)),
    )


def _record(plan: Plan, feed: Feed | None, name: str, step_id: str, reason: str) -> bytes:
    return msgspec.json.encode(
        Record(
            transaction=plan.transaction_id,
            workflow=plan.workflow.id,
            identifier=plan.workflow.identifier,
            step=step_id,
            reason=reason[:MAX_REASON_LENGTH],
            name=name,
            subscriber=feed.subscriber_oid if feed else "",
        )
    )
