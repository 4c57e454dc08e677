"""Environment-wide lists in their order: sorted sets that live in one slot, beside the records they name.

A list cannot change in one step with records of other slots. So an entry is written before its record (an intent):
every existing record is listed, and readers pass over entries without a record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from inbox.clock import now_seconds
from inbox.models.cursor_page import Order, Side
from inbox.store.client import Client, Command, pairs
from inbox.store.scripts import load

INTENT_SECONDS = 60
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListSlice:
    """Part of a list of `total` rows. A row is a member and its score."""

    total: int
    rows: list[tuple[bytes, int]]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True)
class ListRow(Generic[T]):
    """An entry of a list and its record."""

    member: bytes
    score: int
    record: T


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """Records in their order, and whether the list has more of them on either side. `total` also counts intents."""

    total: int
    rows: list[ListRow[T]]
    has_previous: bool
    has_next: bool

    @property
    def records(self) -> list[T]:
        return [row.record for row in self.rows]

    @property
    def end(self) -> ListCursor:
        """Return the cursor of the next page. The page must have a row."""
        return ListCursor(self.rows[-1].member, score=self.rows[-1].score)


@dataclass(frozen=True, slots=True)
class ListCursor:
    """A row of the list and the requested side of it. With its score it also serves once the row is removed."""

    member: bytes
    side: Side = "after"
    score: int | None = None

    @property
    def is_backward(self) -> bool:
        return self.side in ("before", "upto")


Load = Callable[[list[bytes]], Awaitable[Sequence[T | None]]]
"""Reads the records of members, in their order; None for a member without a record."""


_NOTHING = ListSlice(0, [], False, False)


def _slice(raw: list[Any]) -> ListSlice | None:
    if len(raw) == 1:
        return None
    total, before, flat = raw
    rows = [(member, int(score)) for member, score in pairs(flat).items()]
    return ListSlice(total, rows, before > 0, before + len(rows) < total)


LISTING_PAGE = load("listing_page", _slice)
LISTING_RETIRE = load("listing_retire", bool)


class Listing:
    """One list. The cost of a page depends neither on the length of the list nor on the depth of the page."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key

    def adding(self, member: bytes, score: int, *, only_later: bool = False) -> Command:
        """Return the command that enters a row, or moves it; with `only_later` it never moves to an earlier score."""
        return ("ZADD", self._key, *(("GT",) if only_later else ()), score, member)

    def removing(self, members: Sequence[bytes]) -> Command:
        """Return the command that removes rows without a trace."""
        return ("ZREM", self._key, *members)

    async def page(
        self, order: Order, limit: int, load: Load[T], cursor: ListCursor | None = None, skip: int = 0
    ) -> ListPage[T] | None:
        """Return up to `limit` records beside the cursor, or after `skip` rows; None if there is no such cursor.

        Entries without a record are passed over, so a page is shorter than `limit` only at the end of the list. One
        record more is read to know whether any follows the page.
        """
        part = first = await self._read(order, limit + 1, cursor, skip)
        if part is None or first is None:
            return None
        is_backward = cursor is not None and cursor.is_backward
        rows = await _loaded(load, part.rows)
        while len(rows) <= limit and part.rows and (part.has_previous if is_backward else part.has_next):
            member, score = part.rows[0 if is_backward else -1]
            edge = ListCursor(member, "before" if is_backward else "after", score)
            part = await self._read(order, limit + 1 - len(rows), edge) or _NOTHING
            more = await _loaded(load, part.rows)
            rows = more + rows if is_backward else rows + more
        if is_backward:
            return ListPage(first.total, rows[-limit:], len(rows) > limit, first.has_next)
        return ListPage(first.total, rows[:limit], first.has_previous, len(rows) > limit)

    async def _read(
        self, order: Order, limit: int, cursor: ListCursor | None = None, skip: int = 0
    ) -> ListSlice | None:
        """Return up to `limit` rows beside the cursor, or after `skip` rows; None if there is no such cursor."""
        member, side, score = (cursor.member, cursor.side, cursor.score) if cursor else (b"", "after", None)
        args = [order, limit, member, side, skip, "" if score is None else score]
        return await self._client.run(LISTING_PAGE, [self._key], args)


def is_old_intent(oid: str) -> bool:
    """Return whether an entry without a record is too old for its record to be about to be written."""
    return now_seconds() - int(oid[:8], 16) > INTENT_SECONDS


async def retire(client: Client, lists: Sequence[str], members: Sequence[bytes | str]) -> None:
    """Remove members from lists of one slot. Each still serves as a cursor for ten minutes."""
    await client.run(LISTING_RETIRE, lists, members)


async def _loaded(load: Load[T], rows: list[tuple[bytes, int]]) -> list[ListRow[T]]:
    records = await load([member for member, _ in rows]) if rows else []
    pairs = zip(rows, records, strict=True)
    return [ListRow(member, score, record) for (member, score), record in pairs if record is not None]
