"""Changes of many messages of a feed as one event: mark all, mark or delete the chosen ones.

The rows, counts and bits after such a change are computed here from a snapshot; the script applies them only if the
feed has not changed since.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from inbox.errors import ServiceUnavailable
from inbox.store import rows
from inbox.store.changes import Change
from inbox.store.client import Argument, Client
from inbox.store.due_buckets import BucketKey
from inbox.store.feed import Feed, Snapshot
from inbox.store.feeds import FeedStore
from inbox.store.outbox import CHANGED, DELETED, Outbox, pack_change, pack_name
from inbox.store.positions import note_position
from inbox.store.publication import pack_id
from inbox.store.replies import ChangeReply, ChangeStatus, change_reply
from inbox.store.retry import Attempts
from inbox.store.rows import ALL, RowId, Select
from inbox.store.scripts import Script, load
from inbox.store.slices import in_slices

MAX_NAMED = 20
"""The most messages that one event names."""
MAX_PURGED_AT_ONCE = 64
MAX_STAMPS = 8
BULK_ATTEMPTS = 8
"""The attempts to change a feed that keeps changing as one event; then its messages are changed separately."""

FEED_MARK_ALL = load("feed_mark_all", change_reply)
FEED_MARK_ROWS = load("feed_mark_rows", change_reply)
_FEED_DELETE_ROWS = load("feed_delete_rows", change_reply)
_FEED_PURGE = load("feed_purge", int)

Choose = Callable[[Snapshot, list[int]], Awaitable[list[int]]]
"""Narrows rows of a snapshot to those that a bulk change applies to, in order."""


@dataclass(eq=False)
class BulkChanges:
    """Changes many messages of a feed at once. `mark_few` (at most 20) and `delete_one` change the named ones."""

    _client: Client
    _feeds: FeedStore
    _outbox: Outbox
    _mark_few: Callable[[Feed, Sequence[RowId], Change], Awaitable[list[int] | None]]
    _delete_one: Callable[[Feed, RowId], Awaitable[bool]]
    _folding: set[BucketKey] = field(init=False, default_factory=set)

    async def mark_all(self, feed: Feed, change: Change) -> bool:
        """Apply a change to every message that it is for, as one event. False if the feed no longer exists.

        A change that only clears flags is made within Redis, without reading the feed, so the number of changed
        messages is unknown; `mark_where` counts them.
        """
        if change.set or change.when.mask or self._outbox.key(feed.bucket_key, CHANGED):
            return await self.mark_where(feed, change) is not None
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps, feed.keys.scratch]
        reply = await run_awake(self._client, self._feeds, feed, FEED_MARK_ALL, keys, [change.clear, change.dates])
        if reply:
            note_position(feed.number, reply.position)
            self._fold_later(feed, reply.number)
        return reply is not None

    async def mark_where(self, feed: Feed, change: Change, choose: Choose | None = None) -> int | None:
        """Apply a change to the chosen rows that it is for, as one event, and return their number.

        If the feed has changed meanwhile, it is read and computed again. A feed that keeps changing is marked in slices
        of 20, an event each. None if the feed no longer exists.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps]
        outbox = self._outbox.key(feed.bucket_key, CHANGED)
        async for _ in Attempts(BULK_ATTEMPTS):
            snapshot = await self._feeds.snapshot(feed)
            if snapshot is None:
                return None
            marked = await hits(snapshot, change.when, choose)
            if not marked:
                return 0
            arguments = mark_arguments(snapshot, change, marked)
            if outbox:
                origins = await self._feeds.origins(feed, marked)
                arguments.append(packed_changes(feed, snapshot, change, marked, origins))
            reply = await self._client.run(FEED_MARK_ROWS, [*keys, *outbox], arguments)
            if reply.status is ChangeStatus.DONE:
                note_position(feed.number, reply.position)
                self._outbox.wrote([feed.bucket_key])
                self._fold_later(feed, reply.number)
                return len(marked)
            if reply.status is ChangeStatus.GONE:
                return None
        messages = await self._messages_where(feed, change.when, choose)
        if messages is None:
            return None
        return sum([len(await self._mark_few(feed, part, change) or ()) for part in in_slices(messages, MAX_NAMED)])

    async def mark_named(self, feed: Feed, messages: Sequence[RowId], change: Change) -> list[int] | None:
        """Apply a change to named messages as one event and return the rows of those that it was for, oldest first."""
        marked: list[int] = []

        async def choose(snapshot: Snapshot, candidates: list[int]) -> list[int]:
            named = frozenset(await self._feeds.rows_of(feed, snapshot, messages))
            marked[:] = [row for row in candidates if row in named]
            return marked

        count = await self.mark_where(feed, change, choose)
        return None if count is None else marked if count else []

    async def delete_where(self, feed: Feed, choose: Choose | None = None) -> int | None:
        """Delete all messages, or the chosen ones, as one event and return their number. None if the feed is gone.

        Readers miss them at once; their contents are removed before this returns or, if it is cancelled, by the next
        call. In a feed that keeps changing they are deleted one by one, an event each.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.purge]
        outbox = self._outbox.key(feed.bucket_key, DELETED)
        async for _ in Attempts(BULK_ATTEMPTS):
            snapshot = await self._feeds.snapshot(feed)
            if snapshot is None:
                return None
            deleted = await hits(snapshot, ALL, choose)
            if deleted:
                origins = await self._feeds.origins(feed, deleted)
                arguments = delete_arguments(feed, snapshot, deleted, origins)
                reply = await self._client.run(_FEED_DELETE_ROWS, [*keys, *outbox], arguments)
                if reply.status is ChangeStatus.GONE:
                    return None
                if reply.status is ChangeStatus.MOVED_ON:
                    continue
                note_position(feed.number, reply.position)
            self._outbox.wrote([feed.bucket_key])
            while await self._client.run(_FEED_PURGE, [feed.keys.purge, feed.keys.stream, feed.keys.side]):
                pass
            return len(deleted)
        messages = await self._messages_where(feed, ALL, choose)
        return None if messages is None else sum([await self._delete_one(feed, message) for message in messages])

    async def _messages_where(self, feed: Feed, select: Select, choose: Choose | None) -> list[RowId] | None:
        """Return the ids of the messages that a change is for, at present. None if the feed no longer exists."""
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return None
        chosen = await hits(snapshot, select, choose)
        origins = await self._feeds.origins(feed, chosen)
        base = snapshot.state.base
        return [
            RowId(feed.bucket, feed.number, origins.get(row, row), rows.check_of(snapshot.rows, base, row))
            for row in chosen
        ]

    def _fold_later(self, feed: Feed, stamps: int) -> None:
        if stamps > MAX_STAMPS and feed.bucket_key not in self._folding:
            self._folding.add(feed.bucket_key)
            self._client.run_in_background(self._fold(feed))

    async def _fold(self, feed: Feed) -> None:
        try:
            await self._feeds.fold(feed, MAX_STAMPS // 2)
        except ServiceUnavailable:
            pass  # the next bulk change starts it again
        finally:
            self._folding.discard(feed.bucket_key)


async def run_awake(
    client: Client,
    feeds: FeedStore,
    feed: Feed,
    script: Script[ChangeReply],
    keys: Sequence[str],
    args: Sequence[Argument],
) -> ChangeReply | None:
    """Run a change after snoozes that have ended took effect. None if the feed no longer exists."""
    while True:
        reply = await client.run(script, keys, args)
        if reply.status is not ChangeStatus.DUE:
            return reply if reply.status is ChangeStatus.DONE else None
        await feeds.wake(feed)


async def hits(snapshot: Snapshot, select: Select, choose: Choose | None) -> list[int]:
    """Return the rows that the selection takes and that are chosen, oldest first."""
    taken = rows.matches(snapshot.flags, select)
    offset = snapshot.state.base + 1
    candidates = [offset + index for index, hit in enumerate(taken) if hit]
    return await choose(snapshot, candidates) if choose and candidates else candidates


def mark_arguments(snapshot: Snapshot, change: Change, marked: Sequence[int]) -> list[Argument]:
    """Return ARGV of `feed_mark_rows.lua`: the rows and counts after the change, and the rows it hit as bits."""
    cells = bytearray(snapshot.rows)
    bits = bytearray((len(snapshot.flags) + 7) // 8)
    for row in marked:
        offset = row - snapshot.state.base - 1
        cells[offset * rows.ROW_BYTES] = cells[offset * rows.ROW_BYTES] & ~change.clear | change.set
        bits[offset >> 3] |= 128 >> (offset & 7)
    return [*_after(snapshot, cells), change.clear, change.set, change.dates, bytes(bits)]


def packed_changes(
    feed: Feed, snapshot: Snapshot, change: Change, marked: Sequence[int], origins: Mapping[int, int]
) -> bytes:
    """Return the outbox entry of a bulk change: the messages whose flags it changes. `origins`: FeedStore.origins."""
    flags, base = snapshot.flags, snapshot.state.base
    changes = []
    for row in marked:
        before = flags[row - base - 1]
        if (after := before & ~change.clear | change.set) != before:
            changes.append(pack_change(_name(feed, snapshot, row, origins), before, after))
    return b"".join(changes)


def delete_arguments(
    feed: Feed, snapshot: Snapshot, deleted: Sequence[int], origins: Mapping[int, int]
) -> list[Argument]:
    """Return ARGV of `feed_delete_rows.lua`: the rows and counts without them, the ids (`origins`: FeedStore.origins),
    and the rows to be purged, in lots.
    """
    base = snapshot.state.base
    cells = bytearray(snapshot.rows)
    for row in deleted:
        cells[(row - base - 1) * rows.ROW_BYTES] = 0
    ids = b"".join(pack_id(origins.get(row, row), rows.check_of(snapshot.rows, base, row)) for row in deleted)
    packed = [struct.pack(f">{len(part)}I", *part) for part in in_slices(deleted, MAX_PURGED_AT_ONCE)]
    return [*_after(snapshot, cells), ids, int(len(deleted) <= MAX_NAMED), feed.number, *packed]


def _name(feed: Feed, snapshot: Snapshot, row: int, origins: Mapping[int, int]) -> bytes:
    return pack_name(feed.number, origins.get(row, row), rows.check_of(snapshot.rows, snapshot.state.base, row))


def _after(snapshot: Snapshot, cells: bytearray) -> list[Argument]:
    counts = rows.count_flags(rows.flags_of(bytes(cells)))
    return [snapshot.state.position.counter, bytes(cells), *counts]
