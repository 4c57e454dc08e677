"""Changes of a feed: each one script, which changes rows and counts, takes a position, logs and publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inbox.errors import StoreUnavailable
from inbox.ids import MessageId
from inbox.store import rows, scripts
from inbox.store.changes import NOTHING, Change
from inbox.store.client import Argument, Client
from inbox.store.feeds import Feed, FeedStore, Snapshot
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, Keys
from inbox.store.rows import RowId

Outcome = Literal["stored", "again", "suppressed"]

MAX_MARKED_AT_ONCE = 20
MAX_STAMPS = 8
_BULK_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append; `message_id` is known when this very call stored it."""

    outcome: Outcome
    message_id: MessageId | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A pressed button: its status and type as two letters and the payload's JSON (empty: what was there stays)."""

    code: str
    payload: bytes = b""


class MessageStore:
    """Writes to feeds."""

    def __init__(self, client: Client, keys: Keys, feeds: FeedStore) -> None:
        self._client = client
        self._keys = keys
        self._feeds = feeds
        self._folding: set[asyncio.Task[None]] = set()

    async def append(
        self,
        feed: Feed,
        content: bytes,
        *,
        transaction_id: str,
        step_id: str,
        workflow_id: str,
        preference: Literal["0", "1", "c"] = "1",
        severity: str = "none",
    ) -> Appended | None:
        """Stores a message, once per transaction, step and feed; safe to repeat. None when the feed is gone."""
        bucket = self._keys.bucket(feed.environment, feed.bucket)
        check = rows.new_check()
        keys = [
            feed.keys.state,
            feed.keys.stream,
            feed.keys.rows,
            feed.keys.log,
            bucket.delivered(transaction_id, step_id, feed.number),
            bucket.times,
        ]
        level = rows.SEVERITIES.index(severity)
        args: list[Argument] = [content, check, workflow_id, preference, IDEMPOTENCY_TTL_SECONDS, level, feed.number]
        status, *rest = await self._client.run(scripts.MESSAGE_APPEND, keys, args)
        if status < 0:
            return None
        if status == 0:
            return Appended("again" if rest[0] == b"again" else "suppressed")
        return Appended("stored", feed.message_id(rest[1], check))

    async def mark(
        self, feed: Feed, wanted: Sequence[RowId], change: Change, action: Action | None = None
    ) -> list[int] | None:
        """Applies a change to named messages and gives the rows that exist. None when the feed is gone.

        Up to 20 are one script and one event that names them; more become one bulk change.
        """
        if len(wanted) > MAX_MARKED_AT_ONCE and action is None:
            return await self._mark_many(feed, wanted, change)
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stamps]
        action = action or Action("")
        head: list[Argument] = [change.clear, change.set, change.dates, "", change.when.mask, change.when.value]
        named = [part for row in wanted for part in (row.row, row.check)]
        status, *rest = await self._client.run(
            scripts.MESSAGE_MARK, keys, [*head, action.code, action.payload, *named]
        )
        return list(rest[1]) if status else None

    async def act(self, feed: Feed, row: RowId, action: Action, change: Change = NOTHING) -> bool:
        """Records a pressed button on one message, with a change of its flags; False when there is no such message."""
        return bool(await self.mark(feed, [row], change, action))

    async def mark_all(self, feed: Feed, change: Change) -> int | None:
        """Applies a change to every message it is for, as one event; gives how many. None when the feed is gone."""
        if change.set or change.when.mask:
            return await self.mark_where(feed, change)
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps, feed.keys.scratch]
        status, *rest = await self._client.run(scripts.FEED_MARK_ALL, keys, [change.clear, change.dates])
        if not status:
            return None
        self._fold_later(feed, rest[1])
        return 0

    async def mark_where(self, feed: Feed, change: Change, only: frozenset[int] | None = None) -> int | None:
        """Applies a change to the rows it is for (of `only`, when given), as one event; gives how many there were.

        The rows are computed here from the feed as it stands; had it moved on when the change arrives, both are done
        again. None when the feed is gone.
        """
        for _ in range(_BULK_ATTEMPTS):
            snapshot = await self._feeds.snapshot(feed)
            if snapshot is None:
                return None
            hits = _hits(snapshot, change, only)
            if not hits:
                return 0
            status, *rest = await self._client.run(
                scripts.FEED_MARK_ROWS,
                [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps],
                _bulk_arguments(snapshot, change, hits),
            )
            if status:
                self._fold_later(feed, rest[1])
                return len(hits)
            if not rest:
                return None
        raise StoreUnavailable

    async def delete(self, feed: Feed, row: RowId) -> bool:
        """Deletes one message; False when there is no such message."""
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stream]
        status, *_ = await self._client.run(scripts.MESSAGE_DELETE, keys, [row.row, row.check])
        return bool(status)

    async def _mark_many(self, feed: Feed, wanted: Sequence[RowId], change: Change) -> list[int] | None:
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return None
        base = snapshot.state.base
        known = {row.row for row in wanted if rows.check_of(snapshot.rows, base, row.row) == row.check}
        marked = await self.mark_where(feed, change, frozenset(known))
        return None if marked is None else sorted(known)

    def _fold_later(self, feed: Feed, stamps: int) -> None:
        if stamps > MAX_STAMPS:
            task = asyncio.create_task(self._feeds.fold(feed, MAX_STAMPS // 2))
            self._folding.add(task)
            task.add_done_callback(self._folding.discard)


def _hits(snapshot: Snapshot, change: Change, only: frozenset[int] | None) -> list[int]:
    taken = rows.matches(snapshot.flags, change.when)
    offset = snapshot.state.base + 1
    found = (offset + index for index, hit in enumerate(taken) if hit)
    return [row for row in found if only is None or row in only]


def _bulk_arguments(snapshot: Snapshot, change: Change, hits: list[int]) -> list[Argument]:
    """ARGV of `feed_mark_rows.lua`: the rows and counts after the change, and the rows it hit as bits."""
    cells = bytearray(snapshot.rows)
    bits = bytearray((len(snapshot.flags) + 7) // 8)
    for row in hits:
        offset = row - snapshot.state.base - 1
        cells[offset * rows.ROW_BYTES] = cells[offset * rows.ROW_BYTES] & ~change.clear | change.set
        bits[offset >> 3] |= 128 >> (offset & 7)
    counts = rows.count_flags(rows.flags_of(bytes(cells)))
    return [snapshot.state.position.counter, bytes(cells), *counts, change.dates, bytes(bits)]
