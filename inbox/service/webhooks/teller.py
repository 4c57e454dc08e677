"""What an entry of an outbox is told as: its events, the same ones with the same ids however often they are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.event import Event, action_view, event_body, message_view
from inbox.models.webhook import (
    EVENT_TYPES,
    MESSAGE_ACTIONED,
    MESSAGE_CREATED,
    MESSAGE_DELETED,
    MESSAGE_SNOOZED,
    PRESENCE_CHANGED,
)
from inbox.store import changes
from inbox.store.alarms import Place
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.outbox import Entry, Name
from inbox.store.rows import RowId
from inbox.store.subscribers import SubscriberStore

MOST_MESSAGES = 100
"""So many messages an event names; a bulk change of more is several events."""
_WHOLE = frozenset({MESSAGE_CREATED, MESSAGE_ACTIONED})
"""Events that carry what their message holds; of the others the receiver has heard before."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event to be: its type, and the messages of one feed that it is about."""

    type: str
    names: tuple[Name, ...] = ()


def told_of(entry: Entry) -> list[Told]:
    """The events of an entry, in their order; they follow from the entry alone."""
    if entry.kind == "p":
        return [Told(PRESENCE_CHANGED)]
    if entry.kind == "n":
        return [Told(MESSAGE_CREATED, (name,)) for name, _, _ in entry.messages]
    if entry.kind == "d":
        return list(_grouped(MESSAGE_DELETED, [name for name, _, _ in entry.messages]))
    return [told for event_type in EVENT_TYPES for told in _grouped(event_type, _concerned(entry, event_type))]


def _concerned(entry: Entry, event_type: str) -> list[Name]:
    """The messages of a change of which such an event tells."""
    by_field = {MESSAGE_SNOOZED: "u", MESSAGE_ACTIONED: "a"}
    if entry.fields.get(by_field.get(event_type, "")):
        return [name for name, _, _ in entry.messages]
    return [name for name, before, after in entry.messages if event_type in changes.told(before, after)]


def _grouped(event_type: str, names: list[Name]) -> Iterator[Told]:
    for _, found in groupby(names, attrgetter("feed")):
        several = tuple(found)
        for start in range(0, len(several), MOST_MESSAGES):
            yield Told(event_type, several[start : start + MOST_MESSAGES])


class EventTeller:
    """Puts events into words, with their messages as they stand by now."""

    def __init__(self, feeds: FeedStore, subscribers: SubscriberStore) -> None:
        self._feeds = feeds
        self._subscribers = subscribers

    async def tell(self, environment: Environment, place: Place, entry: Entry, at: int) -> Event | None:
        """The event of an entry at that place among its events; None when its subscriber is gone."""
        told = told_of(entry)[at]
        about = await self._about(place, entry, told)
        if about is None:
            return None
        event_id = f"evt_{place.environment}_{place.bucket:02x}_{entry.id.replace('-', '_')}_{at}"
        return Event(event_id, told.type, event_body(event_id, told.type, entry.at_ms, environment.id, about))

    async def _about(self, place: Place, entry: Entry, told: Told) -> dict[str, Any] | None:
        if told.type == PRESENCE_CHANGED:
            return await self._presence(place, entry)
        number = told.names[0].feed
        found = await self._feeds.find_numbered(place.environment, [(place.bucket, number)])
        feed = found.get((place.bucket, number))
        if feed is None:
            return None
        contexts = {"contextKeys": feed.contexts.split(",")} if feed.contexts else {}
        messages = await self._messages(feed, told)
        about: dict[str, Any] = {"subscriberId": feed.subscriber_id, **contexts, "messages": messages}
        if told.type == MESSAGE_ACTIONED:
            about["action"] = action_view(entry.fields["a"])
        return about

    async def _messages(self, feed: Feed, told: Told) -> list[dict[str, Any]]:
        """The messages in their present state; of one that is gone just the id."""
        ids = [feed.message_id(name.row, name.check) for name in told.names]
        if told.type == MESSAGE_DELETED:
            return [{"id": message_id} for message_id in ids]
        rows = [RowId(feed.bucket, feed.number, name.row, name.check) for name in told.names]
        known, is_whole = await self._feeds.find_many(feed, rows), told.type in _WHOLE
        return [
            message_view(known[message_id], whole=is_whole) if message_id in known else {"id": message_id}
            for message_id in ids
        ]

    async def _presence(self, place: Place, entry: Entry) -> dict[str, Any] | None:
        oid = entry.fields["about"].decode().rpartition(".")[2]
        subscriber = await self._subscribers.get_by_oid(place.environment, oid)
        if subscriber is None:
            return None
        since = entry.fields.get("l")
        return {
            "subscriberId": subscriber.subscriber_id,
            "isOnline": entry.fields["o"] == b"1",
            **({"lastOnlineAt": iso(int(since))} if since else {}),
        }
