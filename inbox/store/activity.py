"""The activity of an environment: a row of 32 bytes for each step that was carried out for a recipient.

Rows stand in the order in which they were noted, newest last, in blocks of 4,096: strings, so that a page anywhere is
one range and a filter looks through a block without asking the server again. A block ends 30 days after its last row.
What was delivered is read from the feed; any other outcome has a record of its own beside its block.

Beside the rows stand the first three bytes of their transactions' tags, in the same order and written in the same step:
12 KB a block. The server looks a transaction up there, and only blocks that may have it are read, so that what is not
there, or long ago, costs a look of some microseconds a block.
"""

from __future__ import annotations

import hashlib
import heapq
import struct
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from inbox.errors import StoreUnavailable
from inbox.store import scripts
from inbox.store.client import Argument, Client, Command
from inbox.store.keys import ACTIVITY_TTL_SECONDS, BUCKETS, Keys

ROW_BYTES = 32
BLOCK_ROWS = 4_096
_ATTEMPTS = 100
_BLOCKS_AT_ONCE = 32
_LOOKS_AT_ONCE = 640
_LOOKS_TO_OPEN = 8
"""What a block costs before the first look for a transaction, in looks of 0.7 us each: half a millisecond at once."""
_BEGINNING_BYTES = 3
_ROW = struct.Struct(">HIBBII5s4s7s")
_TIME_BYTES = 6
_OUTCOME_BITS, _SEVERITY_SHIFT, _FURTHER = 0x0F, 4, 0x80


class Outcome(IntEnum):
    """What became of a step for a recipient."""

    DELIVERED = 0
    SUPPRESSED = 1
    DUPLICATE = 2
    SKIPPED = 3
    FAILED = 4
    DELAYED = 5
    """It waits, or collects events."""
    MERGED = 6
    """Its event joined a digest that another one began."""
    ENDED = 7
    """It waited, or had nothing to wait for."""
    CANCELED = 8


_OUTCOMES = tuple(Outcome)


class Row(NamedTuple):
    """One outcome. `transaction`, `template` and `notification` are short hashes (see `tag`, `notification_tag`).

    `number` is the feed's and `row` its message's first row; both 0 where there is none. `severity` is an index.
    `is_further`: another step of the same trigger and recipient has been noted before.
    """

    ms: int
    outcome: Outcome
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
        """Bucket and number of the feed."""
        return self.bucket, self.number

    def pack(self) -> bytes:
        """The row as it is stored."""
        head = self.outcome | self.severity << _SEVERITY_SHIFT | (_FURTHER if self.is_further else 0)
        high, low = divmod(self.ms, 1 << 32)
        place = (self.bucket, self.number, self.row)
        return _ROW.pack(high, low, head, *place, self.transaction, self.template, self.notification)


