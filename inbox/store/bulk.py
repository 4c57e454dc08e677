"""What a bulk change of chosen rows is made of, computed from a feed as it stood: rows, counts and bits afterwards."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence

from inbox.store import rows
from inbox.store.changes import Change
from inbox.store.client import Argument
from inbox.store.feed import Feed, Snapshot
from inbox.store.outbox import pack_change, pack_name
from inbox.store.rows import Select

MAX_NAMED = 20
MAX_PURGED_AT_ONCE = 64

Choose = Callable[[Snapshot, list[int]], Awaitable[list[int]]]
"""Narrows rows of a feed, as it stood at a moment, to those that a bulk change is for; the order stays."""


async def hits(snapshot: Snapshot, select: Select, choose: Choose | None) -> list[int]:
    """The rows that the selection takes and that are chosen, oldest first."""
    taken = rows.matches(snapshot.flags, select)
    offset = snapshot.state.base + 1
    found = [offset + index for index, hit in enumerate(taken) if hit]
    return await choose(snapshot, found) if choose and found else found


def mark_arguments(snapshot: Snapshot, change: Change, marked: Sequence[int]) -> list[Argument]:
    """ARGV of `feed_mark_rows.lua`: the rows and counts after the change, and the rows it hit as bits."""
    cells = bytearray(snapshot.rows)
    bits = bytearray((len(snapshot.flags) + 7) // 8)
    for row in marked:
        offset = row - snapshot.state.base - 1
        cells[offset * rows.ROW_BYTES] = cells[offset * rows.ROW_BYTES] & ~change.clear | change.set
        bits[offset >> 3] |= 128 >> (offset & 7)
    return [*_after(snapshot, cells), change.dates, bytes(bits)]


def told_changes(
    feed: Feed, snapshot: Snapshot, change: Change, marked: Sequence[int], origins: Mapping[int, int]
) -> bytes:
    """What the outbox is told of a bulk change: the messages whose flags it changes. `origins`: FeedStore.origins."""
    flags, base = snapshot.flags, snapshot.state.base
    told = []
    for row in marked:
        before = flags[row - base - 1]
        if (after := before & ~change.clear | change.set) != before:
            told.append(pack_change(_name(feed, snapshot, row, origins), before, after))
    return b"".join(told)


def delete_arguments(
    feed: Feed, snapshot: Snapshot, deleted: Sequence[int], origins: Mapping[int, int] | None
) -> list[Argument]:
    """ARGV of `feed_delete_rows.lua`: the rows and counts without them, what the outbox is told (nothing without
    `origins`, see FeedStore.origins), and what is to be purged, in lots.
    """
    cells = bytearray(snapshot.rows)
    for row in deleted:
        cells[(row - snapshot.state.base - 1) * rows.ROW_BYTES] = 0
    lots = [deleted[start : start + MAX_PURGED_AT_ONCE] for start in range(0, len(deleted), MAX_PURGED_AT_ONCE)]
    packed = [struct.pack(f">{len(lot)}I", *lot) for lot in lots]
    told = [] if origins is None else [_name(feed, snapshot, row, origins) for row in deleted]
    return [*_after(snapshot, cells), int(len(deleted) <= MAX_NAMED), b"".join(told), *packed]


def _name(feed: Feed, snapshot: Snapshot, row: int, origins: Mapping[int, int]) -> bytes:
    return pack_name(feed.number, origins.get(row, row), rows.check_of(snapshot.rows, snapshot.state.base, row))


def _after(snapshot: Snapshot, cells: bytearray) -> list[Argument]:
    counts = rows.count_flags(rows.flags_of(bytes(cells)))
    return [snapshot.state.position.counter, bytes(cells), *counts]
