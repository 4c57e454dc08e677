"""Publications: what a script that changed a feed sends to the feed's channel (`lua/_publish.lua`).

The kinds are the letters of `lua/_kinds.lua`; the entries of the change log have them too. What `rows` and `body` hold
depends on the kind:

| Kind | What happened | `rows` | `body` |
|---|---|---|---|
| `NEW` | a message was appended | its row | the check of its id, its stored content |
| `MOVED` | snoozes ended, so messages moved to the top | their new rows | unused: read the messages |
| `COLLAPSED` | a message took the place of an earlier one, at the top | its new row | unused: read the message |
| `MARKED` | messages changed | their rows | unused: read the messages |
| `DELETED` | messages were deleted by name, at most 20 | the rows that their ids name | the check of each id |
| `TRIMMED` | the oldest rows were cut off | the new base | row and check of each message's id, or `TOO_MANY` |
| `BULK` | a bulk change | the counter of the change | unused: read the feed again |

Two payloads have no head, because the feed itself did not change: `GONE` (the subscriber was deleted) and `SUBSCRIBER`
(the subscriber's fields, which pushed messages show, have changed).
"""

from __future__ import annotations

import struct
from functools import lru_cache

import msgspec

from inbox.models.message import StoredMessage, decode_stored
from inbox.store.rows import CHECK_BYTES, FeedCounts, Position

NEW = "n"
MOVED = "v"
COLLAPSED = "c"
MARKED = "m"
DELETED = "x"
TRIMMED = "t"
BULK = "b"

GONE = b"gone"
SUBSCRIBER = b"subscriber"

TOO_MANY = b"*"
"""The body of a trim that cut off more messages than it names (20)."""

CACHED_CONTENTS = 64
"""Of messages that were published last: a trigger for many publishes the same one to each of their feeds."""

_TRIMMED_ID = struct.Struct(f">I{CHECK_BYTES}s")


class Publication(msgspec.Struct, frozen=True):
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
    def removed(self) -> list[tuple[int, bytes]] | None:
        """Row and check of the id of each message that was `DELETED` or `TRIMMED`; None if they are not named."""
        if self.kind == TRIMMED:
            return None if self.body == TOO_MANY else list(_TRIMMED_ID.iter_unpack(self.body))
        checks = [self.body[at : at + CHECK_BYTES] for at in range(0, len(self.body), CHECK_BYTES)]
        return list(zip(self.rows, checks, strict=True))


def parse_publication(payload: bytes) -> Publication:
    """Parse a payload that has a head. Raise ValueError for one that is malformed."""
    head, _, body = payload.partition(b"\n")
    position, first, unseen, unread, badge, high, medium, low, change = head.split(b" ")
    ms, counter = position.split(b"-")
    rows = [int(row) for row in change[1:].split(b",")]
    counts = FeedCounts(int(unseen), int(unread), int(badge), int(high), int(medium), int(low))
    return Publication(Position(int(ms), int(counter)), int(first), counts, chr(change[0]), rows, body)


_decode = lru_cache(CACHED_CONTENTS)(decode_stored)
