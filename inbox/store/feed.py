"""What the store returns of a feed: its reference, a snapshot, a page, a change of its log."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inbox.ids import MessageId, SubscriberId
from inbox.models.message import Message
from inbox.store import rows
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import FeedKeys
from inbox.store.rows import FeedState, Position, RowId, Stamp

_POSITION = re.compile(r"([0-9]{1,14})\.([0-9a-f]{1,8})-([0-9]{1,13})", re.ASCII)

Matcher = Callable[[Sequence[bytes]], Sequence[int]]
"""Returns a number for each of several contents: 0 if it does not match."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its bucket, number, owner and keys. `contexts` is "" or its context keys, sorted and joined by commas."""

    environment: int
    bucket: int
    number: int
    subscriber_id: SubscriberId
    subscriber_oid: str
    contexts: str
    keys: FeedKeys

    @property
    def bucket_key(self) -> BucketKey:
        """Return its bucket."""
        return BucketKey(self.environment, self.bucket)

    def message_id(self, row: int, check: bytes) -> MessageId:
        """Return the wire id of a row of this feed."""
        return rows.message_id(self.bucket, self.number, row, check)

    def row_of(self, message_id: str) -> RowId | None:
        """Return the row that an id names, or None if it is an id of another feed."""
        row_id = rows.parse_message_id(message_id)
        return row_id if (row_id.bucket, row_id.feed_number) == (self.bucket, self.number) else None

    def position_text(self, position: Position) -> str:
        """Return a position as clients hold it: `<ms>.<number of the feed>-<counter>`.

        The number tells apart feeds that changed in the same millisecond, as those of one trigger do.
        """
        return f"{position.ms}.{self.number:x}-{position.counter}"

    def parse_position(self, text: str) -> Position | None:
        """Return the position that a client holds, or None for one of another feed and any other text."""
        match = _POSITION.fullmatch(text)
        if match is None or match[2] != f"{self.number:x}":
            return None
        return Position(int(match[1]), int(match[3]))


class Snapshot(NamedTuple):
    """A feed's state, rows and stamps of one moment. The rows are all, or only the newest."""

    state: FeedState
    rows: bytes
    stamps: list[Stamp]

    @property
    def flags(self) -> bytes:
        return rows.flags_of(self.rows)

    @property
    def base(self) -> int:
        """The row before the first one that it has."""
        return self.state.last - len(self.rows) // rows.ROW_BYTES

    @property
    def is_whole(self) -> bool:
        """Return whether it has all rows."""
        return self.base <= self.state.base

    def has(self, numbers: Collection[int]) -> bool:
        """Return whether it has these rows, if the feed does."""
        return self.is_whole or min(numbers, default=self.state.last) > self.base

    def live(self, numbers: Iterable[int]) -> list[int]:
        """Return those of these rows that hold a message."""
        flags, base = self.flags, self.base
        return [row for row in numbers if 0 <= row - base - 1 < len(flags) and flags[row - base - 1] & rows.LIVE]

    def is_live(self, row: int, check: bytes) -> bool:
        """Return whether the row holds a message with these check bytes."""
        start = (row - self.base - 1) * rows.ROW_BYTES
        cell = self.rows[start : start + rows.ROW_BYTES] if start >= 0 else b""
        return cell[1:] == check and bool(cell[0] & rows.LIVE)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages, newest first, and whether older ones exist that match."""

    messages: list[Message]
    has_more: bool
    state: FeedState


class Scan:
    """A test of the contents of one feed for one call; each row is tested once."""

    def __init__(self, match: Matcher) -> None:
        self._match = match
        self.matches: dict[int, int] = {}

    def match(self, contents: Mapping[int, bytes]) -> None:
        """Test the contents of rows and remember the results."""
        self.matches.update(zip(contents, self._match([*contents.values()]), strict=True))


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change of a feed. `kind` is a kind of `store/publication.py`; `ref` and `body` are what it has there.

    The log keeps the body of removals and bulk marks. It is None if there is none, as of a change by an older release.
    """

    kind: str
    ref: int
    body: bytes | None = None
