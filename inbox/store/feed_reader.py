"""Reading a feed in Redis: its pages, and the changes since a position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from inbox.errors import Contention
from inbox.models.message import Message
from inbox.store import rows, snapshots, snoozes
from inbox.store.client import Command
from inbox.store.entries import apply_edits, entry_spans
from inbox.store.feed import Feed, LogEntry, MessagePage, Scan, Snapshot
from inbox.store.message_reader import MessageReader
from inbox.store.moment import read_consistently
from inbox.store.retry import MAX_ATTEMPTS, Attempts
from inbox.store.rows import FeedState, Position, Select
from inbox.store.scripts import load

CALM_ATTEMPTS = 3
MAX_LOG_ENTRIES = 320
"""Of a feed's log (`lua/_log.lua`)."""
EXPECTED_BEYOND = 16
"""How many changes are read beyond those that a caller expects."""
FIRST_SLICE, SCAN_SLICE = 100, 400
"""Rows read at once: a few first, since the newest often suffice, then as many as block the loop for about 2 ms."""


class _PageReply(NamedTuple):
    """A feed, and the number, side record, stream entry and edit of each row of the page."""

    snapshot: Snapshot
    numbers: list[int]
    sides: list[bytes | None]
    entries: list[tuple[bytes, list[bytes]]]
    edits: list[bytes | None]


def _page_reply(raw: list[Any]) -> _PageReply | None:
    if raw[0] is None:
        return None
    packed, cells, stamps, *page = raw
    return _PageReply(Snapshot(rows.parse_state(packed), cells, [rows.parse_stamp(stamp) for stamp in stamps]), *page)


_FEED_PAGE = load("feed_page", _page_reply)
_FEED_SEEK = load("feed_seek", int)
FEED_FOLD = load("feed_fold", int)


