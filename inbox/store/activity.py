"""The activity of an environment: a row of 32 bytes for each step that was carried out for a recipient.

Rows are appended to blocks of 4,096: strings, so that a page is one range and a filter needs no further command. A
block expires 30 days after its last row. A delivered message is read from its feed; other outcomes have records beside
the block. The first three bytes of the transactions' tags are kept beside the rows too (12 KB a block): the server
looks a transaction up there in some microseconds a block, and only blocks that may have it are read.
"""

from __future__ import annotations

import hashlib
import heapq
import struct
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from inbox.errors import Contention
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.keys import ACTIVITY_TTL_SECONDS, BUCKETS
from inbox.store.retry import Attempts
from inbox.store.scripts import load

ROW_BYTES = 32
BLOCK_ROWS = 4_096
_BLOCKS_AT_ONCE = 32
_LOOKS_AT_ONCE = 640
_LOOKS_TO_OPEN = 8
"""The fixed cost of a block, in looks for a transaction of 0.7 us each: a command takes half a millisecond."""
_BEGINNING_BYTES = 3
_ROW = struct.Struct(">HIBBII5s4s7s")
_TIME_BYTES = 6
_OUTCOME_BITS, _SEVERITY_SHIFT, _FURTHER = 0x0F, 4, 0x80


_ACTIVITY_APPEND = load("activity_append", tuple[int, int])
"""Returns whether the rows were appended, and the newest block: the one to append to, if they were not."""
_ACTIVITY_BLANK = load("activity_blank", int)
_ACTIVITY_FIND = load("activity_find", lambda raw: list(zip(raw[::2], raw[1::2], strict=True)))
"""Returns for each block the number of bytes of its rows (0: it has expired), and whether it may hold a transaction."""


class ActivityOutcome(IntEnum):
    """The outcome of a step for a recipient."""

    DELIVERED = 0
    SUPPRESSED = 1
    DUPLICATE = 2
    SKIPPED = 3
    FAILED = 4
    DELAYED = 5
    """It waits, or collects events."""
    MERGED = 6
    """Its event joined the digest of another one."""
    ENDED = 7
    """Its wait is over, or there was nothing to wait for."""
    CANCELED = 8
    EDITED = 9
    RETRACTED = 10


_OUTCOMES = tuple(ActivityOutcome)


class ActivityRow(NamedTuple):
    """One outcome. `transaction`, `template` and `notification` are tags: short hashes or parts of ids.

    `number` is the feed's and `row` its message's first row; both 0 where there is none. `severity` is an index.
    `is_further`: an earlier row is about another step of the same trigger and recipient.
    """

    ms: int
    outcome: ActivityOutcome
    severity: int
    is_further: bool
    bucket: int
    number: int
    row: int
    transaction: bytes
    template: bytes
    notification: bytes

    @property
    def feed(self) -> tuple[int, int]:
        """Return the feed's bucket and number."""
        return self.bucket, self.number

    def pack(self) -> bytes:
        return pack_row(*self)


class Ref(NamedTuple):
    """The position of a row: its block, and its offset there, in rows."""

    block: int
    offset: int


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """A row and its position."""

    ref: Ref
    row: ActivityRow


class Column(IntEnum):
    """The parts of rows that can be searched, with the byte at which each begins."""

    FEED = 7
    TRANSACTION = 16
    TEMPLATE = 21
    NOTIFICATION = 25


@dataclass(frozen=True, slots=True)
class ActivityBlock:
    """A block of rows, oldest first."""

    number: int
    raw: bytes

    @property
    def oldest_ms(self) -> int:
        return next(parse_rows(self.raw[:ROW_BYTES])).ms

    def entries(self) -> list[ActivityEntry]:
        """Return every row, newest first."""
        return _backwards(self.number, 0, self.raw)

    def holding(self, columns: Mapping[Column, Collection[bytes]]) -> Iterator[ActivityEntry]:
        """Iterate over the rows that have one of the tags in each of these columns (one or more), newest first.

        The search is lazy, by the first column; a block without the tags costs next to nothing.
        """
        if not all(any(tag in self.raw for tag in tags) for tags in columns.values()):
            return
        (column, tags), *others = columns.items()
        for index in heapq.merge(*(self._indexes(column, tag) for tag in set(tags)), reverse=True):
            if all(self._has(index, other, other_tags) for other, other_tags in others):
                yield self._entry(index)

    def _indexes(self, column: Column, tag: bytes) -> Iterator[int]:
        at = self.raw.rfind(tag)
        while at >= 0:
            index, byte = divmod(at, ROW_BYTES)
            if byte == column:
                yield index
            at = self.raw.rfind(tag, 0, at + len(tag) - 1)

    def _has(self, index: int, column: Column, tags: Collection[bytes]) -> bool:
        at = index * ROW_BYTES + column
        return any(self.raw.startswith(tag, at) for tag in tags)

    def _entry(self, index: int) -> ActivityEntry:
        raw = self.raw[index * ROW_BYTES : (index + 1) * ROW_BYTES]
        return ActivityEntry(Ref(self.number, index), next(parse_rows(raw)))


