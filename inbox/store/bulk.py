"""What a bulk change of chosen rows is made of, computed from a feed as it stood: rows, counts and bits afterwards."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence

from inbox.store import rows
from inbox.store.changes import Change
from inbox.store.client import Argument
from inbox.store.feeds import Snapshot
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


def delete_arguments(snapshot: Snapshot, deleted: Sequence[int]) -> list[Argument]:
    """ARGV of `feed_delete_rows.lua`: the rows and counts without them, and what is to be purged, in lots."""
    cells = bytearray(snapshot.rows)
    for row in deleted:
        cells[(row - snapshot.state.base - 1) * rows.ROW_BYTES] = 0
    lots = [deleted[start : start + MAX_PURGED_AT_ONCE] for start in range(0, len(deleted), MAX_PURGED_AT_ONCE)]
    packed = [struct.pack(f">{len(lot)}I", *lot) for lot in lots]
    return [*_after(snapshot, cells), int(len(deleted) <= MAX_NAMED), *packed]


def _after(snapshot: Snapshot, cells: bytearray) -> list[Argument]:
    counts = rows.count_flags(rows.flags_of(bytes(cells)))
    return [snapshot.state.position.counter, bytes(cells), *counts]
