"""The steps of a subscriber's erasure, each safe to repeat.

The first step is one script: it deletes the subscriber for every caller and stores a note of what remains to be erased
until the last step. A repeated request continues an interrupted erasure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from inbox.errors import Contention, StoreUnavailable
from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.store.base import BaseStore
from inbox.store.client import Argument, Command
from inbox.store.connection.errors import ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import bucket_of_oid
from inbox.store.listing import Listing
from inbox.store.presence import Held
from inbox.store.retry import Attempts
from inbox.store.runs import RunStore
from inbox.store.scripts import load
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore
from inbox.store.timers import Timer, feed_of

ENTRIES_SLICE = 50
TIMERS_SLICE = 500
KEYS_SLICE = 500
ANSWERS_SLICE = 50
REWRITE_ATTEMPTS, REWRITE_PAUSE_SECONDS = 8, 0.25

Rewrite = Literal["requested", "busy", "off", "refused"]
"""The result of requesting a rewrite of the append-only files. `busy`: one that began too early is still running."""


class Erasure(msgspec.Struct, frozen=True, array_like=True):
    """An erased subscriber and the numbers of its feeds by their contexts (as in Subscriber)."""

    oid: str
    subscriber_id: SubscriberId
    feeds: dict[str, int]

    @property
    def bucket(self) -> int:
        return bucket_of_oid(self.oid)


class MessageOrigin(msgspec.Struct, rename="camel"):
    """The fields of a stored message that name its transaction."""

    transaction_id: str
    step_id: str


_SUBSCRIBER_ERASE = load("subscriber_erase", list[int])
"""Returns 1 and the number of fields of the preferences | 0 unknown | -1 a feed was added meanwhile."""
_SHARE_REDIRECT = load("share_redirect", bool)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Erasure)
_origins = msgspec.json.Decoder(MessageOrigin)


@dataclass(eq=False)
class ErasureStore(BaseStore):
    """The steps, in the order of their calls. All raise StoreUnavailable."""

    _subscribers: SubscriberStore
    _runs: RunStore

    async def unfinished(self, environment: int, subscriber_id: SubscriberId) -> list[Erasure]:
        """Return the erasures of this subscriberId that are not finished."""
        bucket = self._bucket_of(environment, subscriber_id)
        notes = await self._client.execute("HVALS", bucket.erasing)
        return [erasure for erasure in map(_decoder.decode, notes) if erasure.subscriber_id == subscriber_id]

    async def begin(self, environment: int, subscriber: Subscriber) -> tuple[Erasure, int] | None:
        """Delete the subscriber for every caller and close its sockets.

        Return the erasure and the number of preferences; None if the subscriber does not exist.
        """
        bucket = self._bucket_of(environment, subscriber.subscriber_id)
        current: Subscriber | None = subscriber
        async for _ in Attempts():
            if current is None:
                return None
            erasure = Erasure(current.oid, current.subscriber_id, current.feeds)
            keys = [bucket.subscribers, bucket.subscriber(current.oid), bucket.preferences(current.oid), bucket.erasing]
            keys += [bucket.feed(number).state for number in erasure.feeds.values()]
            args: list[Argument] = [current.subscriber_id, current.oid, _encoder.encode(erasure)]
            status, *preference_fields = await self._client.run(_SUBSCRIBER_ERASE, keys, args)
            if status >= 0:  # one field of the preferences counts their changes
                return (erasure, max(0, preference_fields[0] - 1)) if status else None
            current = await self._subscribers.get_by_oid(environment, current.oid)
        raise Contention

    async def unlist(self, environment: int, erasure: Erasure) -> None:
        """Remove the subscriber from the environment's lists and from the sets of processes with its sockets."""
        member = bytes.fromhex(erasure.oid)
        lists = (self._keys.subscribers(environment), self._keys.subscribers_updated(environment))
        commands = [Listing(self._client, key).removing([member]) for key in lists]
        held = Held(environment, erasure.oid).member
        for process in await self._client.execute("ZRANGE", self._keys.processes, 0, -1):
            commands.append(("SREM", self._keys.held(erasure.bucket, process.decode()), held))
        await self._client.batch(commands)

    async def count_subscriptions(self, environment: int, erasure: Erasure) -> int:
        """Return the number of remaining topic subscriptions."""
        return int(
            await self._client.execute("ZCARD", self._bucket_of_oid(environment, erasure.oid).joined(erasure.oid))
        )

    async def clear_feed(self, environment: int, erasure: Erasure, number: int) -> tuple[int, int]:
        """Remove a feed and the keys of its messages' transactions; return the numbers of messages and keys."""
        feed = self._bucket_of_oid(environment, erasure.oid).feed(number)
        start, messages, transactions = "-", 0, 0
        while entries := await self._client.execute("XRANGE", feed.stream, start, "+", "COUNT", ENTRIES_SLICE):
            # a shared content belongs to a dispatch, whose messages have no keys of their own
            origins = [_origins.decode(fields[3]) for _, fields in entries if fields[2] == b"d"]
            transactions += await self._forget_deliveries(environment, erasure, number, origins)
            messages += len(entries)
            start = "(" + entries[-1][0].decode()
        await self._client.batch([("UNLINK", key) for key in (*feed.all(), feed.scratch)])
        return messages, transactions

    async def forget_transactions(self, environment: int, transaction_ids: Iterable[str]) -> int:
        """Remove the fingerprints of these transactions; return the number of those that existed."""
        names = dict.fromkeys(transaction_ids)
        return await self._unlink([self._bucket_of(environment, name).transaction(name) for name in names])

    async def clear_timers(self, environment: int, erasure: Erasure) -> int:
        """Remove the timers of its feeds with their runs and digests; return the number of timers."""
        bucket_key = BucketKey(environment, erasure.bucket)
        key, numbers = self._bucket_of_oid(environment, erasure.oid).timers, frozenset(erasure.feeds.values())
        cursor: Argument = 0
        removed = 0
        while True:
            cursor, timers = await self._client.execute("ZSCAN", key, cursor, "COUNT", TIMERS_SLICE)
            own = [member for member in timers[::2] if feed_of(member) in numbers]
            await self._runs.erase(bucket_key, [Timer(member[:1], member[1:], 0) for member in own])
            if own:
                await self._client.execute("ZREM", key, *own)
            removed += len(own)
            if int(cursor) == 0:
                return removed

    async def clear_answers(self, environment: int, erasure: Erasure, names: Callable[[bytes], object]) -> int:
        """Remove stored responses that name the subscriber, its oid in shares of dispatches, and its throttle windows.

        Return the number of responses. This scans every key of the installation, in slices.
        """
        bucket, removed = self._bucket_of_oid(environment, erasure.oid), 0
        throttles = tuple(bucket.throttle(number) for number in erasure.feeds.values())
        async for keys in self._client.scan(self._keys.answers_and_shares(environment), KEYS_SLICE):
            for share in [key for key in keys if key.startswith(bucket.share(""))]:
                await self._redirect(environment, erasure, share)
            await self._unlink([key for key in keys if key.startswith(throttles)])
            for part in in_slices([key for key in keys if ":i:" in key], ANSWERS_SLICE):
                answers = await self._client.batch([("GET", key) for key in part])
                named = [key for key, raw in zip(part, answers, strict=True) if raw and names(raw)]
                removed += await self._unlink(named)
        return removed

    async def finish(self, environment: int, erasure: Erasure) -> None:
        """Remove the note of the erasure."""
        await self._client.execute("HDEL", self._bucket_of_oid(environment, erasure.oid).erasing, erasure.oid)

    async def rewrite_files(self) -> Rewrite:
        """Request a rewrite of every server's append-only file, so that erased data is removed from it too."""
        try:
            made = {await self._rewrite_file(primary) for primary in self._client.primaries}
        except (ReplyError, StoreUnavailable):
            return "refused"
        return "busy" if "busy" in made else "requested" if "requested" in made else "off"

    async def _rewrite_file(self, primary: StoreNode) -> Rewrite:
        """Request a rewrite. One in progress began with the erased data, so retry for a while until it has ended."""
        if not int((await self._client.info(primary, "persistence")).get("aof_enabled", 0)):
            return "off"
        for _ in range(REWRITE_ATTEMPTS):
            try:
                await self._client.execute_at(primary, "BGREWRITEAOF")
            except ReplyError as error:
                if "already in progress" not in str(error):
                    raise
                await asyncio.sleep(REWRITE_PAUSE_SECONDS)
            else:
                return "requested"
        return "busy"

    async def _forget_deliveries(
        self, environment: int, erasure: Erasure, number: int, origins: Sequence[MessageOrigin]
    ) -> int:
        bucket = self._bucket_of_oid(environment, erasure.oid)
        delivered = {bucket.delivered(one.transaction_id, one.step_id, number) for one in origins}
        fingerprints = await self.forget_transactions(environment, (one.transaction_id for one in origins))
        return fingerprints + await self._unlink(list(delivered))

    async def _redirect(self, environment: int, erasure: Erasure, share: str) -> None:
        """Replace the subscriber in the cursor of a share by the one before it, so that the share continues there."""
        cursor = await self._client.execute("HGET", share, "cursor")
        if cursor != erasure.oid.encode():
            return
        oids = await self._subscribers.oids_of_bucket(environment, erasure.bucket)
        before = max((oid for oid in oids if oid < erasure.oid), default="")
        await self._client.run(_SHARE_REDIRECT, [share], [erasure.oid, before])

    async def _unlink(self, keys: Sequence[str]) -> int:
        commands: list[Command] = [("UNLINK", key) for key in keys]
        return sum(await self._client.batch(commands)) if commands else 0
