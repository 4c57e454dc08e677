"""Reading messages of a feed: those in its rows, those that ids name, and those that a script has just changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import Contention
from inbox.ids import MessageId
from inbox.models.message import Message
from inbox.store import rows
from inbox.store.built_messages import BuiltMessages
from inbox.store.contents import Contents
from inbox.store.entries import PendingEntries, apply_edits, by_row, edit_fields, entry_spans
from inbox.store.feed import Feed, Snapshot
from inbox.store.replies import ChangeReply
from inbox.store.retry import Attempts
from inbox.store.rows import RowId
from inbox.store.slices import in_slices
from inbox.store.snapshots import SnapshotReader

SIDES_AT_ONCE = 500


@dataclass(eq=False)
class MessageReader(SnapshotReader):
    """Reads messages and their contents."""

    def __post_init__(self) -> None:
        self._contents = Contents(self._client)
        self._built = BuiltMessages()

    async def find(self, feed: Feed, message_id: str) -> tuple[Message, int] | None:
        """Return a message of this feed and its row; None if it is unknown, deleted or another feed's."""
        row_id = feed.row_of(message_id)
        if row_id is None:
            return None
        loaded = (await self._load_named(feed, [row_id.row], lambda _: [row_id])).get(row_id)
        return loaded if loaded and loaded[0].id == message_id else None

    async def find_row(self, feed: Feed, message_id: str) -> tuple[int, int] | None:
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

    async def stored_at(self, feed: Feed, numbers: Collection[int]) -> dict[int, Message]:
        """Return by row the messages that are in these rows or were first stored there, if they still exist."""

        def name(snapshot: Snapshot) -> list[RowId]:
            checks = {number: rows.check_of(snapshot.rows, snapshot.base, number) for number in numbers}
            return [RowId(feed.bucket, feed.number, number, check) for number, check in checks.items() if check]

        return {row_id.row: message for row_id, (message, _) in (await self._load_named(feed, numbers, name)).items()}

    async def rows_of(self, feed: Feed, snapshot: Snapshot, messages: Sequence[RowId]) -> list[int]:
        """Return the present rows of the messages that exist, in the order of the messages."""
        return list((await self._present_rows(feed, snapshot, messages)).values())

    async def origins(self, feed: Feed, numbers: Sequence[int]) -> dict[int, int]:
        """Map each row whose message was moved into it (snooze end, collapse) to the row in that message's id."""
        origins: dict[int, int] = {}
        for part in in_slices(numbers, SIDES_AT_ONCE):
            for row, raw in zip(part, await self._client.execute("HMGET", feed.keys.side, *part), strict=True):
                if origin := rows.resolve_side(row, raw, []).moved_from:
                    origins[row] = origin
        return origins

    async def contents(self, feed: Feed, snapshot: Snapshot, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the contents of those of these rows that are live.

        Only the contents of messages that are edited in the snapshot can have changed since.
        """
        edited = rows.edited_rows(snapshot.rows, snapshot.base, numbers)
        commands = entry_spans(feed.keys, numbers)
        if edited:
            commands.append(("HMGET", feed.keys.side, *edit_fields(edited)))
        replies = await self._client.batch(commands)
        edits = dict(zip(edited, replies.pop(), strict=True)) if edited else {}
        stored, _ = await self._filled_in(feed, by_row(numbers, replies), edits)
        return {row: fields[3] for row, fields in stored.items()}

    def begin_entries(self, feed: Feed, messages: Sequence[RowId]) -> PendingEntries:
        """Begin to read the entries of these messages' rows, in one round trip with what the caller sends next.

        Those that were read before are not read again: an entry never changes, and the check bytes name it.
        """
        known = self._built.entries(feed, messages)
        unknown = [message.row for message in messages if message.row not in known]
        return PendingEntries(known, self._client.begin(entry_spans(feed.keys, unknown)) if unknown else None)

    async def changed_messages(self, feed: Feed, reply: ChangeReply, begun: PendingEntries) -> list[Message]:
        """Return the messages that a script has just changed, without reading their state again.

        `begun`: the entries of the rows in the ids (`begin_entries`); those of messages that were moved, and edits, are
        read here.
        """
        entries = await begun.of_rows(reply.rows)
        moved = [row for row in reply.rows if row not in entries]
        edited = [row for row, flags in zip(reply.rows, reply.flags, strict=True) if flags & rows.EDITED]
        if moved:
            entries |= by_row(moved, await self._client.batch(entry_spans(feed.keys, moved)))
        edits: dict[int, bytes | None] = {}
        if edited:
            raw = await self._client.execute("HMGET", feed.keys.side, *edit_fields(edited))
            edits = dict(zip(edited, raw, strict=True))
        stored, edited_ms = await self._filled_in(feed, entries, edits)
        messages = []
        for index, (row, flags, packed) in enumerate(zip(reply.rows, reply.flags, reply.sides[1::2], strict=True)):
            if row in stored:  # else it was deleted meanwhile
                cell = bytes((flags,)) + reply.checks[index * rows.CHECK_BYTES : (index + 1) * rows.CHECK_BYTES]
                messages.append(self._built.build(feed, row, cell, stored[row], packed, [], edited_ms.get(row, 0)))
        return messages

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

    async def _load(self, feed: Feed, snapshot: Snapshot, numbers: list[int]) -> list[Message] | None:
        """Return the messages of these live rows; None if the feed has moved on since the snapshot.

        Ask the store only for those that were not read at the position of the snapshot before.
        """
        known = self._built.at(feed, snapshot.state.position, numbers)
        missing = [row for row in numbers if row not in known] if known else numbers
        if missing:
            read = await self._read_rows(feed, snapshot, missing)
            if read is None:
                return None
            if not known:
                return read
            known |= zip(missing, read, strict=True)
        return [known[row] for row in numbers]

    async def _read_rows(self, feed: Feed, snapshot: Snapshot, numbers: Sequence[int]) -> list[Message] | None:
        """Read the messages of live rows; return None if the feed has moved on since the snapshot."""
        keys = feed.keys
        edited = rows.edited_rows(snapshot.rows, snapshot.base, numbers)
        # the state comes last: if it is still that of the snapshot, so was what was read before it
        sides, *ranges, packed = await self._client.read(
            [
                ("HMGET", keys.side, *numbers, *edit_fields(edited)),
                *entry_spans(keys, numbers),
                ("HGET", keys.state, "p"),
            ]
        )
        if packed is None or rows.parse_state(packed).position != snapshot.state.position:
            return None
        edits = dict(zip(edited, sides[len(numbers) :], strict=True))
        return await self._built_of(feed, snapshot, numbers, dict(zip(numbers, sides, strict=False)), ranges, edits)

    async def _built_of(
        self,
        feed: Feed,
        snapshot: Snapshot,
        numbers: Sequence[int],
        sides: Mapping[int, bytes | None],
        ranges: Sequence[Any],
        edits: Mapping[int, bytes | None],
    ) -> list[Message]:
        """Return the messages of live rows: of side records by row, the replies to `entry_spans`, and edits by row."""
        entries, edited_ms = await self._filled_in(feed, by_row(numbers, ranges), edits)
        return [
            self._built.build_live(feed, snapshot, row, entries[row], sides[row], edited_ms.get(row, 0))
            for row in numbers
        ]

    async def _filled_in(
        self, feed: Feed, entries: dict[int, list[bytes]], edits: Mapping[int, bytes | None]
    ) -> tuple[dict[int, list[bytes]], dict[int, int]]:
        """Return by row the fields of these entries, whole, and when edited ones were edited (ms since 1970).

        `edits`: the fields of the side hash of edited rows.
        """
        edited_ms = apply_edits(entries, edits)
        await self._contents.fill_in(self._bucket(feed), entries.values())
        return entries, edited_ms
