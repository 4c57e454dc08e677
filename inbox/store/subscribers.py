"""Subscribers in Redis: one record each, found through the bucket's index."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from inbox.clock import now_ms, now_seconds
from inbox.errors import Conflict, StoreUnavailable
from inbox.ids import SubscriberId
from inbox.models.credentials import Channels, merge_channels
from inbox.models.subscriber import Subscriber, parse_record
from inbox.store import scripts
from inbox.store.alarms import Place
from inbox.store.client import Argument, Client, Command
from inbox.store.keys import BUCKETS, BucketKeys, Keys, bucket_of
from inbox.store.listing import Cursor, Listing, ListPage, Order, retire
from inbox.store.outbox import PRESENCE, Outbox

Mode = Literal["upsert", "create", "update"]
OrderBy = Literal["_id", "updatedAt"]
ORPHAN_SECONDS = 60
_ATTEMPTS = 5


def new_subscriber_oid(bucket: int) -> str:
    """A subscriber's 24-hex id: seconds since 1970 (8), bucket (2), random (14)."""
    return f"{int(now_seconds()):08x}{bucket:02x}{secrets.token_hex(7)}"


def bucket_of_oid(oid: str) -> int:
    """The bucket that a subscriber's id names."""
    return int(oid[8:10], 16)


