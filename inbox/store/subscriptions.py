"""Subscriptions of topics. Each is stored twice: in its topic's slot, and in its subscriber's bucket.

The subscriber's half is written first (an intent) and removed last, so every subscription of a topic is deleted with
its subscriber. Readers pass over an intent without its other half and remove it once it is a minute old.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from inbox.errors import Contention
from inbox.models.cursor_page import Order
from inbox.models.topic import Subscription, decode_subscription, encode_subscription
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.listing import LISTING_RETIRE, ListCursor, Listing, ListPage, is_old_intent
from inbox.store.retry import Attempts
from inbox.store.scripts import load
from inbox.store.slices import in_slices

MAX_OF_ONE_SUBSCRIBER = 10
SLICE = 100
IDS_SLICE = 1_000

SubscriptionOutcome = Literal["created", "known", "taken", "full", "gone"]
S = TypeVar("S")
T = TypeVar("T")
Complete = Callable[[list[S]], Awaitable[Sequence[T | None]]]
"""Returns what a page shows of each subscription, in order; None to pass over one."""

_WRITTEN, _FULL = 1, -1

_SUBSCRIPTION_WRITE = load("subscription_write", list[Any])
"""Returns 1 written | 0, `_id` and content of the one that has the identifier | -1 too many | -2 it has changed."""
_SUBSCRIPTION_DELETE = load("subscription_delete", sum)
_SUBSCRIPTION_INTEND = load("subscription_intend", bool)


@dataclass(frozen=True, slots=True)
class SubscriptionResult:
    """The result of creating a subscription.

    `known`: the subscriber has one of this identifier; `taken`: another subscriber has; `full`: the subscriber has ten
    in this topic; `gone`: there is no such subscriber.
    """

    outcome: SubscriptionOutcome
    subscription: Subscription | None = None


class SubscriptionStore(BaseStore):
    """Subscriptions of topics, from both sides. Topics and subscribers are named by their oids."""

    async def create(self, environment: int, topic_oid: str, new: Subscription) -> SubscriptionResult:
        """Create a subscription, unless its identifier is in use. Safe to repeat."""
        if not await self._intend(environment, topic_oid, new):
            return SubscriptionResult("gone")
        args: list[Argument] = [new.identifier, new.id, new.subscriber_oid, new.created_ms, encode_subscription(new)]
        keys = self._keys.topic(environment, topic_oid).all()
        status, *rest = await self._client.run(_SUBSCRIPTION_WRITE, keys, [*args, MAX_OF_ONE_SUBSCRIBER, ""])
        if status == _WRITTEN:
            return SubscriptionResult("created", new)
        await self._forget(environment, [(new.subscriber_oid, new.id)])
        if status == _FULL:
            return SubscriptionResult("full")
        existing = decode_subscription(rest[1])
        if existing.subscriber_oid != new.subscriber_oid:
            return SubscriptionResult("taken", existing)
        await self._intend(environment, topic_oid, existing)  # in case a crash prevented its other half
        return SubscriptionResult("known", existing)

    async def find(self, environment: int, topic_oid: str, identifier: str) -> Subscription | None:
        """Return the subscription of a topic with this identifier, or None."""
        keys = self._keys.topic(environment, topic_oid)
        subscription_id = await self._client.execute("HGET", keys.names, identifier)
        raw = await self._client.execute("HGET", keys.content, subscription_id) if subscription_id else None
        return decode_subscription(raw) if raw else None

    async def of_subscriber(self, environment: int, topic_oid: str, subscriber_oid: str) -> list[Subscription]:
        """Return a subscriber's subscriptions of a topic, oldest first; ten at most."""
        keys = self._keys.topic(environment, topic_oid)
        low, high = f"[{subscriber_oid}:", f"({subscriber_oid};"
        members = await self._client.execute("ZRANGEBYLEX", keys.by_subscriber, low, high)
        return await self.get_many(environment, topic_oid, [member[25:].decode() for member in members])

    async def members(self, environment: int, topic_oid: str) -> AsyncIterator[dict[str, list[Subscription]]]:
        """Iterate over a topic's subscriptions by subscriber's oid, about 100 subscribers at a time."""
        async for members in self.member_ids(environment, topic_oid, SLICE):
            by_subscriber: dict[str, list[Subscription]] = {}
            for item in await self.get_many(
                environment, topic_oid, [subscription_id for _, subscription_id in members]
            ):
                by_subscriber.setdefault(item.subscriber_oid, []).append(item)
            yield by_subscriber

    async def member_ids(
        self, environment: int, topic_oid: str, slice_size: int = IDS_SLICE
    ) -> AsyncIterator[list[tuple[str, str]]]:
        """Iterate over (subscriber's oid, subscription's `_id`) of a topic, in slices."""
        key = self._keys.topic(environment, topic_oid).by_subscriber
        start = "-"
        while members := await self._client.execute("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, slice_size):
            names = [member.decode() for member in members]
            yield [(name[:24], name[25:]) for name in names]
            start = "(" + names[-1]

    async def count(self, environment: int, topic_oid: str) -> int:
        return int(await self._client.execute("ZCARD", self._keys.topic(environment, topic_oid).order))

    async def page(
        self,
        environment: int,
        topic_oid: str,
        order: Order,
        limit: int,
        complete: Complete[Subscription, T],
        cursor: ListCursor | None = None,
    ) -> ListPage[T] | None:
        """Return up to `limit` subscriptions of a topic beside a cursor (an `_id`); None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[T | None]:
            ids = [member.decode() for member in members]
            by_id = {item.id: item for item in await self.get_many(environment, topic_oid, ids)}
            return await _completed(complete, [by_id.get(subscription_id) for subscription_id in ids])

        listing = Listing(self._client, self._keys.topic(environment, topic_oid).order)
        return await listing.page(order, limit, load, cursor)

    async def joined(
        self,
        environment: int,
        subscriber_oid: str,
        order: Order,
        limit: int,
        complete: Complete[tuple[str, Subscription], T],
        cursor: ListCursor | None = None,
    ) -> ListPage[T] | None:
        """Return up to `limit` subscriptions of a subscriber, each with its topic's oid; None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[T | None]:
            ids = [member.decode() for member in members]
            joined = await self._joined(environment, subscriber_oid, ids)
            halves = [item for item in ids if item not in joined and is_old_intent(item)]
            if halves:
                await self._forget(environment, [(subscriber_oid, item) for item in halves])
            return await _completed(complete, [joined.get(item) for item in ids])

        key = self._bucket_of_oid(environment, subscriber_oid).joined(subscriber_oid)
        return await Listing(self._client, key).page(order, limit, load, cursor)

    async def topics_of(self, environment: int, subscriber_oid: str) -> list[str]:
        """Return the oids of the topics that a subscriber is in, each once, in the order of its subscriptions."""
        key = self._bucket_of_oid(environment, subscriber_oid).joined(subscriber_oid)
        ids = [member.decode() for member in await self._client.execute("ZRANGE", key, 0, -1)]
        joined = await self._joined(environment, subscriber_oid, ids)
        return list(dict.fromkeys(topic for topic, _ in joined.values()))

    async def change(
        self, environment: int, topic_oid: str, subscription_id: str, change: Callable[[Subscription], Subscription]
    ) -> Subscription | None:
        """Replace a subscription by what `change` returns for it (it may be called again). None if it is gone."""
        keys = self._keys.topic(environment, topic_oid)
        async for _ in Attempts():
            raw = await self._client.execute("HGET", keys.content, subscription_id)
            if raw is None:
                return None
            after = change(decode_subscription(raw))
            args: list[Argument] = ["", subscription_id, "", 0, encode_subscription(after), 0, raw]
            if (await self._client.run(_SUBSCRIPTION_WRITE, keys.all(), args))[0] == _WRITTEN:
                return after
        raise Contention

    async def delete(self, environment: int, topic_oid: str, subscriptions: Sequence[Subscription]) -> int:
        """Remove subscriptions from a topic, then from their subscribers; return how many there were."""
        removed = 0
        for part in in_slices(subscriptions, SLICE):
            args = [text for item in part for text in (item.id, item.subscriber_oid, item.identifier)]
            keys = self._keys.topic(environment, topic_oid).all()
            removed += await self._client.run(_SUBSCRIPTION_DELETE, keys, args)
            await self._forget(environment, [(item.subscriber_oid, item.id) for item in part])
        return removed

    async def delete_topic(self, environment: int, topic_oid: str) -> None:
        """Remove every subscription from a topic that is no longer listed."""
        async for members in self.members(environment, topic_oid):
            await self.delete(environment, topic_oid, [item for items in members.values() for item in items])
        keys = self._keys.topic(environment, topic_oid)
        for key in (*keys.all(), keys.triggers):
            await self._client.execute("UNLINK", key)

    async def delete_subscriber(self, environment: int, subscriber_oid: str) -> None:
        """Remove a deleted subscriber from every topic."""
        key = self._bucket_of_oid(environment, subscriber_oid).joined(subscriber_oid)
        while members := await self._client.execute("ZRANGE", key, 0, SLICE - 1):
            ids = [member.decode() for member in members]
            for topic_oid, subscription in (await self._joined(environment, subscriber_oid, ids)).values():
                await self.delete(environment, topic_oid, [subscription])
            await self._forget(environment, [(subscriber_oid, item) for item in ids])

    async def get_many(self, environment: int, topic_oid: str, ids: Sequence[str]) -> list[Subscription]:
        """Return the subscriptions of a topic with these `_id`s that exist."""
        if not ids:
            return []
        raw = await self._client.execute("HMGET", self._keys.topic(environment, topic_oid).content, *ids)
        return [decode_subscription(item) for item in raw if item]

    async def _joined(
        self, environment: int, subscriber_oid: str, ids: Sequence[str]
    ) -> dict[str, tuple[str, Subscription]]:
        """Return by `_id` the topic's oid and the subscription; leave out those that lack a half."""
        if not ids:
            return {}
        key = self._bucket_of_oid(environment, subscriber_oid).joined_topics(subscriber_oid)
        raw = await self._client.execute("HMGET", key, *ids)
        topics = {item: topic.decode() for item, topic in zip(ids, raw, strict=True) if topic}
        contents = await self._client.batch(
            [("HGET", self._keys.topic(environment, topic).content, item) for item, topic in topics.items()]
        )
        return {
            item: (topic, decode_subscription(content))
            for (item, topic), content in zip(topics.items(), contents, strict=True)
            if content
        }

    async def _intend(self, environment: int, topic_oid: str, subscription: Subscription) -> bool:
        """Write the subscriber's half. False if there is no such subscriber."""
        oid = subscription.subscriber_oid
        bucket = self._bucket_of_oid(environment, oid)
        keys = [bucket.subscriber(oid), bucket.joined(oid), bucket.joined_topics(oid)]
        args: list[Argument] = [subscription.id, subscription.created_ms, topic_oid]
        return await self._client.run(_SUBSCRIPTION_INTEND, keys, args)

    async def _forget(self, environment: int, halves: Sequence[tuple[str, str]]) -> None:
        """Remove subscribers' halves, named by subscriber's oid and subscription's `_id`."""
        sides = [(self._bucket_of_oid(environment, oid), oid, item) for oid, item in halves]
        await self._client.batch([("HDEL", side.joined_topics(oid), item) for side, oid, item in sides])
        # last, so that whoever finishes an interrupted deletion still sees them listed
        await self._client.run_many(LISTING_RETIRE, [([side.joined(oid)], [item]) for side, oid, item in sides])


async def as_they_are(subscriptions: list[S]) -> Sequence[S]:
    """Return all subscriptions unchanged: a `Complete` for pages that show nothing else."""
    return subscriptions


async def _completed(complete: Complete[S, T], items: list[S | None]) -> list[T | None]:
    """Complete the subscriptions that exist; the missing ones stay None, in the same order."""
    existing = [item for item in items if item is not None]
    completed = iter(await complete(existing) if existing else [])
    return [None if item is None else next(completed) for item in items]
