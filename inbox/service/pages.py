"""Cursor pages made of parts of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.store.listing import Slice

T = TypeVar("T")


def page_of_slice(rows: Sequence[T], found: Slice | None) -> CursorPage[T]:
    """The page that part of a list makes; an unknown cursor (no slice) gives an empty one."""
    if found is None or not found.rows:
        return CursorPage([], total=found.total if found else 0)
    return CursorPage(
        list(rows),
        next=found.rows[-1][0].decode() if found.has_next else None,
        previous=found.rows[0][0].decode() if found.has_previous else None,
        total=found.total,
    )


def page_of_all(rows: Sequence[T], ids: Sequence[str], query: CursorQuery) -> CursorPage[T]:
    """The page of a list that is known as a whole, in its order; `ids` are the `_id`s of its rows."""
    total = len(rows)
    start, end = 0, min(total, query.limit)
    if query.cursor is not None:
        if query.cursor not in ids:
            return CursorPage([])
        at = ids.index(query.cursor)
        if query.side in ("after", "from"):
            start = at if query.side == "from" else at + 1
            end = min(total, start + query.limit)
        else:
            end = at + 1 if query.side == "upto" else at
            start = max(0, end - query.limit)
    if start >= end:
        return CursorPage([], total=total)
    return CursorPage(
        list(rows[start:end]),
        next=ids[end - 1] if end < total else None,
        previous=ids[start] if start > 0 else None,
        total=total,
    )
