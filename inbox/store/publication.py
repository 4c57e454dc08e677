"""Publications: what a script that changed a feed sends to the feed's channel (`lua/_publish.lua`).

The kinds are the letters of `lua/_kinds.lua`; the entries of the change log have them too. What `rows` and `body` hold
depends on the kind:

| Kind | What happened | `rows` | `body` |
|---|---|---|---|
| `NEW` | a message was appended | its row | the check of its id, its stored content |
| `MOVED` | snoozes ended, so messages moved to the top | their new rows | unused: read the messages |
| `COLLAPSED` | a message took the place of an earlier one, at the top | its new row | unused: read the message |
| `MARKED` | messages changed | their rows; 0: only counts did | unused: read the messages |
| `DELETED` | messages were deleted by name, at most 20 | the rows that their ids name | the check of each id |
| `TRIMMED` | the oldest rows were cut off, at most 64 | the new base | row and check of each message's id |
| `BULK` | a bulk mark | the counter of the change | the flags it cleared, those it set, its stamp (`lua/_dates.lua`) |
| `BULK_DELETED` | a bulk deletion | the counter of the change | row and check of each message's id |
| `PREFERENCES` | the subscriber's preferences changed | their revision | unused: read them |

Two payloads have no head, because the feed itself did not change: `GONE` (the subscriber was deleted) and `SUBSCRIBER`
(the subscriber's fields, which pushed messages show, have changed).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from inbox.models.message import StoredMessage, decode_stored
from inbox.store.rows import CHECK_BYTES, FeedCounts, Position, Stamp, parse_stamp

NEW = "n"
MOVED = "v"
COLLAPSED = "c"
MARKED = "m"
DELETED = "x"
TRIMMED = "t"
BULK = "b"
BULK_DELETED = "d"
PREFERENCES = "p"

GONE = b"gone"
SUBSCRIBER = b"subscriber"

CACHED_CONTENTS = 64
"""Of messages that were published last: a trigger for many publishes the same one to each of their feeds."""

CACHED_COUNTS = 4_096
"""Texts of counts: those of feeds with few messages are the same."""

_ID = struct.Struct(f">I{CHECK_BYTES}s")


class Publication(msgspec.Struct, frozen=True, gc=False):
    """A change of a feed. It covers the counters from `first` to `position.counter`; `counts` hold after it."""

    position: Position
    first: int
    counts: FeedCounts
    kind: str
    rows: list[int]
    body: bytes

    @property
    def new_message(self) -> tuple[int, bytes, StoredMessage]:
        """The row, the check of the id and the stored part of a `NEW` message, which is not to be changed.

        The publications of one message to many feeds share it.
        """
        return self.rows[0], self.body[:CHECK_BYTES], _decode(self.body[CHECK_BYTES:])

    @property
    def bulk_mark(self) -> tuple[int, int, Stamp] | None:
        """The flags that a `BULK` mark cleared and set, and its stamp; None from a process of an older release."""
        return parse_bulk_mark(self.body)

    @property
    def removed(self) -> list[tuple[int, bytes]] | None:
        """Row and check of the id of each message that was `DELETED`, `BULK_DELETED` or `TRIMMED`.

        None from a process of an older release that trimmed more messages than it named.
        """
        return parse_removed(self.kind, self.rows, self.body)


def parse_bulk_mark(body: bytes) -> tuple[int, int, Stamp] | None:
    """Return what the body of a `BULK` mark says; None if it is empty."""
    return (body[0], body[1], parse_stamp(body[2:])) if body else None


def parse_removed(kind: str, rows: Sequence[int], body: bytes) -> list[tuple[int, bytes]] | None:
    """Return row and check of each id in the body of a removal; None if it does not name all."""
    if kind != DELETED:
        return None if len(body) % _ID.size else list(_ID.iter_unpack(body))
    checks = [body[at : at + CHECK_BYTES] for at in range(0, len(body), CHECK_BYTES)]
    return list(zip(rows, checks, strict=True))


def pack_id(row: int, check: bytes) -> bytes:
    """Return row and check of an id, as a body names messages."""
    return _ID.pack(row, check)


def parse_publication(payload: bytes) -> Publication:
    """Parse a payload that has a head. Raise ValueError for one that is malformed."""
    head, _, body = payload.partition(b"\n")
    position, first, rest = head.split(b" ", 2)
    counts, _, change = rest.rpartition(b" ")
    rows = list(map(int, change[1:].split(b",")))
    return Publication(Position.parse(position), int(first), _parse_counts(counts), chr(change[0]), rows, body)


@lru_cache(CACHED_COUNTS)
def _parse_counts(text: bytes) -> FeedCounts:
    unseen, unread, badge, high, medium, low = map(int, text.split(b" "))
    return FeedCounts(unseen, unread, badge, high, medium, low)


_decode = lru_cache(CACHED_CONTENTS)(decode_stored)
