"""The objects of the native protocol (docs/native-protocol.md), and how changes of a feed become its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inbox.clock import now_ms
from inbox.models import wire
from inbox.models.dates import iso
from inbox.realtime.connection import EncodedDelivery
from inbox.realtime.events import Close
from inbox.realtime.feed_events import (
    BulkMark,
    FeedChange,
    FeedEvent,
    MessageCreated,
    MessagesRemoved,
    MessageUpdated,
    PreferencesChanged,
)
from inbox.realtime.frames import text_frame
from inbox.store.changes import ARCHIVED_NEVER, ARCHIVED_NOW, FIRST_SEEN, READ_NEVER, READ_NOW, SNOOZED_NEVER
from inbox.store.feed import Feed
from inbox.store.rows import ARCHIVED, SNOOZED, UNREAD, UNSEEN, FeedCounts, Position

_COUNTS = b'{"unseen":%d,"unread":%d,"severity":{"high":%d,"medium":%d,"low":%d,"none":%d}}'


def counts_json(counts: FeedCounts) -> bytes:
    """Return the exact counts; `unread` is what is unread and not snoozed."""
    return _COUNTS % (counts.unseen, counts.badge, counts.high, counts.medium, counts.low, counts.none)


def counts_view(counts: FeedCounts) -> Any:
    """Return the same as a value of an answer."""
    return wire.fragment(counts_json(counts))


def change_view(change: FeedChange) -> Mapping[str, object]:
    """Return one change of `changes`."""
    if isinstance(change, MessageCreated):
        return {"created": change.item.notification()}
    if isinstance(change, MessageUpdated):
        return {"updated": change.item.notification()}
    if isinstance(change, MessagesRemoved):
        return {"removed": change.ids}
    if isinstance(change, BulkMark):
        return {"bulk": bulk_view(change)}
    if isinstance(change, PreferencesChanged):
        return {"preferences": change.preferences}
    return {"refetch": True}


def bulk_view(mark: BulkMark) -> Mapping[str, object]:
    """Return what a bulk mark sets, as notifications show it, and the sequences of those that it hit."""
    clear, set_, stamp = mark
    at = iso(stamp.ms)
    flags = {
        "isSeen": (clear & UNSEEN, set_ & UNSEEN),
        "isRead": (clear & UNREAD, set_ & UNREAD),
        "isArchived": (set_ & ARCHIVED, clear & ARCHIVED),
        "isSnoozed": (set_ & SNOOZED, clear & SNOOZED),
    }
    dates = {
        "firstSeenAt": (stamp.dates & FIRST_SEEN, 0),
        "readAt": (stamp.dates & READ_NOW, stamp.dates & READ_NEVER),
        "archivedAt": (stamp.dates & ARCHIVED_NOW, stamp.dates & ARCHIVED_NEVER),
        "snoozedUntil": (0, stamp.dates & SNOOZED_NEVER),
    }
    changed: dict[str, object] = {name: bool(on) for name, (on, off) in flags.items() if on or off}
    changed |= {name: at if now else None for name, (now, never) in dates.items() if now or never}
    if stamp.rows:
        return {"set": changed, "sequences": stamp.ranges()}
    return {"set": changed, "upTo": stamp.upto}


def _event_body(event: FeedEvent) -> bytes:
    """Return the JSON of an event behind its `from`, without the last brace."""
    changes = orjson.dumps([change_view(change) for change in event.changes])
    position = event.feed.position_text(event.position).encode()
    return b'"position":"%b","counts":%b,"changes":%b' % (position, counts_json(event.counts), changes)


def event_json(event: FeedEvent, held: Position, request_id: int | None = None) -> bytes:
    """Return an event for a client that holds this position; `request_id` is there if it asked for it."""
    origin = event.feed.position_text(held).encode()
    request = b"" if request_id is None else b',"request":%d' % request_id
    return b'{"from":"%b",%b%b}' % (origin, event.form(_event_body), request)


def ping_json(feed: Feed, position: Position) -> bytes:
    return b'{"position":"%b","time":"%b"}' % (feed.position_text(position).encode(), iso(now_ms()).encode())


class NativeDelivery(EncodedDelivery):
    """An event for clients that hold its `from`."""

    __slots__ = ("_codec", "event")

    def __init__(self, codec: NativeCodec, event: FeedEvent, held: Position, request_id: int | None = None) -> None:
        super().__init__(codec.frame(event, held, request_id), 1, b"")
        self._codec = codec
        self.event = event

    def continuing(self, held: Position, request_id: int | None) -> NativeDelivery:
        """Return the delivery to a client that holds a position within it; `request_id` is there if it asked for it."""
        return NativeDelivery(self._codec, self.event, held, request_id)


class NativeCodec:
    """Encodes a change as `{"event": {from, position, counts, changes}}`, and `request` for who caused it."""

    flavour = "native"

    def encode(self, event: FeedEvent) -> NativeDelivery:
        return NativeDelivery(self, event, event.origin)

    def frame(self, event: FeedEvent, held: Position, request_id: int | None) -> bytes:
        """Return an event for clients that hold this position."""
        return text_frame(b'{"event":%b}' % event_json(event, held, request_id))

    def ping(self, feed: Feed, position: Position) -> EncodedDelivery:
        """Return a ping that tells the position a client holds once it has read what was sent before."""
        return EncodedDelivery(text_frame(b'{"ping":%b}' % ping_json(feed, position)), 1, b"")

    def close_packets(self, _: Close) -> bytes:
        return b""


CODEC = NativeCodec()
