"""Whom a trigger reaches beyond those it names: the members of topics, or everybody."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Sequence

from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import TopicRecipient
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicStore

log = logging.getLogger(__name__)


class Audience:
    """Reads members of topics, and whole environments, about a hundred subscribers at a time."""

    def __init__(
        self, topics: TopicStore, subscriptions: SubscriptionStore, subscribers: SubscriberStore
    ) -> None:
        self._topics = topics
        self._subscriptions = subscriptions
        self._subscribers = subscribers

    async def members(
        self,
        environment: Environment,
        topics: Sequence[TopicRecipient],
        without: Collection[str],
        workflow_id: str,
        context_keys: list[str],
    ) -> AsyncIterator[list[Subscriber]]:
        """The members of these topics, each once, but for the subscriberIds in `without` and those a topic excludes.

        Only whose subscription takes this workflow in this context. An unknown topic has no members.
        """
        seen: set[str] = set()
        for recipient in topics:
            topic = await self._topics.get(environment.number, recipient.key)
            if topic is None:
                log.info("unknown topic", extra={"action": "topic_unknown", "topic": recipient.key})
                continue
            async for members in self._subscriptions.members(environment.number, topic.oid):
                wanted = [
                    oid
                    for oid, subscriptions in members.items()
                    if oid not in seen and any(one.takes(workflow_id, context_keys) for one in subscriptions)
                ]
                known = await self._subscribers.get_many(environment.number, wanted)
                present = [one for one in known.values() if one and one.subscriber_id not in recipient.exclude]
                seen.update(one.oid for one in present)
                yield [one for one in present if one.subscriber_id not in without]

    async def size(self, environment: Environment, topics: Sequence[TopicRecipient] | None) -> int:
        """How many subscriptions these topics have, or how many subscribers the environment (None)."""
        if topics is None:
            return await self._subscribers.count(environment.number)
        found = [await self._topics.get(environment.number, one.key) for one in topics]
        return sum([await self._subscriptions.count(environment.number, topic.oid) for topic in found if topic])

    def everybody(self, environment: Environment) -> AsyncIterator[list[Subscriber]]:
        """Every subscriber of the environment, bucket by bucket; one may be given more than once."""
        return self._subscribers.scan(environment.number, slice_size=100)
