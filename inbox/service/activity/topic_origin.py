"""Which activities came to somebody through a topic, or through one subscription of it.

A row of the activity has no topic. A topic keeps its newest triggers, and whether somebody else was a recipient too.
Then its present members count: nobody knows any more through what a recipient was reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inbox.models.activity import Activity
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicStore


@dataclass(frozen=True, slots=True)
class TopicOrigin:
    """The triggers of a topic: by transaction whether they went to it alone; the oids of its members; whose they are.

    `subscriber` is that of the subscription, if one was named.
    """

    triggers: Mapping[str, bool]
    members: frozenset[str] = frozenset()
    subscriber: Subscriber | None = None

    def takes(self, activity: Activity) -> bool:
        """Return whether an activity came through the topic."""
        is_alone = self.triggers.get(activity.transaction_id)
        return is_alone is not None and (is_alone or activity.subscriber_oid in self.members)


@dataclass(eq=False)
class TopicOrigins:
    """Finds origins."""

    _topics: TopicStore
    _subscriptions: SubscriptionStore
    _subscribers: SubscriberStore

    async def find(self, environment: Environment, topic_key: str, subscription_id: str = "") -> TopicOrigin | None:
        """Return the origin of a topic, or of a subscription of it (its `_id` or identifier); None if there is none.

        Raise ServiceUnavailable.
        """
        number = environment.number
        topic = await self._topics.get(number, topic_key)
        if topic is None:
            return None
        subscriber = await self._owner(number, topic.oid, subscription_id) if subscription_id else None
        if subscription_id and subscriber is None:
            return None
        triggers = await self._topics.triggers(number, topic.oid)
        members: set[str] = set()
        if not all(triggers.values()):
            async for part in self._subscriptions.member_ids(number, topic.oid):
                members |= {oid for oid, _ in part}
        return TopicOrigin(triggers, frozenset(members), subscriber)

    async def _owner(self, environment: int, topic_oid: str, subscription_id: str) -> Subscriber | None:
        found = await self._subscriptions.get_many(environment, topic_oid, [subscription_id])
        subscription = found[0] if found else await self._subscriptions.find(environment, topic_oid, subscription_id)
        return await self._subscribers.get_by_oid(environment, subscription.subscriber_oid) if subscription else None
