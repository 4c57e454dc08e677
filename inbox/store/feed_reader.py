"""Reading a feed in Redis: its state, its pages, single messages, and what changed since a position."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from inbox.errors import StoreUnavailable
from inbox.ids import MessageId
from inbox.models.message import Message, decode_stored
from inbox.store import rows, scripts, snoozes
from inbox.store.client import Client, Command
from inbox.store.contents import Contents
from inbox.store.feed import Feed, LogEntry, Page, Scan, Snapshot
from inbox.store.keys import BucketKeys, FeedKeys, Keys
from inbox.store.rows import RowId, Select, State

CALM_ATTEMPTS = 3
PAGE_ATTEMPTS = 100
WAKE_ATTEMPTS = 50
FIRST_SLICE, SCAN_SLICE = 100, 400
"""Rows read at once: a few first, since the newest often suffice, then as many as hold the loop for some 2 ms."""
MOST_READ_BETWEEN = 16
"""Rows that nobody wants and that are read all the same, since a further command costs as much as these."""
SIDES_AT_ONCE = 500
LOG_KINDS = {"n": "new", "v": "new", "m": "marked", "x": "deleted", "t": "trimmed", "b": "bulk"}


class FeedReader:
    """Readings of feeds. Snoozes that have ended take effect before each."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._contents = Contents(client)

    async def state(self, feed: Feed) -> State | None:
        """The feed's position and counts, or None when it is gone. One command, unless a snooze has ended."""
        return (await self.states([feed]))[0]

    async def states(self, feeds: Sequence[Feed]) -> list[State | None]:
        """The states of many feeds in one batch."""
        replies = await self._client.batch([("HMGET", feed.keys.state, "p", "u") for feed in feeds])
        states = [rows.parse_state(packed, wake) if packed else None for packed, wake in replies]
        return [
            await self._state_awake(feed) if state and snoozes.is_due(state) else state
            for feed, state in zip(feeds, states, strict=True)
        ]

    async def _state_awake(self, feed: Feed) -> State | None:
        snapshot = await self.snapshot(feed)
        return snapshot.state if snapshot else None

    async def snapshot(self, feed: Feed) -> Snapshot | None:
        """State, rows and stamps as they stood together, or None when the feed is gone.

        Snoozes that have ended take effect first: every reading of a feed goes through here or `states`.
        """
        snapshot = await self._snapshot(feed)
        while snapshot and snoozes.is_due(snapshot.state):
            if not await self.wake(feed):
                return await self._snapshot(feed)  # the store's clock is behind ours: it is not due yet
            snapshot = await self._snapshot(feed)
        return snapshot

    async def wake(self, feed: Feed) -> int:
        """Ends snoozes whose time has come, at most 20 at once; gives how many."""
        for _ in range(WAKE_ATTEMPTS):
            snapshot = await self._snapshot(feed)
            if snapshot is None:
                return 0
            woken = await snoozes.wake(
                self._client, self._bucket(feed), feed.number, snapshot.state, snapshot.flags, snapshot.stamps
            )
            if woken is not None:
                return woken
        raise StoreUnavailable

    async def _snapshot(self, feed: Feed) -> Snapshot | None:
        keys = feed.keys
        (packed, wake), cells, stamps = await self._client.transaction(
            [("HMGET", keys.state, "p", "u"), ("GET", keys.rows), ("LRANGE", keys.stamps, 0, -1)]
        )
        if packed is None:
            return None
        return Snapshot(rows.parse_state(packed, wake), cells or b"", [rows.parse_stamp(raw) for raw in stamps])

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
    ) -> Page | None:
        """The newest messages that the selection takes, after `skip` of them; rows below `before` and above `above`.

        With a scan, of these those whose content it takes; it reads newest first and no further than needed.
        State and flags are read first, then the chosen rows together with the state again: had it moved, both are
        repeated, so a page is never a mixture; a feed that does not hold still is read by a script, which costs Redis
        more. None when the feed is gone.
        """
        is_plain = scan is None and not above
        for _ in range(CALM_ATTEMPTS if is_plain else PAGE_ATTEMPTS):
            snapshot = await self.snapshot(feed)
            if snapshot is None:
                return None
            flags, base = snapshot.flags, snapshot.state.base
            if scan is None:
                chosen = rows.newest_rows(flags, base, select, limit + 1, before, skip, above)
            else:
                taken = rows.newest_rows(flags, base, select, len(flags), before, 0, above)
                chosen = (await self.scan(feed, scan, taken, skip + limit + 1))[skip:]
            messages = await self._load(feed, snapshot, chosen[:limit])
            if messages is not None:
                return Page(messages, len(chosen) > limit, snapshot.state)
        if not is_plain:
            raise StoreUnavailable
        found = await self._read_at_once(feed, select, limit + 1, before=before, skip=skip)
        return Page(found[0][:limit], len(found[0]) > limit, found[1]) if found else None

    async def messages(self, feed: Feed, wanted: Sequence[int]) -> tuple[list[Message], State] | None:
        """The live ones of these rows in their present state, in the order given; None when the feed is gone."""
        for _ in range(CALM_ATTEMPTS):
            snapshot = await self.snapshot(feed)
            if snapshot is None:
                return None
            flags, base = snapshot.flags, snapshot.state.base
            live = [row for row in wanted if 0 <= row - base - 1 < len(flags) and flags[row - base - 1] & rows.LIVE]
            messages = await self._load(feed, snapshot, live)
            if messages is not None:
                return messages, snapshot.state
        return await self._read_at_once(feed, rows.ALL, wanted=wanted)

    async def _read_at_once(
        self,
        feed: Feed,
        select: Select,
        limit: int = 0,
        *,
        before: int | None = None,
        skip: int = 0,
        wanted: Sequence[int] = (),
    ) -> tuple[list[Message], State] | None:
        """What `page` or `messages` gives, by one script; with neither limit nor rows just the state."""
        keys = feed.keys
        args = [*rows.script_arguments(select), limit, skip, before or "", *wanted]
        packed, *rest = await self._client.run(
            scripts.FEED_PAGE, [keys.state, keys.rows, keys.side, keys.stamps, keys.stream], args
        )
        if packed is None:
            return None
        cells, stamps, numbers, sides, entries = rest
        await self._fill_in(feed, [fields for _, fields in entries])
        snapshot = Snapshot(rows.parse_state(packed), cells, [rows.parse_stamp(raw) for raw in stamps])
        found = zip(numbers, sides, entries, strict=True)
        messages = [_message(feed, snapshot, number, entry[1], side) for number, side, entry in found]
        return messages, snapshot.state

    async def rows_of(self, feed: Feed, snapshot: Snapshot, wanted: Sequence[RowId]) -> list[int]:
        """The rows where these messages are now, of those that exist, in the order given."""
        places = await self._places(feed, snapshot, wanted)
        return [places[row] for row in wanted if row in places]

    async def _places(self, feed: Feed, snapshot: Snapshot, wanted: Sequence[RowId]) -> dict[RowId, int]:
        direct = [snapshot.is_live(row.row, row.check) for row in wanted]
        away = [row for row, live in zip(wanted, direct, strict=True) if not live]
        if not away:
            return {row: row.row for row in wanted}
        found = await self._client.execute("HMGET", feed.keys.side, *(f"o{row.row}" for row in away))
        moved = {
            row: int(to) for row, to in zip(away, found, strict=True) if to and snapshot.is_live(int(to), row.check)
        }
        here = zip(wanted, direct, strict=True)
        return {row: row.row if live else moved[row] for row, live in here if live or row in moved}

    async def find(self, feed: Feed, message_id: str) -> tuple[Message, int] | None:
        """A message of this feed by its id, and its row; None when it is unknown, deleted or another feed's."""
        wanted = feed.row_of(message_id)
        if wanted is None:
            return None
        for _ in range(PAGE_ATTEMPTS):
            snapshot = await self.snapshot(feed)
            if snapshot is None:
                return None
            found = await self.rows_of(feed, snapshot, [wanted])
            messages = await self._load(feed, snapshot, found)
            if messages is not None:
                same = [message for message in messages if message.id == message_id]
                return (same[0], found[0]) if same else None
        raise StoreUnavailable

    async def find_place(self, feed: Feed, message_id: str) -> tuple[int, int] | None:
        """Return the row of a message of this feed and its time, also after its deletion; None if there never was one.

        The time of one that is gone is not known any more: it is that of the next newer message of the feed.
        """
        if found := await self.find(feed, message_id):
            return found[1], found[0].created_ms
        wanted, snapshot = feed.row_of(message_id), await self._snapshot(feed)
        if wanted is None or snapshot is None or not 0 < wanted.row <= snapshot.state.last:
            return None
        row = rows.last_row_with(snapshot.rows, snapshot.state.base, wanted.row, wanted.check)
        if row is None:
            return None
        newer = await self._client.execute("XRANGE", feed.keys.stream, f"{row + 1}-0", "+", "COUNT", 1)
        return row, int(newer[0][1][1]) if newer else snapshot.state.position.ms

    async def find_many(self, feed: Feed, wanted: Sequence[RowId]) -> dict[MessageId, Message]:
        """The messages of these ids, wherever they are now, of those that exist."""
        for _ in range(PAGE_ATTEMPTS):
            snapshot = await self.snapshot(feed)
            if snapshot is None:
                return {}
            messages = await self._load(feed, snapshot, await self.rows_of(feed, snapshot, wanted))
            if messages is not None:
                return {message.id: message for message in messages}
        raise StoreUnavailable

    async def contents(self, feed: Feed, wanted: Sequence[int]) -> dict[int, bytes]:
        """What rows hold, of those that are live; immutable, so no state is read with it."""
        entries = [entry for part in await self._client.batch(_spans(feed.keys, wanted)) for entry in part]
        await self._fill_in(feed, [fields for _, fields in entries])
        chosen = frozenset(wanted)
        return {row: fields[3] for entry_id, fields in entries if (row := int(entry_id[:-2])) in chosen}

    async def scan(self, feed: Feed, scan: Scan, candidates: Sequence[int], most: int | None = None) -> list[int]:
        """Those of these live rows whose content the scan takes, in the order given, at most `most` of them.

        Contents are read in slices; what a row holds never changes, so the scan remembers what it has judged.
        """
        found: list[int] = []
        for start, end in slices(len(candidates)):
            part = candidates[start:end]
            unknown = [row for row in part if row not in scan.judged]
            if unknown:
                scan.judge(await self.contents(feed, unknown))
            found += [row for row in part if scan.judged.get(row)]
            if most is not None and len(found) >= most:
                return found[:most]
        return found

    async def seek(self, feed: Feed, created_ms: int) -> int:
        """The newest row created at that time (ms since 1970) or before it; 0 when there is none."""
        return int(await self._client.run(scripts.FEED_SEEK, [feed.keys.state, feed.keys.stream], [created_ms]))

    async def _load(self, feed: Feed, snapshot: Snapshot, wanted: list[int]) -> list[Message] | None:
        """The messages of these live rows; None when the feed has moved on since the snapshot."""
        if not wanted:
            return []
        keys = feed.keys
        packed, sides, *found = await self._client.transaction(
            [("HGET", keys.state, "p"), ("HMGET", keys.side, *wanted), *_ranges(keys, wanted)]
        )
        if packed is None or rows.parse_state(packed).position != snapshot.state.position:
            return None
        stored = {int(entry_id[:-2]): fields for part in found for entry_id, fields in part}
        await self._fill_in(feed, stored.values())
        return [
            _message(feed, snapshot, row, stored[row], side) for row, side in zip(wanted, sides, strict=True)
        ]

    async def _fill_in(self, feed: Feed, entries: Iterable[list[bytes]]) -> None:
        await self._contents.fill_in(self._bucket(feed), entries)

    def _bucket(self, feed: Feed) -> BucketKeys:
        return self._keys.bucket(feed.environment, feed.bucket)

    async def ids_of(self, feed: Feed, wanted: Sequence[int]) -> list[MessageId]:
        """The ids of rows, live or deleted."""
        snapshot = await self.snapshot(feed)
        if snapshot is None:
            return []
        base = snapshot.state.base
        return [feed.message_id(row, check) for row in wanted if (check := rows.check_of(snapshot.rows, base, row))]

    async def origins(self, feed: Feed, wanted: Sequence[int]) -> dict[int, int]:
        """Of these rows those whose message was moved there, with the row that its id names."""
        found: dict[int, int] = {}
        for start in range(0, len(wanted), SIDES_AT_ONCE):
            part = wanted[start : start + SIDES_AT_ONCE]
            for row, raw in zip(part, await self._client.execute("HMGET", feed.keys.side, *part), strict=True):
                if origin := rows.resolve_side(row, raw, []).moved_from:
                    found[row] = origin
        return found

    async def changes_since(self, feed: Feed, since: rows.Position) -> tuple[State, list[LogEntry] | None] | None:
        """The present state and what changed after a position, oldest first.

        The list is None when the log no longer reaches back to that very position (the caller must start afresh); the
        whole answer is None when the feed is gone, or another one has its number.
        """
        keys = feed.keys
        commands: list[Command] = [("HMGET", keys.state, "p", "s"), ("LRANGE", keys.log, 0, -1)]
        (packed, owner), log = await self._client.transaction(commands)
        if packed is None or owner != feed.subscriber_oid.encode():
            return None
        state = rows.parse_state(packed)
        return state, _entries_since(state, log, since)

    async def fold(self, feed: Feed, keep: int) -> None:
        """Folds stamps into side records, the oldest first, until only `keep` are left."""
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.stamps]
        while await self._client.run(scripts.FEED_FOLD, keys) > keep:
            pass

    async def stored_at(self, feed: Feed, numbers: Collection[int]) -> dict[int, Message]:
        """What is in these rows or was first stored there, wherever it is now; without what is gone."""
        for _ in range(PAGE_ATTEMPTS):
            snapshot = await self.snapshot(feed)
            if snapshot is None:
                return {}
            checks = {number: rows.check_of(snapshot.rows, snapshot.state.base, number) for number in numbers}
            wanted = [RowId(feed.bucket, feed.number, number, check) for number, check in checks.items() if check]
            places = await self._places(feed, snapshot, wanted)
            messages = await self._load(feed, snapshot, list(places.values()))
            if messages is not None:
                return dict(zip((row.row for row in places), messages, strict=True))
        raise StoreUnavailable


