"""Feeds of subscribers: finding one, making it where it is missing; and, by FeedReader, what is in it."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from inbox.errors import StoreUnavailable, invalid
from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.feed import Feed
from inbox.store.feed_reader import FeedReader
from inbox.store.keys import BucketKeys, Keys, bucket_of
from inbox.store.subscribers import SubscriberStore

CACHED_FEEDS = 100_000
MAX_FEEDS = 200
"""So many feeds a subscriber has, one for each exact set of contexts: preferences and deletion reach all in a step."""
MOST_SKIPPED = 1 << 30
"""Numbers have 32 bits."""
_ATTEMPTS = 5
_TOO_MANY = -2


class Deleted(StoreUnavailable):
    """The subscriber was deleted since it was read; try again shortly."""


class FeedStore(FeedReader):
    """Feeds of all environments; remembers where feeds are, never what is in them."""

    def __init__(self, client: Client, keys: Keys, subscribers: SubscriberStore) -> None:
        super().__init__(client, keys)
        self._subscribers = subscribers
        self._known: OrderedDict[tuple[int, str, str], Feed] = OrderedDict()

    async def open(self, environment: int, subscriber_id: SubscriberId, contexts: str = "") -> Feed:
        """The subscriber's feed; subscriber and feed are made if they are missing.

        Raises ValidationFailed for a subscriber that has too many.
        """
        known = self._known.get((environment, subscriber_id, contexts))
        if known:
            return known
        for _ in range(_ATTEMPTS):
            subscriber = await self._subscribers.get(environment, subscriber_id)
            if subscriber is None:
                written = await self._subscribers.write(environment, subscriber_id, {})
                if written is None:
                    raise StoreUnavailable
                subscriber = written[0]
            with suppress(Deleted):
                return await self.open_for(environment, subscriber, contexts)
        raise Deleted

    async def open_for(self, environment: int, subscriber: Subscriber, contexts: str = "") -> Feed:
        """The feed of a subscriber that was just read; made if it is missing.

        Raises ValidationFailed, as `open`, and Deleted.
        """
        cache_key = (environment, subscriber.subscriber_id, contexts)
        number = subscriber.feeds.get(contexts)
        if number is None:
            number = await self._create(environment, subscriber, contexts)
        known = self._known.get(cache_key)
        if known and (known.subscriber_oid, known.number) == (subscriber.oid, number):
            return known
        feed = self._feed(environment, subscriber, contexts, number)
        self._known[cache_key] = feed
        if len(self._known) > CACHED_FEEDS:
            self._known.popitem(last=False)
        return feed

    async def open_many(self, environment: int, subscribers: Sequence[Subscriber], contexts: str) -> list[Feed]:
        """The feeds of subscribers of one bucket that were just read; missing ones are made together.

        In their order, without those whose subscriber was deleted meanwhile, or has feeds in too many contexts.
        """
        new = [one for one in subscribers if contexts not in one.feeds]
        numbers = {one.oid: one.feeds.get(contexts, -1) for one in subscribers}
        if new:
            bucket = self._keys.bucket(environment, bucket_of(new[0].subscriber_id))
            last = await self._count(bucket, len(new))
            proposed = range(last - len(new) + 1, last + 1)
            calls = [self._opening(bucket, one, contexts, number) for one, number in zip(new, proposed, strict=True)]
            made = await self._client.run_many(scripts.FEED_OPEN, calls)
            numbers.update(zip((one.oid for one in new), made, strict=True))
        return [
            self._feed(environment, one, contexts, numbers[one.oid]) for one in subscribers if numbers[one.oid] >= 0
        ]

    async def find_numbered(self, environment: int, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Feed]:
        """The feeds of these (bucket, feed number), of those that are still there."""
        places = list(dict.fromkeys(wanted))
        keys = [self._keys.bucket(environment, bucket).feed(number).state for bucket, number in places]
        owners = await self._client.batch([("HGET", key, "s") for key in keys]) if keys else []
        oids = [raw.decode() if raw else None for raw in owners]
        known = await self._subscribers.get_many(environment, [oid for oid in dict.fromkeys(oids) if oid])
        found: dict[tuple[int, int], Feed] = {}
        for place, oid in zip(places, oids, strict=True):
            subscriber = known.get(oid) if oid else None
            contexts = {number: name for name, number in subscriber.feeds.items()} if subscriber else {}
            if subscriber and place[1] in contexts:
                found[place] = await self.open_for(environment, subscriber, contexts[place[1]])
        return found

    def forget(self, feed: Feed) -> None:
        """Drops what is remembered of a feed that turned out to be gone."""
        self._known.pop((feed.environment, feed.subscriber_id, feed.contexts), None)

    def forget_named(self, environment: int, subscriber_id: SubscriberId, contexts: Iterable[str]) -> None:
        """Drops what is remembered of a subscriber's feeds, named by their contexts."""
        for name in contexts:
            self._known.pop((environment, subscriber_id, name), None)

    async def _create(self, environment: int, subscriber: Subscriber, contexts: str) -> int:
        bucket = self._keys.bucket(environment, bucket_of(subscriber.subscriber_id))
        proposed = await self._count(bucket, 1)
        number = await self._client.run(scripts.FEED_OPEN, *self._opening(bucket, subscriber, contexts, proposed))
        if number == _TOO_MANY:
            raise invalid("context", f"a subscriber can have messages in at most {MAX_FEEDS} contexts", contexts)
        if number < 0:
            raise Deleted
        return int(number)

    async def _count(self, bucket: BucketKeys, by: int) -> int:
        """The last of so many numbers that no feed of the bucket has.

        A bucket begins anywhere: should the store lose its count, no number comes again that a process or an open page
        still takes for another's feed.
        """
        last = int(await self._client.execute("INCRBY", bucket.feed_counter, by))
        if last == by:
            last = int(await self._client.execute("INCRBY", bucket.feed_counter, random.randrange(MOST_SKIPPED) + by))
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
