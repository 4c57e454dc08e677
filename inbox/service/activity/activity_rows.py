"""Resolve rows of the activity to messages, records, subscribers and workflows, and group them to activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from inbox.models.activity import Activity, StepOutcome
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.service.activity.activity_log import Record, notification_id
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.activity import ActivityEntry, ActivityStore, Ref, transaction_tag
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.rows import SEVERITIES
from inbox.store.subscribers import SubscriberStore

_records = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class ResolvedRow:
    """A row with its record, or one made of its message."""

    entry: ActivityEntry
    record: Record
    step: StepOutcome

    @property
    def activity_id(self) -> str:
        return notification_id(self.record.transaction, self.record.subscriber or self.record.name)


@dataclass(eq=False)
class ActivityReader:
    """Resolves rows, a page at a time."""

    _store: ActivityStore
    _feeds: FeedStore
    _subscribers: SubscriberStore
    _workflows: WorkflowService

    async def messages(
        self, environment: Environment, entries: Iterable[ActivityEntry]
    ) -> dict[Ref, tuple[Feed, Message]]:
        """Return the messages of rows, except those that were deleted or replaced by another transaction's."""
        numbers: dict[tuple[int, int], set[int]] = {}
        rows = [entry for entry in entries if entry.row.row]
        for entry in rows:
            numbers.setdefault(entry.row.feed, set()).add(entry.row.row)
        feeds = await self._feeds.find_numbered(environment.number, numbers)
        stored = {ref: await self._feeds.stored_at(feed, numbers[ref]) for ref, feed in feeds.items()}
        return {
            entry.ref: (feeds[entry.row.feed], message)
            for entry in rows
            if (message := stored.get(entry.row.feed, {}).get(entry.row.row))
            and transaction_tag(message.stored.transaction_id) == entry.row.transaction
        }

    async def activities(self, environment: Environment, entries: Sequence[ActivityEntry]) -> list[Activity]:
        """Return the activities of rows, in their order; rows of one recipient and transaction become one.

        Omit rows with neither message nor record, and further steps whose first step's row is missing.
        """
        rows = await self.resolve(environment, entries)
        oids = list(dict.fromkeys(row.record.subscriber for row in rows if row.record.subscriber))
        subscribers = await self._subscribers.get_many(environment.number, oids)
        identifiers = {row.record.identifier for row in rows}
        workflows = [await self._workflows.find(environment, identifier) for identifier in identifiers]
        by_id = {workflow.id: workflow for workflow in workflows if workflow}
        grouped: dict[str, list[ResolvedRow]] = {}
        for row in rows:
            grouped.setdefault(row.activity_id, []).append(row)
        return [
            _activity(group, subscribers, by_id)
            for group in grouped.values()
            if not all(row.entry.row.is_further for row in group)
        ]

    async def resolve(self, environment: Environment, entries: Sequence[ActivityEntry]) -> list[ResolvedRow]:
        """Return the rows that have a message or a record, in their order."""
        messages = await self.messages(environment, entries)
        raw = await self._store.records(environment.number, [entry.ref for entry in entries])
        records = {ref: _records.decode(record) for ref, record in raw.items()}
        resolved: list[ResolvedRow] = []
        for entry in entries:
            record = records.get(entry.ref)
            if entry.ref in messages:
                resolved.append(_of_message(entry, *messages[entry.ref], record.remark if record else ""))
            elif record:
                resolved.append(_of_record(entry, record))
        return resolved


def _of_message(entry: ActivityEntry, feed: Feed, message: Message, remark: str) -> ResolvedRow:
    stored = message.stored
    record = Record(
        stored.transaction_id,
        stored.template_id,
        stored.template_identifier,
        stored.step_id,
        "",
        feed.subscriber_id,
        feed.subscriber_oid,
    )
    step = StepOutcome(entry.row.ms, entry.row.outcome.name.lower(), stored.step_id, remark, message)
    return ResolvedRow(entry, record, step)


def _of_record(entry: ActivityEntry, record: Record) -> ResolvedRow:
    reason = "; ".join(filter(None, (record.reason, record.remark)))
    return ResolvedRow(entry, record, StepOutcome(entry.row.ms, entry.row.outcome.name.lower(), record.step, reason))


def _activity(
    group: Sequence[ResolvedRow], subscribers: dict[str, Subscriber | None], workflows: dict[str, Workflow]
) -> Activity:
    last, record = group[-1], group[-1].record
    return Activity(
        id=last.activity_id,
        transaction_id=record.transaction,
        workflow_id=record.workflow,
        identifier=record.identifier,
        subscriber_oid=record.subscriber or notification_id("refused", record.name),
        name=record.name,
        subscriber=subscribers.get(record.subscriber),
        workflow=workflows.get(record.workflow),
        severity=SEVERITIES[last.entry.row.severity],
        steps=sorted((row.step for row in group), key=lambda step: step.ms),
    )
