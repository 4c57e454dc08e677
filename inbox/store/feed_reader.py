"""Reading a feed in Redis: its state, its pages, single messages, and the changes since a position."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self

from inbox.clock import now_ms
from inbox.errors import Contention, WriteRefused
from inbox.ids import MessageId
from inbox.lru_cache import LruCache
from inbox.models.message import Message, decode_stored
from inbox.store import rows, snoozes
from inbox.store.base import BaseStore
from inbox.store.client import Command, PendingReplies
from inbox.store.contents import Contents
from inbox.store.feed import Feed, LogEntry, MessagePage, Scan, Snapshot
from inbox.store.keys import FeedKeys
from inbox.store.moment import read_consistently
from inbox.store.replies import ChangeReply
from inbox.store.retry import MAX_ATTEMPTS, Attempts
from inbox.store.rows import FeedCounts, FeedState, Position, RowId, Select, Stamp
from inbox.store.scripts import load
from inbox.store.slices import in_slices

CALM_ATTEMPTS = 3
MAX_LOG_ENTRIES = 320
"""Of a feed's log (`lua/_log.lua`)."""
EXPECTED_BEYOND = 16
"""How many changes are read beyond those that a caller expects."""
FIRST_SLICE, SCAN_SLICE = 100, 400
"""Rows read at once: a few first, since the newest often suffice, then as many as block the loop for about 2 ms."""
MAX_READ_BETWEEN = 16
"""Rows between two requested ones that are read with them, since another command costs as much as these."""
SIDES_AT_ONCE = 500
MAX_BUILT_BYTES = 16 * 1024 * 1024
BUILT_TIMES, BUILT_OVERHEAD_BYTES = 6, 3_000
"""What a built message takes: a multiple of its JSON for itself and its forms on the wire, and the objects."""
STAMP_OVERHEAD_BYTES = 300
"""What each stamp takes that a built message was made of, beside the stamp's rows."""
NEWEST_ROWS = 1_000
"""Rows that a reading takes first. All rows of a feed, 40 kB at 10,000, are read only if these do not suffice."""


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


@dataclass(slots=True, eq=False)
class _Built:
    """A message, and what it was made of: its row's bytes, entry, side record, the feed's stamps, the edit's time.

    `as_of` is the feed's newest position at which it was read so; None if it was never read together with a position.
    """

    made_of: tuple[bytes, list[bytes], bytes | None, list[Stamp], int]
    message: Message
    as_of: rows.Position | None = None

    def size(self) -> int:
        """Return the approximate size in bytes."""
        stamps = sum(STAMP_OVERHEAD_BYTES + len(stamp.rows) for stamp in self.made_of[3])
        return BUILT_OVERHEAD_BYTES + BUILT_TIMES * len(self.made_of[1][3]) + stamps


@dataclass(slots=True, eq=False)
class PendingEntries:
    """Entries by row: those that are known, and those that are being read. Whoever begins it awaits or drops it."""

    _known: dict[int, list[bytes]]
    _begun: PendingReplies | None

    async def of_rows(self, numbers: Collection[int]) -> dict[int, list[bytes]]:
        """Return by row the fields of those entries that are of these rows."""
        entries = _by_row(numbers, await self._begun) if self._begun else {}
        return entries | {row: self._known[row] for row in numbers if row in self._known}

    def drop(self) -> None:
        if self._begun:
            self._begun.drop()