@dataclass(eq=False)
class FeedReader(MessageReader):
    """Reads feeds. Snoozes that have ended take effect before each reading."""

    async def page(
        self,
        feed: Feed,
        select: Select,
        limit: int,
        *,
        before: int | None = None,
        skip: int = 0,
        above: int = 0,
        scan: Scan | None = None,
    ) -> MessagePage | None:
        """Return the newest messages that the selection takes, after `skip` of them, below row `before`, above `above`.

        A scan narrows them by content; it reads newest first and no further than needed. State and flags are read
        first, then the rows together with the state again; both are repeated if it has changed, so a page is
        consistent. A feed that keeps changing is read by a script, which costs Redis more. None if the feed is gone.
        """
        is_plain = scan is None and not above

        async def rows_in(snapshot: Snapshot) -> list[int]:
            flags, base = snapshot.flags, snapshot.base
            if scan is None:
                return rows.newest_rows(flags, base, select, limit + 1, before, skip, above)
            candidates = rows.newest_rows(flags, base, select, len(flags), before, 0, above)
            return (await self.scan(feed, snapshot, scan, candidates, skip + limit + 1))[skip:]

        async for _ in Attempts(CALM_ATTEMPTS if is_plain else MAX_ATTEMPTS):
            snapshot = await self.snapshot(feed, snapshots.NEWEST_ROWS)
            page_rows = await rows_in(snapshot) if snapshot else []
            if snapshot and len(page_rows) <= limit and not snapshot.is_whole and above < snapshot.base:
                snapshot = await self.snapshot(feed)
                page_rows = await rows_in(snapshot) if snapshot else []
            if snapshot is None:
                return None
            messages = await self._load(feed, snapshot, page_rows[:limit])
            if messages is not None:
                return MessagePage(messages, len(page_rows) > limit, snapshot.state)
        if not is_plain:
            raise Contention
        page = await self._read_at_once(feed, select, limit + 1, before=before, skip=skip)
        return MessagePage(page[0][:limit], len(page[0]) > limit, page[1]) if page else None

    async def messages(self, feed: Feed, numbers: Sequence[int]) -> tuple[list[Message], FeedState] | None:
        """Return the live messages of these rows, in their order, and the state. None if the feed is gone.

        Of messages that are among the newest rows and not edited, this is one round trip.
        """
        if numbers and (read := await self._messages_with_state(feed, numbers)):
            return read
        async for _ in Attempts(CALM_ATTEMPTS):
            snapshot = await self._snapshot_of(feed, numbers)
            if snapshot is None:
                return None
            messages = await self._load(feed, snapshot, snapshot.live(numbers))
            if messages is not None:
                return messages, snapshot.state
        return await self._read_at_once(feed, rows.ALL, numbers=numbers)

    async def scan(
        self, feed: Feed, snapshot: Snapshot, scan: Scan, candidates: Sequence[int], limit: int | None = None
    ) -> list[int]:
        """Return the first `limit` of these live rows of the snapshot whose content the scan takes, in order.

        Contents are read in slices. The scan remembers its results, except those of edited messages, which may be
        edited again.
        """
        matching: list[int] = []
        flags, base = snapshot.flags, snapshot.base
        for start, end in slices(len(candidates)):
            part = candidates[start:end]
            unknown = [row for row in part if row not in scan.matches or flags[row - base - 1] & rows.EDITED]
            if unknown:
                scan.match(await self.contents(feed, snapshot, unknown))
            matching += [row for row in part if scan.matches.get(row)]
            if limit is not None and len(matching) >= limit:
                return matching[:limit]
        return matching

    async def seek(self, feed: Feed, created_ms: int) -> int:
        """Return the newest row created at or before this time (ms since 1970); 0 if there is none."""
        return await self._client.run(_FEED_SEEK, [feed.keys.state, feed.keys.stream], [created_ms])

    async def changes_since(
        self, feed: Feed, since: Position, expected: int = 0
    ) -> tuple[FeedState, list[LogEntry] | None] | None:
        """Return the present state and the changes after a position, oldest first.

        The list is None if the log no longer reaches back to that very position (the caller must start afresh). None
        if the feed no longer exists, or another one has its number. About `expected` changes are one round trip.
        """
        keys, newest = feed.keys, min(expected, MAX_LOG_ENTRIES) + EXPECTED_BEYOND
        while True:
            (packed, owner), (log, bodies) = await read_consistently(
                self._client,
                ("HMGET", keys.state, "p", "s"),
                [("LRANGE", keys.log, -newest - 1, -1), ("LRANGE", keys.bodies, -newest, -1)],
            )
            if packed is None or owner != feed.subscriber_oid.encode():
                return None
            state = rows.parse_state(packed)
            if state.position.counter - since.counter <= newest or len(log) <= newest:
                return state, _entries_since(state, log, bodies, since)
            newest = MAX_LOG_ENTRIES

    async def fold(self, feed: Feed, keep: int) -> None:
        """Fold stamps into side records, the oldest first, until only `keep` are left."""
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.stamps]
        while await self._client.run(FEED_FOLD, keys) > keep:
            pass

    async def _messages_with_state(self, feed: Feed, numbers: Sequence[int]) -> tuple[list[Message], FeedState] | None:
        """Return the result of `messages` by one round trip; None if it takes more, or the feed is gone."""
        reads: list[Command] = [("HMGET", feed.keys.side, *numbers), *entry_spans(feed.keys, numbers)]
        snapshot, (sides, *ranges) = await self._snapshot_with(feed, snapshots.NEWEST_ROWS, reads)
        if snapshot is None or snoozes.is_due(snapshot.state) or not snapshot.has(numbers):
            return None
        live = snapshot.live(numbers)
        if rows.edited_rows(snapshot.rows, snapshot.base, live):
            return None
        messages = await self._built_of(feed, snapshot, live, dict(zip(numbers, sides, strict=True)), ranges, {})
        return messages, snapshot.state

    async def _read_at_once(
        self,
        feed: Feed,
        select: Select,
        limit: int = 0,
        *,
        before: int | None = None,
        skip: int = 0,
        numbers: Sequence[int] = (),
    ) -> tuple[list[Message], FeedState] | None:
        """Return the result of `page` or `messages` by one script; with neither limit nor rows only the state."""
        keys = feed.keys
        args = [*rows.script_arguments(select), limit, skip, before or "", *numbers]
        reply = await self._client.run(_FEED_PAGE, [keys.state, keys.rows, keys.side, keys.stamps, keys.stream], args)
        if reply is None:
            return None
        stored = {number: fields for number, (_, fields) in zip(reply.numbers, reply.entries, strict=True)}
        edits = {number: raw for number, raw in zip(reply.numbers, reply.edits, strict=True) if raw}
        edited_ms = apply_edits(stored, edits)
        await self._contents.fill_in(self._bucket(feed), stored.values())
        sides = dict(zip(reply.numbers, reply.sides, strict=True))
        messages = [
            self._built.build_live(
                feed, reply.snapshot, number, stored[number], sides[number], edited_ms.get(number, 0)
            )
            for number in reply.numbers
        ]
        return messages, reply.snapshot.state


def slices(length: int) -> Iterator[tuple[int, int]]:
    """Iterate over (start, end) of the slices in which so many rows are read, newest first."""
    starts = [*range(0, min(length, 1)), *range(FIRST_SLICE, length, SCAN_SLICE)]
    return pairwise([*starts, length])


def _entries_since(state: FeedState, log: list[bytes], bodies: list[bytes], since: Position) -> list[LogEntry] | None:
    gap = state.position.counter - since.counter
    if gap == 0:
        return [] if since.ms == state.position.ms else None
    if gap < 0 or gap > len(log):
        return None
    is_anchored = since == rows.ORIGIN if gap == len(log) else int(log[-gap - 1][:13]) == since.ms
    if not is_anchored:
        return None
    by_counter = {int.from_bytes(body[:5], "big"): body[5:] for body in bodies}
    return [
        LogEntry(entry[13:14].decode(), int(entry[14:]), by_counter.get(counter))
        for counter, entry in enumerate(log[-gap:], since.counter + 1)
    ]
