"""Environment-wide lists in their order: sorted sets that live in one slot, beside the records they name.

A list cannot change in one step with records of other slots. So an entry is written before its record (an intent): what
exists is always listed, and whoever reads an entry without a record passes it over and reads on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from inbox.store import scripts
from inbox.store.client import Client, Command

Order = Literal["asc", "desc"]
Side = Literal["after", "from", "before", "upto"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a list: `before` rows precede it, `total` are in the list. A row is a member and its score."""

    total: int
    before: int
    rows: list[tuple[bytes, int]]

    @property
    def has_next(self) -> bool:
        return self.before + len(self.rows) < self.total

    @property
    def has_previous(self) -> bool:
        return self.before > 0


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """An entry of a list and its record."""

    member: bytes
    score: int
    record: T


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """Records in their order, and whether the list has more of them on either side. `total` also counts intents."""

    total: int
    rows: list[Row[T]]
    has_previous: bool
    has_next: bool

    @property
    def records(self) -> list[T]:
        return [row.record for row in self.rows]

    @property
    def end(self) -> Cursor:
        """Where the next page begins; there must be a row."""
        return Cursor(self.rows[-1].member, score=self.rows[-1].score)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row of the list and which side of it is wanted. With its score it also serves once it is no longer listed."""

    member: bytes
    side: Side = "after"
    score: int | None = None

    @property
    def is_backward(self) -> bool:
        return self.side in ("before", "upto")


Load = Callable[[list[bytes]], Awaitable[Sequence[T | None]]]
"""Reads the records of some members, in their order; None where there is none (yet, or any more)."""


_NOTHING = Slice(0, 0, [])


class Listing:
    """One list. Its cost does not depend on its length nor on how deep a page is."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key

    def adding(self, member: bytes, score: int, *, only_later: bool = False) -> Command:
        """The command that enters a row, or moves it; `only_later` never moves it to an earlier place."""
        return ("ZADD", self._key, *(("GT",) if only_later else ()), score, member)

    def removing(self, members: Sequence[bytes]) -> Command:
        """The command that takes rows out, without a trace."""
        return ("ZREM", self._key, *members)

    async def page(
        self, order: Order, limit: int, load: Load[T], cursor: Cursor | None = None, skip: int = 0
    ) -> ListPage[T] | None:
        """Return up to `limit` records beside the cursor, or after `skip` rows; None when there is no such cursor.

        Entries without a record are passed over, so a page is shorter than `limit` only at the end of the list. One
        record more is read to know whether any follows the page.
        """
        found = await self._read(order, limit + 1, cursor, skip)
        if found is None:
            return None
        is_backward = cursor is not None and cursor.is_backward
        first, rows = found, await _loaded(load, found.rows)
        while len(rows) <= limit and found.rows and (found.has_previous if is_backward else found.has_next):
            member, score = found.rows[0 if is_backward else -1]
            edge = Cursor(member, "before" if is_backward else "after", score)
            found = await self._read(order, limit + 1 - len(rows), edge) or _NOTHING
            more = await _loaded(load, found.rows)
            rows = more + rows if is_backward else rows + more
        if is_backward:
            return ListPage(first.total, rows[-limit:], len(rows) > limit, first.has_next)
        return ListPage(first.total, rows[:limit], first.has_previous, len(rows) > limit)

    async def _read(
        self, order: Order, limit: int, cursor: Cursor | None = None, skip: int = 0
    ) -> Slice | None:
        """Up to `limit` rows beside the cursor, or after `skip` rows; None when there is no such cursor."""
        member, side, score = (cursor.member, cursor.side, cursor.score) if cursor else (b"", "after", None)
        total, *found = await self._client.run(
            scripts.LISTING_PAGE, [self._key], [order, limit, member, side, skip, "" if score is None else score]
        )
        if not found:
            return None
        first, flat = found
        return Slice(total, first, [(row, int(score)) for row, score in zip(flat[::2], flat[1::2], strict=True)])


async def retire(client: Client, lists: Sequence[str], members: Sequence[bytes | str]) -> None:
    """Take members out of lists of one slot. Each still serves as a cursor for ten minutes."""
    await client.run(scripts.LISTING_RETIRE, lists, members)


async def _loaded(load: Load[T], rows: list[tuple[bytes, int]]) -> list[Row[T]]:
    records = await load([member for member, _ in rows]) if rows else []
    pairs = zip(rows, records, strict=True)
    return [Row(member, score, record) for (member, score), record in pairs if record is not None]
