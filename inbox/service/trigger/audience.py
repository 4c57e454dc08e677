"""The subscribers of a dispatch: the members of topics, or everybody."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from inbox.lru_cache import LruCache
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import Recipients
from inbox.service.trigger.dispatches import Dispatch
from inbox.store.dispatches import DispatchShare
from inbox.store.keys import bucket_of_oid
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicStore

log = logging.getLogger(__name__)

REQUEST_SLICE = 100
SHARE_SLICE = 48
MAX_CACHED_DISPATCHES = 4


class TopicMembership(NamedTuple):
    """A subscription: the index of its topic among the dispatch's, that topic's oid, the subscription's `_id`."""

    topic_index: int
    topic_oid: str
    subscription_id: str


Members = Mapping[str, Sequence[TopicMembership]]
"""Subscriber's oid → its subscriptions."""


@dataclass(eq=False)
class Audience:
    """Reads audiences. A process reads a dispatch's topics once; members that leave before their turn are left out."""

    _topics: TopicStore
    _subscriptions: SubscriptionStore
    _subscribers: SubscriberStore
    _members: LruCache[str, dict[int, dict[str, Sequence[TopicMembership]]]] = field(
        init=False, default_factory=lambda: LruCache(MAX_CACHED_DISPATCHES)
    )

    async def size(self, environment: int, dispatch: Dispatch) -> int:
        """Return how many subscriptions the dispatch's topics have, or how many subscribers the environment has."""
        if dispatch.topics is None:
            return await self._subscribers.count(environment)
        topics = [await self._topics.get(environment, recipient.key) for recipient in dispatch.topics]
        return sum([await self._subscriptions.count(environment, topic.oid) for topic in topics if topic])

    async def note_trigger(self, environment: int, transaction_id: str, recipients: Recipients) -> None:
        """Note a trigger at each topic that it goes to, for the activity. Raise ServiceUnavailable."""
        is_alone = len(recipients.topics) == 1 and not recipients.accepted
        for recipient in recipients.topics:
            if topic := await self._topics.get(environment, recipient.key):
                await self._topics.note_trigger(environment, topic.oid, transaction_id, is_alone=is_alone)

    async def everyone(self, environment: int, dispatch: Dispatch) -> AsyncIterator[list[Subscriber]]:
        """Yield a small audience, about a hundred at a time. Without topics, a subscriber may occur more than once."""
        if dispatch.topics is None:
            async for subscribers in self._subscribers.scan(environment, slice_size=REQUEST_SLICE):
                yield _without_excluded(dispatch, subscribers)
            return
        members = await self._read_members(environment, dispatch)
        for oids in _slices(members, "", REQUEST_SLICE):
            yield await self._subscribed(environment, dispatch, {oid: members[oid] for oid in oids})

    async def after(
        self, share: DispatchShare, dispatch: Dispatch, cursor: str
    ) -> AsyncIterator[tuple[str, list[Subscriber]]]:
        """Yield the share's recipients beyond a cursor, about fifty at a time, each time with the next cursor."""
        environment = share.environment
        if dispatch.topics is None:
            in_bucket = await self._subscribers.oids_of_bucket(environment, share.bucket)
            for oids in _slices(in_bucket, cursor, SHARE_SLICE):
                subscribers = await self._subscribers.get_many(environment, oids)
                yield oids[-1], _without_excluded(dispatch, subscribers.values())
            return
        members = await self._members_of(share, dispatch)
        for oids in _slices(members, cursor, SHARE_SLICE):
            yield oids[-1], await self._subscribed(environment, dispatch, {oid: members[oid] for oid in oids})

    async def _subscribed(self, environment: int, dispatch: Dispatch, members: Members) -> list[Subscriber]:
        """Return members with a subscription that still exists, takes the workflow and does not exclude them."""
        subscribers = await self._subscribers.get_many(environment, list(members))
        by_topic: defaultdict[str, list[str]] = defaultdict(list)
        for membership in chain.from_iterable(members.values()):
            by_topic[membership.topic_oid].append(membership.subscription_id)
        plan, topics = dispatch.plan, dispatch.topics or []
        subscribed = {
            subscription.id
            for topic_oid, ids in by_topic.items()
            for subscription in await self._subscriptions.get_many(environment, topic_oid, ids)
            if subscription.takes(plan.workflow.id, plan.context_keys)
        }
        return [
            subscriber
            for subscriber in _without_excluded(dispatch, subscribers.values())
            if any(
                membership.subscription_id in subscribed
                and subscriber.subscriber_id not in topics[membership.topic_index].exclude
                for membership in members[subscriber.oid]
            )
        ]

    async def _members_of(self, share: DispatchShare, dispatch: Dispatch) -> Members:
        by_bucket = self._members.get(share.dispatch_id)
        if by_bucket is None:
            by_bucket = defaultdict(dict)
            for oid, memberships in (await self._read_members(share.environment, dispatch)).items():
                by_bucket[bucket_of_oid(oid)][oid] = memberships
            self._members.put(share.dispatch_id, by_bucket)
        return by_bucket.get(share.bucket, {})

    async def _read_members(self, environment: int, dispatch: Dispatch) -> Members:
        members: defaultdict[str, list[TopicMembership]] = defaultdict(list)
        for index, recipient in enumerate(dispatch.topics or []):
            topic = await self._topics.get(environment, recipient.key)
            if topic is None:
                log.info("unknown topic", extra={"action": "topic_unknown", "topic": recipient.key})
                continue
            async for subscriptions in self._subscriptions.member_ids(environment, topic.oid):
                for oid, subscription_id in subscriptions:
                    members[oid].append(TopicMembership(index, topic.oid, subscription_id))
        return members


def _without_excluded(dispatch: Dispatch, subscribers: Iterable[Subscriber | None]) -> list[Subscriber]:
    return [one for one in subscribers if one and one.subscriber_id not in dispatch.without]


def _slices(oids: Collection[str], cursor: str, size: int) -> Iterator[Sequence[str]]:
    return in_slices(sorted(oid for oid in oids if oid > cursor), size)