@dataclass(eq=False)
class FeedReader(BaseStore):
    """Reads feeds. Snoozes that have ended take effect before each reading."""

    def __post_init__(self) -> None:
        self._contents = Contents(self._client)
        self._built: LruCache[tuple[str, int, int], _Built] = LruCache(MAX_BUILT_BYTES, _Built.size)
        """By feed and row the messages that were built last. One is used again if what it is made of is the same.

        It is not even read again while the feed is still at the position at which it was read: each change takes one.
        """

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
            snapshot = await self.snapshot(feed, NEWEST_ROWS)
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

    async def _messages_with_state(self, feed: Feed, numbers: Sequence[int]) -> tuple[list[Message], FeedState] | None:
        """Return the result of `messages` by one round trip; None if it takes more, or the feed is gone."""
        reads: list[Command] = [("HMGET", feed.keys.side, *numbers), *_spans(feed.keys, numbers)]
        snapshot, (sides, *ranges) = await self._snapshot_with(feed, NEWEST_ROWS, reads)
        if snapshot is None or snoozes.is_due(snapshot.state) or not snapshot.has(numbers):
            return None
        live = snapshot.live(numbers)
        if rows.edited_rows(snapshot.rows, snapshot.base, live):
            return None
        messages = await self._built_of(feed, snapshot, live, dict(zip(numbers, sides, strict=True)), ranges, {})
        return messages, snapshot.state

    async def _built_of(
        self,
        feed: Feed,
        snapshot: Snapshot,
        numbers: Sequence[int],
        sides: Mapping[int, bytes | None],
        ranges: Sequence[Any],
        edits: Mapping[int, bytes | None],
    ) -> list[Message]:
        """Return the messages of live rows: of side records by row, the replies to `_spans`, and edits by row."""
        entries, edited_ms = await self._filled_in(feed, _by_row(numbers, ranges), edits)
        return [self._message(feed, snapshot, row, entries[row], sides[row], edited_ms.get(row, 0)) for row in numbers]

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
        edited_ms = _apply_edits(stored, edits)
        await self._contents.fill_in(self._bucket(feed), stored.values())
        sides = dict(zip(reply.numbers, reply.sides, strict=True))
        messages = [
            self._message(feed, reply.snapshot, number, stored[number], sides[number], edited_ms.get(number, 0))
            for number in reply.numbers
        ]
        return messages, reply.snapshot.state

    async def rows_of(self, feed: Feed, snapshot: Snapshot, messages: Sequence[RowId]) -> list[int]:
        """Return the present rows of the messages that exist, in the order of the messages."""
        return list((await self._present_rows(feed, snapshot, messages)).values())

    async def _present_rows(self, feed: Feed, snapshot: Snapshot, messages: Sequence[RowId]) -> dict[RowId, int]:
        present = {one: one.row if snapshot.is_live(one.row, one.check) else 0 for one in messages}
        missing = [one for one, row in present.items() if not row]
        if missing:
            moved = await self._client.execute("HMGET", feed.keys.side, *(f"o{one.row}" for one in missing))
            present |= {
                one: int(to)
                for one, to in zip(missing, moved, strict=True)
                if to and snapshot.is_live(int(to), one.check)
            }
        return {one: row for one, row in present.items() if row}

    async def find(self, feed: Feed, message_id: str) -> tuple[Message, int] | None:
        """Return a message of this feed and its row; None if it is unknown, deleted or another feed's."""
        row_id = feed.row_of(message_id)
        if row_id is None:
            return None
        loaded = (await self._load_named(feed, [row_id.row], lambda _: [row_id])).get(row_id)
        return loaded if loaded and loaded[0].id == message_id else None

    async def find_place(self, feed: Feed, message_id: str) -> tuple[int, int] | None:
        """Return the row of a message of this feed and its time, also after its deletion; None if there was none.

        The time of a deleted message is lost; return that of the next newer message of the feed instead.
        """
        if existing := await self.find(feed, message_id):
            return existing[1], existing[0].created_ms
        row_id, snapshot = feed.row_of(message_id), await self._snapshot(feed)
        if row_id is None or snapshot is None or not 0 < row_id.row <= snapshot.state.last:
            return None
        row = rows.last_row_with(snapshot.rows, snapshot.state.base, row_id.row, row_id.check)
        if row is None:
            return None
        newer = await self._client.execute("XRANGE", feed.keys.stream, f"{row + 1}-0", "+", "COUNT", 1)
        return row, int(newer[0][1][1]) if newer else snapshot.state.position.ms

    async def find_many(self, feed: Feed, row_ids: Sequence[RowId]) -> dict[MessageId, Message]:
        """Return by id the messages that exist, in whichever row they are now."""
        loaded = await self._load_named(feed, [row_id.row for row_id in row_ids], lambda _: row_ids)
        return {message.id: message for message, _ in loaded.values()}

    async def _load_named(
        self, feed: Feed, numbers: Collection[int], name: Callable[[Snapshot], Sequence[RowId]]
    ) -> dict[RowId, tuple[Message, int]]:
        """Map each message that `name` picks in a snapshot to its present state and row, without those that are gone.

        The snapshot has at least the rows of these numbers. If the feed moves on in between, `name` is called again.
        Raise Contention.
        """
        async for _ in Attempts():
            snapshot = await self._snapshot_of(feed, numbers)
            if snapshot is None:
                return {}
            present = await self._present_rows(feed, snapshot, name(snapshot))
            messages = await self._load(feed, snapshot, list(present.values()))
            if messages is not None:
                return dict(zip(present, zip(messages, present.values(), strict=True), strict=True))
        raise Contention

    async def contents(self, feed: Feed, snapshot: Snapshot, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the contents of those of these rows that are live.

        Only the contents of messages that are edited in the snapshot can have changed since.
        """
        edited = rows.edited_rows(snapshot.rows, snapshot.base, numbers)
        commands = _spans(feed.keys, numbers)
        if edited:
            commands.append(("HMGET", feed.keys.side, *_edit_fields(edited)))
        replies = await self._client.batch(commands)
        edits = dict(zip(edited, replies.pop(), strict=True)) if edited else {}
        stored, _ = await self._filled_in(feed, _by_row(numbers, replies), edits)
        return {row: fields[3] for row, fields in stored.items()}

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
                scan.judge(await self.contents(feed, snapshot, unknown))
            matching += [row for row in part if scan.matches.get(row)]
            if limit is not None and len(matching) >= limit:
                return matching[:limit]
        return matching

    async def seek(self, feed: Feed, created_ms: int) -> int:
        """Return the newest row created at or before this time (ms since 1970); 0 if there is none."""
        return await self._client.run(_FEED_SEEK, [feed.keys.state, feed.keys.stream], [created_ms])

    async def _load(self, feed: Feed, snapshot: Snapshot, numbers: list[int]) -> list[Message] | None:
        """Return the messages of these live rows; None if the feed has moved on since the snapshot.

        Ask the store only for those that were not read at the position of the snapshot before.
        """
        known = self._known(feed, snapshot.state.position, numbers)
        missing = [row for row in numbers if row not in known] if known else numbers
        if missing:
            read = await self._read_rows(feed, snapshot, missing)
            if read is None:
                return None
            if not known:
                return read
            known |= zip(missing, read, strict=True)
        return [known[row] for row in numbers]

    def _known(self, feed: Feed, position: rows.Position, numbers: Sequence[int]) -> dict[int, Message]:
        """Return by row the messages that were read when the feed was at this position."""
        get, oid, number = self._built.get, feed.subscriber_oid, feed.number
        built = {row: get((oid, number, row)) for row in numbers}
        return {row: one.message for row, one in built.items() if one and one.as_of == position}

    async def _read_rows(self, feed: Feed, snapshot: Snapshot, numbers: Sequence[int]) -> list[Message] | None:
        """Read the messages of live rows; return None if the feed has moved on since the snapshot."""
        keys = feed.keys
        edited = rows.edited_rows(snapshot.rows, snapshot.base, numbers)
        # the state comes last: if it is still that of the snapshot, so was what was read before it
        sides, *ranges, packed = await self._client.read(
            [
                ("HMGET", keys.side, *numbers, *_edit_fields(edited)),
                *_spans(keys, numbers),
                ("HGET", keys.state, "p"),
            ]
        )
        if packed is None or rows.parse_state(packed).position != snapshot.state.position:
            return None
        edits = dict(zip(edited, sides[len(numbers) :], strict=True))
        return await self._built_of(feed, snapshot, numbers, dict(zip(numbers, sides, strict=False)), ranges, edits)

    async def _filled_in(
        self, feed: Feed, entries: dict[int, list[bytes]], edits: Mapping[int, bytes | None]
    ) -> tuple[dict[int, list[bytes]], dict[int, int]]:
        """Return by row the fields of these entries, whole, and when edited ones were edited (ms since 1970).

        `edits`: the fields of the side hash of edited rows.
        """
        edited_ms = _apply_edits(entries, edits)
        await self._contents.fill_in(self._bucket(feed), entries.values())
        return entries, edited_ms

    def begin_entries(self, feed: Feed, messages: Sequence[RowId]) -> PendingEntries:
        """Begin to read the entries of these messages' rows, in one round trip with what the caller sends next.

        Those that were read before are not read again: an entry never changes, and the check bytes name it.
        """
        known: dict[int, list[bytes]] = {}
        for message in messages:
            built = self._built.get((feed.subscriber_oid, feed.number, message.row))
            if built and built.made_of[0][1:] == message.check and not built.message.edited_ms:
                known[message.row] = built.made_of[1]
        unknown = [message.row for message in messages if message.row not in known]
        return PendingEntries(known, self._client.begin(_spans(feed.keys, unknown)) if unknown else None)

    async def changed_messages(self, feed: Feed, reply: ChangeReply, begun: PendingEntries) -> list[Message]:
        """Return the messages that a script has just changed, without reading their state again.

        `begun`: the entries of the rows in the ids (`begin_entries`); those of messages that were moved, and edits, are
        read here.
        """
        entries = await begun.of_rows(reply.rows)
        moved = [row for row in reply.rows if row not in entries]
        edited = [row for row, flags in zip(reply.rows, reply.flags, strict=True) if flags & rows.EDITED]
        if moved:
            entries |= _by_row(moved, await self._client.batch(_spans(feed.keys, moved)))
        edits: dict[int, bytes | None] = {}
        if edited:
            raw = await self._client.execute("HMGET", feed.keys.side, *_edit_fields(edited))
            edits = dict(zip(edited, raw, strict=True))
        stored, edited_ms = await self._filled_in(feed, entries, edits)
        messages = []
        for place, (row, flags, packed) in enumerate(zip(reply.rows, reply.flags, reply.sides[1::2], strict=True)):
            if row in stored:  # else it was deleted meanwhile
                cell = bytes((flags,)) + reply.checks[place * rows.CHECK_BYTES : (place + 1) * rows.CHECK_BYTES]
                messages.append(self._build(feed, row, cell, stored[row], packed, [], edited_ms.get(row, 0)))
        return messages

    def _message(
        self, feed: Feed, snapshot: Snapshot, row: int, fields: list[bytes], raw_side: bytes | None, edited_ms: int
    ) -> Message:
        start = (row - snapshot.base - 1) * rows.ROW_BYTES
        cell = snapshot.rows[start : start + rows.ROW_BYTES]
        return self._build(feed, row, cell, fields, raw_side, snapshot.stamps, edited_ms, snapshot.state.position)

    def _build(
        self,
        feed: Feed,
        row: int,
        cell: bytes,
        fields: list[bytes],
        raw_side: bytes | None,
        stamps: list[Stamp],
        edited_ms: int,
        as_of: rows.Position | None = None,
    ) -> Message:
        """Return the message of a row's bytes, entry (with the content of its edit), side record and stamps."""
        key = (feed.subscriber_oid, feed.number, row)
        built = self._built.get(key)
        made_of = (cell, fields, raw_side, stamps, edited_ms)
        if built and built.made_of == made_of:
            built.as_of = as_of or built.as_of
            return built.message
        side = rows.resolve_side(row, raw_side, stamps)
        first, last, read, archived, until = side.dates
        flags = cell[0]
        message = Message(
            id=feed.message_id(side.moved_from or row, cell[1:]),
            subscriber_oid=feed.subscriber_oid,
            stored=built.message.stored if built and built.made_of[1] == fields else decode_stored(fields[3]),
            created_ms=int(fields[1]),
            seen=not flags & rows.UNSEEN,
            read=not flags & rows.UNREAD,
            archived=bool(flags & rows.ARCHIVED),
            first_seen_ms=first,
            last_seen_ms=last,
            last_read_ms=read,
            archived_ms=archived,
            snoozed_until_ms=until,
            action=rows.parse_press(side.action),
            delivered_before_ms=tuple(map(int, fields[5].split(b","))) if len(fields) > 5 else (),
            sequence=row,
            edited_ms=edited_ms,
        )
        self._built.put(key, _Built(made_of, message, as_of))
        return message

    async def origins(self, feed: Feed, numbers: Sequence[int]) -> dict[int, int]:
        """Map each row whose message was moved into it (snooze end, collapse) to the row in that message's id."""
        origins: dict[int, int] = {}
        for part in in_slices(numbers, SIDES_AT_ONCE):
            for row, raw in zip(part, await self._client.execute("HMGET", feed.keys.side, *part), strict=True):
                if origin := rows.resolve_side(row, raw, []).moved_from:
                    origins[row] = origin
        return origins

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

    async def stored_at(self, feed: Feed, numbers: Collection[int]) -> dict[int, Message]:
        """Return by row the messages that are in these rows or were first stored there, if they still exist."""

        def name(snapshot: Snapshot) -> list[RowId]:
            checks = {number: rows.check_of(snapshot.rows, snapshot.base, number) for number in numbers}
            return [RowId(feed.bucket, feed.number, number, check) for number, check in checks.items() if check]

        return {row_id.row: message for row_id, (message, _) in (await self._load_named(feed, numbers, name)).items()}


def are_settled_at(positions: Sequence[Position], replies: Sequence[Any]) -> bool:
    """Return whether feeds are still at these positions, and no snooze has ended without effect yet."""
    return all(
        rows.packed_position(packed) == position.packed and not (wake and int(wake) <= now_ms())
        for position, (packed, wake) in zip(positions, replies, strict=True)
    )


def slices(length: int) -> Iterator[tuple[int, int]]:
    """Iterate over (start, end) of the slices in which so many rows are read, newest first."""
    starts = [*range(0, min(length, 1)), *range(FIRST_SLICE, length, SCAN_SLICE)]
    return pairwise([*starts, length])


def _counts_of(counts: FeedCounts, flags: bytes, selects: Collection[Select]) -> dict[Select, int]:
    return {
        select: rows.counted(counts, select) if rows.is_counted(select) else rows.count_rows(flags, select)
        for select in selects
    }


def _spans(keys: FeedKeys, numbers: Sequence[int]) -> list[Command]:
    """Return the commands that read these rows' entries and few others: one for rows that are close together."""
    ordered = sorted(numbers)
    gaps = [index for index, (row, after) in enumerate(pairwise(ordered), 1) if after - row > MAX_READ_BETWEEN]
    spans = pairwise([0, *gaps, len(ordered)])
    return [("XRANGE", keys.stream, f"{ordered[start]}-0", f"{ordered[end - 1]}-0") for start, end in spans]


def _by_row(numbers: Collection[int], spans: Sequence[Any]) -> dict[int, list[bytes]]:
    """Return by row the fields of these rows' entries in the replies to `_spans`."""
    requested = frozenset(numbers)
    entries = [(int(entry_id[:-2]), fields) for span in spans for entry_id, fields in span]
    return {row: fields for row, fields in entries if row in requested}


def _edit_fields(edited: Sequence[int]) -> list[str]:
    """Return the fields of the side hash with the contents of edited rows."""
    return [f"e{row}" for row in edited]


def _apply_edits(stored: dict[int, list[bytes]], edits: Mapping[int, bytes | None]) -> dict[int, int]:
    """Put the contents of edits into the entries of their rows, in place; return their times (ms since 1970).

    A row whose edit is missing has gone meanwhile, and is left out.
    """
    times: dict[int, int] = {}
    for row, raw in edits.items():
        fields = stored.pop(row, None)
        if fields and raw:
            times[row], content = rows.parse_edit(raw)
            stored[row] = [*fields[:2], b"d", content, *fields[4:]]
    return times


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
