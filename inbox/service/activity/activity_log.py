"""Note the outcome of every step of every trigger, so that the activity can say why somebody got a message, or none.

Rows wait here for a moment and go to the store in batches, so a trigger pays no round trip for them. `repair` adds the
rows that a killed process had not written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from inbox import clock
from inbox.errors import ServiceUnavailable, WriteRefused
from inbox.ids import derived_bytes, derived_object_id
from inbox.lazy import lazy
from inbox.models.message import Message
from inbox.service.environments.environments import EnvironmentService
from inbox.store.activity import (
    ActivityOutcome,
    ActivityStore,
    NewRow,
    feed_tag,
    notification_tag,
    pack_row,
    parse_rows,
    template_tag,
    transaction_tag,
)
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.messages import AppendResult, Delivery
from inbox.store.rows import SEVERITIES
from inbox.store.slices import in_slices
from inbox.tasks import SharedTurn

log = logging.getLogger(__name__)

MAX_AT_ONCE = 1_000
MAX_WAITING = 100_000
REPAIR_SECONDS = 600
REPAIR_WINDOW_SECONDS = 900
SETTLE_SECONDS = 10
MAX_REPAIRED = 2_000
MAX_REASON_LENGTH = 1_000

_NOTIFICATION = "notification"
_APPENDED: dict[str, ActivityOutcome] = {
    "again": ActivityOutcome.DUPLICATE,
    "suppressed": ActivityOutcome.SUPPRESSED,
    "stored": ActivityOutcome.DELIVERED,
}


class Record(msgspec.Struct, frozen=True):
    """What is stored beside the row of an outcome without a message, or of a message that may go or has a remark.

    `subscriber` is an oid, empty for a refused recipient. `reason` is shown if there is no message, `remark` always.
    """

    transaction: str
    workflow: str
    identifier: str
    step: str
    reason: str
    name: str
    subscriber: str
    remark: str = ""


class TriggerRef(msgspec.Struct, frozen=True, dict=True):
    """What the activity stores of a trigger. `severity` and `identifier` are its workflow's."""

    transaction_id: str
    workflow_id: str
    identifier: str
    severity: str
    first_step_id: str

    @lazy
    def tags(self) -> tuple[bytes, bytes]:
        """Return the tags of transaction and workflow, which the rows of all recipients share."""
        return transaction_tag(self.transaction_id), template_tag(self.workflow_id)


