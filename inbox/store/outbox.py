"""The outbox of a bucket: what happened there and is still to be told, in order.

The script that changes a feed, or a subscriber's presence, writes an entry in the same step, where somebody wants that.
An entry is a stream's: its id gives the time, its first field the kind:

    n  messages were stored: names, one after another (feed number and row of the id, four bytes each, and the check)
    d  messages were deleted: names
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
    PRESENCE_CHANGED,
)
from inbox.store import scripts
from inbox.store.alarms import Alarms, Place
from inbox.store.client import Client
from inbox.store.keys import BUCKETS, Keys

CREATED = frozenset({MESSAGE_CREATED})
DELETED = frozenset({MESSAGE_DELETED})
PRESENCE = frozenset({PRESENCE_CHANGED})
CHANGED = frozenset(EVENT_TYPES) - CREATED - DELETED - PRESENCE
"""What changes of flags, snoozes and buttons are told as."""

MOST_ENTRIES = 10_000
"""So many entries a bucket keeps, the newest (lua/_outbox.lua)."""
_NAME = struct.Struct(">II3s")
_CHANGE = struct.Struct(">II3sBB")


@dataclass(frozen=True, slots=True)
class Name:
    """What a message's id says, without its bucket: the feed's number, the row and the check."""

    feed: int
    row: int
    check: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: `kind` as above, the messages with their flags before and after (0 where these do not
    matter), and the other fields.
    """

    id: str
    kind: str
    messages: list[tuple[Name, int, int]]
    fields: Mapping[str, bytes]

    @property
    def at_ms(self) -> int:
        """When it happened, by the store's clock."""
        return int(self.id.partition("-")[0])


def pack_name(feed_number: int, row: int, check: bytes) -> bytes:
    """A message as entries name it."""
    return _NAME.pack(feed_number, row, check)


def pack_change(name: bytes, before: int, after: int) -> bytes:
    """A message's change of flags, as entries have it."""
    return name + bytes((before, after))


class Outbox:
    """The writing side: whether an environment's events are wanted, and which buckets of this process have news."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._wanted: dict[int, frozenset[str]] = {}
        self._news: set[Place] = set()
        self.has_news = asyncio.Event()

    def want(self, wanted: Mapping[int, frozenset[str]]) -> None:
        """Sets which types of events are wanted, by environment; one that is not named wants none."""
        self._wanted = {environment: types for environment, types in wanted.items() if types}

    def key(self, place: Place, types: frozenset[str]) -> list[str]:
        """The key that a script is to write to if it may cause any of these; none where nobody wants them."""
        if not self._wanted or self._wanted.get(place.environment, frozenset()).isdisjoint(types):
            return []
        return [self._keys.bucket(place.environment, place.bucket).outbox]

    def wrote(self, places: Iterable[Place]) -> None:
        """Scripts that were given a key of these buckets have run."""
        if self._wanted:
            self._news.update(place for place in places if place.environment in self._wanted)
            if self._news:
                self.has_news.set()

    def take_news(self) -> set[Place]:
        """The buckets that have news since this was asked last."""
        news, self._news = self._news, set()
        self.has_news.clear()
        return news

    def put_back(self, news: Iterable[Place]) -> None:
        """These could not be announced."""
        self._news.update(news)


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest entry of a bucket and how far telling it has come: how many of its events were told, how often the
    next one has failed, and when it is to be tried again (ms since 1970).
    """

    entry: Entry
    told: int = 0
    failures: int = 0
    next_ms: int = 0


class OutboxStore(Alarms):
    """The reading side, and the alarms of buckets that have something to tell."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys.outbox_alarms)
        self._keys = keys

    async def head(self, place: Place) -> Head | None:
        """The oldest entry, if there is one."""
        keys = self._bucket(place)
        entries, (entry_id, *numbers) = await self._client.transaction(
            [
                ("XRANGE", keys[0], "-", "+", "COUNT", 1),
                ("HMGET", keys[1], "entry", "told", "failures", "next"),
            ]
        )
        if not entries:
            return None
        entry = _parse(*entries[0])
        return Head(entry, *(int(raw) for raw in numbers)) if entry_id == entry.id.encode() else Head(entry)

    async def after(self, place: Place, entry_id: str, most: int) -> list[Entry]:
        """The entries after this one, the oldest first; without one from the beginning."""
        start = f"({entry_id}" if entry_id else "-"
        entries = await self._client.execute("XRANGE", self._bucket(place)[0], start, "+", "COUNT", most)
        return [_parse(*entry) for entry in entries]

    async def note(self, place: Place, head: Head) -> None:
        """Keeps how far the oldest entry has come."""
        fields = ("entry", head.entry.id, "told", head.told, "failures", head.failures, "next", head.next_ms)
        await self._client.execute("HSET", self._bucket(place)[1], *fields)

    async def remove(self, place: Place, last: str) -> None:
        """Takes out the entries up to this one: they were told."""
        ms, sequence = last.split("-")
        await self._client.run(scripts.OUTBOX_REMOVE, self._bucket(place), [f"{ms}-{int(sequence) + 1}"])

    async def sizes(self, environment: int) -> dict[Place, tuple[int, int]]:
        """Of each bucket that has any: how many entries wait, and how many were dropped because there were too many."""
        places = [Place(environment, bucket) for bucket in range(BUCKETS)]
        calls = [(self._bucket(place), ()) for place in places]
        replies = await self._client.run_many(scripts.OUTBOX_SIZE, calls)
        return {place: (size[0], size[1]) for place, size in zip(places, replies, strict=True) if any(size)}

    async def clear(self, environment: int) -> None:
        """Forgets all that was to be told."""
        keys = [key for bucket in range(BUCKETS) for key in self._bucket(Place(environment, bucket))]
        await self._client.batch([("UNLINK", key) for key in keys])

    async def claim_sweep(self, seconds: int) -> bool:
        """Whether this process is the one to sweep for that long."""
        return bool(await self._client.execute("SET", self._keys.outbox_swept, 1, "NX", "EX", seconds))

    def _bucket(self, place: Place) -> list[str]:
        bucket = self._keys.bucket(place.environment, place.bucket)
        return [bucket.outbox, bucket.outbox_progress]


def _parse(entry_id: bytes, flat: Sequence[bytes]) -> Entry:
    kind, packed, *rest = flat
    messages: list[tuple[Name, int, int]] = []
    if kind in (b"n", b"d"):
        messages = [(Name(*name), 0, 0) for name in _NAME.iter_unpack(packed)]
    elif kind == b"m":
        messages = [(Name(*name), before, after) for *name, before, after in _CHANGE.iter_unpack(packed)]
    names = [name.decode() for name in rest[::2]]
    fields = dict(zip(names, rest[1::2], strict=True)) | {"about": packed}
    return Entry(entry_id.decode(), kind.decode(), messages, fields)