class Ref(NamedTuple):
    """Where a row stands."""

    block: int
    place: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with what leads to its record."""

    ref: Ref
    row: Row


class Column(IntEnum):
    """What rows can be searched by, and the byte at which it begins in each."""

    FEED = 7
    TRANSACTION = 16
    TEMPLATE = 21
    NOTIFICATION = 25


@dataclass(frozen=True, slots=True)
class Block:
    """A block of rows, oldest first."""

    number: int
    raw: bytes

    @property
    def oldest_ms(self) -> int:
        """The time of its first row."""
        return next(parse_rows(self.raw[:ROW_BYTES])).ms

    def entries(self) -> list[Entry]:
        """Every row, newest first."""
        return _backwards(self.number, 0, self.raw)

    def holding(self, columns: Mapping[Column, Collection[bytes]]) -> Iterator[Entry]:
        """The rows that have, in each of these columns (one or more), one of its tags, newest first.

        Each is found when it is asked for, by the first column; it costs next to nothing to find none.
        """
        if not all(any(tag in self.raw for tag in tags) for tags in columns.values()):
            return
        (column, tags), *others = columns.items()
        for place in heapq.merge(*(self._places(column, tag) for tag in set(tags)), reverse=True):
            if all(self._has(place, other, wanted) for other, wanted in others):
                yield self._entry(place)

    def _places(self, column: Column, tag: bytes) -> Iterator[int]:
        at = self.raw.rfind(tag)
        while at >= 0:
            place, byte = divmod(at, ROW_BYTES)
            if byte == column:
                yield place
            at = self.raw.rfind(tag, 0, at + len(tag) - 1)

    def _has(self, place: int, column: Column, tags: Collection[bytes]) -> bool:
        at = place * ROW_BYTES + column
        return any(self.raw.startswith(tag, at) for tag in tags)

    def _entry(self, place: int) -> Entry:
        raw = self.raw[place * ROW_BYTES : (place + 1) * ROW_BYTES]
        return Entry(Ref(self.number, place), next(parse_rows(raw)))


@dataclass(frozen=True, slots=True)
class Noted:
    """A row to be noted, with the record of an outcome that cannot be read elsewhere."""

    row: Row
    record: bytes | None = None


def transaction_tag(transaction_id: str) -> bytes:
    """What rows know a transaction by."""
    return hashlib.blake2b(transaction_id.encode(), digest_size=5).digest()


def template_tag(workflow_id: str) -> bytes:
    """What rows know a workflow by: the end of its `_id`."""
    return bytes.fromhex(workflow_id)[-4:]


def notification_tag(notification_id: str) -> bytes:
    """What rows know an activity by: the beginning of its `_id`."""
    return bytes.fromhex(notification_id)[:7]


def feed_tag(bucket: int, number: int) -> bytes:
    """What rows know a feed by."""
    return struct.pack(">BI", bucket, number)


def parse_rows(raw: bytes) -> Iterator[Row]:
    """The rows of a block or of a part of it, in their order."""
    for high, low, head, bucket, number, row, transaction, template, notification in _ROW.iter_unpack(raw):
        severity, is_further = head >> _SEVERITY_SHIFT & 3, bool(head & _FURTHER)
        outcome = _OUTCOMES[head & _OUTCOME_BITS]
        yield Row(
            high << 32 | low, outcome, severity, is_further, bucket, number, row, transaction, template, notification
        )


class ActivityStore:
    """Writes and reads the rows of environments."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._newest: dict[int, int] = {}

    async def append(self, environment: int, noted: Sequence[Noted]) -> None:
        """Adds rows at the end, at most a block of them. Raises StoreUnavailable."""
        records: list[Argument] = []
        for place, one in enumerate(noted):
            if one.record is not None:
                records += [place, one.record]
        rows = [one.row.pack() for one in noted]
        beginnings = (_beginning(row[Column.TRANSACTION :]) for row in rows)
        written: list[Argument] = [b"".join(rows), b"".join(beginnings), *records]
        for _ in range(_ATTEMPTS):
            block = self._newest.get(environment, 0)
            done, self._newest[environment] = await self._client.run(
                scripts.ACTIVITY_APPEND,
                [self._keys.activity_newest(environment), *self._keys_of(environment, block)],
                [block, BLOCK_ROWS * ROW_BYTES, ACTIVITY_TTL_SECONDS * 1_000, *written],
            )
            if done:
                return
        raise StoreUnavailable

    async def newest(self, environment: int, skip: int, count: int) -> list[Entry]:
        """`count` rows after the `skip` newest, newest first."""
        found: list[Entry] = []
        async for block, length in self._lengths(environment):
            if skip >= length:
                skip -= length
                continue
            last = length - skip
            first = max(0, last - (count - len(found)))
            raw = await self._range(environment, block, first, last)
            found += _backwards(block, first, raw)
            skip = 0
            if len(found) >= count:
                break
        return found

    async def blocks(self, environment: int, transactions: Collection[bytes] = ()) -> AsyncIterator[Block]:
        """Every block, newest first; where tags of transactions are given, every one that may hold a row of them.

        Each is read when it is asked for.
        """
        async for block, length in self._lengths(environment, transactions):
            yield Block(block, await self._range(environment, block, 0, length))

    async def records(self, environment: int, refs: Sequence[Ref]) -> dict[Ref, bytes]:
        """The records of rows, of those that have one."""
        commands: list[Command] = [
            ("HGET", self._keys.activity_records(environment, ref.block), ref.place) for ref in refs
        ]
        found = await self._client.batch(commands) if commands else []
        return {ref: record for ref, record in zip(refs, found, strict=True) if record is not None}

    async def blank(self, environment: int, entries: Sequence[Entry]) -> int:
        """Takes everything but its time out of each row, and its record away; gives how many of these were there.

        The rows are of one block, a few hundred at most. Readers find no message and no record, and pass them over.
        """
        if not entries:
            return 0
        block = entries[0].ref.block
        keys = self._keys_of(environment, block)
        blank = Row(0, Outcome.SKIPPED, 0, True, 0, 0, 0, b"", b"", b"").pack()[_TIME_BYTES:]
        args = [item for one in entries for item in (one.ref.place, one.row.pack()[_TIME_BYTES:])]
        return int(await self._client.run(scripts.ACTIVITY_BLANK, keys, [_TIME_BYTES, blank, *args]))

    async def recent(self, environment: int, since_ms: int, most: int) -> list[tuple[int, int, int, int]]:
        """Messages stored since then, at most so many of each bucket: (ms, bucket, feed number, row)."""
        keys = [self._keys.bucket(environment, bucket).times for bucket in range(BUCKETS)]
        replies = await self._client.batch([("XREVRANGE", key, "+", since_ms, "COUNT", most) for key in keys])
        return [
            (int(entry_id.partition(b"-")[0]), bucket, *message)
            for bucket, entries in enumerate(replies)
            for entry_id, fields in entries
            if fields[0] == b"m"  # the others were moved, not stored
            for message in struct.iter_unpack(">II", fields[1])
        ]

    async def claim_repair(self, environment: int, seconds: int) -> bool:
        """True for the one process that is to look for rows that are missing, once in so many seconds."""
        return bool(await self._client.execute("SET", self._keys.activity_swept(environment), 1, "NX", "EX", seconds))

    async def _lengths(
        self, environment: int, transactions: Collection[bytes] = ()
    ) -> AsyncIterator[tuple[int, int]]:
        """The blocks that are still there, and may hold one of these transactions, with how many rows each has."""
        newest = int(await self._client.execute("GET", self._keys.activity_newest(environment)) or 0)
        beginnings = {_beginning(tag) for tag in transactions}
        step = max(1, min(_BLOCKS_AT_ONCE, _LOOKS_AT_ONCE // (_LOOKS_TO_OPEN + len(beginnings))))
        for start in range(newest, -1, -step):
            numbers = range(start, max(-1, start - step), -1)
            found = await self._look(environment, numbers, beginnings)
            for number, (length, may_hold) in zip(numbers, found, strict=True):
                if length and may_hold:
                    yield number, length // ROW_BYTES
            if start < newest and not any(length for length, _ in found):
                return  # older blocks ended before these; the newest may not have begun yet

    async def _look(
        self, environment: int, numbers: Sequence[int], beginnings: Collection[bytes]
    ) -> list[tuple[int, bool]]:
        """Of each block how many bytes of rows it has, and whether it may hold one of these transactions, if any."""
        rows = [self._keys.activity_rows(environment, number) for number in numbers]
        if not beginnings:
            lengths = await self._client.batch([("STRLEN", key) for key in rows])
            return [(length, True) for length in lengths]
        transactions = [self._keys.activity_transactions(environment, number) for number in numbers]
        keys = [key for pair in zip(rows, transactions, strict=True) for key in pair]
        found = await self._client.run(scripts.ACTIVITY_FIND, keys, list(beginnings))
        return [(length, bool(may_hold)) for length, may_hold in zip(found[::2], found[1::2], strict=True)]

    def _keys_of(self, environment: int, block: int) -> list[str]:
        keys = self._keys
        return [
            keys.activity_rows(environment, block),
            keys.activity_records(environment, block),
            keys.activity_transactions(environment, block),
        ]

    async def _range(self, environment: int, block: int, first: int, last: int) -> bytes:
        key = self._keys.activity_rows(environment, block)
        raw: bytes = await self._client.execute("GETRANGE", key, first * ROW_BYTES, last * ROW_BYTES - 1)
        return raw


def _beginning(tag: bytes) -> bytes:
    """What stands beside a row of the transaction it is of."""
    return tag[:_BEGINNING_BYTES]


def _backwards(block: int, first: int, raw: bytes) -> list[Entry]:
    entries = [Entry(Ref(block, first + place), row) for place, row in enumerate(parse_rows(raw))]
    entries.reverse()
    return entries
