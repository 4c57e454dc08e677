"""A feed as it is named and as it was read: where it is, what stood together, a page of it, a change of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inbox.ids import MessageId, SubscriberId
from inbox.models.message import Message
from inbox.store import rows
from inbox.store.alarms import Place
from inbox.store.keys import FeedKeys
from inbox.store.rows import RowId, Stamp, State

Judge = Callable[[Sequence[bytes]], Sequence[int]]
"""Tells of contents which pass: one number each, 0 or not."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a feed is and whose. `contexts` is "" or its context keys, sorted and joined by commas."""

    environment: int
    bucket: int
    number: int
    subscriber_id: SubscriberId
    subscriber_oid: str
    contexts: str
    keys: FeedKeys

    @property
    def place(self) -> Place:
        """The bucket it lies in."""
        return Place(self.environment, self.bucket)

    def message_id(self, row: int, check: bytes) -> MessageId:
        """The wire id of a row of this feed."""
        return rows.message_id(self.bucket, self.number, row, check)

    def row_of(self, message_id: str) -> RowId | None:
        """The row that an id names, or None when the id belongs to another feed."""
        found = rows.parse_message_id(message_id)
        return found if (found.bucket, found.feed_number) == (self.bucket, self.number) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A feed's state and rows as they stood together."""

    state: State
    rows: bytes
    stamps: list[Stamp]

    @property
    def flags(self) -> bytes:
        return rows.flags_of(self.rows)

    def is_live(self, row: int, check: bytes) -> bool:
        """Whether the row holds a message with these check bytes."""
        start = (row - self.state.base - 1) * rows.ROW_BYTES
        cell = self.rows[start : start + rows.ROW_BYTES] if start >= 0 else b""
        return cell[1:] == check and bool(cell[0] & rows.LIVE)


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and whether older ones that were asked for exist."""

    messages: list[Message]
    has_more: bool
    state: State


class Scan:
    """A test of what messages hold, for one feed and one call; a row is judged once."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.judged: dict[int, int] = {}

    def judge(self, contents: Mapping[int, bytes]) -> None:
        """Notes which of these rows pass."""
        self.judged.update(zip(contents, self._judge([*contents.values()]), strict=True))


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change of a feed: `kind` is new, marked, deleted (`ref` is the row), bulk (`ref` is its counter) or trimmed
    (`ref` is the new base).

    A message whose snooze ended is new again, in another row; a deleted one is named by the row of its id.
    """

    kind: str
    ref: int
