"""The outbox of a bucket: the changes there that are still to be sent as events, in order.

The script that changes a feed or a subscriber's presence writes a stream entry in the same step, if events of that type
are requested. The entry's id gives the time, its first field the kind:

    n  messages were stored: names, one after another (feed number and row of the id, four bytes each, and the check)
    d  messages were deleted: names; `b` 1: the backend retracted them
    e  messages were edited: names
    m  flags changed: of each message its name, its flags before and its flags after; `u` the end of a snooze that was
       given (ms), `a` a button that was pressed (status, type, payload)
    p  presence changed: the subscriber (`<environment>.<oid>` or the oid alone); `o` 1 or 0, `l` since when it
       is offline (ms)
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inbox.models.webhook import (
    EVENT_TYPES,
    MESSAGE_CREATED,
    MESSAGE_DELETED,
    MESSAGE_RETRACTED,
    MESSAGE_UPDATED,
    PRESENCE_CHANGED,
)
from inbox.store.base import InBucket
from inbox.store.client import Client
from inbox.store.due_buckets import BucketKey, DueBuckets
from inbox.store.keys import BUCKETS, Keys
from inbox.store.scripts import load

CREATED = frozenset({MESSAGE_CREATED})
UPDATED = frozenset({MESSAGE_UPDATED})
DELETED = frozenset({MESSAGE_DELETED})
RETRACTED = DELETED | {MESSAGE_RETRACTED}
PRESENCE = frozenset({PRESENCE_CHANGED})
CHANGED = frozenset(EVENT_TYPES) - CREATED - UPDATED - RETRACTED - PRESENCE
"""The events of changed flags, snoozes and buttons."""

MAX_ENTRIES = 10_000
"""The number of newest entries that a bucket keeps (lua/_outbox.lua)."""
_OUTBOX_REMOVE = load("outbox_remove", int)
_OUTBOX_SIZE = load("outbox_size", tuple[int, int])
_NAME = struct.Struct(">II3s")
_CHANGE = struct.Struct(">II3sBB")


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message's id without its bucket: the feed's number, the row and the check."""

    feed: int
    row: int
    check: bytes


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A change: its `kind` as above, the messages with flags before and after (0 unless `m`), and the other fields."""

    id: str
    kind: str
    messages: list[tuple[MessageRef, int, int]]
    fields: Mapping[str, bytes]

    @property
    def at_ms(self) -> int:
        """Return the time of the change by the store's clock."""
        return int(self.id.partition("-")[0])


def pack_name(feed_number: int, row: int, check: bytes) -> bytes:
    """Return a message's name in entries."""
    return _NAME.pack(feed_number, row, check)


def pack_change(name: bytes, before: int, after: int) -> bytes:
    """Return a message's change of flags for an entry."""
    return name + bytes((before, after))


class Outbox:
    """The writing side: the requested event types, and the buckets to which this process has written."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._types: dict[int, frozenset[str]] = {}
        self._news: set[BucketKey] = set()
        self.has_news = asyncio.Event()

    def want(self, types: Mapping[int, frozenset[str]]) -> None:
        """Set the requested event types by environment."""
        self._types = {environment: names for environment, names in types.items() if names}

    def key(self, bucket: InBucket, types: frozenset[str]) -> list[str]:
        """Return the key for a script that may cause events of these types; none if they are not requested."""
        if not self._types or self._types.get(bucket.environment, frozenset()).isdisjoint(types):
            return []
        return [self._keys.bucket(bucket.environment, bucket.bucket).outbox]

    def wrote(self, buckets: Iterable[BucketKey]) -> None:
        """Note that scripts have run with the keys of these buckets."""
        if self._types:
            self._news.update(bucket for bucket in buckets if bucket.environment in self._types)
            if self._news:
                self.has_news.set()

    def take_news(self) -> set[BucketKey]:
        """Return the buckets that were written to since the last call."""
        news, self._news = self._news, set()
        self.has_news.clear()
        return news

    def put_back(self, news: Iterable[BucketKey]) -> None:
        """Note buckets that could not be announced, for the next `take_news`."""
        self._news.update(news)


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest entry of a bucket and its progress: the number of its events that were sent, the failures of the next
    one, and the time of its next attempt (ms since 1970).
    """

    entry: OutboxEntry
    sent: int = 0
    failures: int = 0
    next_ms: int = 0


