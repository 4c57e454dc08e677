"""Searches that no index answers: a bounded look through a list, from the cursor on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery, Side
from inbox.store.listing import Cursor, ListPage, Row

MAX_SCANNED = 10_000
SLICE = 200

T = TypeVar("T")


async def scan(
    read: Callable[[int, Cursor | None], Awaitable[ListPage[T] | None]],
    takes: Callable[[T], bool],
    query: CursorQuery,
    cursor: Cursor | None,
    name: Callable[[bytes], str],
) -> CursorPage[T]:
    """The page of the rows that `takes` accepts; `name` makes a cursor of a list's member.

    At most 10,000 rows are looked at, in slices between which other work goes on. Had the page not filled up by then,
    its cursor is the last row looked at, so that the next page goes on from there. The total is what was found.
    """
    backwards = query.side in ("before", "upto")
    onward: Side = "before" if backwards else "after"
    hits: list[Row[T]] = []
    edge, scanned, ended = cursor, 0, False
    while len(hits) <= query.limit and scanned < MAX_SCANNED and not ended:
        part = await read(SLICE, edge)
        if part is None:
            break
        hits += [row for row in (reversed(part.rows) if backwards else part.rows) if takes(row.record)]
        scanned += len(part.rows)
        ended = not (part.has_previous if backwards else part.has_next)
        if part.rows:
            last = part.rows[0 if backwards else -1]
            edge = Cursor(last.member, onward, last.score)
    shown = hits[: query.limit]
    near = name(shown[0].member) if shown and cursor else None
    far = _far_cursor(hits, shown, edge if scanned and not ended else None, name)
    rows = [row.record for row in (reversed(shown) if backwards else shown)]
    ahead, behind = (near, far) if backwards else (far, near)
    return CursorPage(rows, ahead, behind, len(hits), capped=not ended or len(hits) > query.limit)


def _far_cursor(
    hits: list[Row[T]], shown: list[Row[T]], edge: Cursor | None, name: Callable[[bytes], str]
) -> str | None:
    if len(hits) > len(shown):
        return name(shown[-1].member)
    return name(edge.member) if edge else None
