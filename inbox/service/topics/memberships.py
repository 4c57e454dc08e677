"""Memberships: subscriptions listed by topic and by subscriber."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from inbox.errors import NotFound, WriteRefused
from inbox.ids import SubscriberId
from inbox.models.cursor_page import CursorPage, CursorQuery, Order
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


@dataclass(eq=False)
class MembershipList:
    """Finds and lists subscriptions with their topics and subscribers."""

    _topic_service: TopicService
    _topics: TopicStore
    _subscriptions: SubscriptionStore
    _subscribers: SubscriberStore

    async def find(self, environment: Environment, topic_key: str, identifier: str) -> Subscription | None:
        """Return the subscription with this identifier, or None. Raise NotFound for an unknown topic."""
        topic = await self._topic_service.get(environment, topic_key)
        return await self._subscriptions.find(environment.number, topic.oid, identifier)

    async def member(self, environment: Environment, topic_key: str, subscriber_id: SubscriberId) -> Membership:
        """Return a subscriber's oldest subscription of a topic. Raise NotFound if either is unknown."""
        topic = await self._topic_service.get(environment, topic_key)
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        subscriptions = await self.of_subscriber(environment, topic, subscriber)
        if not subscriptions:
            raise NotFound(
                f"Subscriber {subscriber_id} not found for topic {topic_key} in the environment {environment.id}"
            )
        return Membership(topic, subscriptions[0], subscriber)

    async def list_page(
        self,
        environment: Environment,
        topic_key: str,
        query: CursorQuery,
        subscriber_id: SubscriberId | None,
        context_keys: list[str] | None,
    ) -> CursorPage[Membership]:
        """Return a page of a topic's subscriptions, optionally of one subscriber or one exact context.

        A page of one context searches the first 1,000 subscriptions in that order. Raise NotFound.
        """
        topic = await self._topic_service.get(environment, topic_key)
        number, read = environment.number, self._subscriptions.page

        async def complete(subscriptions: Sequence[Subscription]) -> list[Membership | None]:
            members = await self.complete(environment, topic, subscriptions)
            for member in members:
                if member.subscriber is None:  # left behind by an interrupted deletion of its subscriber
                    with suppress(WriteRefused):
                        await self._subscriptions.delete(number, topic.oid, [member.subscription])
            return [member if member.subscriber else None for member in members]

        if subscriber_id is not None:
            subscriber = await self._subscribers.get(number, subscriber_id)
            subscriptions = await self.of_subscriber(environment, topic, subscriber, query.order)
        elif context_keys is not None:
            page = await read(number, topic.oid, query.order, MAX_SCANNED, as_they_are)
            subscriptions = page.records if page else []
        else:
            return page_of_list(await read(number, topic.oid, query.order, query.limit, complete, cursor_of(query)))
        return _page_of(await complete(_of_context(subscriptions, context_keys)), query)

    async def joined(
        self,
        environment: Environment,
        subscriber: Subscriber,
        query: CursorQuery,
        topic_key: str | None,
        context_keys: list[str] | None,
    ) -> CursorPage[Membership]:
        """Return a page of a subscriber's subscriptions, optionally of one topic or one exact context."""
        number, read = environment.number, self._subscriptions.joined
        complete = self._with_topics(environment, subscriber)
        if topic_key is not None:
            topic = await self._topics.get(number, topic_key)
            subscriptions = await self.of_subscriber(environment, topic, subscriber, query.order)
            members = [Membership(topic, one, subscriber) for one in subscriptions] if topic else []
        elif context_keys is not None:
            page = await read(number, subscriber.oid, query.order, MAX_SCANNED, complete)
            members = page.records if page else []
        else:
            return page_of_list(
                await read(number, subscriber.oid, query.order, query.limit, complete, cursor_of(query))
            )
        return _page_of(
            [one for one in members if context_keys is None or one.subscription.context_keys == context_keys], query
        )

    async def in_topic(
        self, environment: Environment, topic_key: str, subscriber: Subscriber
    ) -> Sequence[Subscription]:
        """Return a subscriber's subscriptions of the topic with this key, oldest first."""
        return await self.of_subscriber(environment, await self._topics.get(environment.number, topic_key), subscriber)

    async def find_own(
        self, environment: Environment, subscriber: Subscriber, context_keys: list[str], name: str
    ) -> Membership:
        """Return the subscriber's oldest subscription with this identifier or `_id` and this exact context.

        Only the subscriber's first 1,000 subscriptions are searched. Raise NotFound.
        """
        complete = self._with_topics(environment, subscriber)
        page = await self._subscriptions.joined(environment.number, subscriber.oid, "asc", MAX_SCANNED, complete)
        for member in page.records if page else []:
            subscription = member.subscription
            if name in (subscription.identifier, subscription.id) and subscription.context_keys == context_keys:
                return member
        raise NotFound(f"Subscription {name} was not found", identifier=name)

    async def of_subscriber(
        self, environment: Environment, topic: Topic | None, subscriber: Subscriber | None, order: Order = "asc"
    ) -> Sequence[Subscription]:
        """Return a subscriber's subscriptions of a topic, oldest first by default; none if either does not exist."""
        if topic is None or subscriber is None:
            return []
        subscriptions = await self._subscriptions.of_subscriber(environment.number, topic.oid, subscriber.oid)
        return subscriptions if order == "asc" else subscriptions[::-1]

    async def complete(
        self, environment: Environment, topic: Topic, subscriptions: Sequence[Subscription]
    ) -> list[Membership]:
        """Return subscriptions with their subscribers, in the same order."""
        oids = list({one.subscriber_oid for one in subscriptions})
        subscribers = await self._subscribers.get_many(environment.number, oids)
        return [Membership(topic, one, subscribers[one.subscriber_oid]) for one in subscriptions]

    def _with_topics(
        self, environment: Environment, subscriber: Subscriber
    ) -> Complete[tuple[str, Subscription], Membership]:
        """Return what makes memberships of a subscriber's subscriptions; it skips those whose topic is deleted."""

        async def complete(pairs: list[tuple[str, Subscription]]) -> list[Membership | None]:
            topics = await self._topics.get_many(environment.number, list({oid for oid, _ in pairs}))
            return [Membership(topics[oid], one, subscriber) if oid in topics else None for oid, one in pairs]

        return complete


def _of_context(subscriptions: Sequence[Subscription], context_keys: list[str] | None) -> list[Subscription]:
    return [one for one in subscriptions if context_keys is None or one.context_keys == context_keys]


def _page_of(rows: Sequence[Membership | None], query: CursorQuery) -> CursorPage[Membership]:
    members = [member for member in rows if member]
    return page_of_all(members, [member.subscription.id for member in members], query)
