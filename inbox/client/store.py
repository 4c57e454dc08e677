"""What a client holds of one feed: the newest notifications that match a filter, the counts, the position.

No network, no tasks. An event is applied only where it continues the position, so what is held is at each position what
a fresh listing would show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from inbox.client.events import (
    BulkChanged,
    LiveFeedEvent,
    NotificationCreated,
    NotificationsRemoved,
    NotificationUpdated,
    Reset,
    event_of,
)
from inbox.client.filters import FLAGS, matches
from inbox.client.types import Counts, Json, Notification, NotificationFields

AFTER = 0.5
"""A page that was read at a position contains the events up to it."""


@dataclass(frozen=True)
class HeldNotification:
    """A notification with the counter of the position whose state it is."""

    notification: Notification
    at: float

    @property
    def sequence(self) -> int:
        return self.notification["sequence"]


@dataclass
class Reading:
    """What happened while a page was on its way: what the page may not know yet."""

    entries: list[tuple[int, LiveFeedEvent]] = field(default_factory=list)
    is_void: bool = False


class HeldFeed:
    """The notifications that match `filter`, from the newest down to the last one that was read.

    New ones push out the oldest beyond `max_held`. Notifications are replaced, never changed in place.
    """

    def __init__(self, filter: NotificationFields, max_held: int) -> None:
        self.position: str | None = None
        self.counts: Counts = {"unseen": 0, "unread": 0, "severity": {}}
        self.is_stale = False
        """Whether notifications may match that are not held: it has to be listed again."""
        self._filter = filter
        self._max_held = max_held
        self._floor: float = math.inf  # the sequence down to which all is held; infinite: nothing was read, 0: all
        self._held: dict[str, HeldNotification] = {}
        self._readings: list[Reading] = []
        self._shown: tuple[Notification, ...] | None = None

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """What is held, newest first."""
        if self._shown is None:
            newest_first = sorted(self._held.values(), key=lambda held: held.sequence, reverse=True)
            self._shown = tuple(held.notification for held in newest_first)
        return self._shown

    @property
    def has_more(self) -> bool:
        """Whether older ones match that are not held."""
        return 0 < self._floor < math.inf

    def connected(self, result: Mapping[str, Any]) -> list[LiveFeedEvent]:
        """Take the result of `connect`. Return what it says."""
        is_first = self.position is None
        if result["recovered"]:
            events = self._take(result["changes"], counter_of(result["position"]))
        else:
            events = [Reset("connected" if is_first else "not_recovered")]
            self._drop()
        self.position = result["position"]
        self.counts = result["counts"]
        if not result["recovered"]:
            with self.reading() as reading:
                page = {**result["list"], "position": result["position"]}
                self.reached(self.merge(page, reading, math.inf))
            self.is_stale = False
        return events

    def apply(self, event: Mapping[str, Any]) -> list[LiveFeedEvent] | None:
        """Apply an event and return what it says; None if it does not continue the position: something was lost."""
        if event["from"] != self.position:
            return None
        events = self._take(event["changes"], counter_of(event["position"]))
        self.position = event["position"]
        self.counts = event.get("counts", self.counts)
        return events

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Note what happens while a page is read."""
        reading = Reading()
        self._readings.append(reading)
        try:
            yield reading
        finally:
            self._readings.remove(reading)

    def merge(self, page: Mapping[str, Any], reading: Reading, below: float) -> float:
        """Merge a page of what matches. Return the sequence down to which it reaches, 0 at the end.

        It tells all that matches below the sequence `below` down to its last notification, so what is held there and is
        not in the page is gone. What happened while it was on its way stands over it.
        """
        at = counter_of(page["position"]) + AFTER
        items: list[Notification] = page["data"]
        bottom = min(item["sequence"] for item in items) if page["hasMore"] and items else 0
        read = {item["id"]: HeldNotification(item, at) for item in items}
        for counter, event in reading.entries:
            _change(read, event, counter)
        for notification_id, held in [*self._held.items()]:
            if bottom <= held.sequence < below and notification_id not in read and held.at <= at:
                del self._held[notification_id]
        for notification_id, held in read.items():
            if self._at(notification_id) <= held.at:
                self._put(notification_id, held)
        self._shown = None
        return bottom

    def extend(self, page: Mapping[str, Any], reading: Reading, below: float) -> None:
        """Merge the page that follows what is held down to the sequence `below`."""
        if self._floor <= below:  # else new ones have pushed out what the page would follow
            self.reached(min(self.merge(page, reading, below), self._floor))

    def reached(self, bottom: float) -> None:
        """All that matches is held down to this sequence; what is older is let go."""
        self._cut(bottom)
        self._max_held = max(self._max_held, len(self._held))

    def _take(self, changes: Iterable[Mapping[str, Any]], at: int) -> list[LiveFeedEvent]:
        events = [event for event in map(event_of, changes) if event is not None]
        for event in events:
            for reading in self._readings:
                reading.entries.append((at, event))
            self._apply(event, at)
        self._shown = None
        if len(self._held) > self._max_held:
            self._cut(sorted(held.sequence for held in self._held.values())[-self._max_held])
        return events

    def _apply(self, event: LiveFeedEvent, at: int) -> None:
        if isinstance(event, Reset):
            self._drop()
            self.is_stale = True
        elif isinstance(event, NotificationCreated | NotificationUpdated):
            notification = event.notification
            if notification["sequence"] >= self._floor and self._at(notification["id"]) <= at:
                self._put(notification["id"], HeldNotification(notification, at))
        else:
            _change(self._held, event, at)
        if isinstance(event, BulkChanged):
            self._held = {id: held for id, held in self._held.items() if matches(self._filter, held.notification)}
            self.is_stale = self.is_stale or self._may_gain(event)

    def _may_gain(self, event: BulkChanged) -> bool:
        """Return whether notifications that are not held may match after a bulk change."""
        filter = cast("Json", self._filter)
        return any(flag in event.fields and filter.get(name) == event.fields[flag] for name, flag in FLAGS.items())

    def _drop(self) -> None:
        self._held.clear()
        self._floor = math.inf
        self._shown = None
        for reading in self._readings:
            reading.is_void = True

    def _at(self, notification_id: str) -> float:
        held = self._held.get(notification_id)
        return held.at if held else -1

    def _put(self, notification_id: str, held: HeldNotification) -> None:
        if matches(self._filter, held.notification):
            self._held[notification_id] = held
        else:
            self._held.pop(notification_id, None)

    def _cut(self, floor: float) -> None:
        self._floor = floor
        self._held = {id: held for id, held in self._held.items() if held.sequence >= floor}
        self._shown = None


def counter_of(position: str | None) -> int:
    """Return the counter of a position, which has no gaps; -1 without one."""
    return int(position.partition("-")[2]) if position else -1


def _change(held: dict[str, HeldNotification], event: LiveFeedEvent, at: int) -> None:
    """Apply an event to notifications by id. A state of a later position stays."""
    if isinstance(event, NotificationCreated | NotificationUpdated):
        notification = event.notification
        known = held.get(notification["id"])
        if known is None or known.at <= at:
            held[notification["id"]] = HeldNotification(notification, at)
    elif isinstance(event, NotificationsRemoved):
        for notification_id in event.ids:
            held.pop(notification_id, None)
    elif isinstance(event, BulkChanged):
        for notification_id, one in [*held.items()]:
            if one.at <= at and event.concerns(one.notification):
                held[notification_id] = HeldNotification(with_fields(one.notification, event.fields), at)


def with_fields(notification: Notification, fields: Mapping[str, Any]) -> Notification:
    """Return a notification with these fields; None removes one. The first date of seen stays."""
    first_seen = notification.get("firstSeenAt")
    after = {**notification, **fields, **({"firstSeenAt": first_seen} if first_seen else {})}
    return cast("Notification", {name: value for name, value in after.items() if value is not None})
