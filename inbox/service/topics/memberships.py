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
from inbox.service.pages import cursor_of, page_of_all, page_of_list
from inbox.service.topics.topics import TopicService
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import Complete, SubscriptionStore, as_they_are
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
        topic = await self._topic_service.get(environment, topic_key)

        async def complete(found: Sequence[Subscription]) -> list[Membership | None]:
            members = await self.complete(environment, [(topic, one) for one in found])
            await self._drop_orphans(environment, members)
            return [one if one.subscriber else None for one in members]

        if subscriber_id is None and context_keys is None:
            return page_of_list(
                await self._subscriptions.page(
                    environment.number, topic.oid, query.order, query.limit, complete, cursor_of(query)
                )
            )
        listed = await self._candidates(environment, topic, query, subscriber_id)
        return _page_of(await complete(_of_context(listed, context_keys)), query)

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
        complete = self._with_topics(environment, subscriber)
        if topic_key is not None:
            topic = await self._topics.get(number, topic_key)
            listed = await self.held(environment, topic, subscriber) if topic else []
            ordered = listed if query.order == "asc" else listed[::-1]
            pairs = [(topic.oid, one) for one in _of_context(ordered, context_keys)] if topic else []
            return _page_of(await complete(pairs), query)
        if context_keys is not None:
            some = await self._subscriptions.joined(number, subscriber.oid, query.order, MAX_SCANNED, complete)
            taken = [one for one in some.records if one.subscription.context_keys == context_keys] if some else []
            return _page_of(taken, query)
        return page_of_list(
            await self._subscriptions.joined(
                number, subscriber.oid, query.order, query.limit, complete, cursor_of(query)
            )
        )

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
        complete = self._with_topics(environment, subscriber)
        found = await self._subscriptions.joined(environment.number, subscriber.oid, "asc", MAX_SCANNED, complete)
        for one in found.records if found else []:
            wanted = one.subscription
            if name in (wanted.identifier, wanted.id) and wanted.context_keys == context_keys:
                return one
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
            found = await self._subscriptions.page(
                environment.number, topic.oid, query.order, MAX_SCANNED, as_they_are
            )
            return found.records if found else []
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        listed = await self.held(environment, topic, subscriber) if subscriber else []
        return listed if query.order == "asc" else listed[::-1]

    def _with_topics(
        self, environment: Environment, subscriber: Subscriber
    ) -> Complete[tuple[str, Subscription], Membership]:
        """What makes memberships of a subscriber's subscriptions; one whose topic is gone is passed over."""

        async def complete(found: list[tuple[str, Subscription]]) -> list[Membership | None]:
            topics = await self._topics.get_many(environment.number, list({oid for oid, _ in found}))
            return [Membership(topics[oid], one, subscriber) if oid in topics else None for oid, one in found]

        return complete

    async def _drop_orphans(self, environment: Environment, members: Sequence[Membership]) -> None:
        """Ends what a deletion of a subscriber, cut short, has left in a topic."""
        for one in members:
            if one.subscriber is None:
                await self._subscriptions.delete(environment.number, one.topic.oid, [one.subscription])


def _of_context(listed: Sequence[Subscription], context_keys: list[str] | None) -> list[Subscription]:
    return [one for one in listed if context_keys is None or one.context_keys == context_keys]


def _page_of(found: Sequence[Membership | None], query: CursorQuery) -> CursorPage[Membership]:
    """The page of a list that was read as a whole."""
    members = [one for one in found if one]
    return page_of_all(members, [one.subscription.id for one in members], query)
