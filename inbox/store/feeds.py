"""Feeds of subscribers: they are found or created here; FeedReader reads their contents."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from inbox.errors import Contention, SubscriberGone, invalid
from inbox.ids import SubscriberId
from inbox.lru_cache import LruCache
from inbox.models.subscriber import Subscriber
from inbox.store.client import Argument
from inbox.store.feed import Feed
from inbox.store.feed_reader import FeedReader
from inbox.store.keys import BucketKeys, bucket_of
from inbox.store.retry import Attempts
from inbox.store.rows import FeedState
from inbox.store.scripts import load
from inbox.store.subscribers import SubscriberStore

CACHED_FEEDS = 100_000
MAX_FEEDS = 200
"""The number of feeds of a subscriber, one per exact set of contexts: preferences and deletion reach all in a step."""
MAX_SKIPPED = 1 << 30
"""Numbers have 32 bits."""
_TOO_MANY = -2
_FEED_OPEN = load("feed_open", int)
"""Returns a number, -1 (no such subscriber) or -2 (too many feeds)."""


@dataclass(eq=False)
class FeedStore(FeedReader):
    """Finds feeds of all environments; caches their numbers, never their contents."""

    _subscribers: SubscriberStore
    _cache: LruCache[tuple[int, str, str], Feed] = field(init=False, default_factory=lambda: LruCache(CACHED_FEEDS))

    async def open(self, environment: int, subscriber_id: SubscriberId, contexts: str = "") -> Feed:
        """Return the subscriber's feed; create subscriber and feed if they are missing.

        Raise ValidationFailed for a subscriber with too many feeds, and Contention if it is deleted each time.
        """
        if cached := self.cached(environment, subscriber_id, contexts):
            return cached
        async for _ in Attempts():
            subscriber = await self._subscribers.get(environment, subscriber_id)
            if subscriber is None:
                subscriber, _ = await self._subscribers.write(environment, subscriber_id, {})
            with suppress(SubscriberGone):
                return await self.open_for(environment, subscriber, contexts)
        raise Contention

    async def open_for(self, environment: int, subscriber: Subscriber, contexts: str = "") -> Feed:
        """Return the feed of a subscriber that was just read; create it if it is missing.

        Raise ValidationFailed, as `open`, and SubscriberGone if the subscriber was deleted meanwhile.
        """
        feed = self.existing(environment, subscriber, contexts)
        if feed is None:
            number = await self._create(environment, subscriber, contexts)
            feed = self._remember(environment, subscriber, contexts, number)
        return feed

    def cached(self, environment: int, subscriber_id: SubscriberId, contexts: str) -> Feed | None:
        """Return the subscriber's feed if this process knows it; it may be gone by now."""
        return self._cache.get((environment, subscriber_id, contexts))

    def existing(self, environment: int, subscriber: Subscriber, contexts: str) -> Feed | None:
        """Return the feed of a subscriber that was just read; None if it is missing."""
        number = subscriber.feeds.get(contexts)
        return None if number is None else self._remember(environment, subscriber, contexts, number)

    def _remember(self, environment: int, subscriber: Subscriber, contexts: str, number: int) -> Feed:
        cache_key = (environment, subscriber.subscriber_id, contexts)
        cached = self._cache.get(cache_key)
        if cached and (cached.subscriber_oid, cached.number) == (subscriber.oid, number):
            return cached
        feed = self._feed(environment, subscriber, contexts, number)
        self._cache.put(cache_key, feed)
        return feed

    def all_of(self, environment: int, subscriber: Subscriber) -> list[Feed]:
        """Return every feed of a subscriber that was just read, and cache none."""
        feeds = subscriber.feeds.items()
        return [self._feed(environment, subscriber, contexts, number) for contexts, number in feeds]

    async def open_many(self, environment: int, subscribers: Sequence[Subscriber], contexts: str) -> list[Feed]:
        """Return the feeds of subscribers of one bucket that were just read; create missing ones together.

        They are in order, without those of subscribers that were deleted meanwhile or have too many feeds.
        """
        new = [one for one in subscribers if contexts not in one.feeds]
        numbers = {one.oid: one.feeds.get(contexts, -1) for one in subscribers}
        if new:
            bucket = self._bucket_of(environment, new[0].subscriber_id)
            last = await self._count(bucket, len(new))
            proposed = range(last - len(new) + 1, last + 1)
            calls = [self._opening(bucket, one, contexts, number) for one, number in zip(new, proposed, strict=True)]
            created = await self._client.run_many(_FEED_OPEN, calls)
            numbers.update(zip((one.oid for one in new), created, strict=True))
        return [
            self._feed(environment, one, contexts, numbers[one.oid]) for one in subscribers if numbers[one.oid] >= 0
        ]

    async def find_numbered(self, environment: int, feeds: Collection[tuple[int, int]]) -> dict[tuple[int, int], Feed]:
        """Return by (bucket, feed number) the feeds that exist."""
        refs = list(dict.fromkeys(feeds))
        keys = [self._keys.bucket(environment, bucket).feed(number).state for bucket, number in refs]
        owners = await self._client.batch([("HGET", key, "s") for key in keys]) if keys else []
        oids = [raw.decode() if raw else None for raw in owners]
        subscribers = await self._subscribers.get_many(environment, [oid for oid in dict.fromkeys(oids) if oid])
        existing: dict[tuple[int, int], Feed] = {}
        for ref, oid in zip(refs, oids, strict=True):
            subscriber = subscribers.get(oid) if oid else None
            contexts = {number: name for name, number in subscriber.feeds.items()} if subscriber else {}
            if subscriber and ref[1] in contexts:
                existing[ref] = await self.open_for(environment, subscriber, contexts[ref[1]])
        return existing

    async def state_and_owner(self, feed: Feed) -> tuple[FeedState, Subscriber] | None:
        """Return the feed's state and its subscriber, read together; None if either is gone."""
        record = self._keys.bucket(feed.environment, feed.bucket).subscriber(feed.subscriber_oid)
        state, fields = await self._client.batch([self._state_command(feed), ("HGETALL", record)])
        settled = await self._settled(feed, *state)
        subscriber = self._subscribers.parse(feed.subscriber_oid, fields)
        return (settled, subscriber) if settled and subscriber else None

    def forget(self, feed: Feed) -> None:
        """Remove a feed that no longer exists from the cache."""
        self._cache.drop((feed.environment, feed.subscriber_id, feed.contexts))

    def forget_named(self, environment: int, subscriber_id: SubscriberId, contexts: Iterable[str]) -> None:
        """Remove a subscriber's feeds, named by their contexts, from the cache."""
        for name in contexts:
            self._cache.drop((environment, subscriber_id, name))

    async def _create(self, environment: int, subscriber: Subscriber, contexts: str) -> int:
        bucket = self._bucket_of(environment, subscriber.subscriber_id)
        proposed = await self._count(bucket, 1)
        number = await self._client.run(_FEED_OPEN, *self._opening(bucket, subscriber, contexts, proposed))
        if number == _TOO_MANY:
            raise invalid("context", f"a subscriber can have messages in at most {MAX_FEEDS} contexts", contexts)
        if number < 0:
            raise SubscriberGone
        return number

    async def _count(self, bucket: BucketKeys, by: int) -> int:
        """Return the last of `by` numbers that no feed of the bucket has.

        A bucket begins at a random number: if the store loses its count, numbers that processes or open pages still
        take for another subscriber's feed are not given out again.
        """
        last = int(await self._client.execute("INCRBY", bucket.feed_counter, by))
        if last == by:
            last = int(await self._client.execute("INCRBY", bucket.feed_counter, random.randrange(MAX_SKIPPED) + by))
        return last

    def _opening(
        self, bucket: BucketKeys, subscriber: Subscriber, contexts: str, proposed: int
    ) -> tuple[list[str], list[Argument]]:
        """KEYS and ARGV of `feed_open.lua`."""
        oid = subscriber.oid
        keys = [bucket.subscriber(oid), bucket.feed(proposed).state, bucket.preferences(oid)]
        return keys, ["#" + contexts, proposed, oid, MAX_FEEDS]

    def _feed(self, environment: int, subscriber: Subscriber, contexts: str, number: int) -> Feed:
        bucket = bucket_of(subscriber.subscriber_id)
        keys = self._keys.bucket(environment, bucket).feed(number)
        return Feed(environment, bucket, number, subscriber.subscriber_id, subscriber.oid, contexts, keys)