class OutboxStore(DueBuckets):
    """The reading side, and the due buckets: those with entries."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys.due_outboxes)
        self._keys = keys

    async def head(self, bucket: BucketKey) -> Head | None:
        """Return the oldest entry, if there is one."""
        keys = self._keys_of(bucket)
        # the progress first: it names its entry, so one that was removed in between is not taken for the next one's
        (entry_id, *numbers), entries = await self._client.batch(
            [
                ("HMGET", keys[1], "entry", "told", "failures", "next"),
                ("XRANGE", keys[0], "-", "+", "COUNT", 1),
            ]
        )
        if not entries:
            return None
        entry = _parse(*entries[0])
        return Head(entry, *(int(raw) for raw in numbers)) if entry_id == entry.id.encode() else Head(entry)

    async def after(self, bucket: BucketKey, entry_id: str, max_entries: int) -> list[OutboxEntry]:
        """Return the entries after this one, the oldest first; from the beginning for an empty id."""
        start = f"({entry_id}" if entry_id else "-"
        entries = await self._client.execute("XRANGE", self._keys_of(bucket)[0], start, "+", "COUNT", max_entries)
        return [_parse(*entry) for entry in entries]

    async def note(self, bucket: BucketKey, head: Head) -> None:
        """Store the progress of the oldest entry."""
        fields = ("entry", head.entry.id, "told", head.sent, "failures", head.failures, "next", head.next_ms)
        await self._client.execute("HSET", self._keys_of(bucket)[1], *fields)

    async def remove(self, bucket: BucketKey, last: str) -> None:
        """Remove the entries up to this one, whose events were sent."""
        ms, sequence = last.split("-")
        await self._client.run(_OUTBOX_REMOVE, self._keys_of(bucket), [f"{ms}-{int(sequence) + 1}"])

    async def sizes(self, environment: int) -> dict[BucketKey, tuple[int, int]]:
        """Return, for each bucket that has any, how many entries wait and how many were dropped at MAX_ENTRIES."""
        buckets = [BucketKey(environment, number) for number in range(BUCKETS)]
        calls = [(self._keys_of(bucket), ()) for bucket in buckets]
        replies = await self._client.run_many(_OUTBOX_SIZE, calls)
        return {bucket: size for bucket, size in zip(buckets, replies, strict=True) if any(size)}

    async def clear(self, environment: int) -> None:
        """Forget all entries of an environment."""
        keys = [key for bucket in range(BUCKETS) for key in self._keys_of(BucketKey(environment, bucket))]
        await self._client.batch([("UNLINK", key) for key in keys])

    def _keys_of(self, bucket: BucketKey) -> list[str]:
        keys = self._keys.bucket(bucket.environment, bucket.bucket)
        return [keys.outbox, keys.outbox_progress]


def _parse(entry_id: bytes, flat: Sequence[bytes]) -> OutboxEntry:
    kind, packed, *rest = flat
    messages: list[tuple[MessageRef, int, int]] = []
    if kind in (b"n", b"d", b"e"):
        messages = [(MessageRef(*name), 0, 0) for name in _NAME.iter_unpack(packed)]
    elif kind == b"m":
        messages = [(MessageRef(*name), before, after) for *name, before, after in _CHANGE.iter_unpack(packed)]
    names = [name.decode() for name in rest[::2]]
    fields = dict(zip(names, rest[1::2], strict=True)) | {"about": packed}
    return OutboxEntry(entry_id.decode(), kind.decode(), messages, fields)
