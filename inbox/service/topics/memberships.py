"""Memberships: lists of who is in which topic, by topic and by subscriber."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.errors import NotFound
from inbox.ids import SubscriberId
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.topic import Subscription, Topic
from inbox.service.pages import page_of_all, page_of_slice
from inbox.service.topics.topics import TopicService
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicStore

MAX_SCANNED = 1_000


@dataclass(frozen=True, slots=True)
class Membership:
    """A subscription with its topic and its subscriber."""

    topic: Topic
    subscription: Subscription
    subscriber: Subscriber | None


class MembershipList:
    """Finds and lists subscriptions with their topics and subscribers."""

    def __init__(
        self,
        topic_service: TopicService,
        topics: TopicStore,
        subscriptions: SubscriptionStore,
        subscribers: SubscriberStore,
    ) -> None:
        self._topic_service = topic_service
        self._topics = topics
        self._subscriptions = subscriptions
        self._subscribers = subscribers

    async def find(self, environment: Environment, topic_key: str, identifier: str) -> Subscription | None:
        """The subscription with this identifier, or None. Raises NotFound for an unknown topic."""
        topic = await self._topic_service.get(environment, topic_key)
        return await self._subscriptions.find(environment.number, topic.oid, identifier)

    async def member(self, environment: Environment, topic_key: str, subscriber_id: SubscriberId) -> Membership:
        """A subscriber's oldest subscription of a topic. Raises NotFound when topic or subscription are unknown."""
        topic = await self._topic_service.get(environment, topic_key)
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        known = await self.held(environment, topic, subscriber) if subscriber else []
        if not known:
            raise NotFound(
                f"Subscriber {subscriber_id} not found for topic {topic_key} in the environment {environment.id}"
            )
        return Membership(topic, known[0], subscriber)

    async def list_page(
        self,
        environment: Environment,
        topic_key: str,
        query: CursorQuery,
        subscriber_id: SubscriberId | None,
        context_keys: list[str] | None,
    ) -> CursorPage[Membership]:
        """A page of a topic's subscriptions, of one subscriber or one exact context if asked. Raises NotFound.

        A page of one context is looked for among the first 1,000 subscriptions in that order.
        """
        number, topic = environment.number, await self._topic_service.get(environment, topic_key)
        if subscriber_id is None and context_keys is None:
            found = await self._subscriptions.page(
                number, topic.oid, query.order, query.limit, cursor=query.cursor, side=query.side
            )
            page = page_of_slice(*found) if found else CursorPage([])
        else:
            listed = await self._candidates(environment, topic, query, subscriber_id)
            taken = [one for one in listed if context_keys is None or one.context_keys == context_keys]
            page = page_of_all(taken, [one.id for one in taken], query)
        members = await self.complete(environment, [(topic, one) for one in page.rows])
        await self._drop_orphans(environment, members)
        present = [one for one in members if one.subscriber]
        return CursorPage(present, page.next, page.previous, page.total)

    async def joined(
        self,
        environment: Environment,
        subscriber: Subscriber,
        query: CursorQuery,
        topic_key: str | None,
        context_keys: list[str] | None,
    ) -> CursorPage[Membership]:
        """A page of a subscriber's subscriptions, of one topic or one exact context if asked."""
        number = environment.number
        if topic_key is not None:
            topic = await self._topics.get(number, topic_key)
            listed = [(topic.oid, one) for one in await self.held(environment, topic, subscriber)] if topic else []
            pairs = listed if query.order == "asc" else listed[::-1]
            page = self._narrowed(pairs, query, context_keys)
        elif context_keys is not None:
            some = await self._subscriptions.joined(number, subscriber.oid, query.order, MAX_SCANNED)
            page = self._narrowed(some[0] if some else [], query, context_keys)
        else:
            found = await self._subscriptions.joined(
                number, subscriber.oid, query.order, query.limit, cursor=query.cursor, side=query.side
            )
            page = page_of_slice(*found) if found else CursorPage([])
        topics = await self._topics.get_many(number, list({oid for oid, _ in page.rows}))
        rows = [Membership(topics[oid], one, subscriber) for oid, one in page.rows if oid in topics]
        return CursorPage(rows, page.next, page.previous, page.total)

    async def of_subscriber(
        self, environment: Environment, topic_key: str, subscriber: Subscriber
    ) -> Sequence[Membership]:
        """What a subscriber has in one topic; nothing in an unknown one."""
        topic = await self._topics.get(environment.number, topic_key)
        known = await self.held(environment, topic, subscriber) if topic else []
        return [Membership(topic, one, subscriber) for one in known] if topic else []

    async def find_own(
        self, environment: Environment, subscriber: Subscriber, context_keys: list[str], name: str
    ) -> Membership:
        """The subscriber's subscription of that identifier or `_id`, in this context; the oldest among its first 1,000.

        Raises NotFound.
        """
        number = environment.number
        found = await self._subscriptions.joined(number, subscriber.oid, "asc", MAX_SCANNED)
        for topic_oid, one in found[0] if found else []:
            if name in (one.identifier, one.id) and one.context_keys == context_keys:
                topics = await self._topics.get_many(number, [topic_oid])
                if topic_oid in topics:
                    return Membership(topics[topic_oid], one, subscriber)
        raise NotFound(f"Subscription {name} was not found", identifier=name)

    async def held(self, environment: Environment, topic: Topic, subscriber: Subscriber) -> Sequence[Subscription]:
        """What a subscriber has in a topic, oldest first."""
        return await self._subscriptions.of_subscriber(environment.number, topic.oid, subscriber.oid)

    async def complete(
        self, environment: Environment, pairs: Sequence[tuple[Topic, Subscription]]
    ) -> list[Membership]:
        """Subscriptions with their subscribers, in their order."""
        known = await self._subscribers.get_many(
            environment.number, list({one.subscriber_oid for _, one in pairs})
        )
        return [Membership(topic, one, known[one.subscriber_oid]) for topic, one in pairs]

    async def _candidates(
        self, environment: Environment, topic: Topic, query: CursorQuery, subscriber_id: SubscriberId | None
    ) -> Sequence[Subscription]:
        if subscriber_id is None:
            found = await self._subscriptions.page(environment.number, topic.oid, query.order, MAX_SCANNED)
            return found[0] if found else []
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        listed = await self.held(environment, topic, subscriber) if subscriber else []
        return listed if query.order == "asc" else listed[::-1]

    @staticmethod
    def _narrowed(
        pairs: Sequence[tuple[str, Subscription]], query: CursorQuery, context_keys: list[str] | None
    ) -> CursorPage[tuple[str, Subscription]]:
        taken = [pair for pair in pairs if context_keys is None or pair[1].context_keys == context_keys]
        return page_of_all(taken, [one.id for _, one in taken], query)

    async def _drop_orphans(self, environment: Environment, members: Sequence[Membership]) -> None:
        """Ends what a deletion of a subscriber, cut short, has left in a topic."""
        for one in members:
            if one.subscriber is None:
                await self._subscriptions.delete(environment.number, one.topic.oid, [one.subscription])
