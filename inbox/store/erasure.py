"""Erasing a subscriber for good: the steps of it, each safe to repeat.

The first step is one script: the subscriber is gone for every caller, and a note of what is still to be erased stands
in its place until the last step. So an erasure that was cut short is gone on with by whoever asks for it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from redis.exceptions import RedisError, ResponseError

from inbox.errors import StoreUnavailable
from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.store import scripts
from inbox.store.alarms import Place
from inbox.store.client import Client, Command, Primary
from inbox.store.keys import BucketKeys, Keys, bucket_of
from inbox.store.listing import Listing
from inbox.store.presence import Held
from inbox.store.runs import RunStore
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore, bucket_of_oid
from inbox.store.timers import Timer, feed_of

ENTRIES_SLICE = 50
TIMERS_SLICE = 500
KEYS_SLICE = 500
ANSWERS_SLICE = 50
REWRITE_ATTEMPTS, REWRITE_PAUSE_SECONDS = 8, 0.25
_ATTEMPTS = 5

Rewrite = Literal["requested", "busy", "off", "refused"]
"""What became of asking for append-only files to be written anew. `busy`: that was under way, begun too early."""


class Erasure(msgspec.Struct, frozen=True, array_like=True):
    """Whom an erasure is about, and the numbers of the feeds it had, by their contexts (as in Subscriber)."""

    oid: str
    subscriber_id: SubscriberId
    feeds: dict[str, int]

    @property
    def bucket(self) -> int:
        return bucket_of_oid(self.oid)


class Origin(msgspec.Struct, rename="camel"):
    """What of a stored message names its transaction."""

    transaction_id: str
    step_id: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Erasure)
_origins = msgspec.json.Decoder(Origin)


class ErasureStore:
    """The steps, in the order in which they are called. All raise StoreUnavailable."""

    def __init__(self, client: Client, keys: Keys, subscribers: SubscriberStore, runs: RunStore) -> None:
        self._client = client
        self._keys = keys
        self._subscribers = subscribers
        self._runs = runs

    async def unfinished(self, environment: int, subscriber_id: SubscriberId) -> list[Erasure]:
        """Erasures of this subscriberId that were begun and not finished."""
        bucket = self._keys.bucket(environment, bucket_of(subscriber_id))
        notes = await self._client.execute("HVALS", bucket.erasing)
        return [one for one in map(_decoder.decode, notes) if one.subscriber_id == subscriber_id]

    async def begin(self, environment: int, subscriber: Subscriber) -> tuple[Erasure, int] | None:
        """Ends the subscriber for every caller and closes its sockets; gives how many choices it had made, too.

        None when it is gone already.
        """
        bucket = self._keys.bucket(environment, bucket_of(subscriber.subscriber_id))
        found: Subscriber | None = subscriber
        for _ in range(_ATTEMPTS):
            if found is None:
                return None
            erasure = Erasure(found.oid, found.subscriber_id, found.feeds)
            keys = [bucket.subscribers, bucket.subscriber(found.oid), bucket.preferences(found.oid), bucket.erasing]
            keys += [bucket.feed(number).state for number in erasure.feeds.values()]
            outcome, *rest = await self._client.run(
                scripts.SUBSCRIBER_ERASE, keys, [found.subscriber_id, found.oid, _encoder.encode(erasure)]
            )
            if outcome >= 0:
                return (erasure, max(0, rest[0] - 1)) if outcome else None  # one field counts the changes
            found = await self._subscribers.get_by_oid(environment, found.oid)
        raise StoreUnavailable

    async def unlist(self, environment: int, erasure: Erasure) -> None:
        """Takes it out of the environment's lists and of what processes hold sockets of."""
        member = bytes.fromhex(erasure.oid)
        lists = (self._keys.subscribers(environment), self._keys.subscribers_updated(environment))
        commands = [Listing(self._client, key).removing([member]) for key in lists]
        held = Held(environment, erasure.oid).member
        for process in await self._client.execute("ZRANGE", self._keys.processes, 0, -1):
            commands.append(("SREM", self._keys.held(erasure.bucket, process.decode()), held))
        await self._client.batch(commands)

    async def count_subscriptions(self, environment: int, erasure: Erasure) -> int:
        """How many subscriptions of topics it has left."""
        return int(await self._client.execute("ZCARD", self._bucket(environment, erasure).joined(erasure.oid)))

    async def clear_feed(self, environment: int, erasure: Erasure, number: int) -> tuple[int, int]:
        """Removes a feed and the keys of its messages' transactions; gives how many messages and keys there were."""
        feed = self._bucket(environment, erasure).feed(number)
        start, messages, transactions = "-", 0, 0
        while entries := await self._client.execute("XRANGE", feed.stream, start, "+", "COUNT", ENTRIES_SLICE):
            # content that is stored once for many belongs to a dispatch, whose messages have no key of their own
            origins = [_origins.decode(fields[3]) for _, fields in entries if fields[2] == b"d"]
            transactions += await self._forget_deliveries(environment, erasure, number, origins)
            messages += len(entries)
            start = "(" + entries[-1][0].decode()
        await self._client.batch([("UNLINK", key) for key in (*feed.all(), feed.scratch)])
        return messages, transactions

    async def forget_transactions(self, environment: int, transaction_ids: Iterable[str]) -> int:
        """Forgets for whom these transactions were; gives how many were remembered."""
        names = dict.fromkeys(transaction_ids)
        return await self._unlink(
            [self._keys.bucket(environment, bucket_of(name)).transaction(name) for name in names]
        )

    async def clear_timers(self, environment: int, erasure: Erasure) -> int:
        """Drops the timers of its feeds, with the runs and digests that wait for them; gives how many there were."""
        place = Place(environment, erasure.bucket)
        key, numbers = self._bucket(environment, erasure).timers, frozenset(erasure.feeds.values())
        cursor, removed = 0, 0
        while True:
            cursor, timers = await self._client.execute("ZSCAN", key, cursor, "COUNT", TIMERS_SLICE)
            own = [member for member, _ in timers if feed_of(member) in numbers]
            await self._runs.erase(place, [Timer(member[:1], member[1:], 0) for member in own])
            if own:
                await self._client.execute("ZREM", key, *own)
            removed += len(own)
            if int(cursor) == 0:
                return removed

    async def clear_answers(self, environment: int, erasure: Erasure, names: Callable[[bytes], object]) -> int:
        """Drops the kept answers to repeated requests that name it, and its name from shares of dispatches.

        Looks at every key of the installation, in slices. Gives how many answers there were.
        """
        bucket, removed = self._bucket(environment, erasure), 0
        async for keys in self._client.scan(self._keys.answers_and_shares(environment), KEYS_SLICE):
            shares = [key for key in keys if bucket.is_share(key)]
            for share in shares:
                await self._redirect(environment, erasure, share)
            for part in in_slices([key for key in keys if ":i:" in key], ANSWERS_SLICE):
                answers = await self._client.batch([("GET", key) for key in part])
                named = [key for key, raw in zip(part, answers, strict=True) if raw and names(raw)]
                removed += await self._unlink(named)
        return removed

    async def finish(self, environment: int, erasure: Erasure) -> None:
        """Nothing is left to be done."""
        await self._client.execute("HDEL", self._bucket(environment, erasure).erasing, erasure.oid)

    async def rewrite_files(self) -> Rewrite:
        """Asks every server to write its append-only file anew, so that what was erased is not in it either."""
        try:
            made = {await self._rewrite_file(primary) for primary in self._client.primaries}
        except (RedisError, StoreUnavailable):
            return "refused"
        return "busy" if "busy" in made else "requested" if "requested" in made else "off"

    async def _rewrite_file(self, primary: Primary) -> Rewrite:
        """A rewrite under way began with what was erased: another has to follow, so its end is waited for a while."""
        if not await self._keeps_file(primary):
            return "off"
        for _ in range(REWRITE_ATTEMPTS):
            try:
                await self._client.execute_at(primary, "BGREWRITEAOF")
            except ResponseError as error:
                if "already in progress" not in str(error):
                    raise
                await asyncio.sleep(REWRITE_PAUSE_SECONDS)
            else:
                return "requested"
        return "busy"

    async def _keeps_file(self, primary: Primary) -> bool:
        info = await self._client.execute_at(primary, "INFO", "persistence")
        return bool(int(info.get("aof_enabled", 0)))

    async def _forget_deliveries(
        self, environment: int, erasure: Erasure, number: int, origins: Sequence[Origin]
    ) -> int:
        bucket = self._bucket(environment, erasure)
        delivered = {bucket.delivered(one.transaction_id, one.step_id, number) for one in origins}
        known = await self.forget_transactions(environment, (one.transaction_id for one in origins))
        return known + await self._unlink(list(delivered))

    async def _redirect(self, environment: int, erasure: Erasure, share: str) -> None:
        """A share that names it as the last one done names the one before it, which leads on to the same."""
        cursor = await self._client.execute("HGET", share, "cursor")
        if cursor != erasure.oid.encode():
            return
        oids = await self._subscribers.oids_of_bucket(environment, erasure.bucket)
        before = max((oid for oid in oids if oid < erasure.oid), default="")
        await self._client.run(scripts.SHARE_REDIRECT, [share], [erasure.oid, before])

    async def _unlink(self, keys: Sequence[str]) -> int:
        commands: list[Command] = [("UNLINK", key) for key in keys]
        return sum(await self._client.batch(commands)) if commands else 0

    def _bucket(self, environment: int, erasure: Erasure) -> BucketKeys:
        return self._keys.bucket(environment, erasure.bucket)
