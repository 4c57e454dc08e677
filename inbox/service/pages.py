"""Cursor pages made of parts of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.store.listing import ListCursor, ListPage

T = TypeVar("T")


def cursor_of(query: CursorQuery, member: Callable[[str], bytes] = str.encode) -> ListCursor | None:
    return ListCursor(member(query.cursor), query.side) if query.cursor else None


def page_of_list(part: ListPage[T] | None, name: Callable[[bytes], str] = bytes.decode) -> CursorPage[T]:
    """Return part of a list as a page, empty for an unknown cursor; `name` makes a cursor of a member."""
    if part is None:
        return CursorPage([])
    if not part.rows:
        return CursorPage([], total=part.total)
    return CursorPage(
        part.records,
        next=name(part.rows[-1].member) if part.has_next else None,
        previous=name(part.rows[0].member) if part.has_previous else None,
        total=part.total,
    )


def page_of_all(rows: Sequence[T], ids: Sequence[str], query: CursorQuery) -> CursorPage[T]:
    """Return a page of a complete list, in its order; `ids` are the `_id`s of its rows."""
    total = len(rows)
    start, end = 0, min(total, query.limit)
    if query.cursor is not None:
        if query.cursor not in ids:
            return CursorPage([])
        index = ids.index(query.cursor)
        if query.side in ("after", "from"):
            start = index if query.side == "from" else index + 1
            end = min(total, start + query.limit)
        else:
            end = index + 1 if query.side == "upto" else index
            start = max(0, end - query.limit)
    if start >= end:
        return CursorPage([], total=total)
    return CursorPage(
        list(rows[start:end]),
        next=ids[end - 1] if end < total else None,
        previous=ids[start] if start > 0 else None,
        total=total,
    )