class SubscriberStore:
    """Reads and writes subscribers; every write is one script."""

    def __init__(self, client: Client, keys: Keys, outbox: Outbox | None = None) -> None:
        self._client = client
        self._keys = keys
        self._outbox = outbox or Outbox(keys)

    async def find_oid(self, environment: int, subscriber_id: SubscriberId) -> str | None:
        """The oid behind a subscriberId, or None."""
        bucket = self._bucket(environment, subscriber_id)
        oid = await self._client.execute("HGET", bucket.subscribers, subscriber_id)
        return oid.decode() if oid else None

    async def get(self, environment: int, subscriber_id: SubscriberId) -> Subscriber | None:
        """The subscriber, or None."""
        oid = await self.find_oid(environment, subscriber_id)
        return await self.get_by_oid(environment, oid) if oid else None

    async def get_by_oid(self, environment: int, oid: str) -> Subscriber | None:
        """The subscriber with this oid, or None; a deleted and re-created one has another oid."""
        key = self._keys.bucket(environment, bucket_of_oid(oid)).subscriber(oid)
        record = await self._client.execute("HGETALL", key)
        return parse_record(oid, _pairs(record)) if record else None

    async def get_many(self, environment: int, oids: Sequence[str]) -> dict[str, Subscriber | None]:
        """The subscribers with these oids, in their order, read together; None where one is gone."""
        return await self._load(environment, oids)

    async def find_many(self, environment: int, subscriber_ids: Sequence[SubscriberId]) -> list[Subscriber | None]:
        """The subscribers of these ids, in their order, read together; None for an unknown one."""
        lookups: list[Command] = [("HGET", self._bucket(environment, one).subscribers, one) for one in subscriber_ids]
        oids = [raw.decode() if raw else None for raw in (await self._client.batch(lookups) if lookups else [])]
        known = await self.get_many(environment, [oid for oid in oids if oid])
        return [known[oid] if oid else None for oid in oids]

    async def scan(self, environment: int, slice_size: int = 200) -> AsyncIterator[list[Subscriber]]:
        """Every subscriber of the environment, bucket by bucket, at most `slice_size` at a time.

        Whoever is there from the first slice to the last is given at least once; one may be given again.
        """
        buckets = [self._keys.bucket(environment, number).subscribers for number in range(BUCKETS)]
        sizes = await self._client.batch([("HLEN", key) for key in buckets])
        waiting: list[str] = []
        for key in (key for key, size in zip(buckets, sizes, strict=True) if size):
            cursor = b"0"
            while True:
                cursor, flat = await self._client.execute("HSCAN", key, cursor, "COUNT", slice_size)
                waiting += [oid.decode() for oid in (flat.values() if isinstance(flat, dict) else flat[1::2])]
                while len(waiting) >= slice_size:
                    yield [one for one in (await self.get_many(environment, waiting[:slice_size])).values() if one]
                    del waiting[:slice_size]
                if int(cursor) == 0:
                    break
        if waiting:
            yield [one for one in (await self.get_many(environment, waiting)).values() if one]

    async def count(self, environment: int) -> int:
        """How many subscribers an environment has."""
        return int(await self._client.execute("ZCARD", self._keys.subscribers(environment)))

    async def oids_of_bucket(self, environment: int, bucket: int) -> list[str]:
        """The oids of a bucket's subscribers, sorted; whoever is there all the while is among them."""
        key, cursor, oids = self._keys.bucket(environment, bucket).subscribers, b"0", set[str]()
        while True:
            cursor, flat = await self._client.execute("HSCAN", key, cursor, "COUNT", 500)
            oids.update(oid.decode() for oid in (flat.values() if isinstance(flat, dict) else flat[1::2]))
            if int(cursor) == 0:
                return sorted(oids)

    async def write(
        self, environment: int, subscriber_id: SubscriberId, profile: Mapping[str, Any], mode: Mode = "upsert"
    ) -> tuple[Subscriber, bool] | None:
        """Sets the given profile fields (None clears one). Gives the subscriber and whether it is new.

        Channels are merged with those there are, by provider and integration. Mode `update` gives None for an unknown
        subscriber; mode `create` raises Conflict for a known one.
        """
        if isinstance(given := profile.get("channels"), list):
            rest = {name: value for name, value in profile.items() if name != "channels"}
            return await self.change_channels(
                environment, subscriber_id, lambda known: merge_channels(known, given), rest, mode
            )
        write = _Write(subscriber_id, profile, mode)
        written = await self._write(environment, write)
        if isinstance(written, _Moved):
            raise StoreUnavailable  # nothing was asked to be as it was
        return written

    async def change_channels(
        self,
        environment: int,
        subscriber_id: SubscriberId,
        change: Callable[[Channels], Channels],
        profile: Mapping[str, Any] | None = None,
        mode: Mode = "update",
    ) -> tuple[Subscriber, bool] | None:
        """As `write`, with the channels that `change` makes of those there are; it may be called more than once."""
        for _ in range(_ATTEMPTS):
            oid = await self.find_oid(environment, subscriber_id)
            raw = b""
            if oid:
                key = self._bucket(environment, subscriber_id).subscriber(oid)
                raw = await self._client.execute("HGET", key, "channels") or b""
            channels = change(orjson.loads(raw) if raw else [])
            write = _Write(subscriber_id, {**(profile or {}), "channels": channels}, mode, ("channels", raw), oid)
            written = await self._write(environment, write)
            if not isinstance(written, _Moved):
                return written
        raise StoreUnavailable

    async def _write(self, environment: int, write: _Write) -> tuple[Subscriber, bool] | _Moved | None:
        bucket = self._bucket(environment, write.subscriber_id)
        oid = write.oid or await self.find_oid(environment, write.subscriber_id)
        for _ in range(_ATTEMPTS):
            proposed = None
            if oid is None and write.mode != "update":
                oid = proposed = new_subscriber_oid(bucket_of(write.subscriber_id))
                await self._announce(environment, proposed)
            record = bucket.subscriber(oid or "")
            place = Place(environment, bucket_of(write.subscriber_id))
            outbox = self._outbox.key(place, PRESENCE) if "online" in write.profile else []
            outcome, *rest = await self._client.run(
                scripts.SUBSCRIBER_WRITE, [bucket.subscribers, record, *outbox], write.arguments(oid or "")
            )
            if outbox:
                self._outbox.wrote([place])
            if proposed and outcome != 1:
                await self._unlist(environment, [proposed])
            if outcome == -3:
                return _Moved()
            if outcome == 0:
                return None
            if outcome == -2:
                raise Conflict(f"Subscriber {write.subscriber_id} exists already")
            if outcome > 0 and oid:
                subscriber = parse_record(oid, _pairs(rest[0]))
                if outcome == 2:
                    await self._note_update(environment, subscriber)
                return subscriber, outcome == 1
            oid = rest[0].decode()  # created by another request meanwhile
        raise StoreUnavailable

    async def page(
        self,
        environment: int,
        order_by: OrderBy,
        order: Order,
        limit: int,
        cursor: Cursor | None = None,
        skip: int = 0,
    ) -> ListPage[Subscriber] | None:
        """Up to `limit` subscribers beside a cursor, or after `skip` of them; None when there is no such cursor.

        The cost is that of the page, however many there are. Entries whose subscriber is gone are passed over, and
        taken from the list unless they are so young that it may be about to be made.
        """

        async def load(members: list[bytes]) -> list[Subscriber | None]:
            loaded = await self._load(environment, [member.hex() for member in members])
            orphans = [oid for oid, subscriber in loaded.items() if subscriber is None and _is_old(oid)]
            if orphans:
                await self._unlist(environment, orphans)
            return list(loaded.values())

        return await self._listing(environment, order_by).page(order, limit, load, cursor, skip)

    async def sweep(self, environment: int, bucket: int) -> int:
        """Enters every subscriber of a bucket that a list misses (a store that lost its last moments); how many."""
        keys, cursor, missed = self._keys.bucket(environment, bucket), b"0", 0
        while True:
            cursor, flat = await self._client.execute("HSCAN", keys.subscribers, cursor, "COUNT", 200)
            oids = [oid.decode() for oid in (flat.values() if isinstance(flat, dict) else flat[1::2])]
            subscribers = [one for one in (await self._load(environment, oids)).values() if one]
            if subscribers:
                missed += await self._enter(environment, subscribers)
            if int(cursor) == 0:
                return missed

    async def claim_sweep(self, environment: int, seconds: int) -> bool:
        """Whether this caller is the one to sweep now; nobody else is for so long."""
        claim = ("SET", self._keys.subscribers_swept(environment), 1, "NX", "EX", seconds)
        return bool(await self._client.execute(*claim))

    async def delete(self, environment: int, subscriber: Subscriber) -> bool:
        """Deletes the subscriber with its feeds and closes its sockets. False when it is gone already."""
        bucket = self._bucket(environment, subscriber.subscriber_id)
        found: Subscriber | None = subscriber
        for _ in range(_ATTEMPTS):
            if found is None:
                return False
            feeds = [bucket.feed(number).all() for number in found.feeds.values()]
            held = [key for keys in feeds for key in keys]
            outcome = await self._client.run(
                scripts.SUBSCRIBER_DELETE,
                [bucket.subscribers, bucket.subscriber(found.oid), bucket.preferences(found.oid), *held],
                [found.subscriber_id, found.oid, len(feeds), len(feeds[0]) if feeds else 1],
            )
            if outcome >= 0:
                await self._unlist(environment, [found.oid])
                return bool(outcome)
            found = await self.get_by_oid(environment, found.oid)
        raise StoreUnavailable

    async def note_sweep(self, environment: int, seconds: int) -> None:
        """Every bucket was swept: nobody is to do so again for so long."""
        await self._client.execute("SET", self._keys.subscribers_swept(environment), 1, "EX", seconds)

    async def set_online(self, environment: int, subscriber: Subscriber, online: bool) -> Subscriber | None:
        """Sets the presence flag by hand; the next edge of a socket overwrites it."""
        fields: dict[str, Any] = {"online": int(online)}
        if not online:
            fields["last_online"] = now_ms()
        written = await self.write(environment, subscriber.subscriber_id, fields, "update")
        return written[0] if written else None

    async def _load(self, environment: int, oids: Sequence[str]) -> dict[str, Subscriber | None]:
        """The subscribers of these oids, in their order; None where one is gone."""
        keys = [self._keys.bucket(environment, bucket_of_oid(oid)).subscriber(oid) for oid in oids]
        records = await self._client.batch([("HGETALL", key) for key in keys]) if keys else []
        return {
            oid: parse_record(oid, _pairs(record)) if record else None
            for oid, record in zip(oids, records, strict=True)
        }

    async def _announce(self, environment: int, oid: str) -> None:
        """Lists a subscriber that is about to be made: what exists is always listed."""
        member, now = bytes.fromhex(oid), now_ms()
        lists = [self._listing(environment, order) for order in ("_id", "updatedAt")]
        await self._client.batch([listing.adding(member, now) for listing in lists])

    async def _note_update(self, environment: int, subscriber: Subscriber) -> None:
        listing = self._listing(environment, "updatedAt")
        entry = listing.adding(bytes.fromhex(subscriber.oid), subscriber.updated_ms, only_later=True)
        await self._client.execute(*entry)

    async def _unlist(self, environment: int, oids: Sequence[str]) -> None:
        lists = [self._keys.subscribers(environment), self._keys.subscribers_updated(environment)]
        await retire(self._client, lists, [bytes.fromhex(oid) for oid in oids])

    async def _enter(self, environment: int, subscribers: Sequence[Subscriber]) -> int:
        created, updated = (self._listing(environment, order) for order in ("_id", "updatedAt"))
        replies = await self._client.batch(
            [created.adding(bytes.fromhex(one.oid), one.created_ms, only_later=True) for one in subscribers]
            + [updated.adding(bytes.fromhex(one.oid), one.updated_ms, only_later=True) for one in subscribers]
        )
        return sum(replies[: len(subscribers)])

    def _listing(self, environment: int, order_by: str) -> Listing:
        by_update = order_by == "updatedAt"
        keys = self._keys
        key = keys.subscribers_updated(environment) if by_update else keys.subscribers(environment)
        return Listing(self._client, key)

    def _bucket(self, environment: int, subscriber_id: str) -> BucketKeys:
        return self._keys.bucket(environment, bucket_of(subscriber_id))


@dataclass(frozen=True, slots=True)
class _Write:
    """One write of a record. `expected` is a field and the value it must still hold (empty: none)."""

    subscriber_id: SubscriberId
    profile: Mapping[str, Any]
    mode: Mode
    expected: tuple[str, bytes] = ("", b"")
    oid: str | None = None

    def arguments(self, oid: str) -> list[Argument]:
        fields = {name: orjson.dumps(value) for name, value in self.profile.items() if value is not None}
        cleared = [name for name, value in self.profile.items() if value is None]
        pairs = [item for pair in fields.items() for item in pair]
        return [self.subscriber_id, oid, self.mode, len(fields), *self.expected, *pairs, *cleared]


class _Moved:
    """What a write expected was no longer so."""


def _is_old(oid: str) -> bool:
    return now_seconds() - int(oid[:8], 16) > ORPHAN_SECONDS


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
