"""Everything the store holds of one subscriber, as one JSON document that is made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson

from inbox.errors import NotFound
from inbox.ids import SubscriberId
from inbox.models.dates import iso_now
from inbox.models.environment import Environment
from inbox.models.export import head_view, message_of, outcome_of, subscription_of
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.service.subscribers.preferences import PreferenceService
from inbox.service.subscribers.subscribers import SubscriberService
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.activity_rows import ActivityReader, Told
from inbox.store.activity import ActivityStore, Column, Entry, feed_tag
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.slices import in_slices
from inbox.store.subscriptions import SubscriptionStore, as_they_are
from inbox.store.topics import TopicStore

MESSAGES_SLICE = 50
ROWS_SLICE = 100
SUBSCRIPTIONS_SLICE = 100

Items = list[dict[str, Any]]


class ExportService:
    """Writes the document a slice at a time: it never holds more than some fifty messages."""

    def __init__(
        self,
        subscribers: SubscriberService,
        preferences: PreferenceService,
        topics: TopicStore,
        subscriptions: SubscriptionStore,
        feeds: FeedStore,
        activity: ActivityStore,
        activity_log: ActivityLog,
        reader: ActivityReader,
    ) -> None:
        self._subscribers = subscribers
        self._preferences = preferences
        self._topics = topics
        self._subscriptions = subscriptions
        self._feeds = feeds
        self._activity = activity
        self._activity_log = activity_log
        self._reader = reader

    async def export(self, environment: Environment, subscriber_id: SubscriberId) -> AsyncIterator[bytes]:
        """The document (docs/export.md) in parts. Raises NotFound before the first part.

        Every message that is there from the first part to the last is in it once, in its state as it was read; one
        that comes meanwhile may be. Raises StoreUnavailable, and NotFound when the subscriber is deleted meanwhile:
        what was given until then is no whole document.
        """
        subscriber = await self._subscribers.get(environment, subscriber_id)
        return self._document(environment, subscriber)

    async def _document(self, environment: Environment, subscriber: Subscriber) -> AsyncIterator[bytes]:
        chosen = await self._preferences.read_for(environment, subscriber)
        workflows = {workflow.id: workflow for workflow in chosen.workflows}
        head = head_view(environment, subscriber, chosen.preferences, workflows, iso_now())
        yield orjson.dumps(head)[:-1]
        feeds = [await self._feeds.open_for(environment.number, subscriber, one) for one in sorted(subscriber.feeds)]
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
        number, at = environment.number, None
        read = self._subscriptions.joined
        while found := await read(number, subscriber.oid, "asc", SUBSCRIPTIONS_SLICE, as_they_are, at):
            topics = await self._topics.get_many(number, list({topic for topic, _ in found.records}))
            yield [subscription_of(topic, topics.get(topic), one) for topic, one in found.records]
            if not found.has_next:
                return
            at = found.end

    async def _states_of(self, feeds: list[Feed]) -> AsyncIterator[Items]:
        for feed in feeds:
            state = await self._feeds.state(feed)
            if state is None:
                raise _changed_meanwhile()
            counts = {"unseen": state.counts.unseen, "unread": state.counts.unread}
            yield [{"contextKeys": feed.contexts.split(",") if feed.contexts else [], **counts}]

    async def _messages_of(self, environment: Environment, feeds: list[Feed]) -> AsyncIterator[Items]:
        for feed in feeds:
            async for messages in self._messages(feed):
                yield [message_of(one, environment) for one in messages]

    async def _messages(self, feed: Feed) -> AsyncIterator[list[Message]]:
        """Every message once, oldest first; one whose snooze ends meanwhile moves to the end and is met there again."""
        first, given = 1, set[str]()
        while True:
            found = await self._feeds.messages(feed, range(first, first + MESSAGES_SLICE))
            if found is None:
                raise _changed_meanwhile()
            messages, state = found
            yield [one for one in messages if one.id not in given]
            given.update(one.id for one in messages)
            first = max(first + MESSAGES_SLICE, state.base + 1)
            if first > state.last:
                return

    async def _activity_of(self, environment: Environment, feeds: list[Feed]) -> AsyncIterator[Items]:
        """Every row of the last 30 days, newest first."""
        if not feeds:
            return
        await self._activity_log.flush()
        tags = [feed_tag(feed.bucket, feed.number) for feed in feeds]
        async for block in self._activity.blocks(environment.number):
            for part in in_slices(list(block.holding({Column.FEED: tags})), ROWS_SLICE):
                told = {entry.ref: one for entry, one in await self._reader.told(environment, part)}
                yield [_outcome(entry, told.get(entry.ref)) for entry in part]


def _outcome(entry: Entry, told: Told | None) -> dict[str, Any]:
    """A row; of one whose message was deleted nothing more is known."""
    row = entry.row
    if told is None:
        return outcome_of(row.ms, row.outcome.name.lower())
    return outcome_of(
        row.ms,
        row.outcome.name.lower(),
        transactionId=told.transaction_id,
        _workflowId=told.workflow_id,
        workflowId=told.identifier,
        stepId=told.step.step_id,
        reason=told.step.reason,
        _messageId=told.step.message.id if told.step.message else "",
    )


async def _written(name: str, slices: AsyncIterator[Items]) -> AsyncIterator[bytes]:
    """A list of the document, after what stands before it."""
    yield b"," + orjson.dumps(name) + b":["
    is_first = True
    async for items in slices:
        if items:
            yield (b"" if is_first else b",\n") + _joined(items)
            is_first = False
    yield b"]"


def _joined(items: Iterable[dict[str, Any]]) -> bytes:
    return b",\n".join(map(orjson.dumps, items))


def _changed_meanwhile() -> NotFound:
    return NotFound("The subscriber was deleted, or its subscriptions, while it was exported")
