"""Subscribers in Redis: one record each, found through the bucket's index."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from inbox.clock import now_ms, now_seconds
from inbox.errors import Conflict, Contention, WriteRefused
from inbox.ids import SubscriberId
from inbox.lru_cache import LruCache
from inbox.models.credentials import Channels, merge_channels
from inbox.models.cursor_page import Order
from inbox.models.subscriber import Subscriber, parse_record
from inbox.store.base import BaseStore
from inbox.store.client import Argument, Client, Command, pairs
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import BUCKETS, Keys, bucket_of
from inbox.store.listing import ListCursor, Listing, ListPage, is_old_intent, retire
from inbox.store.outbox import PRESENCE, Outbox
from inbox.store.retry import Attempts
from inbox.store.scripts import load

MAX_CACHED_BYTES = 16 * 1024 * 1024
CACHED_OIDS = 20_000

SubscriberWriteMode = Literal["upsert", "create", "update"]
SubscriberOrder = Literal["_id", "updatedAt"]


_CREATED, _CHANGED, _UNKNOWN, _EXISTS, _MOVED_ON = 1, 2, 0, -2, -3
_SUBSCRIBER_WRITE = load("subscriber_write", list[Any])
"""Returns 1 (created), 2 (changed) or 3 (unchanged) and the record | 0 unknown, for an update | -1 and the oid that the
subscriberId has instead | -2 it exists, for a create | -3 the expected field holds something else.
"""
_SUBSCRIBER_DELETE = load("subscriber_delete", int)
"""Returns 1 deleted | 0 unknown | -1 a feed was added meanwhile."""


def new_subscriber_oid(bucket: int) -> str:
    """Return a new 24-hex oid: seconds since 1970 (8 digits), bucket (2), random (14)."""
    return f"{int(now_seconds()):08x}{bucket:02x}{secrets.token_hex(7)}"


@dataclass(slots=True, eq=False)
class SubscriberRead:
    """A read of a subscriber that has begun. `known` is the subscriber as this process read it last, if it did.

    `parse` returns the subscriber of replies to the same `commands`, None if the read has to be made anew.
    """

    known: Subscriber | None
    _finish: Callable[[], Awaitable[Subscriber | None]]
    commands: Sequence[Command] = ()
    parse: Callable[[Sequence[Any]], Subscriber | None] = lambda _: None

    async def subscriber(self) -> Subscriber | None:
        """Return the subscriber as it is stored, None if it does not exist. Call this once."""
        return await self._finish()


class _Known(NamedTuple):
    """A record as it was read last, and its subscriber."""

    record: list[bytes]
    subscriber: Subscriber

    def size(self) -> int:
        """Return the approximate size in bytes, with the decoded profile."""
        return 2_000 + 3 * sum(map(len, self.record))


class SubscriberStore(BaseStore):
    """Reads and writes subscribers; every write is one script."""

    def __init__(self, client: Client, keys: Keys, outbox: Outbox | None = None) -> None:
        super().__init__(client, keys)
        self._outbox = outbox or Outbox(keys)
        self._read: LruCache[str, _Known] = LruCache(MAX_CACHED_BYTES, _Known.size)
        """By oid the records that were read last. They are compared with the store's, never used in place of them."""
        self._oids: LruCache[tuple[int, str], str] = LruCache(CACHED_OIDS)

    def begin(self, environment: int, oid: str) -> SubscriberRead:
        """Begin to read the subscriber with this oid, in one round trip with what the caller sends next."""
        begun = self._client.begin([("HGETALL", self._bucket_of_oid(environment, oid).subscriber(oid))])

        def parse(replies: Sequence[Any]) -> Subscriber | None:
            return self.parse(oid, replies[0])

        async def finish() -> Subscriber | None:
            return parse(await begun)

        return SubscriberRead(self._known(oid), finish, begun.commands, parse)

    def begin_named(self, environment: int, subscriber_id: SubscriberId) -> SubscriberRead:
        """Begin to read the subscriber with this subscriberId, likewise if it was read before."""
        bucket, known_oid = self._bucket_of(environment, subscriber_id), self._oids.get((environment, subscriber_id))
        index: Command = ("HGET", bucket.subscribers, subscriber_id)
        begun = self._client.begin([index, ("HGETALL", bucket.subscriber(known_oid))] if known_oid else [index])

        def parse(replies: Sequence[Any]) -> Subscriber | None:
            raw, *records = replies
            return self.parse(known_oid, records[0]) if known_oid and raw == known_oid.encode() else None

        async def finish() -> Subscriber | None:
            replies = await begun
            oid = replies[0].decode() if replies[0] else None
            if known_oid and oid != known_oid:
                self._read.drop(known_oid)
            if oid is None:
                self._oids.drop((environment, subscriber_id))
            if oid is None or oid == known_oid:
                return parse(replies)
            self._oids.put((environment, subscriber_id), oid)
            return await self.get_by_oid(environment, oid)

        return SubscriberRead(self._known(known_oid) if known_oid else None, finish, begun.commands, parse)

    def _known(self, oid: str) -> Subscriber | None:
        known = self._read.get(oid)
        return known.subscriber if known else None

    def parse(self, oid: str, record: list[bytes]) -> Subscriber | None:
        """Return the subscriber of a record, None for an empty one; the same object if it is as it was read last."""
        if not record:
            self._read.drop(oid)
            return None
        known = self._read.get(oid)
        if known is None or known.record != record:
            known = _Known(record, parse_record(oid, pairs(record)))
            self._read.put(oid, known)
        return known.subscriber

    async def find_oid(self, environment: int, subscriber_id: SubscriberId) -> str | None:
        bucket = self._bucket_of(environment, subscriber_id)
        oid = await self._client.execute("HGET", bucket.subscribers, subscriber_id)
        return oid.decode() if oid else None

    async def get(self, environment: int, subscriber_id: SubscriberId) -> Subscriber | None:
        """Return the subscriber with this subscriberId, or None: one round trip if it was read before."""
        return await self.begin_named(environment, subscriber_id).subscriber()

    async def get_by_oid(self, environment: int, oid: str) -> Subscriber | None:
        """Return the subscriber with this oid, or None; a deleted and re-created one has another oid."""
        key = self._bucket_of_oid(environment, oid).subscriber(oid)
        return self.parse(oid, await self._client.execute("HGETALL", key))

    async def get_many(self, environment: int, oids: Sequence[str]) -> dict[str, Subscriber | None]:
        """Return the subscribers by oid, in order, read together; None where one no longer exists."""
        keys = [self._bucket_of_oid(environment, oid).subscriber(oid) for oid in oids]
        records = await self._client.batch([("HGETALL", key) for key in keys])
        return {
            oid: parse_record(oid, pairs(record)) if record else None for oid, record in zip(oids, records, strict=True)
        }

    async def find_many(self, environment: int, subscriber_ids: Sequence[SubscriberId]) -> list[Subscriber | None]:
        """Return the subscribers with these ids, in order, read together; None for an unknown one."""
        lookups: list[Command] = [
            ("HGET", self._bucket_of(environment, one).subscribers, one) for one in subscriber_ids
        ]
        oids = [raw.decode() if raw else None for raw in await self._client.batch(lookups)]
        subscribers = await self.get_many(environment, [oid for oid in oids if oid])
        return [subscribers[oid] if oid else None for oid in oids]

    async def scan(self, environment: int, slice_size: int = 200) -> AsyncIterator[list[Subscriber]]:
        """Iterate over the environment's subscribers, bucket by bucket, at most `slice_size` at a time.

        A subscriber that exists from the first slice to the last is yielded at least once, and may be yielded again.
        """
        waiting: list[str] = []
        for bucket in await self.buckets_with_subscribers(environment):
            key = self._keys.bucket(environment, bucket).subscribers
            async for fields in self._client.scan_hash(key, slice_size):
                waiting += [oid.decode() for _, oid in fields]
                while len(waiting) >= slice_size:
                    yield [one for one in (await self.get_many(environment, waiting[:slice_size])).values() if one]
                    del waiting[:slice_size]
        if waiting:
            yield [one for one in (await self.get_many(environment, waiting)).values() if one]

    async def buckets_with_subscribers(self, environment: int) -> list[int]:
        """Return the buckets that have subscribers."""
        keys = [self._keys.bucket(environment, number).subscribers for number in range(BUCKETS)]
        sizes = await self._client.batch([("HLEN", key) for key in keys])
        return [number for number, size in enumerate(sizes) if size]

    async def count(self, environment: int) -> int:
        return int(await self._client.execute("ZCARD", self._keys.subscribers(environment)))

    async def oids_of_bucket(self, environment: int, bucket: int) -> list[str]:
        """Return the oids of a bucket's subscribers, sorted; those that exist all the time are among them."""
        key = self._keys.bucket(environment, bucket).subscribers
        return sorted({oid.decode() async for fields in self._client.scan_hash(key, 500) for _, oid in fields})

    async def write(
        self, environment: int, subscriber_id: SubscriberId, profile: Mapping[str, Any], *, may_exist: bool = True
    ) -> tuple[Subscriber, bool]:
        """Create a subscriber or set these profile fields (None clears one). Return it and whether it is new.

        Channels are merged with the stored ones, by provider and integration. Raise Conflict if it exists and may not.
        """
        written = await self._merge(environment, subscriber_id, profile, "upsert" if may_exist else "create")
        assert written is not None  # noqa: S101 (only an update finds none)
        return written

    async def update(
        self, environment: int, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber | None:
        """Set profile fields of an existing subscriber as `write` does. None for an unknown one."""
        written = await self._merge(environment, subscriber_id, profile, "update")
        return written[0] if written else None

    async def _merge(
        self, environment: int, subscriber_id: SubscriberId, profile: Mapping[str, Any], mode: SubscriberWriteMode
    ) -> tuple[Subscriber, bool] | None:
        if isinstance(channels := profile.get("channels"), list):
            rest = {name: value for name, value in profile.items() if name != "channels"}
            return await self.change_channels(
                environment, subscriber_id, lambda stored: merge_channels(stored, channels), rest, mode
            )
        return await self._write(environment, subscriber_id, profile, mode)

    async def change_channels(
        self,
        environment: int,
        subscriber_id: SubscriberId,
        change: Callable[[Channels], Channels],
        profile: Mapping[str, Any] | None = None,
        mode: SubscriberWriteMode = "update",
    ) -> tuple[Subscriber, bool] | None:
        """Do as `write` does, with the channels that `change` returns for the stored ones; it may be called again."""
        async for _ in Attempts():
            oid = await self.find_oid(environment, subscriber_id)
            raw = b""
            if oid:
                key = self._bucket_of(environment, subscriber_id).subscriber(oid)
                raw = await self._client.execute("HGET", key, "channels") or b""
            channels = change(orjson.loads(raw) if raw else [])
            fields = {**(profile or {}), "channels": channels}
            with suppress(_Moved):
                return await self._write(environment, subscriber_id, fields, mode, ("channels", raw), oid)
        raise Contention

    async def _write(
        self,
        environment: int,
        subscriber_id: SubscriberId,
        profile: Mapping[str, Any],
        mode: SubscriberWriteMode,
        expected: tuple[str, bytes] = ("", b""),
        oid: str | None = None,
    ) -> tuple[Subscriber, bool] | None:
        """Write a record. `expected` is a field and the value it must still hold; raise _Moved if it does not."""
        bucket = self._bucket_of(environment, subscriber_id)
        bucket_key = BucketKey(environment, bucket_of(subscriber_id))
        outbox = self._outbox.key(bucket_key, PRESENCE) if "online" in profile else []
        oid = oid or await self.find_oid(environment, subscriber_id)
        fields = [part for item in profile.items() if item[1] is not None for part in (item[0], orjson.dumps(item[1]))]
        cleared = [name for name, value in profile.items() if value is None]
        async for _ in Attempts():
            proposed = None
            if oid is None and mode != "update":
                oid = proposed = new_subscriber_oid(bucket_key.bucket)
                await self._announce(environment, proposed)
            args: list[Argument] = [subscriber_id, oid or "", mode, len(fields) // 2, *expected, *fields, *cleared]
            keys = [bucket.subscribers, bucket.subscriber(oid or ""), *outbox]
            status, *rest = await self._client.run(_SUBSCRIBER_WRITE, keys, args)
            if outbox:
                self._outbox.wrote([bucket_key])
            if proposed and status != _CREATED:
                await self._unlist(environment, [proposed])
            if status == _MOVED_ON:
                raise _Moved
            if status == _UNKNOWN:
                return None
            if status == _EXISTS:
                raise Conflict(f"Subscriber {subscriber_id} exists already")
            if status > 0 and oid:
                subscriber = parse_record(oid, pairs(rest[0]))
                if status == _CHANGED:
                    listing, member = self._listing(environment, "updatedAt"), bytes.fromhex(oid)
                    await self._client.execute(*listing.adding(member, subscriber.updated_ms, only_later=True))
                return subscriber, status == _CREATED
            oid = rest[0].decode()  # created by another request meanwhile
        raise Contention

    async def page(
        self,
        environment: int,
        order_by: SubscriberOrder,
        order: Order,
        limit: int,
        cursor: ListCursor | None = None,
        skip: int = 0,
    ) -> ListPage[Subscriber] | None:
        """Return up to `limit` subscribers beside a cursor, or after `skip` of them; None for an unknown cursor.

        The cost is that of the page, not of the list. Entries without a subscriber are passed over; they are removed
        from the list, unless they are so new that the subscriber may be about to be created.
        """

        async def load(members: list[bytes]) -> list[Subscriber | None]:
            loaded = await self.get_many(environment, [member.hex() for member in members])
            orphans = [oid for oid, subscriber in loaded.items() if subscriber is None and is_old_intent(oid)]
            if orphans:
                with suppress(WriteRefused):
                    await self._unlist(environment, orphans)
            return list(loaded.values())

        return await self._listing(environment, order_by).page(order, limit, load, cursor, skip)

    async def sweep(self, environment: int, bucket: int) -> int:
        """Enter the subscribers of a bucket that a list lacks (after a data loss), and return their number."""
        created, updated = (self._listing(environment, order) for order in ("_id", "updatedAt"))
        missed = 0
        async for fields in self._client.scan_hash(self._keys.bucket(environment, bucket).subscribers, 200):
            oids = [oid.decode() for _, oid in fields]
            subscribers = [one for one in (await self.get_many(environment, oids)).values() if one]
            replies = await self._client.batch(
                [created.adding(bytes.fromhex(one.oid), one.created_ms, only_later=True) for one in subscribers]
                + [updated.adding(bytes.fromhex(one.oid), one.updated_ms, only_later=True) for one in subscribers]
            )
            missed += sum(replies[: len(subscribers)])
        return missed

    async def claim_sweep(self, environment: int, seconds: int) -> bool:
        """Return whether this caller is the one to sweep within so many seconds."""
        return await self._client.claim(self._keys.subscribers_swept(environment), seconds)

    async def delete(self, environment: int, subscriber: Subscriber) -> bool:
        """Delete the subscriber with its feeds and close its sockets. False if it no longer exists."""
        bucket = self._bucket_of(environment, subscriber.subscriber_id)
        current: Subscriber | None = subscriber
        async for _ in Attempts():
            if current is None:
                return False
            feeds = [bucket.feed(number).all() for number in current.feeds.values()]
            feed_keys = [key for keys in feeds for key in keys]
            outcome = await self._client.run(
                _SUBSCRIBER_DELETE,
                [bucket.subscribers, bucket.subscriber(current.oid), bucket.preferences(current.oid), *feed_keys],
                [current.subscriber_id, current.oid, len(feeds), len(feeds[0]) if feeds else 1],
            )
            if outcome >= 0:
                await self._unlist(environment, [current.oid])
                return bool(outcome)
            current = await self.get_by_oid(environment, current.oid)
        raise Contention

    async def note_sweep(self, environment: int, seconds: int) -> None:
        """Note that every bucket was swept, so that no caller sweeps again within so many seconds."""
        await self._client.execute("SET", self._keys.subscribers_swept(environment), 1, "EX", seconds)

    async def set_online(self, environment: int, subscriber: Subscriber, online: bool) -> Subscriber | None:
        """Set the presence flag by hand, until the next socket that opens or closes overwrites it."""
        fields: dict[str, Any] = {"online": int(online)}
        if not online:
            fields["last_online"] = now_ms()
        return await self.update(environment, subscriber.subscriber_id, fields)

    async def _announce(self, environment: int, oid: str) -> None:
        """List a subscriber before it is created, so that every existing one is listed."""
        member, now = bytes.fromhex(oid), now_ms()
        lists = [self._listing(environment, order) for order in ("_id", "updatedAt")]
        await self._client.batch([listing.adding(member, now) for listing in lists])

    async def _unlist(self, environment: int, oids: Sequence[str]) -> None:
        lists = [self._keys.subscribers(environment), self._keys.subscribers_updated(environment)]
        await retire(self._client, lists, [bytes.fromhex(oid) for oid in oids])

    def _listing(self, environment: int, order_by: str) -> Listing:
        key = self._keys.subscribers_updated if order_by == "updatedAt" else self._keys.subscribers
        return Listing(self._client, key(environment))


class _Moved(Exception):
    """The record no longer holds the expected value."""
