"""From rows of the activity to what they tell: messages from the feeds, records, people and workflows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from inbox.models.activity import Activity, StepOutcome
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.service.trigger.activity_log import Record, notification_id
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.activity import ActivityStore, Entry, Ref, transaction_tag
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.rows import SEVERITIES
from inbox.store.subscribers import SubscriberStore

_records = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Told:
    """What one row tells. `owner` is the subscriber's oid, or empty."""

    transaction_id: str
    workflow_id: str
    identifier: str
    owner: str
    name: str
    step: StepOutcome

    @property
    def activity_id(self) -> str:
        return notification_id(self.transaction_id, self.owner or self.name)


class ActivityReader:
    """Resolves rows, a page at a time."""

    def __init__(
        self, store: ActivityStore, feeds: FeedStore, subscribers: SubscriberStore, workflows: WorkflowService
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._subscribers = subscribers
        self._workflows = workflows

    async def messages(self, environment: Environment, entries: Iterable[Entry]) -> dict[Ref, tuple[Feed, Message]]:
        """The messages of rows that have one, of those that are still there and whose place none has taken."""
        numbers: dict[tuple[int, int], set[int]] = {}
        rows = [entry for entry in entries if entry.row.row]
        for entry in rows:
            numbers.setdefault(entry.row.feed, set()).add(entry.row.row)
        feeds = await self._feeds.find_numbered(environment.number, numbers)
        stored = {place: await self._feeds.stored_at(feed, numbers[place]) for place, feed in feeds.items()}
        return {
            entry.ref: (feeds[entry.row.feed], message)
            for entry in rows
            if (message := stored.get(entry.row.feed, {}).get(entry.row.row))
            and transaction_tag(message.stored.transaction_id) == entry.row.transaction
        }

    async def activities(self, environment: Environment, entries: Sequence[Entry]) -> list[Activity]:
        """The activities of rows, in their order; rows of one recipient and transaction become one.

        A row whose message was deleted since tells nothing unless it has a record (as those with a collapse key have),
        and neither does a further step without its first.
        """
        told = await self.told(environment, entries)
        people = await self._subscribers.get_many(
            environment.number, list(dict.fromkeys(one.owner for _, one in told if one.owner))
        )
        workflows = await self._named(environment, {one.identifier for _, one in told})
        grouped: dict[str, list[tuple[Entry, Told]]] = {}
        for entry, one in told:
            grouped.setdefault(one.activity_id, []).append((entry, one))
        return [
            _activity(group, people, workflows)
            for group in grouped.values()
            if not all(entry.row.is_further for entry, _ in group)
        ]

    async def told(self, environment: Environment, entries: Sequence[Entry]) -> list[tuple[Entry, Told]]:
        """What rows tell, in their order, without those that tell nothing."""
        messages = await self.messages(environment, entries)
        raw = await self._store.records(environment.number, [one.ref for one in entries])
        records = {ref: _records.decode(record) for ref, record in raw.items()}
        found: list[tuple[Entry, Told]] = []
        for entry in entries:
            record = records.get(entry.ref)
            if entry.ref in messages:
                found.append((entry, _of_message(entry, *messages[entry.ref], record.remark if record else "")))
            elif record:
                found.append((entry, _of_record(entry, record)))
        return found

    async def _named(self, environment: Environment, identifiers: Iterable[str]) -> dict[str, Workflow]:
        found = [await self._workflows.find(environment, one) for one in identifiers]
        return {one.id: one for one in found if one}


def _of_message(entry: Entry, feed: Feed, message: Message, remark: str) -> Told:
    stored = message.stored
    step = StepOutcome(entry.row.ms, entry.row.outcome.name.lower(), stored.step_id, remark, message)
    owner, name = feed.subscriber_oid, feed.subscriber_id
    return Told(stored.transaction_id, stored.template_id, stored.template_identifier, owner, name, step)


def _of_record(entry: Entry, record: Record) -> Told:
    reason = "; ".join(filter(None, (record.reason, record.remark)))
    step = StepOutcome(entry.row.ms, entry.row.outcome.name.lower(), record.step, reason)
    return Told(record.transaction, record.workflow, record.identifier, record.subscriber, record.name, step)


def _activity(
    group: Sequence[tuple[Entry, Told]], people: dict[str, Subscriber | None], workflows: dict[str, Workflow]
) -> Activity:
    entry, one = group[-1]
    return Activity(
        id=one.activity_id,
        transaction_id=one.transaction_id,
        workflow_id=one.workflow_id,
        identifier=one.identifier,
        subscriber_oid=one.owner or notification_id("refused", one.name),
        name=one.name,
        subscriber=people.get(one.owner),
        workflow=workflows.get(one.workflow_id),
        severity=SEVERITIES[entry.row.severity],
        steps=sorted((told.step for _, told in group), key=lambda step: step.ms),
    )
