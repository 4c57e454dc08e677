"""The state of a feed: its position, counts and rows of one moment. Snoozes that have ended take effect first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from inbox.clock import now_ms
from inbox.errors import Contention, WriteRefused
from inbox.store import rows, snoozes
from inbox.store.base import BaseStore
from inbox.store.client import Command, PendingReplies
from inbox.store.feed import Feed, Snapshot
from inbox.store.moment import read_consistently
from inbox.store.retry import Attempts
from inbox.store.rows import FeedCounts, FeedState, Position, Select

NEWEST_ROWS = 1_000
"""Rows that a reading takes first. All rows of a feed, 40 kB at 10,000, are read only if these do not suffice."""


class RowCounts(NamedTuple):
    """Counts of a feed's rows by selection, and the position of the feed that they are of."""

    counts: dict[Select, int]
    position: Position


class PendingPositions:
    """A reading of feeds' positions that has begun; `with` ignores its failure if nobody awaits `all` or `settled`."""

    def __init__(self, replies: PendingReplies | None) -> None:
        self._replies = replies

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._replies:
            self._replies.drop()

    async def all(self) -> list[Position]:
        """Return the positions in the order of the feeds; that of a feed that is gone is the origin."""
        return [state.position if state else rows.ORIGIN for state in await self._states()]

    async def settled(self) -> list[Position] | None:
        """Return the same, but None if a snooze has ended without effect yet: the next reading moves the feed."""
        states = await self._states()
        if any(state is not None and snoozes.is_due(state) for state in states):
            return None
        return [state.position if state else rows.ORIGIN for state in states]

    async def _states(self) -> list[FeedState | None]:
        replies = await self._replies if self._replies else []
        return [rows.parse_state(packed, wake) if packed else None for packed, wake in replies]


@dataclass(eq=False)
class SnapshotReader(BaseStore):
    """Reads states and snapshots of feeds."""

    async def state(self, feed: Feed) -> FeedState | None:
        """Return the feed's position and counts. None if it is gone. One command, unless a snooze has ended."""
        packed, wake = await self._client.execute(*self._state_command(feed))
        return rows.parse_state(packed) if packed and not wake else await self._settled(feed, packed, wake)

    async def states(self, feeds: Sequence[Feed]) -> list[FeedState | None]:
        """Return the states of many feeds in one batch."""
        replies = await self._client.batch([self._state_command(feed) for feed in feeds])
        return [await self._settled(feed, *reply) for feed, reply in zip(feeds, replies, strict=True)]

    def begin_positions(self, feeds: Sequence[Feed]) -> PendingPositions:
        """Begin to read the positions of a subscriber's feeds, in one round trip with what the caller sends next."""
        commands = self.position_commands(feeds)
        return PendingPositions(self._client.begin(commands) if commands else None)

    def position_commands(self, feeds: Sequence[Feed]) -> list[Command]:
        """Return the commands that read the positions of a subscriber's feeds; `are_settled_at` takes the replies."""
        return [self._state_command(feed) for feed in feeds]

    @staticmethod
    def _state_command(feed: Feed) -> Command:
        return "HMGET", feed.keys.state, "p", "u"

    async def _settled(self, feed: Feed, packed: bytes | None, wake: bytes | None) -> FeedState | None:
        """Return the state in a reply, once snoozes that have ended have taken effect."""
        state = rows.parse_state(packed, wake) if packed else None
        if state and snoozes.is_due(state):
            snapshot = await self.snapshot(feed)
            return snapshot.state if snapshot else None
        return state

    async def count(self, feed: Feed, selects: Collection[Select], limit: int) -> RowCounts:
        """Return how many rows each selection takes; counting stops at `limit`. All are 0 if the feed is gone.

        The state alone has the usual counts. Others are counted among the newest rows, and among all if need be.
        """
        nothing = RowCounts(dict.fromkeys(selects, 0), rows.ORIGIN)
        if all(map(rows.is_counted, selects)):
            state = await self.state(feed)
            return RowCounts(_counts_of(state.counts, b"", selects), state.position) if state else nothing
        for newest in (NEWEST_ROWS, None):
            snapshot = await self.snapshot(feed, newest)
            if snapshot is None:
                break
            counts = _counts_of(snapshot.state.counts, snapshot.flags, selects)
            if snapshot.is_whole or newest is None or min(counts.values()) >= limit:
                return RowCounts(counts, snapshot.state.position)
        return nothing

    async def snapshot(self, feed: Feed, newest: int | None = None) -> Snapshot | None:
        """Return state, rows and stamps of one moment, or None if the feed no longer exists.

        With `newest` it has only so many rows. Snoozes that have ended take effect first, unless the store takes no
        changes: every reading of a feed goes through here or `states`.
        """
        snapshot = await self._snapshot(feed, newest)
        while snapshot and snoozes.is_due(snapshot.state):
            try:
                woken = await self.wake(feed)
            except WriteRefused:
                return snapshot
            snapshot = await self._snapshot(feed, newest)
            if not woken:  # by the store's clock it is not due yet
                return snapshot
        return snapshot

    async def wake(self, feed: Feed) -> int:
        """End snoozes whose time has come, at most 20 at once; return their number."""
        async for _ in Attempts():
            snapshot = await self._snapshot(feed)
            if snapshot is None:
                return 0
            woken = await snoozes.wake(
                self._client, self._bucket(feed), feed.number, snapshot.state, snapshot.flags, snapshot.stamps
            )
            if woken is not None:
                return woken
        raise Contention

    async def _snapshot_of(self, feed: Feed, numbers: Collection[int]) -> Snapshot | None:
        """Return a snapshot with the newest rows, or with all if one of these is older."""
        snapshot = await self.snapshot(feed, NEWEST_ROWS)
        if snapshot is None or snapshot.has(numbers):
            return snapshot
        return await self.snapshot(feed)

    async def _snapshot(self, feed: Feed, newest: int | None = None) -> Snapshot | None:
        return (await self._snapshot_with(feed, newest))[0]

    async def _snapshot_with(
        self, feed: Feed, newest: int | None, reads: Sequence[Command] = ()
    ) -> tuple[Snapshot | None, list[Any]]:
        """Return a snapshot, and the replies to reads of the same moment."""
        keys = feed.keys
        state: Command = ("HMGET", keys.state, "p", "u")  # no position ever comes back
        cells_read: Command = ("GETRANGE", keys.rows, -rows.ROW_BYTES * newest, -1) if newest else ("GET", keys.rows)
        (packed, wake), (cells, stamps, *replies) = await read_consistently(
            self._client, state, [cells_read, ("LRANGE", keys.stamps, 0, -1), *reads]
        )
        if packed is None:
            return None, replies
        stamps = [rows.parse_stamp(raw) for raw in stamps]
        return Snapshot(rows.parse_state(packed, wake), cells or b"", stamps), replies


def are_settled_at(positions: Sequence[Position], replies: Sequence[Any]) -> bool:
    """Return whether feeds are still at these positions, and no snooze has ended without effect yet."""
    return all(
        rows.packed_position(packed) == position.packed and not (wake and int(wake) <= now_ms())
        for position, (packed, wake) in zip(positions, replies, strict=True)
    )


def _counts_of(counts: FeedCounts, flags: bytes, selects: Collection[Select]) -> dict[Select, int]:
    return {
        select: rows.counted(counts, select) if rows.is_counted(select) else rows.count_rows(flags, select)
        for select in selects
    }
