"""Whom one bucket's share of a dispatch reaches: oids in their order, so that a cursor can stand among them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from inbox.models.subscriber import Subscriber
from inbox.service.trigger.dispatches import Dispatch
from inbox.store.dispatches import Share
from inbox.store.subscribers import SubscriberStore, bucket_of_oid
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicStore

SLICE = 48
MOST_REMEMBERED = 4

Place = tuple[int, str, str]
"""A subscription: which of the dispatch's topics, that topic's oid, the subscription's `_id`."""
Members = dict[int, dict[str, list[Place]]]
"""Bucket → subscriber's oid → its subscriptions."""


class DispatchAudience:
    """Reads recipients. A dispatch's topics are read once by each process; who leaves before the turn is left out."""

    def __init__(self, topics: TopicStore, subscriptions: SubscriptionStore, subscribers: SubscriberStore) -> None:
        self._topics = topics
        self._subscriptions = subscriptions
        self._subscribers = subscribers
        self._members: OrderedDict[str, Members] = OrderedDict()

    async def after(
        self, share: Share, dispatch: Dispatch, cursor: str
    ) -> AsyncIterator[tuple[str, list[Subscriber]]]:
        """The share's recipients beyond a cursor, about a hundred at a time, each time with the next cursor."""
        if dispatch.topics is None:
            oids = await self._subscribers.oids_of_bucket(share.environment, share.bucket)
            for part in _slices(oids, cursor):
                yield part[-1], await self._everybody(share, dispatch, part)
            return
        places = (await self._members_of(share, dispatch)).get(share.bucket, {})
        for part in _slices(places, cursor):
            yield part[-1], await self._subscribed(share, dispatch, {oid: places[oid] for oid in part})

    async def _everybody(self, share: Share, dispatch: Dispatch, oids: Sequence[str]) -> list[Subscriber]:
        known = await self._subscribers.get_many(share.environment, oids)
        return [one for one in known.values() if one and one.subscriber_id not in dispatch.without]

    async def _subscribed(
        self, share: Share, dispatch: Dispatch, places: dict[str, list[Place]]
    ) -> list[Subscriber]:
        """Those whose subscription is still there and takes the workflow, and whom no exclusion meets."""
        known = await self._subscribers.get_many(share.environment, list(places))
        takes = await self._taking(share, dispatch, [place for several in places.values() for place in several])
        topics = dispatch.topics or []
        return [
            one
            for oid, one in known.items()
            if one
            and one.subscriber_id not in dispatch.without
            and any(
                subscription in takes and one.subscriber_id not in topics[which].exclude
                for which, _, subscription in places[oid]
            )
        ]

    async def _taking(self, share: Share, dispatch: Dispatch, places: Sequence[Place]) -> set[str]:
        by_topic: defaultdict[str, list[str]] = defaultdict(list)
        for _, topic_oid, subscription in places:
            by_topic[topic_oid].append(subscription)
        plan = dispatch.plan
        return {
            one.id
            for topic_oid, ids in by_topic.items()
            for one in await self._subscriptions.get_many(share.environment, topic_oid, ids)
            if one.takes(plan.workflow.id, plan.context_keys)
        }

    async def _members_of(self, share: Share, dispatch: Dispatch) -> Members:
        known = self._members.get(share.dispatch_id)
        if known is None:
            known = self._members[share.dispatch_id] = await self._read_members(share.environment, dispatch)
            if len(self._members) > MOST_REMEMBERED:
                self._members.popitem(last=False)
        return known

    async def _read_members(self, environment: int, dispatch: Dispatch) -> Members:
        members: Members = defaultdict(lambda: defaultdict(list))
        for which, recipient in enumerate(dispatch.topics or []):
            topic = await self._topics.get(environment, recipient.key)
            if topic is None:
                continue
            async for part in self._subscriptions.member_ids(environment, topic.oid):
                for oid, subscription in part:
                    members[bucket_of_oid(oid)][oid].append((which, topic.oid, subscription))
        return members


def _slices(oids: Iterable[str], cursor: str) -> Iterator[list[str]]:
    """What is beyond the cursor, in order."""
    left = sorted(oid for oid in oids if oid > cursor)
    return (left[start : start + SLICE] for start in range(0, len(left), SLICE))
