"""What events of a feed have beside the feed: the cards of subscriber and workflow, and the preferences."""

from __future__ import annotations

from collections.abc import Iterable

from inbox.errors import NotFound
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.realtime.feed_events import CompleteMessage, SubscriberForms
from inbox.service.feed.cards import CardService
from inbox.service.subscribers.preference_views import inbox_preferences
from inbox.service.subscribers.preferences import PreferenceService
from inbox.store.feed import Feed


class FeedCards:
    """The cards of one connected feed. The subscriber's card is read once and kept until it changes."""

    __slots__ = ("_changes", "_environment", "_feed", "_preferences", "_reader", "_subscriber")

    def __init__(
        self, feed: Feed, environment: Environment, reader: CardService, preferences: PreferenceService
    ) -> None:
        self._feed = feed
        self._environment = environment
        self._reader = reader
        self._preferences = preferences
        self._subscriber: SubscriberForms | None = None
        self._changes = 0

    def forget_subscriber(self) -> None:
        """Drop the subscriber's card, which may have changed; the next message reads it again."""
        self._subscriber = None
        self._changes += 1

    def complete_cached(self, message: Message) -> CompleteMessage | None:
        """Return the message with its cards, or None if a card is not cached."""
        if self._subscriber is None:
            return None
        workflow = self._reader.cached_workflow(self._environment, message.stored)
        return CompleteMessage(message, self._environment, self._subscriber, workflow) if workflow else None

    async def complete(self, messages: Iterable[Message]) -> list[CompleteMessage]:
        """Return the messages with their cards.

        Raise StoreUnavailable, and NotFound when the subscriber is gone.
        """
        completed = []
        for message in messages:
            workflow = await self._reader.workflow(self._environment, message.stored)
            subscriber = await self._read_subscriber()
            completed.append(CompleteMessage(message, self._environment, subscriber, workflow))
        return completed

    async def preferences(self) -> list[wire.InboxPreference]:
        """Return the subscriber's preferences. Raise StoreUnavailable."""
        chosen = await self._preferences.read_of(self._environment, self._feed.subscriber_oid)
        return inbox_preferences(chosen, chosen.listed())

    @property
    def changes(self) -> int:
        """Return how often the subscriber's card may have changed."""
        return self._changes

    def keep_subscriber(self, card: wire.SubscriberCard, changes: int) -> None:
        """Cache the subscriber's card, which was read when there had been so many `changes`."""
        if changes == self._changes:  # else it changed during the read; the next message reads it again
            self._subscriber = SubscriberForms.of(card)

    async def _read_subscriber(self) -> SubscriberForms:
        if self._subscriber is not None:
            return self._subscriber
        changes = self._changes
        card = await self._reader.subscriber(self._environment, self._feed.subscriber_oid)
        if card is None:
            raise NotFound("The subscriber was deleted")
        self.keep_subscriber(card, changes)
        return SubscriberForms.of(card)
