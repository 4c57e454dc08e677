"""What travels on a socket: event names and payloads, and why a socket ends.

Counts are capped here as the compatible clients expect (websocket.md §2.4); `unread` is unread and not snoozed, as on
every badge of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from inbox.store.rows import Counts

NOTIFICATION_RECEIVED = "notification_received"
NOTIFICATION_UPDATED = "notification_updated"
UNSEEN_COUNT_CHANGED = "unseen_count_changed"
UNREAD_COUNT_CHANGED = "unread_count_changed"

COUNT_CAP = 100
SEVERITY_CAP = 99


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its payload as JSON, encoded once for every flavour."""

    name: str
    data: bytes


def _event(name: str, payload: dict[str, Any]) -> Event:
    return Event(name, orjson.dumps(payload))


def notification_received(message: dict[str, Any]) -> Event:
    """A new message: `{message}`, the entity."""
    return _event(NOTIFICATION_RECEIVED, {"message": message})


def notification_updated(message: dict[str, Any]) -> Event:
    """A message changed: `{message}`, the whole entity after the change."""
    return _event(NOTIFICATION_UPDATED, {"message": message})


def notifications_removed(ids: Sequence[str]) -> Event:
    """Messages went: `{removed: [id]}`."""
    return _event(NOTIFICATION_UPDATED, {"removed": list(ids)})


def notifications_refetch() -> Event:
    """More changed than is worth naming: `{refetch: true}`; read the feed again."""
    return _event(NOTIFICATION_UPDATED, {"refetch": True})


def count_events(counts: Counts) -> tuple[Event, Event]:
    """Both counts: unseen, then unread."""
    return _unseen_count(counts), _unread_count(counts)


def _unseen_count(counts: Counts) -> Event:
    payload = {"unseenCount": min(counts.unseen, COUNT_CAP), "hasMore": counts.unseen > COUNT_CAP}
    return _event(UNSEEN_COUNT_CHANGED, payload)


def _unread_count(counts: Counts) -> Event:
    severity = {name: min(getattr(counts, name), SEVERITY_CAP) for name in ("high", "medium", "low", "none")}
    payload = {
        "unreadCount": min(counts.badge, COUNT_CAP),
        "counts": {"total": min(counts.badge, COUNT_CAP + 1), "severity": severity},
        "hasMore": counts.badge > COUNT_CAP,
    }
    return _event(UNREAD_COUNT_CHANGED, payload)


@dataclass(frozen=True, slots=True)
class Close:
    """Why a socket ends. Codes of 4400 to 4499 are final: the same attempt will fail again; others may reconnect."""

    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the same attempt will fail again."""
        return 4400 <= self.code < 4500


SUBSCRIBER_GONE = Close(4401, "subscriber_deleted")
TOKEN_EXPIRED = Close(4401, "token_expired")
SESSION_REVOKED = Close(4401, "session_revoked")
SLOW_CONSUMER = Close(4508, "slow_consumer")
PING_TIMEOUT = Close(4504, "ping_timeout")
CLIENT_LEFT = Close(1000, "client_disconnected")
MALFORMED_PACKET = Close(1002, "malformed_packet")
CONNECT_TIMEOUT = Close(1008, "connect_timeout")
REFUSED = Close(1008, "refused")
TOO_MANY_FRAMES = Close(1008, "too_many_frames")
STORE_LOST = Close(1013, "store_unavailable")
