"""What happened to a feed, described once: the codecs of all flavours encode this description.

A `FeedEvent` is one publication of the feed, or what a repair or a catch-up found in its change log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.message_views import inbox_notification, pushed_message
from inbox.store.feed import Feed
from inbox.store.rows import FeedCounts, Position, Stamp

T = TypeVar("T")


class SubscriberForms(NamedTuple):
    """The subscriber as messages show it, as encoded JSON: the card of compatible clients, and the `to` of pages."""

    card: wire.SubscriberCard
    to: wire.NotificationTo

    @classmethod
    def of(cls, card: wire.SubscriberCard) -> SubscriberForms:
        to: Any = {name: text for name, text in card.items() if name != "_id"}
        return cls(wire.encoded(card), wire.encoded(cast("wire.NotificationTo", to)))


class CompleteMessage(msgspec.Struct, frozen=True, gc=False):
    """A message with the cards that it shows."""

    message: Message
    environment: Environment
    subscriber: SubscriberForms
    workflow: wire.WorkflowSummary

    def entity(self) -> wire.PushedMessage:
        """Return the message as the compatible flavours push it, as encoded JSON."""
        return pushed_message(self.message, self.subscriber.card, self.workflow, self.environment)

    def notification(self) -> wire.NotificationReply:
        """Return the message as the inbox API of pages shows it, as encoded JSON."""
        return inbox_notification(self.message, self.subscriber.to, self.workflow)


class MessageCreated(msgspec.Struct, frozen=True, gc=False):
    """A message that went to the top. With `is_collapse` it took the place of an earlier one that clients may hold."""

    item: CompleteMessage
    is_collapse: bool = False


class MessageUpdated(msgspec.Struct, frozen=True):
    """A message that changed and stays where it is."""

    item: CompleteMessage


class MessagesRemoved(msgspec.Struct, frozen=True):
    """The ids of messages that were deleted or trimmed."""

    ids: Sequence[str]


class BulkMark(NamedTuple):
    """A mark of many messages: the flags that it cleared and set; its stamp has dates, time and rows."""

    clear: int
    set: int
    stamp: Stamp


class PreferencesChanged(NamedTuple):
    """The preferences of the subscriber, as a page shows them by default."""

    preferences: Sequence[wire.InboxPreference]


class Refetch(msgspec.Struct, frozen=True):
    """More changed than the other changes say."""


FeedChange = MessageCreated | MessageUpdated | MessagesRemoved | BulkMark | PreferencesChanged | Refetch


class FeedEvent:
    """The changes from position `origin` to `position`, with the counts after them."""

    __slots__ = ("_forms", "changes", "counts", "feed", "origin", "position")

    def __init__(
        self, feed: Feed, origin: Position, position: Position, counts: FeedCounts, changes: Sequence[FeedChange] = ()
    ) -> None:
        self.feed = feed
        self.origin = origin
        self.position = position
        self.counts = counts
        self.changes = changes
        self._forms: dict[Callable[[FeedEvent], Any], Any] | None = None

    def form(self, make: Callable[[FeedEvent], T]) -> T:
        """Return `make` of this event. It is called once: several codecs share what it makes."""
        forms = self._forms
        if forms is None:
            forms = self._forms = {}
        made: T | None = forms.get(make)
        if made is None:
            made = forms[make] = make(self)
        return made
