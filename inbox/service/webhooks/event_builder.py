"""Builds the events of an outbox entry: the same events with the same ids, however often they are built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from inbox.models import wire
from inbox.models.dates import iso_or_none
from inbox.models.environment import Environment
from inbox.models.event import WebhookEvent, action_view, event_body, event_message, whole_event_message
from inbox.models.subscriber import Subscriber
from inbox.models.webhook import (
    EVENT_TYPES,
    MESSAGE_ACTIONED,
    MESSAGE_CREATED,
    MESSAGE_DELETED,
    MESSAGE_RETRACTED,
    MESSAGE_SNOOZED,
    MESSAGE_UPDATED,
    PRESENCE_CHANGED,
)
from inbox.store import changes
from inbox.store.due_buckets import BucketKey
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.outbox import MessageRef, OutboxEntry
from inbox.store.rows import RowId, parse_press
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore

MAX_MESSAGES = 100
"""Of one event; a bulk change of more messages is several events."""
_WHOLE = frozenset({MESSAGE_CREATED, MESSAGE_UPDATED, MESSAGE_ACTIONED})
"""Events with their messages' content, which the receiver does not have yet."""


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event to build: its type, and its messages, which are of one feed."""

    type: str
    messages: tuple[MessageRef, ...] = ()


def planned_events(entry: OutboxEntry) -> list[PlannedEvent]:
    """Return the events of an entry, in their order. They depend on the entry alone."""
    if entry.kind == "p":
        return [PlannedEvent(PRESENCE_CHANGED)]
    if entry.kind == "n":
        return [PlannedEvent(MESSAGE_CREATED, (name,)) for name, _, _ in entry.messages]
    if entry.kind == "e":
        return list(_grouped(MESSAGE_UPDATED, [name for name, _, _ in entry.messages]))
    if entry.kind == "d":
        types = [MESSAGE_RETRACTED, MESSAGE_DELETED] if "b" in entry.fields else [MESSAGE_DELETED]
        names = [name for name, _, _ in entry.messages]
        return [planned for event_type in types for planned in _grouped(event_type, names)]
    return [planned for event_type in EVENT_TYPES for planned in _grouped(event_type, _concerned(entry, event_type))]


def _concerned(entry: OutboxEntry, event_type: str) -> list[MessageRef]:
    by_field = {MESSAGE_SNOOZED: "u", MESSAGE_ACTIONED: "a"}
    if entry.fields.get(by_field.get(event_type, "")):
        return [name for name, _, _ in entry.messages]
    return [name for name, before, after in entry.messages if event_type in changes.changed_events(before, after)]


def _grouped(event_type: str, names: list[MessageRef]) -> Iterator[PlannedEvent]:
    for _, same_feed in groupby(names, attrgetter("feed")):
        for part in in_slices(tuple(same_feed), MAX_MESSAGES):
            yield PlannedEvent(event_type, tuple(part))


@dataclass(eq=False)
class EventBuilder:
    """Builds events with the present state of their messages."""

    _feeds: FeedStore
    _subscribers: SubscriberStore

    async def build(
        self, environment: Environment, bucket: BucketKey, entry: OutboxEntry, index: int
    ) -> WebhookEvent | None:
        """Return the event at an index of an entry's planned events; None when its subscriber is gone."""
        planned = planned_events(entry)[index]
        content = await self._content(bucket, entry, planned)
        if content is None:
            return None
        event_id = f"evt_{bucket.environment}_{bucket.bucket:02x}_{entry.id.replace('-', '_')}_{index}"
        body = event_body(event_id, planned.type, entry.at_ms, environment.id, content)
        return WebhookEvent(event_id, planned.type, body, _cause(planned, content))

    async def _content(
        self, bucket: BucketKey, entry: OutboxEntry, planned: PlannedEvent
    ) -> Mapping[str, object] | None:
        if planned.type == PRESENCE_CHANGED:
            oid = entry.fields["about"].decode().rpartition(".")[2]
            subscriber = await self._subscribers.get_by_oid(bucket.environment, oid)
            return _presence_view(subscriber, entry) if subscriber else None
        feed_ref = (bucket.bucket, planned.messages[0].feed)
        feed = (await self._feeds.find_numbered(bucket.environment, [feed_ref])).get(feed_ref)
        if feed is None:
            return None
        contexts = {"contextKeys": feed.contexts.split(",")} if feed.contexts else {}
        messages = await self._messages(feed, planned)
        action = parse_press(entry.fields["a"]) if planned.type == MESSAGE_ACTIONED else None
        content = {"subscriberId": feed.subscriber_id, **contexts, "messages": messages}
        return content | ({"action": action_view(action)} if action else {})

    async def _messages(self, feed: Feed, planned: PlannedEvent) -> list[wire.EventMessage | wire.NamedMessage]:
        """Return the present state of the messages, of deleted ones just the id."""
        ids = [feed.message_id(name.row, name.check) for name in planned.messages]
        if planned.type in (MESSAGE_RETRACTED, MESSAGE_DELETED):
            return [{"id": message_id} for message_id in ids]
        rows = [RowId(feed.bucket, feed.number, name.row, name.check) for name in planned.messages]
        existing = await self._feeds.find_many(feed, rows)
        view = whole_event_message if planned.type in _WHOLE else event_message
        return [view(existing[message_id]) if message_id in existing else {"id": message_id} for message_id in ids]


def _cause(planned: PlannedEvent, content: Mapping[str, Any]) -> str:
    """Return the transaction of a message that was created; empty for every other event, and if it is gone."""
    return content["messages"][0].get("transactionId", "") if planned.type == MESSAGE_CREATED else ""


@wire.without_nulls
def _presence_view(subscriber: Subscriber, entry: OutboxEntry) -> wire.PresenceEvent:
    return {
        "subscriberId": subscriber.subscriber_id,
        "isOnline": entry.fields["o"] == b"1",
        "lastOnlineAt": iso_or_none(int(entry.fields.get("l") or 0)),
    }
