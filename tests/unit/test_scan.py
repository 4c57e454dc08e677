"""A bounded search: whole pages while it can, short ones with a cursor to go on from when it must stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inbox.models.cursor_page import CursorPage, CursorQuery, Side
from inbox.service import scan as scan_module
from inbox.service.scan import scan
from inbox.store.listing import ListCursor, ListPage, ListRow

ROWS = list(range(1_000))


def member(row: int) -> bytes:
    return b"%04d" % row


async def read(limit: int, cursor: ListCursor | None) -> ListPage[int]:
    """A list of the numbers up to 1,000, in order."""
    first, last = 0, limit
    if cursor:
        at = int(cursor.member)
        first = {"after": at + 1, "from": at}.get(cursor.side, -1)
        last = first + limit
        if first < 0:
            last = at + 1 if cursor.side == "upto" else at
            first = max(0, last - limit)
    rows = ROWS[first:last]
    return ListPage(len(ROWS), [ListRow(member(row), row, row) for row in rows], first > 0, last < len(ROWS))


async def find(
    takes: Callable[[int], bool], limit: int = 3, cursor: str | None = None, side: Side = "after"
) -> CursorPage[int]:
    at = ListCursor(cursor.encode(), side) if cursor else None
    return await scan(read, takes, CursorQuery(limit, cursor=cursor, side=side), at, bytes.decode)


def every_hundredth(row: int) -> bool:
    return row % 100 == 0


async def test_pages_forwards_and_back() -> None:
    page = await find(every_hundredth)
    assert (page.rows, page.next, page.previous, page.capped) == ([0, 100, 200], "0200", None, True)
    page = await find(every_hundredth, cursor="0200")
    assert (page.rows, page.next, page.previous) == ([300, 400, 500], "0500", "0300")
    page = await find(every_hundredth, limit=10, cursor="0500")
    assert (page.rows, page.next, page.previous, page.capped) == ([600, 700, 800, 900], None, "0600", False)
    page = await find(every_hundredth, cursor="0500", side="before")
    assert (page.rows, page.next, page.previous) == ([200, 300, 400], "0400", "0200")
    page = await find(every_hundredth, cursor="0100", side="upto")
    assert (page.rows, page.next, page.previous) == ([0, 100], "0100", None)


async def test_nothing_found_is_an_end() -> None:
    page = await find(lambda row: row > 5_000)
    assert (page.rows, page.next, page.previous, page.total, page.capped) == ([], None, None, 0, False)


async def test_a_search_that_has_to_stop_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_module, "SLICE", 50)
    monkeypatch.setattr(scan_module, "MAX_SCANNED", 200)
    found, cursor, pages = list[int](), None, 0
    while pages == 0 or cursor:
        page = await find(lambda row: row in (10, 950), cursor=cursor)
        found, cursor, pages = found + page.rows, page.next, pages + 1
    assert (found, pages) == ([10, 950], 5)
