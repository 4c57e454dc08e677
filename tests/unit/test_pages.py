"""Cursor pages: the same from part of a list as from all of it, and every row once."""

from __future__ import annotations

import pytest

from inbox.models.cursor_page import CursorPage, CursorQuery, Side
from inbox.service.pages import page_of_all, page_of_list
from inbox.store.listing import ListPage, ListRow

IDS = [f"{number:024x}" for number in range(7)]


def sliced(query: CursorQuery) -> CursorPage[str]:
    """What a listing would give of IDS."""
    start, stop = 0, query.limit
    if query.cursor is not None:
        at = IDS.index(query.cursor)
        start = at + (query.side == "after")
        stop = start + query.limit
        if query.side in ("before", "upto"):
            stop = at + (query.side == "upto")
            start = max(0, stop - query.limit)
    rows = IDS[start:stop]
    listed = [ListRow(one.encode(), 0, one) for one in rows]
    return page_of_list(ListPage(len(IDS), listed, start > 0, start + len(rows) < len(IDS)))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("side", ["after", "from", "before", "upto"])
@pytest.mark.parametrize("cursor", [None, IDS[0], IDS[3], IDS[6]])
def test_both_ways_give_the_same_page(limit: int, side: Side, cursor: str | None) -> None:
    query = CursorQuery(limit, cursor=cursor, side=side)
    assert page_of_all(IDS, IDS, query) == sliced(query)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
def test_walking_forth_and_back_meets_every_row_once(limit: int) -> None:
    query, forth = CursorQuery(limit), list[str]()
    while True:
        page = page_of_all(IDS, IDS, query)
        forth += page.rows
        assert page.total == 7
        if page.next is None:
            break
        query = CursorQuery(limit, cursor=page.next)
    assert forth == IDS
    back = list(page.rows)
    while page.previous is not None:
        page = page_of_all(IDS, IDS, CursorQuery(limit, cursor=page.previous, side="before"))
        back = page.rows + back
    assert back == IDS


def test_an_unknown_cursor_gives_an_empty_page() -> None:
    assert page_of_all(IDS, IDS, CursorQuery(3, cursor="x")) == CursorPage([]) == page_of_list(None)


def test_totals_stop_at_fifty_thousand() -> None:
    view = CursorPage(["a"], total=50_001).view([{"_id": "a"}])
    assert (view["totalCount"], view["totalCountCapped"]) == (50_000, True)
    assert CursorPage(["a"], total=50_000).view([])["totalCountCapped"] is False
