"""The messages that were built last, and what each was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.lru_cache import LruCache
from inbox.models.message import Message, decode_stored
from inbox.store import rows
from inbox.store.feed import Feed, Snapshot
from inbox.store.rows import Position, RowId, Stamp

MAX_BUILT_BYTES = 16 * 1024 * 1024
BUILT_TIMES, BUILT_OVERHEAD_BYTES = 6, 3_000
"""What a built message takes: a multiple of its JSON for itself and its forms on the wire, and the objects."""
STAMP_OVERHEAD_BYTES = 300
"""What each stamp takes that a built message was made of, beside the stamp's rows."""


@dataclass(slots=True, eq=False)
class _Built:
    """A message, and what it was made of: its row's bytes, entry, side record, the feed's stamps, the edit's time.

    `as_of` is the feed's newest position at which it was read so; None if it was never read together with a position.
    """

    made_of: tuple[bytes, list[bytes], bytes | None, list[Stamp], int]
    message: Message
    as_of: Position | None = None

    def size(self) -> int:
        """Return the approximate size in bytes."""
        stamps = sum(STAMP_OVERHEAD_BYTES + len(stamp.rows) for stamp in self.made_of[3])
        return BUILT_OVERHEAD_BYTES + BUILT_TIMES * len(self.made_of[1][3]) + stamps


class BuiltMessages:
    """Builds messages, and keeps the last. One is used again if what it is made of is the same.

    It is not even read again while the feed is still at the position at which it was read: each change takes one.
    """

    def __init__(self) -> None:
        self._built: LruCache[tuple[str, int, int], _Built] = LruCache(MAX_BUILT_BYTES, _Built.size)
        """By subscriber, feed and row."""

    def at(self, feed: Feed, position: Position, numbers: Sequence[int]) -> dict[int, Message]:
        """Return by row the messages that were read when the feed was at this position."""
        get, oid, number = self._built.get, feed.subscriber_oid, feed.number
        built = {row: get((oid, number, row)) for row in numbers}
        return {row: one.message for row, one in built.items() if one and one.as_of == position}

    def entries(self, feed: Feed, messages: Sequence[RowId]) -> dict[int, list[bytes]]:
        """Return by row the entries of those of these messages that are kept and not edited."""
        known: dict[int, list[bytes]] = {}
        for message in messages:
            built = self._built.get((feed.subscriber_oid, feed.number, message.row))
            if built and built.made_of[0][1:] == message.check and not built.message.edited_ms:
                known[message.row] = built.made_of[1]
        return known

    def build(
        self,
        feed: Feed,
        row: int,
        cell: bytes,
        fields: list[bytes],
        raw_side: bytes | None,
        stamps: list[Stamp],
        edited_ms: int,
        as_of: Position | None = None,
    ) -> Message:
        """Return the message of a row's bytes, entry (with the content of its edit), side record and stamps."""
        key = (feed.subscriber_oid, feed.number, row)
        built = self._built.get(key)
        made_of = (cell, fields, raw_side, stamps, edited_ms)
        if built and built.made_of == made_of:
            built.as_of = as_of or built.as_of
            return built.message
        side = rows.resolve_side(row, raw_side, stamps)
        first, last, read, archived, until = side.dates
        flags = cell[0]
        message = Message(
            id=feed.message_id(side.moved_from or row, cell[1:]),
            subscriber_oid=feed.subscriber_oid,
            stored=built.message.stored if built and built.made_of[1] == fields else decode_stored(fields[3]),
            created_ms=int(fields[1]),
            seen=not flags & rows.UNSEEN,
            read=not flags & rows.UNREAD,
            archived=bool(flags & rows.ARCHIVED),
            first_seen_ms=first,
            last_seen_ms=last,
            last_read_ms=read,
            archived_ms=archived,
            snoozed_until_ms=until,
            action=rows.parse_press(side.action),
            delivered_before_ms=tuple(map(int, fields[5].split(b","))) if len(fields) > 5 else (),
            sequence=row,
            edited_ms=edited_ms,
        )
        self._built.put(key, _Built(made_of, message, as_of))
        return message

    def build_live(
        self, feed: Feed, snapshot: Snapshot, row: int, fields: list[bytes], raw_side: bytes | None, edited_ms: int
    ) -> Message:
        """Return the message of a live row of a snapshot, of its entry and side record."""
        start = (row - snapshot.base - 1) * rows.ROW_BYTES
        cell = snapshot.rows[start : start + rows.ROW_BYTES]
        return self.build(feed, row, cell, fields, raw_side, snapshot.stamps, edited_ms, snapshot.state.position)
