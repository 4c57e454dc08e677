"""What a feed tells of: one object for each change, after it was applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from inbox.client.types import Notification

ResetReason = Literal["connected", "not_recovered", "refetch", "listed", "overrun"]


@dataclass(frozen=True)
class Reset:
    """What the events said so far does not add up to `LiveFeed.notifications`: look at it anew.

    connected: it was read for the first time. not_recovered: more was missed than the service can tell. refetch: the
    service asks to read again. listed: a bulk change brought notifications that were not held. overrun: more events
    waited than the feed keeps, since nobody took them.
    """

    reason: ResetReason


@dataclass(frozen=True)
class NotificationCreated:
    """A notification is on top: a new one, one whose snooze ended, one that collapsed."""

    notification: Notification


@dataclass(frozen=True)
class NotificationUpdated:
    """A notification changed where it stands: a flag, a date, a button, an edit."""

    notification: Notification


@dataclass(frozen=True)
class NotificationsRemoved:
    """Notifications are gone: deleted, expired, trimmed, retracted."""

    ids: Sequence[str]


@dataclass(frozen=True)
class BulkChanged:
    """Many notifications changed in the same way.

    `fields` are their new flags and dates, None for a date that is removed; `firstSeenAt` is only for those that have
    none. It concerns those whose `sequence` is in one of the closed ranges.
    """

    fields: Mapping[str, Any]
    ranges: Sequence[tuple[int, int]]

    def concerns(self, notification: Notification) -> bool:
        """Return whether the notification is one of them."""
        return any(first <= notification["sequence"] <= last for first, last in self.ranges)


LiveFeedEvent: TypeAlias = Reset | NotificationCreated | NotificationUpdated | NotificationsRemoved | BulkChanged


def event_of(change: Mapping[str, Any]) -> LiveFeedEvent | None:
    """Return the event of a change on the wire; None for one that this client does not know."""
    if "created" in change:
        return NotificationCreated(change["created"])
    if "updated" in change:
        return NotificationUpdated(change["updated"])
    if "removed" in change:
        return NotificationsRemoved(change["removed"])
    if "bulk" in change:
        bulk = change["bulk"]
        ranges = bulk.get("sequences") or [(0, bulk["upTo"])]
        return BulkChanged(bulk["set"], [(first, last) for first, last in ranges])
    return Reset("refetch") if "refetch" in change else None
