"""Environment-wide lists in their order: sorted sets that live in one slot, beside the records they name.

A list cannot change in one step with records of other slots. So an entry is written before its record (an intent): what
exists is always listed, and an entry without a record is left out by whoever reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inbox.store import scripts
from inbox.store.client import Client, Command

Order = Literal["asc", "desc"]
Side = Literal["after", "from", "before", "upto"]


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
class Cursor:
    """A row of the list and which side of it is wanted."""

    member: bytes
    side: Side = "after"


class Listing:
    """One list. Its cost does not depend on its length nor on how deep a page is."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key

    def adding(self, member: bytes, score: int, *, only_later: bool = False) -> Command:
        """The command that enters a row, or moves it; `only_later` never moves it to an earlier place."""
        return ("ZADD", self._key, *(("GT",) if only_later else ()), score, member)

    def removing(self, members: Sequence[bytes]) -> Command:
        """The command that takes rows out."""
        return ("ZREM", self._key, *members)

    async def read(
        self, order: Order, limit: int, cursor: Cursor | None = None, skip: int = 0
    ) -> Slice | None:
        """Up to `limit` rows beside the cursor, or after `skip` rows; None when there is no such cursor."""
        member, side = (cursor.member, cursor.side) if cursor else (b"", "after")
        total, *found = await self._client.run(
            scripts.LISTING_PAGE, [self._key], [order, limit, member, side, skip]
        )
        if not found:
            return None
        first, flat = found
        return Slice(total, first, [(row, int(score)) for row, score in zip(flat[::2], flat[1::2], strict=True)])
