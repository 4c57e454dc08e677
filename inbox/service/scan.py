"""Searches that no index answers: a bounded scan of a list from the cursor on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery, Side
from inbox.store.listing import ListCursor, ListPage, ListRow

MAX_SCANNED = 10_000
SLICE = 200

T = TypeVar("T")


async def scan(
    read: Callable[[int, ListCursor | None], Awaitable[ListPage[T] | None]],
    takes: Callable[[T], bool],
    query: CursorQuery,
    cursor: ListCursor | None,
    name: Callable[[bytes], str],
) -> CursorPage[T]:
    """Return the page of the rows that `takes` accepts; `name` makes a cursor of a list's member.

    Read at most 10,000 rows, in slices. If they do not fill the page, its cursor is the last row that was read, so that
    the next page continues there. `total` counts the matches among the rows that were read.
    """
    backwards = query.side in ("before", "upto")
    onward: Side = "before" if backwards else "after"
    hits: list[ListRow[T]] = []
    edge, scanned, is_complete = cursor, 0, False
    while len(hits) <= query.limit and scanned < MAX_SCANNED and not is_complete:
        part = await read(SLICE, edge)
        if part is None:
            break
        hits += [row for row in (reversed(part.rows) if backwards else part.rows) if takes(row.record)]
        scanned += len(part.rows)
        is_complete = not (part.has_previous if backwards else part.has_next)
        if part.rows:
            last = part.rows[0 if backwards else -1]
            edge = ListCursor(last.member, onward, last.score)
    shown = hits[: query.limit]
    near = name(shown[0].member) if shown and cursor else None
    far = None
    if len(hits) > len(shown):
        far = name(shown[-1].member)
    elif edge and scanned and not is_complete:
        far = name(edge.member)
    rows = [row.record for row in (reversed(shown) if backwards else shown)]
    ahead, behind = (near, far) if backwards else (far, near)
    return CursorPage(rows, ahead, behind, len(hits), capped=not is_complete or len(hits) > query.limit)
