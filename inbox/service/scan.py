"""Searches that no index answers: a bounded look through a list, from the cursor on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from inbox.models.cursor_page import CursorPage, CursorQuery, Side
from inbox.store.listing import Cursor, Slice

MAX_SCANNED = 10_000
SLICE = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Part of a list with its records; a row whose record is gone is missing from `rows`."""

    found: Slice
    rows: list[tuple[bytes, T]]


async def scan(
    read: Callable[[int, Cursor | None], Awaitable[Part[T] | None]],
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
    hits: list[tuple[bytes, T]] = []
    edge, scanned, ended = cursor, 0, False
    while len(hits) <= query.limit and scanned < MAX_SCANNED and not ended:
        part = await read(SLICE, edge)
        if part is None:
            break
        found = part.found
        hits += [row for row in (reversed(part.rows) if backwards else part.rows) if takes(row[1])]
        scanned += len(found.rows)
        ended = not found.rows or not (found.has_previous if backwards else found.has_next)
        if found.rows:
            edge = Cursor(found.rows[0 if backwards else -1][0], onward)
    shown = hits[: query.limit]
    near = name(shown[0][0]) if shown and cursor else None
    far = _far_cursor(hits, shown, edge if scanned and not ended else None, name)
    rows = [row for _, row in (reversed(shown) if backwards else shown)]
    ahead, behind = (near, far) if backwards else (far, near)
    return CursorPage(rows, ahead, behind, len(hits), capped=not ended or len(hits) > query.limit)


def _far_cursor(
    hits: list[tuple[bytes, T]], shown: list[tuple[bytes, T]], edge: Cursor | None, name: Callable[[bytes], str]
) -> str | None:
    if len(hits) > len(shown):
        return name(shown[-1][0])
    return name(edge.member) if edge else None