class NewRow(NamedTuple):
    """A packed row to append, with the record of an outcome that no message shows."""

    row: bytes
    record: bytes | None = None

    def is_of(self, feed: bytes) -> bool:
        """Return whether the row is of the feed with this tag."""
        return self.row.startswith(feed, Column.FEED)


def pack_row(
    ms: int,
    outcome: ActivityOutcome,
    severity: int,
    is_further: bool,
    bucket: int,
    number: int,
    row: int,
    transaction: bytes,
    template: bytes,
    notification: bytes,
) -> bytes:
    """Return the 32 bytes of an `ActivityRow` with these fields."""
    head = outcome | severity << _SEVERITY_SHIFT | (_FURTHER if is_further else 0)
    return _ROW.pack(ms >> 32, ms & 0xFFFFFFFF, head, bucket, number, row, transaction, template, notification)


def transaction_tag(transaction_id: str) -> bytes:
    return hashlib.blake2b(transaction_id.encode(), digest_size=5).digest()


def template_tag(workflow_id: str) -> bytes:
    """Return the end of a workflow's `_id`."""
    return bytes.fromhex(workflow_id)[-4:]


def notification_tag(notification_id: bytes) -> bytes:
    """Return the beginning of the bytes of an activity's `_id`."""
    return notification_id[:7]


def feed_tag(bucket: int, number: int) -> bytes:
    return struct.pack(">BI", bucket, number)


def parse_rows(raw: bytes) -> Iterator[ActivityRow]:
    """Decode the rows of a block or of a part of it, in order."""
    for high, low, head, bucket, number, row, transaction, template, notification in _ROW.iter_unpack(raw):
        severity, is_further = head >> _SEVERITY_SHIFT & 3, bool(head & _FURTHER)
        outcome = _OUTCOMES[head & _OUTCOME_BITS]
        yield ActivityRow(
            high << 32 | low, outcome, severity, is_further, bucket, number, row, transaction, template, notification
        )


