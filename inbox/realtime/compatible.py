"""Changes of a feed as the compatible flavours say them: events of their names, then both counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inbox.realtime import events
from inbox.realtime.connection import EncodedDelivery
from inbox.realtime.events import Close, SocketEvent
from inbox.realtime.feed_events import (
    CompleteMessage,
    FeedEvent,
    MessageCreated,
    MessagesRemoved,
    MessageUpdated,
    PreferencesChanged,
)
from inbox.store.bulk import MAX_NAMED


class CompatibleEvents(NamedTuple):
    """What changed, then both counts; nothing for a change that these flavours do not know."""

    changes: list[SocketEvent]
    counts: Sequence[SocketEvent]


class CompatibleCodec:
    """Encodes changes event by event. A flavour says how one event is a frame, and what it sends before a close."""

    def encode(self, event: FeedEvent) -> EncodedDelivery:
        changes, counts = event.form(compatible_events)
        return EncodedDelivery(b"".join(map(self.frame, changes)), len(changes), b"".join(map(self.frame, counts)))

    def frame(self, event: SocketEvent) -> bytes:
        """Return the WebSocket frame of an event."""
        raise NotImplementedError

    def close_packets(self, _: Close) -> bytes:
        return b""


def compatible_events(event: FeedEvent) -> CompatibleEvents:
    """Return the events of a change: removed ids, then changed messages or `refetch`, then new messages.

    More removed or changed messages than an event names are a `refetch` too. A collapse is a change of a message.
    """
    removed: list[str] = []
    updated: list[CompleteMessage] = []
    received: list[CompleteMessage] = []
    is_complete = True
    changes = [change for change in event.changes if not isinstance(change, PreferencesChanged)]
    if event.changes and not changes and event.position.counter == event.origin.counter + 1:
        return CompatibleEvents([], ())  # the counts are the same; those of a longer event may not be
    for change in changes:
        if isinstance(change, MessagesRemoved):
            removed += change.ids
        elif isinstance(change, MessageUpdated) or (isinstance(change, MessageCreated) and change.is_collapse):
            updated.append(change.item)
        elif isinstance(change, MessageCreated):
            received.append(change.item)
        else:
            is_complete = False
    said = []
    if removed and len(removed) <= MAX_NAMED:
        said.append(events.notifications_removed(removed))
    if is_complete and len(updated) <= MAX_NAMED and len(removed) <= MAX_NAMED:
        said += [events.notification_updated(item.entity()) for item in updated]
    else:
        said.append(events.notifications_refetch())
    if len(received) > 1:
        received.sort(key=lambda item: item.message.sequence)
    said += [events.notification_received(item.entity()) for item in received]
    return CompatibleEvents(said, events.count_events(event.counts))
