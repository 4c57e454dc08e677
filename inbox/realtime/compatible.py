"""Changes of a feed as the compatible flavours say them: events of their names, then both counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inbox.clock import now_ms
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

    changes: Sequence[SocketEvent]
    counts: Sequence[SocketEvent]


class CompatibleCodec:
    """Encodes changes event by event. A flavour says how one event is a frame, and what it sends before a close."""

    flavour: str

    def encode(self, event: FeedEvent) -> EncodedDelivery:
        changes, counts = event.form(compatible_events)
        at_ms = now_ms()
        return EncodedDelivery(self._frames(changes, at_ms), len(changes), self._frames(counts, at_ms))

    def _frames(self, events: Sequence[SocketEvent], at_ms: int) -> bytes:
        return b"".join([self.frame(event, at_ms) for event in events])

    def frame(self, event: SocketEvent, at_ms: int) -> bytes:
        """Return the WebSocket frame of an event that is sent at this time (ms since 1970)."""
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
    is_complete, preferences = True, 0
    for change in event.changes:
        if isinstance(change, MessageCreated):
            (updated if change.is_collapse else received).append(change.item)
        elif isinstance(change, MessageUpdated):
            updated.append(change.item)
        elif isinstance(change, MessagesRemoved):
            removed += change.ids
        elif isinstance(change, PreferencesChanged):
            preferences += 1
        else:
            is_complete = False
    if preferences and preferences == len(event.changes) and event.position.counter == event.origin.counter + 1:
        return CompatibleEvents((), ())  # the counts are the same; those of a longer event may not be
    said: list[SocketEvent] = []
    if removed and len(removed) <= MAX_NAMED:
        said.append(events.notifications_removed(removed))
    if not is_complete or len(updated) > MAX_NAMED or len(removed) > MAX_NAMED:
        said.append(events.notifications_refetch())
    else:
        for item in updated:
            said.append(events.notification_updated(item.entity()))
    if len(received) > 1:
        received.sort(key=lambda item: item.message.sequence)
    for item in received:
        said.append(events.notification_received(item.entity()))
    return CompatibleEvents(said, events.count_events(event.counts))