@dataclass(eq=False)
class ActivityStore(BaseStore):
    """Writes and reads the rows of environments."""

    _newest: dict[int, int] = field(init=False, default_factory=dict)

    async def append(self, environment: int, new_rows: Sequence[NewRow]) -> None:
        """Append rows, at most a block of them. Raise StoreUnavailable."""
        records: list[Argument] = []
        for index, new in enumerate(new_rows):
            if new.record is not None:
                records += [index, new.record]
        rows = [new.row for new in new_rows]
        beginnings = [_beginning(row[Column.TRANSACTION :]) for row in rows]
        async for _ in Attempts():
            block = self._newest.get(environment, 0)
            keys = [self._keys.activity_newest(environment), *self._keys_of(environment, block)]
            args: list[Argument] = [block, BLOCK_ROWS * ROW_BYTES, ACTIVITY_TTL_SECONDS * 1_000]
            args += [b"".join(rows), b"".join(beginnings), *records]
            is_done, self._newest[environment] = await self._client.run(_ACTIVITY_APPEND, keys, args)
            if is_done:
                return
        raise Contention

    async def newest(self, environment: int, skip: int, count: int) -> list[ActivityEntry]:
        """Return `count` rows after the `skip` newest, newest first."""
        entries: list[ActivityEntry] = []
        async for block, length in self._lengths(environment):
            if skip >= length:
                skip -= length
                continue
            last = length - skip
            first = max(0, last - (count - len(entries)))
            raw = await self._range(environment, block, first, last)
            entries += _backwards(block, first, raw)
            skip = 0
            if len(entries) >= count:
                break
        return entries

    async def blocks(self, environment: int, transactions: Collection[bytes] = ()) -> AsyncIterator[ActivityBlock]:
        """Iterate over the blocks, newest first; with tags of transactions, over those that may hold a row of them."""
        async for block, length in self._lengths(environment, transactions):
            yield ActivityBlock(block, await self._range(environment, block, 0, length))

    async def records(self, environment: int, refs: Sequence[Ref]) -> dict[Ref, bytes]:
        """Return the records of the rows that have one."""
        key = self._keys.activity_records
        records = await self._client.batch([("HGET", key(environment, ref.block), ref.offset) for ref in refs])
        return {ref: record for ref, record in zip(refs, records, strict=True) if record is not None}

    async def blank(self, environment: int, entries: Sequence[ActivityEntry]) -> int:
        """Blank at most a few hundred rows of one block, except for their times, and return the number of blanked rows.

        Their records are removed. Readers pass over blank rows: they lead to no message and no record.
        """
        if not entries:
            return 0
        block = entries[0].ref.block
        keys = self._keys_of(environment, block)
        blank = ActivityRow(0, ActivityOutcome.SKIPPED, 0, True, 0, 0, 0, b"", b"", b"").pack()[_TIME_BYTES:]
        args = [item for entry in entries for item in (entry.ref.offset, entry.row.pack()[_TIME_BYTES:])]
        return await self._client.run(_ACTIVITY_BLANK, keys, [_TIME_BYTES, blank, *args])

    async def recent(self, environment: int, since_ms: int, max_each: int) -> list[tuple[int, int, int, int]]:
        """Return (ms, bucket, feed number, row) of messages stored since then, at most `max_each` of each bucket."""
        keys = [self._keys.bucket(environment, bucket).times for bucket in range(BUCKETS)]
        replies = await self._client.batch([("XREVRANGE", key, "+", since_ms, "COUNT", max_each) for key in keys])
        return [
            (int(entry_id.partition(b"-")[0]), bucket, *message)
            for bucket, entries in enumerate(replies)
            for entry_id, fields in entries
            if fields[0] == b"m"  # other entries are of moved messages
            for message in struct.iter_unpack(">II", fields[1])
        ]

    async def claim_repair(self, environment: int, seconds: int) -> bool:
        """Return whether this process is the one to look for missing rows, once within so many seconds."""
        return await self._client.claim(self._keys.activity_swept(environment), seconds)

    async def _lengths(self, environment: int, transactions: Collection[bytes] = ()) -> AsyncIterator[tuple[int, int]]:
        """Iterate over the blocks that exist and may hold one of these transactions, with their numbers of rows."""
        newest = int(await self._client.execute("GET", self._keys.activity_newest(environment)) or 0)
        beginnings = {_beginning(tag) for tag in transactions}
        step = max(1, min(_BLOCKS_AT_ONCE, _LOOKS_AT_ONCE // (_LOOKS_TO_OPEN + len(beginnings))))
        for start in range(newest, -1, -step):
            numbers = range(start, max(-1, start - step), -1)
            looks = await self._look(environment, numbers, beginnings)
            for number, (length, may_hold) in zip(numbers, looks, strict=True):
                if length and may_hold:
                    yield number, length // ROW_BYTES
            if start < newest and not any(length for length, _ in looks):
                return  # older blocks expired before these; the newest may not have begun yet

    async def _look(
        self, environment: int, numbers: Sequence[int], beginnings: Collection[bytes]
    ) -> list[tuple[int, int]]:
        """Return for each block its length in bytes, and whether it may hold a transaction of these `beginnings`."""
        rows = [self._keys.activity_rows(environment, number) for number in numbers]
        if not beginnings:
            lengths = await self._client.batch([("STRLEN", key) for key in rows])
            return [(length, 1) for length in lengths]
        transactions = [self._keys.activity_transactions(environment, number) for number in numbers]
        keys = [key for pair in zip(rows, transactions, strict=True) for key in pair]
        return await self._client.run(_ACTIVITY_FIND, keys, list(beginnings))

    def _keys_of(self, environment: int, block: int) -> list[str]:
        keys = self._keys
        return [
            key(environment, block) for key in (keys.activity_rows, keys.activity_records, keys.activity_transactions)
        ]

    async def _range(self, environment: int, block: int, first: int, last: int) -> bytes:
        key = self._keys.activity_rows(environment, block)
        raw: bytes = await self._client.execute("GETRANGE", key, first * ROW_BYTES, last * ROW_BYTES - 1)
        return raw


def _beginning(tag: bytes) -> bytes:
    """Return the part of a transaction's tag that is kept beside its rows."""
    return tag[:_BEGINNING_BYTES]


def _backwards(block: int, first: int, raw: bytes) -> list[ActivityEntry]:
    entries = [ActivityEntry(Ref(block, first + index), row) for index, row in enumerate(parse_rows(raw))]
    entries.reverse()
    return entries
