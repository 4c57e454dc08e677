"""The cursor pages of v2 lists: the query of a page, and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from inbox.models import wire

MAX_COUNTED = 50_000

Order = Literal["asc", "desc"]
Side = Literal["after", "from", "before", "upto"]
"""Which side of a cursor the rows are on; `from` and `upto` include its own row."""

T = TypeVar("T")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class CursorQuery:
    """Up to `limit` rows on one side of a cursor (an `_id`), or the first rows."""

    limit: int = 10
    order: Order = "desc"
    cursor: str | None = None
    side: Side = "after"


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[T]):
    """A page of rows; `next` and `previous` are the cursors of its neighbours.

    A `capped` total is a lower bound, since a bounded search did not read the whole list.
    """

    rows: list[T]
    next: str | None = None
    previous: str | None = None
    total: int = 0
    capped: bool = False

    def view(self, items: list[ItemT]) -> wire.CursorPageReply[ItemT]:
        return {
            "data": items,
            "next": self.next,
            "previous": self.previous,
            "totalCount": min(self.total, MAX_COUNTED),
            "totalCountCapped": self.capped or self.total > MAX_COUNTED,
        }
