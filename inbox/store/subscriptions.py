"""Who is in which topic. A subscription stands twice: in its topic's slot, and in its subscriber's bucket.

The subscriber's side is written first (an intent) and taken away last. So what a topic has, its subscriber knows of,
and goes with it; an intent without its other half is left out by whoever reads it, and removed once it is a minute old.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from inbox.clock import now_seconds
from inbox.errors import StoreUnavailable
from inbox.models.topic import Subscription, decode_subscription, encode_subscription
from inbox.store import scripts
from inbox.store.client import Argument, Client, Command
from inbox.store.keys import BucketKeys, Keys
from inbox.store.listing import Cursor, Listing, ListPage, Order
from inbox.store.subscribers import bucket_of_oid

MAX_OF_ONE_SUBSCRIBER = 10
SLICE = 100
IDS_SLICE = 1_000
HALF_WRITTEN_SECONDS = 60
_ATTEMPTS = 5

Outcome = Literal["created", "known", "taken", "full", "gone"]
S = TypeVar("S")
T = TypeVar("T")
Complete = Callable[[list[S]], Awaitable[Sequence[T | None]]]
"""Makes of subscriptions what a page shows, in their order; None for one that is to be passed over."""


@dataclass(frozen=True, slots=True)
class Created:
    """What became of a new subscription.

    `known`: the subscriber has one of this identifier; `taken`: another subscriber has; `full`: the subscriber has ten
    in this topic; `gone`: there is no such subscriber.
    """

    outcome: Outcome
    subscription: Subscription | None = None


class SubscriptionStore:
    """Subscriptions of topics, from both sides. Topics and subscribers are named by their oids."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def create(self, environment: int, topic_oid: str, wanted: Subscription) -> Created:
        """Makes a subscription, unless its identifier is in use. Safe to repeat."""
        if not await self._intend(environment, topic_oid, wanted):
            return Created("gone")
        args: list[Argument] = [
            wanted.identifier,
            wanted.id,
            wanted.subscriber_oid,
            wanted.created_ms,
            encode_subscription(wanted),
            MAX_OF_ONE_SUBSCRIBER,
            "",
        ]
        keys = self._keys.topic(environment, topic_oid).all()
        outcome, *rest = await self._client.run(scripts.SUBSCRIPTION_WRITE, keys, args)
        if outcome == 1:
            return Created("created", wanted)
        await self._forget(environment, [(wanted.subscriber_oid, wanted.id)])
        if outcome < 0:
            return Created("full")
        known = decode_subscription(rest[1])
        if known.subscriber_oid != wanted.subscriber_oid:
            return Created("taken", known)
        await self._intend(environment, topic_oid, known)  # should a crash have left its other half out
        return Created("known", known)

    async def find(self, environment: int, topic_oid: str, identifier: str) -> Subscription | None:
        """The subscription of a topic with this identifier, or None."""
        keys = self._keys.topic(environment, topic_oid)
        subscription_id = await self._client.execute("HGET", keys.names, identifier)
        raw = await self._client.execute("HGET", keys.content, subscription_id) if subscription_id else None
        return decode_subscription(raw) if raw else None

    async def of_subscriber(self, environment: int, topic_oid: str, subscriber_oid: str) -> list[Subscription]:
        """A subscriber's subscriptions of a topic, oldest first; ten at most."""
        keys = self._keys.topic(environment, topic_oid)
        low, high = f"[{subscriber_oid}:", f"({subscriber_oid};"
        members = await self._client.execute("ZRANGEBYLEX", keys.by_subscriber, low, high)
        return await self._load(environment, topic_oid, [member[25:].decode() for member in members])

    async def members(self, environment: int, topic_oid: str) -> AsyncIterator[dict[str, list[Subscription]]]:
        """Every member of a topic, by subscriber's oid, with its subscriptions: about 100 subscribers at a time."""
        key = self._keys.topic(environment, topic_oid).by_subscriber
        start = "-"
        while True:
            members = await self._client.execute("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, SLICE)
            if not members:
                return
            found: dict[str, list[Subscription]] = {}
            for one in await self._load(environment, topic_oid, [member[25:].decode() for member in members]):
                found.setdefault(one.subscriber_oid, []).append(one)
            yield found
            start = "(" + members[-1].decode()

    async def member_ids(self, environment: int, topic_oid: str) -> AsyncIterator[list[tuple[str, str]]]:
        """(subscriber's oid, subscription's `_id`) of every subscription of a topic, about a thousand at a time."""
        key = self._keys.topic(environment, topic_oid).by_subscriber
        start = "-"
        while members := await self._client.execute("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, IDS_SLICE):
            names = [member.decode() for member in members]
            yield [(name[:24], name[25:]) for name in names]
            start = "(" + names[-1]

    async def get_many(self, environment: int, topic_oid: str, ids: Sequence[str]) -> list[Subscription]:
        """The subscriptions of a topic with these `_id`s, as far as they exist."""
        return await self._load(environment, topic_oid, ids)

    async def count(self, environment: int, topic_oid: str) -> int:
        """How many subscriptions a topic has."""
        return int(await self._client.execute("ZCARD", self._keys.topic(environment, topic_oid).order))

    async def page(
        self,
        environment: int,
        topic_oid: str,
        order: Order,
        limit: int,
        complete: Complete[Subscription, T],
        cursor: Cursor | None = None,
    ) -> ListPage[T] | None:
        """Up to `limit` subscriptions of a topic beside a cursor (an `_id`); None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[T | None]:
            ids = [member.decode() for member in members]
            known = {one.id: one for one in await self._load(environment, topic_oid, ids)}
            return await _completed(complete, [known.get(one) for one in ids])

        return await Listing(self._client, self._keys.topic(environment, topic_oid).order).page(
            order, limit, load, cursor
        )

    async def joined(
        self,
        environment: int,
        subscriber_oid: str,
        order: Order,
        limit: int,
        complete: Complete[tuple[str, Subscription], T],
        cursor: Cursor | None = None,
    ) -> ListPage[T] | None:
        """Up to `limit` subscriptions of a subscriber, each with its topic's oid; None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[T | None]:
            ids = [member.decode() for member in members]
            known = await self._joined(environment, subscriber_oid, ids)
            halves = [one for one in ids if one not in known and _is_old(one)]
            if halves:
                await self._forget(environment, [(subscriber_oid, one) for one in halves])
            return await _completed(complete, [known.get(one) for one in ids])

        key = self._bucket(environment, subscriber_oid).joined(subscriber_oid)
        return await Listing(self._client, key).page(order, limit, load, cursor)

    async def topics_of(self, environment: int, subscriber_oid: str) -> list[str]:
        """The oids of the topics that a subscriber is in, each once, in the order it came to them."""
        key = self._bucket(environment, subscriber_oid).joined(subscriber_oid)
        ids = [member.decode() for member in await self._client.execute("ZRANGE", key, 0, -1)]
        joined = await self._joined(environment, subscriber_oid, ids)
        return list(dict.fromkeys(topic for topic, _ in joined.values()))

    async def change(
        self, environment: int, topic_oid: str, subscription_id: str, change: Callable[[Subscription], Subscription]
    ) -> Subscription | None:
        """Replaces a subscription by what `change` makes of it; it may be called again. None when it is gone."""
        keys = self._keys.topic(environment, topic_oid)
        for _ in range(_ATTEMPTS):
            raw = await self._client.execute("HGET", keys.content, subscription_id)
            if raw is None:
                return None
            after = change(decode_subscription(raw))
            args: list[Argument] = ["", subscription_id, "", 0, encode_subscription(after), 0, raw]
            outcome, *_rest = await self._client.run(scripts.SUBSCRIPTION_WRITE, keys.all(), args)
            if outcome == 1:
                return after
        raise StoreUnavailable

    async def delete(self, environment: int, topic_oid: str, gone: Sequence[Subscription]) -> int:
        """Takes subscriptions out of a topic, then from their subscribers; gives how many were there."""
        removed = 0
        for place in range(0, len(gone), SLICE):
            part = gone[place : place + SLICE]
            args = [item for one in part for item in (one.id, one.subscriber_oid, one.identifier)]
            keys = self._keys.topic(environment, topic_oid).all()
            removed += sum(await self._client.run(scripts.SUBSCRIPTION_DELETE, keys, args))
            await self._forget(environment, [(one.subscriber_oid, one.id) for one in part])
        return removed

    async def delete_topic(self, environment: int, topic_oid: str) -> None:
        """Takes every subscription out of a topic that is no longer listed."""
        async for members in self.members(environment, topic_oid):
            await self.delete(environment, topic_oid, [one for several in members.values() for one in several])
        for key in self._keys.topic(environment, topic_oid).all():
            await self._client.execute("UNLINK", key)

    async def delete_subscriber(self, environment: int, subscriber_oid: str) -> None:
        """Takes a deleted subscriber out of every topic."""
        bucket = self._bucket(environment, subscriber_oid)
        key = bucket.joined(subscriber_oid)
        while members := await self._client.execute("ZRANGE", key, 0, SLICE - 1):
            ids = [member.decode() for member in members]
            for topic_oid, one in (await self._joined(environment, subscriber_oid, ids)).values():
                await self.delete(environment, topic_oid, [one])
            await self._forget(environment, [(subscriber_oid, one) for one in ids])

    async def _load(self, environment: int, topic_oid: str, ids: Sequence[str]) -> list[Subscription]:
        """The subscriptions of a topic with these `_id`s, as far as they exist."""
        if not ids:
            return []
        raw = await self._client.execute("HMGET", self._keys.topic(environment, topic_oid).content, *ids)
        return [decode_subscription(one) for one in raw if one]

    async def _joined(
        self, environment: int, subscriber_oid: str, ids: Sequence[str]
    ) -> dict[str, tuple[str, Subscription]]:
        """Topic's oid and subscription by `_id`, of those whose both halves exist."""
        if not ids:
            return {}
        key = self._bucket(environment, subscriber_oid).joined_topics(subscriber_oid)
        raw = await self._client.execute("HMGET", key, *ids)
        topics = {one: topic.decode() for one, topic in zip(ids, raw, strict=True) if topic}
        reads: list[Command] = [
            ("HGET", self._keys.topic(environment, topic).content, one) for one, topic in topics.items()
        ]
        contents = await self._client.batch(reads) if reads else []
        return {
            one: (topic, decode_subscription(content))
            for (one, topic), content in zip(topics.items(), contents, strict=True)
            if content
        }

    async def _intend(self, environment: int, topic_oid: str, wanted: Subscription) -> bool:
        """The subscriber's half; False when there is no such subscriber."""
        oid = wanted.subscriber_oid
        bucket = self._bucket(environment, oid)
        keys = [bucket.subscriber(oid), bucket.joined(oid), bucket.joined_topics(oid)]
        args: list[Argument] = [wanted.id, wanted.created_ms, topic_oid]
        return bool(await self._client.run(scripts.SUBSCRIPTION_INTEND, keys, args))

    async def _forget(self, environment: int, halves: Sequence[tuple[str, str]]) -> None:
        """Takes (subscriber's oid, subscription's `_id`) out of the subscribers' sides."""
        sides = [(self._bucket(environment, oid), oid, one) for oid, one in halves]
        await self._client.batch([("HDEL", side.joined_topics(oid), one) for side, oid, one in sides])
        # last, since what is still listed is found by whoever finishes a deletion that was cut short
        await self._client.run_many(scripts.LISTING_RETIRE, [([side.joined(oid)], [one]) for side, oid, one in sides])

    def _bucket(self, environment: int, subscriber_oid: str) -> BucketKeys:
        return self._keys.bucket(environment, bucket_of_oid(subscriber_oid))


async def as_they_are(found: list[S]) -> Sequence[S]:
    """Complete nothing and pass over nothing."""
    return found


async def _completed(complete: Complete[S, T], found: list[S | None]) -> list[T | None]:
    """The same places as in `found`, with what `complete` makes of those that are there."""
    present = [one for one in found if one is not None]
    made = iter(await complete(present) if present else [])
    return [None if one is None else next(made) for one in found]


def _is_old(subscription_id: str) -> bool:
    return now_seconds() - int(subscription_id[:8], 16) > HALF_WRITTEN_SECONDS
