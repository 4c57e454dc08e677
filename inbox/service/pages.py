"""Cursor pages made of parts of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.store.listing import Cursor, ListPage

T = TypeVar("T")


def cursor_of(query: CursorQuery, member: Callable[[str], bytes] = str.encode) -> Cursor | None:
    """Return the cursor of a list that the query names, if it names one."""
    return Cursor(member(query.cursor), query.side) if query.cursor else None


def page_of_list(found: ListPage[T] | None, name: Callable[[bytes], str] = bytes.decode) -> CursorPage[T]:
    """Return the page that part of a list makes, empty for an unknown cursor; `name` makes a cursor of a member."""
    if found is None:
        return CursorPage([])
    if not found.rows:
        return CursorPage([], total=found.total)
    return CursorPage(
        found.records,
        next=name(found.rows[-1].member) if found.has_next else None,
        previous=name(found.rows[0].member) if found.has_previous else None,
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
