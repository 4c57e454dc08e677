"""The cursor pages of v2 lists (rest-server.md §4): what is asked for and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

MAX_COUNTED = 50_000

Order = Literal["asc", "desc"]
Side = Literal["after", "from", "before", "upto"]
"""Which rows beside a cursor; `from` and `upto` include its own."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CursorQuery:
    """Up to `limit` rows beside a cursor (an `_id`), or the first ones."""

    limit: int = 10
    order: Order = "desc"
    cursor: str | None = None
    side: Side = "after"


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[T]):
    """Rows in their order; `next` and `previous` are the `_id`s to go on from.

    `capped`: there may be more than `total`, since a bounded search did not look at the whole list.
    """

    rows: list[T]
    next: str | None = None
    previous: str | None = None
    total: int = 0
    capped: bool = False

    def view(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """The page on the wire, with its rows as `items`."""
        return {
            "data": items,
            "next": self.next,
            "previous": self.previous,
            "totalCount": min(self.total, MAX_COUNTED),
            "totalCountCapped": self.capped or self.total > MAX_COUNTED,
        }