@dataclass(eq=False)
class ActivityLog:
    """This process's rows that are not written yet; `has_rows` is set when there are some."""

    _store: ActivityStore
    _feeds: FeedStore
    _environments: EnvironmentService
    _waiting: dict[int, deque[NewRow]] = field(init=False, default_factory=lambda: defaultdict(deque))
    has_rows: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _writing: SharedTurn = field(init=False, default_factory=SharedTurn)

    async def close(self) -> None:
        """Write the remaining rows, if the store can be reached."""
        try:
            await self.flush()
        except ServiceUnavailable:
            log.warning("activity was not written: the store is away", extra={"action": "activity_lost"})

    def note_appended(self, trigger: TriggerRef, delivery: Delivery, result: AppendResult) -> None:
        feed, step_id = delivery.feed, delivery.step_id
        if result.outcome == "failed":
            self.note_step(trigger, feed, step_id, ActivityOutcome.FAILED, result.reason)
            return
        outcome, reason, remark = _APPENDED[result.outcome], "", ""
        if outcome == ActivityOutcome.SUPPRESSED:
            reason = "the subscriber's preferences"
        elif delivery.collapse or delivery.remark:  # its message may be another transaction's soon, or deleted
            reason, remark = "a later one has taken its place, or it was deleted", delivery.remark
        record = _record(trigger, feed, step_id, reason, remark) if reason else None
        ms, is_further = result.created_ms or clock.now_ms(), step_id != trigger.first_step_id
        self._add(feed.environment, _row(trigger, feed, outcome, record, delivery.severity, ms, result.row, is_further))

    def note_step(
        self,
        trigger: TriggerRef,
        feed: Feed,
        step_id: str,
        outcome: ActivityOutcome,
        reason: str = "",
        *,
        later: bool = False,
    ) -> None:
        """Note a step that gave no message. `later`: it had begun to wait, and now ended or was cancelled."""
        record = _record(trigger, feed, step_id, reason)
        is_further = later or step_id != trigger.first_step_id
        self._add(feed.environment, _row(trigger, feed, outcome, record, is_further=is_further))

    def note_message(self, feed: Feed, message: Message, outcome: ActivityOutcome, reason: str = "") -> None:
        """Note what its sender did with a message. The activity of a retracted one has only that to show."""
        is_further = outcome is not ActivityOutcome.RETRACTED
        self.note_step(_trigger_of(message), feed, message.stored.step_id, outcome, reason, later=is_further)

    def note_refused(self, trigger: TriggerRef, environment: int, name: str, reason: str) -> None:
        """Note a recipient to which nothing can be delivered; `name` is what the trigger called it."""
        self._add(environment, _row(trigger, name, ActivityOutcome.FAILED, _record(trigger, name, "", reason)))

    async def flush(self) -> None:
        """Write all rows noted until now. Raise ServiceUnavailable; rows that are not written yet are kept."""
        async with self._writing.take():
            for environment, waiting in list(self._waiting.items()):
                while waiting:
                    part = list(islice(waiting, MAX_AT_ONCE))
                    await self._store.append(environment, part)
                    for _ in part:
                        waiting.popleft()

    async def flush_if_possible(self) -> None:
        """Write all rows noted until now, unless the store takes no changes. Raise ServiceUnavailable.

        It is for those who read the activity: rows that wait are missing there until the store takes changes again.
        """
        with contextlib.suppress(WriteRefused):
            await self.flush()

    async def forget(self, environment: int, bucket: int, numbers: Collection[int]) -> None:
        """Drop the rows of a bucket's feeds that are not written yet. Raise StoreUnavailable."""
        feeds = [feed_tag(bucket, number) for number in numbers]
        async with self._writing.take():
            waiting = self._waiting[environment]
            kept = [item for item in waiting if not any(map(item.is_of, feeds))]
            waiting.clear()
            waiting.extend(kept)

    async def repair_all(self) -> None:
        """Repair each environment that no process has repaired lately. Raise ServiceUnavailable."""
        for environment in self._environments.all():
            if await self._store.claim_repair(environment.number, REPAIR_SECONDS):
                await self.repair(environment.number)

    async def repair(self, environment: int, now_ms: int | None = None) -> int:
        """Add the missing rows of messages of the last minutes; return how many. For one process at a time."""
        now = clock.now_ms() if now_ms is None else now_ms
        since, until = now - REPAIR_WINDOW_SECONDS * 1_000, now - SETTLE_SECONDS * 1_000
        missing = await self._without_row(environment, since, until)
        added = [_delivered_row(feed, message, ms, row) for feed, message, ms, row in missing]
        for part in in_slices(added, MAX_AT_ONCE):
            await self._store.append(environment, part)
        return len(added)

    async def unwritten(self, environment: int) -> list[tuple[Feed, Message]]:
        """Return the messages of the last seconds whose rows no process has written yet. Raise StoreUnavailable."""
        missing = await self._without_row(environment, clock.now_ms() - SETTLE_SECONDS * 1_000)
        return [(feed, message) for feed, message, _, _ in missing]

    async def _without_row(
        self, environment: int, since: int, until: int | None = None
    ) -> list[tuple[Feed, Message, int, int]]:
        """Return the messages stored in a time (ms) whose delivery has no row, with feed, ms and row number."""
        recent = await self._store.recent(environment, since, MAX_REPAIRED)
        stored = {(bucket, number, row): ms for ms, bucket, number, row in recent if until is None or ms <= until}
        if not stored:
            return []
        async for block in self._store.blocks(environment):
            for row in parse_rows(block.raw):
                if row.outcome == ActivityOutcome.DELIVERED:  # a duplicate's row names the message as well
                    stored.pop((*row.feed, row.row), None)
            if block.oldest_ms < since - SETTLE_SECONDS * 1_000:
                break
        feeds = await self._feeds.find_numbered(environment, {(bucket, number) for bucket, number, _ in stored})
        found: list[tuple[Feed, Message, int, int]] = []
        for feed_ref, feed in feeds.items():
            missing = {row: ms for (*ref, row), ms in stored.items() if tuple(ref) == feed_ref}
            messages = await self._feeds.stored_at(feed, list(missing))
            found += [(feed, message, missing[row], row) for row, message in messages.items()]
        return found

    def _add(self, environment: int, row: NewRow) -> None:
        waiting = self._waiting[environment]
        if len(waiting) < MAX_WAITING:  # beyond it the store is away for long; `repair` adds the rows of messages
            waiting.append(row)
        if not self.has_rows.is_set():
            self.has_rows.set()


def notification_id(transaction_id: str, owner: str) -> str:
    """Return the `_id` of an activity. `owner` is the subscriber's oid; for a refused recipient it is its name."""
    return derived_object_id(_NOTIFICATION, transaction_id, owner)


def _row(
    trigger: TriggerRef,
    recipient: Feed | str,
    outcome: ActivityOutcome,
    record: bytes | None = None,
    severity: str | None = None,
    ms: int | None = None,
    row: int = 0,
    is_further: bool = False,
) -> NewRow:
    """Return a row for a feed, or for a refused recipient's name; by default of now and of the trigger's severity."""
    if isinstance(recipient, Feed):
        owner, bucket, number = recipient.subscriber_oid, recipient.bucket, recipient.number
    else:
        owner, bucket, number = recipient, 0, 0
    tags = *trigger.tags, notification_tag(derived_bytes(_NOTIFICATION, trigger.transaction_id, owner))
    ms = clock.now_ms() if ms is None else ms
    severity_index = SEVERITIES.index(trigger.severity if severity is None else severity)
    return NewRow(pack_row(ms, outcome, severity_index, is_further, bucket, number, row, *tags), record)


def _delivered_row(feed: Feed, message: Message, ms: int, row: int) -> NewRow:
    return _row(_trigger_of(message), feed, ActivityOutcome.DELIVERED, ms=ms, row=row)


def _trigger_of(message: Message) -> TriggerRef:
    stored = message.stored
    return TriggerRef(
        stored.transaction_id, stored.template_id, stored.template_identifier, stored.severity, stored.step_id
    )


def _record(trigger: TriggerRef, recipient: Feed | str, step_id: str, reason: str, remark: str = "") -> bytes:
    name, oid = (recipient.subscriber_id, recipient.subscriber_oid) if isinstance(recipient, Feed) else (recipient, "")
    return msgspec.json.encode(
        Record(
            trigger.transaction_id,
            trigger.workflow_id,
            trigger.identifier,
            step_id,
            reason[:MAX_REASON_LENGTH],
            name,
            oid,
            remark[:MAX_REASON_LENGTH],
        )
    )