def _ranges(keys: FeedKeys, wanted: Sequence[int]) -> list[Command]:
    """The commands that read these rows' entries: one range when they lie close together."""
    low, high = min(wanted), max(wanted)
    if high - low < 2 * len(wanted):
        return [("XRANGE", keys.stream, f"{low}-0", f"{high}-0")]
    return [("XRANGE", keys.stream, f"{row}-0", f"{row}-0") for row in wanted]


def slices(length: int) -> Iterator[tuple[int, int]]:
    """The slices that so many rows are read in, newest first: (start, end) of each."""
    starts = [*range(0, min(length, 1)), *range(FIRST_SLICE, length, SCAN_SLICE)]
    return pairwise([*starts, length])


def _spans(keys: FeedKeys, wanted: Sequence[int]) -> list[Command]:
    """The commands that read these rows' entries, and few others: one for rows that lie close together."""
    ordered = sorted(wanted)
    gaps = [place for place, (row, after) in enumerate(pairwise(ordered), 1) if after - row > MOST_READ_BETWEEN]
    spans = pairwise([0, *gaps, len(ordered)])
    return [("XRANGE", keys.stream, f"{ordered[start]}-0", f"{ordered[end - 1]}-0") for start, end in spans]


def _message(feed: Feed, snapshot: Snapshot, row: int, fields: list[bytes], raw_side: bytes | None) -> Message:
    flags = snapshot.rows[(row - snapshot.state.base - 1) * rows.ROW_BYTES]
    check = rows.check_of(snapshot.rows, snapshot.state.base, row)
    side = rows.resolve_side(row, raw_side, snapshot.stamps)
    first, last, read, archived, until = side.dates
    return Message(
        id=feed.message_id(side.moved_from or row, check),
        subscriber_oid=feed.subscriber_oid,
        stored=decode_stored(fields[3]),
        created_ms=int(fields[1]),
        seen=not flags & rows.UNSEEN,
        read=not flags & rows.UNREAD,
        archived=bool(flags & rows.ARCHIVED),
        first_seen_ms=first,
        last_seen_ms=last,
        last_read_ms=read,
        archived_ms=archived,
        snoozed_until_ms=until,
        action=side.action,
        delivered_before_ms=tuple(map(int, fields[5].split(b","))) if len(fields) > 5 else (),
    )


def _entries_since(state: State, log: list[bytes], since: rows.Position) -> list[LogEntry] | None:
    gap = state.position.counter - since.counter
    if gap == 0:
        return [] if since.ms == state.position.ms else None
    if gap < 0 or gap > len(log):
        return None
    anchored = since == rows.ORIGIN if gap == len(log) else _ms_of(log[-gap - 1]) == since.ms
    if not anchored:
        return None
    return [_parse_entry(entry) for entry in log[-gap:]]


def _ms_of(entry: bytes) -> int:
    return int(entry[:13])


def _parse_entry(entry: bytes) -> LogEntry:
    return LogEntry(LOG_KINDS[entry[13:14].decode()], int(entry[14:]))
