"""The export of a subscriber: everything the store holds of it, as a streamed JSON document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from inbox.errors import NotFound, existing
from inbox.ids import SubscriberId
from inbox.models.dates import iso_now
from inbox.models.environment import Environment
from inbox.models.export import head_view, message_of, outcome_of, subscription_of
from inbox.models.json_values import JsonObject
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.activity.activity_rows import ActivityReader, ResolvedRow
from inbox.service.subscribers.preferences import PreferenceService
from inbox.service.subscribers.subscribers import SubscriberService
from inbox.store.activity import ActivityEntry, ActivityStore, Column, feed_tag
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.slices import in_slices
from inbox.store.subscriptions import SubscriptionStore, as_they_are
from inbox.store.topics import TopicStore

MESSAGES_SLICE = 50
ROWS_SLICE = 100
SUBSCRIPTIONS_SLICE = 100

Items = Sequence[Mapping[str, object]]


@dataclass(eq=False)
class ExportService:
    """Builds the document in slices: it never holds more than about fifty messages."""

    _subscribers: SubscriberService
    _preferences: PreferenceService
    _topics: TopicStore
    _subscriptions: SubscriptionStore
    _feeds: FeedStore
    _activity: ActivityStore
    _activity_log: ActivityLog
    _reader: ActivityReader

    async def export(self, environment: Environment, subscriber_id: SubscriberId) -> AsyncIterator[bytes]:
        """Return the document (docs/export.md) in parts. Raise NotFound before the first part.

        Every message that exists from the first part to the last is in it once, as it was when read; newer ones may
        be. The iterator raises ServiceUnavailable, and NotFound if the subscriber is deleted meanwhile; the document is
        then incomplete.
        """
        subscriber = await self._subscribers.get(environment, subscriber_id)
        return self._document(environment, subscriber)

    async def _document(self, environment: Environment, subscriber: Subscriber) -> AsyncIterator[bytes]:
        state = await self._preferences.read_for(environment, subscriber)
        workflows = {workflow.id: workflow for workflow in state.workflows}
        head = head_view(environment, subscriber, state.preferences, workflows, iso_now())
        yield orjson.dumps(head)[:-1]
        feeds = [
            await self._feeds.open_for(environment.number, subscriber, contexts)
            for contexts in sorted(subscriber.feeds)
        ]
        lists = {
            "subscriptions": self._subscriptions_of(environment, subscriber),
            "feeds": self._states_of(feeds),
            "messages": self._messages_of(environment, feeds),
            "activity": self._activity_of(environment, feeds),
        }
        for name, slices in lists.items():
            async for part in _written(name, slices):
                yield part
        yield b"}"

    async def _subscriptions_of(self, environment: Environment, subscriber: Subscriber) -> AsyncIterator[Items]:
        number, cursor = environment.number, None
        read = self._subscriptions.joined
        while page := await read(number, subscriber.oid, "asc", SUBSCRIPTIONS_SLICE, as_they_are, cursor):
            topics = await self._topics.get_many(number, list({oid for oid, _ in page.records}))
            yield [subscription_of(oid, topics.get(oid), subscription) for oid, subscription in page.records]
            if not page.has_next:
                return
            cursor = page.end

    async def _states_of(self, feeds: list[Feed]) -> AsyncIterator[Items]:
        for feed in feeds:
            state = existing(await self._feeds.state(feed), _deleted_meanwhile())
            counts = {"unseen": state.counts.unseen, "unread": state.counts.unread}
            yield [{"contextKeys": feed.contexts.split(",") if feed.contexts else [], **counts}]

    async def _messages_of(self, environment: Environment, feeds: list[Feed]) -> AsyncIterator[Items]:
        for feed in feeds:
            async for messages in self._messages(feed):
                yield [message_of(message, environment) for message in messages]

    async def _messages(self, feed: Feed) -> AsyncIterator[list[Message]]:
        """Yield every message once, oldest first. A message whose snooze ends meanwhile moves to the end."""
        first, sent = 1, set[str]()
        while True:
            read = await self._feeds.messages(feed, range(first, first + MESSAGES_SLICE))
            if read is None:
                raise _deleted_meanwhile()
            messages, state = read
            yield [message for message in messages if message.id not in sent]
            sent.update(message.id for message in messages)
            first = max(first + MESSAGES_SLICE, state.base + 1)
            if first > state.last:
                return

    async def _activity_of(self, environment: Environment, feeds: list[Feed]) -> AsyncIterator[Items]:
        """Yield every row of the last 30 days, newest first."""
        if not feeds:
            return
        await self._activity_log.flush_if_possible()
        tags = [feed_tag(feed.bucket, feed.number) for feed in feeds]
        async for block in self._activity.blocks(environment.number):
            for part in in_slices(list(block.holding({Column.FEED: tags})), ROWS_SLICE):
                resolved = {one.entry.ref: one for one in await self._reader.resolve(environment, part)}
                yield [_outcome(entry, resolved.get(entry.ref)) for entry in part]


def _outcome(entry: ActivityEntry, resolved: ResolvedRow | None) -> JsonObject:
    """Return a row as the export shows it; only its time and outcome if its message was deleted."""
    ms, outcome = entry.row.ms, entry.row.outcome.name.lower()
    if resolved is None:
        return outcome_of(ms, outcome)
    return outcome_of(
        ms,
        outcome,
        transactionId=resolved.record.transaction,
        _workflowId=resolved.record.workflow,
        workflowId=resolved.record.identifier,
        stepId=resolved.step.step_id,
        reason=resolved.step.reason,
        _messageId=resolved.step.message.id if resolved.step.message else "",
    )


async def _written(name: str, slices: AsyncIterator[Items]) -> AsyncIterator[bytes]:
    """Yield a list of the document with the comma and name before it."""
    yield b"," + orjson.dumps(name) + b":["
    is_first = True
    async for items in slices:
        if items:
            yield (b"" if is_first else b",\n") + b",\n".join(map(orjson.dumps, items))
            is_first = False
    yield b"]"


def _deleted_meanwhile() -> NotFound:
    return NotFound("The subscriber was deleted, or its subscriptions, while it was exported")
