"""The events that the service sends on a socket, with their payloads, and the close codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import orjson

from inbox.models import wire
from inbox.store.rows import FeedCounts

EVENTS = {
    "notification_received": "`{message}`: a new message, or one whose snooze has ended",
    "notification_updated": (
        "`{message}`: the whole message as it is now; `{removed: [id]}`: up to 20 ids;"
        " `{refetch: true}`: more has changed than is named, read again"
    ),
    "unseen_count_changed": "`{unseenCount, hasMore}`: at most 100, and `hasMore` beyond it",
    "unread_count_changed": (
        "`{unreadCount, counts: {total, severity}, hasMore}`: what is unread and not snoozed."
        " `unreadCount` stops at 100, `total` at 101, each severity at 99"
    ),
}
"""Every event: its name, its payload and when it is sent. The table in `docs/sockets.md` has the same words.

To add an event, add a line here, a function below that makes it, and its line in `docs/sockets.md`.
"""

CACHED_COUNTS = 4_096
MAX_COUNT = 100
MAX_SEVERITY_COUNT = 99
_UNSEEN = b'{"unseenCount":%d,"hasMore":%b}'
_UNREAD = b'{"unreadCount":%d,"counts":{"total":%d,"severity":{"high":%d,"medium":%d,"low":%d,"none":%d}},"hasMore":%b}'
_HAS_MORE = (b"false", b"true")


class SocketEvent(NamedTuple):
    """An event with its payload as JSON, encoded once for all flavours."""

    name: str
    data: bytes


def _event(name: str, payload: Mapping[str, object]) -> SocketEvent:
    return SocketEvent(name, orjson.dumps(payload))


def notification_received(message: wire.PushedMessage) -> SocketEvent:
    return _event("notification_received", {"message": message})


def notification_updated(message: wire.PushedMessage) -> SocketEvent:
    return _event("notification_updated", {"message": message})


def notifications_removed(ids: Sequence[str]) -> SocketEvent:
    """Return the event of messages that were deleted or trimmed."""
    return _event("notification_updated", {"removed": list(ids)})


def notifications_refetch() -> SocketEvent:
    """Return the event after which clients read the feed again."""
    return _event("notification_updated", {"refetch": True})


@lru_cache(CACHED_COUNTS)
def count_events(counts: FeedCounts) -> tuple[SocketEvent, SocketEvent]:
    """Return the events of the unseen and the unread count (without snoozed), capped as compatible clients expect."""
    unseen, _, badge, high, medium, low = counts
    unseen_data = _UNSEEN % (min(unseen, MAX_COUNT), _HAS_MORE[unseen > MAX_COUNT])
    unread_data = _UNREAD % (
        min(badge, MAX_COUNT),
        min(badge, MAX_COUNT + 1),
        min(high, MAX_SEVERITY_COUNT),
        min(medium, MAX_SEVERITY_COUNT),
        min(low, MAX_SEVERITY_COUNT),
        min(counts.none, MAX_SEVERITY_COUNT),
        _HAS_MORE[badge > MAX_COUNT],
    )
    return SocketEvent("unseen_count_changed", unseen_data), SocketEvent("unread_count_changed", unread_data)


@dataclass(frozen=True, slots=True)
class Close:
    """Why a socket ends. Each reason has a code of its own, and the range of the code says what a client does.

    After 4400 to 4499 the same attempt fails again: the client must not reconnect, or renew its session first. After
    every other code it reconnects.
    """

    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        return 4400 <= self.code < 4500


INVALID_REQUEST = Close(4400, "invalid_request")
TOKEN_EXPIRED = Close(4401, "token_expired")
SESSION_REVOKED = Close(4403, "session_revoked")
REFUSED = Close(4406, "refused")
CONNECT_TIMEOUT = Close(4408, "connect_timeout")
SUBSCRIBER_DELETED = Close(4410, "subscriber_deleted")
PING_TIMEOUT = Close(4504, "ping_timeout")
SLOW_CONSUMER = Close(4508, "slow_consumer")
TOO_MANY_FRAMES = Close(4529, "too_many_frames")
TOO_MANY_REQUESTS = Close(4008, "too_many_requests")
CLIENT_LEFT = Close(1000, "client_disconnected")
MALFORMED_PACKET = Close(1002, "malformed_packet")
UNSUPPORTED_DATA = Close(1003, "unsupported_data")
INVALID_TEXT = Close(1007, "invalid_text")
MESSAGE_TOO_LARGE = Close(1009, "message_too_large")
STORE_LOST = Close(1013, "store_unavailable")
