"""The stream entries of messages, by row, and the edits that replace their contents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from inbox.store import rows
from inbox.store.client import Command, PendingReplies
from inbox.store.keys import FeedKeys

MAX_READ_BETWEEN = 16
"""Rows between two requested ones that are read with them, since another command costs as much as these."""


@dataclass(slots=True, eq=False)
class PendingEntries:
    """Entries by row: those that are known, and those that are being read. Whoever begins it awaits or drops it."""

    _known: dict[int, list[bytes]]
    _begun: PendingReplies | None

    async def of_rows(self, numbers: Collection[int]) -> dict[int, list[bytes]]:
        """Return by row the fields of those entries that are of these rows."""
        entries = by_row(numbers, await self._begun) if self._begun else {}
        return entries | {row: self._known[row] for row in numbers if row in self._known}

    def drop(self) -> None:
        if self._begun:
            self._begun.drop()


def entry_spans(keys: FeedKeys, numbers: Sequence[int]) -> list[Command]:
    """Return the commands that read these rows' entries and few others: one for rows that are close together."""
    ordered = sorted(numbers)
    gaps = [index for index, (row, after) in enumerate(pairwise(ordered), 1) if after - row > MAX_READ_BETWEEN]
    spans = pairwise([0, *gaps, len(ordered)])
    return [("XRANGE", keys.stream, f"{ordered[start]}-0", f"{ordered[end - 1]}-0") for start, end in spans]


def by_row(numbers: Collection[int], spans: Sequence[Any]) -> dict[int, list[bytes]]:
    """Return by row the fields of these rows' entries in the replies to `entry_spans`."""
    requested = frozenset(numbers)
    entries = [(int(entry_id[:-2]), fields) for span in spans for entry_id, fields in span]
    return {row: fields for row, fields in entries if row in requested}


def edit_fields(edited: Sequence[int]) -> list[str]:
    """Return the fields of the side hash with the contents of edited rows."""
    return [f"e{row}" for row in edited]


def apply_edits(stored: dict[int, list[bytes]], edits: Mapping[int, bytes | None]) -> dict[int, int]:
    """Put the contents of edits into the entries of their rows, in place; return their times (ms since 1970).

    A row whose edit is missing has gone meanwhile, and is left out.
    """
    times: dict[int, int] = {}
    for row, raw in edits.items():
        fields = stored.pop(row, None)
        if fields and raw:
            times[row], content = rows.parse_edit(raw)
            stored[row] = [*fields[:2], b"d", content, *fields[4:]]
    return times
