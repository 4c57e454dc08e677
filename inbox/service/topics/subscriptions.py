"""Subscriptions: who is in which topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from inbox.errors import InboxError, NotFound
from inbox.ids import SubscriberId, made_ms, new_ordered_id, parse_subscriber_id
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.topic import (
    Preference,
    PreferenceRequest,
    Subscription,
    SubscriptionItem,
    SubscriptionPatch,
    Topic,
    default_identifier,
    parse_preferences,
)
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.service.pages import page_of_all, page_of_slice
from inbox.service.topics.topics import TopicService
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import Created, SubscriptionStore
from inbox.store.topics import TopicStore
from inbox.store.workflows import MAX_WORKFLOWS

MAX_SCANNED = 1_000

_REASONS = {
    "taken": ("SUBSCRIPTION_CREATE_FAILED", "The identifier belongs to another subscriber's subscription"),
    "full": ("SUBSCRIPTION_LIMIT_EXCEEDED", "A subscriber can have at most 10 subscriptions of a topic"),
    "gone": ("SUBSCRIBER_NOT_FOUND", "Subscriber not found"),
}


@dataclass(frozen=True, slots=True)
class Membership:
    """A subscription with its topic and its subscriber."""

    topic: Topic
    subscription: Subscription
    subscriber: Subscriber | None


@dataclass(slots=True)
class Outcome:
    """What became of each of several subscriptions."""

    asked: int
    done: list[Membership] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)

    def fail(self, item: SubscriptionItem, code: str, message: str) -> None:
        """Notes an item that could not be carried out."""
        self.errors.append({"subscriberId": item.subscriber_id or "", "code": code, "message": message})


class SubscriptionService:
    """Subscribes, unsubscribes, lists and changes subscriptions of topics."""

    def __init__(
        self,
        topic_service: TopicService,
        topics: TopicStore,
        subscriptions: SubscriptionStore,
        subscribers: SubscriberStore,
        workflows: WorkflowService,
    ) -> None:
        self._topic_service = topic_service
        self._topics = topics
        self._subscriptions = subscriptions
        self._subscribers = subscribers
        self._workflows = workflows

    async def subscribe(
        self,
        environment: Environment,
        topic_key: str,
        items: Sequence[SubscriptionItem],
        *,
        name: str | None = None,
        preferences: list[Any] | None = None,
        context_keys: list[str] | None = None,
        topic_name: str | None = None,
    ) -> Outcome:
        """Makes the subscriptions, and the topic (as `topic_name`) if it is missing; tells apart what cannot be made.

        A subscription that exists counts as made and stays as it is. Raises ValidationFailed or NotFound for
        preferences of unknown workflows, before anything is made.
        """
        chosen = await self._resolve(environment, preferences or [])
        topic = await self._topic_service.ensure(environment, topic_key, topic_name)
        outcome = Outcome(len(items))
        for item, subscriber in await self._look_up(environment, items, outcome):
            if subscriber is None:
                outcome.fail(item, "SUBSCRIBER_NOT_FOUND", f"Subscriber {item.subscriber_id} was not found")
                continue
            created = await self._create(environment, topic, subscriber, item, name, chosen, context_keys or [])
            if created.outcome in _REASONS:
                outcome.fail(item, *_REASONS[created.outcome])
            elif created.subscription:
                outcome.done.append(Membership(topic, created.subscription, subscriber))
        return outcome

    async def unsubscribe(
        self, environment: Environment, topic_key: str, items: Sequence[SubscriptionItem]
    ) -> Outcome:
        """Takes away the subscriptions named by identifier, or all that a subscriber has in the topic.

        Raises NotFound for an unknown topic.
        """
        topic = await self._topic_service.get(environment, topic_key)
        outcome = Outcome(len(items))
        for item, subscriber in await self._look_up(environment, items, outcome):
            if subscriber is None and item.subscriber_id is not None:
                outcome.fail(item, "SUBSCRIBER_NOT_FOUND", f"Subscriber {item.subscriber_id} was not found")
                continue
            gone = await self._named(environment, topic, item, subscriber)
            if not gone:
                outcome.fail(item, "SUBSCRIPTION_NOT_FOUND", "There is no such subscription of this topic")
                continue
            await self._subscriptions.delete(environment.number, topic.oid, gone)
            outcome.done += await self._memberships(environment, [(topic, one) for one in gone])
        return outcome

    async def find(self, environment: Environment, topic_key: str, identifier: str) -> Subscription | None:
        """The subscription with this identifier, or None. Raises NotFound for an unknown topic."""
        topic = await self._topic_service.get(environment, topic_key)
        return await self._subscriptions.find(environment.number, topic.oid, identifier)

    async def change(
        self, environment: Environment, topic_key: str, identifier: str, patch: SubscriptionPatch
    ) -> Membership:
        """Changes name and preferences. Raises NotFound for an unknown topic, subscription or workflow."""
        topic = await self._topic_service.get(environment, topic_key)
        known = await self._subscriptions.find(environment.number, topic.oid, identifier)
        chosen = None if patch.preferences is UNSET else await self._resolve(environment, patch.preferences or [])
        change = _change(patch, chosen)
        after = known and await self._subscriptions.change(environment.number, topic.oid, known.id, change)
        if not after:
            raise NotFound(f"Subscription {identifier} was not found", identifier=identifier)
        return (await self._memberships(environment, [(topic, after)]))[0]

    async def member(self, environment: Environment, topic_key: str, subscriber_id: SubscriberId) -> Membership:
        """A subscriber's oldest subscription of a topic. Raises NotFound when topic or subscription are unknown."""
        topic = await self._topic_service.get(environment, topic_key)
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        known = await self._of(environment, topic, subscriber) if subscriber else []
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
        members = await self._memberships(environment, [(topic, one) for one in page.rows])
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
            listed = [(topic.oid, one) for one in await self._of(environment, topic, subscriber)] if topic else []
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
        known = await self._of(environment, topic, subscriber) if topic else []
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

    async def find_workflow(self, environment: Environment, name: str) -> Workflow:
        """The workflow of this `_id` or identifier. Raises NotFound."""
        return _named_workflow(name, await self._all_workflows(environment))

    async def prefer(
        self, environment: Environment, member: Membership, workflow: Workflow, enabled: bool | None
    ) -> Preference:
        """Has a subscription take a workflow, or not; None leaves that as it is. Raises NotFound when it is gone."""

        def change(before: Subscription) -> Subscription:
            others = [one for one in before.preferences if one.workflow_id != workflow.id]
            wanted = Preference(workflow.id, before.takes_workflow(workflow.id) if enabled is None else enabled)
            later = max(_now_ms(), before.updated_ms)
            return msgspec.structs.replace(before, preferences=[*others, wanted], updated_ms=later)

        number, one = environment.number, member.subscription
        after = await self._subscriptions.change(number, member.topic.oid, one.id, change)
        if not after:
            raise NotFound(f"Subscription {one.identifier} was not found", identifier=one.identifier)
        return after.preferences[-1]

    async def workflows_of(
        self, environment: Environment, subscriptions: Sequence[Subscription]
    ) -> dict[str, Workflow]:
        """The workflows, by `_id`, that the preferences of these subscriptions name."""
        if not any(one.preferences for one in subscriptions):
            return {}
        return {workflow.id: workflow for workflow in await self._all_workflows(environment)}

    async def _of(self, environment: Environment, topic: Topic, subscriber: Subscriber) -> Sequence[Subscription]:
        return await self._subscriptions.of_subscriber(environment.number, topic.oid, subscriber.oid)

    async def _candidates(
        self, environment: Environment, topic: Topic, query: CursorQuery, subscriber_id: SubscriberId | None
    ) -> Sequence[Subscription]:
        if subscriber_id is None:
            found = await self._subscriptions.page(environment.number, topic.oid, query.order, MAX_SCANNED)
            return found[0] if found else []
        subscriber = await self._subscribers.get(environment.number, subscriber_id)
        listed = await self._of(environment, topic, subscriber) if subscriber else []
        return listed if query.order == "asc" else listed[::-1]

    @staticmethod
    def _narrowed(
        pairs: Sequence[tuple[str, Subscription]], query: CursorQuery, context_keys: list[str] | None
    ) -> CursorPage[tuple[str, Subscription]]:
        taken = [pair for pair in pairs if context_keys is None or pair[1].context_keys == context_keys]
        return page_of_all(taken, [one.id for _, one in taken], query)

    async def _look_up(
        self, environment: Environment, items: Sequence[SubscriptionItem], outcome: Outcome
    ) -> Sequence[tuple[SubscriptionItem, Subscriber | None]]:
        """The items whose subscriberId could be one, with the subscriber it names; the others are noted as failed."""
        sound: list[tuple[SubscriptionItem, SubscriberId | None]] = []
        for item in items:
            try:
                named = item.subscriber_id
                sound.append((item, parse_subscriber_id(named) if named is not None else None))
            except InboxError:
                outcome.fail(item, "INVALID_REQUEST", "This cannot be a subscriberId")
        ids = list({one for _, one in sound if one is not None})
        known = dict(zip(ids, await self._subscribers.find_many(environment.number, ids), strict=True))
        return [(item, known[one] if one is not None else None) for item, one in sound]

    async def _create(
        self,
        environment: Environment,
        topic: Topic,
        subscriber: Subscriber,
        item: SubscriptionItem,
        name: str | None,
        preferences: list[Preference],
        context_keys: list[str],
    ) -> Created:
        identifier = item.identifier or default_identifier(topic.key, subscriber.subscriber_id, context_keys)
        oid = new_ordered_id()
        now = made_ms(oid)
        wanted = Subscription(
            id=oid,
            identifier=identifier,
            subscriber_oid=subscriber.oid,
            created_ms=now,
            updated_ms=now,
            name=item.name or name,
            preferences=preferences,
            context_keys=context_keys,
        )
        return await self._subscriptions.create(environment.number, topic.oid, wanted)

    async def _named(
        self, environment: Environment, topic: Topic, item: SubscriptionItem, subscriber: Subscriber | None
    ) -> Sequence[Subscription]:
        if item.identifier is None:
            return await self._of(environment, topic, subscriber) if subscriber else []
        found = await self._subscriptions.find(environment.number, topic.oid, item.identifier)
        if found is None or (subscriber and found.subscriber_oid != subscriber.oid):
            return []
        return [found]

    async def _memberships(
        self, environment: Environment, pairs: Sequence[tuple[Topic, Subscription]]
    ) -> list[Membership]:
        known = await self._subscribers.get_many(
            environment.number, list({one.subscriber_oid for _, one in pairs})
        )
        return [Membership(topic, one, known[one.subscriber_oid]) for topic, one in pairs]

    async def _drop_orphans(self, environment: Environment, members: Sequence[Membership]) -> None:
        """Ends what a deletion of a subscriber, cut short, has left in a topic."""
        for one in members:
            if one.subscriber is None:
                await self._subscriptions.delete(environment.number, one.topic.oid, [one.subscription])

    async def _resolve(self, environment: Environment, raw: list[Any]) -> list[Preference]:
        """The preferences as they are kept: one for each workflow, the last word wins."""
        requests = parse_preferences(raw)
        if not requests:
            return []
        workflows = await self._all_workflows(environment)
        chosen: dict[str, Preference] = {}
        for request in requests:
            for workflow in _chosen(request, workflows):
                chosen[workflow.id] = Preference(workflow.id, request.enabled)
        return list(chosen.values())

    async def _all_workflows(self, environment: Environment) -> Sequence[Workflow]:
        query = WorkflowQuery(limit=MAX_WORKFLOWS, descending=False)
        return (await self._workflows.list(environment, query))[0]


def _chosen(request: PreferenceRequest, workflows: Sequence[Workflow]) -> Sequence[Workflow]:
    """The workflows that a preference is for. Raises NotFound when it names an unknown one."""
    if request.filter is None:
        return [_named_workflow(request.workflow_id or "", workflows)]
    named = [_named_workflow(name, workflows) for name in request.filter.workflow_ids or []]
    tags = set(request.filter.tags or [])
    return [*named, *(workflow for workflow in workflows if not tags.isdisjoint(workflow.tags))]


def _named_workflow(name: str, workflows: Sequence[Workflow]) -> Workflow:
    found = next((workflow for workflow in workflows if name in (workflow.id, workflow.identifier)), None)
    if found is None:
        raise NotFound("Workflow cannot be found", workflowId=name)
    return found


def _change(patch: SubscriptionPatch, chosen: list[Preference] | None) -> Callable[[Subscription], Subscription]:
    def change(before: Subscription) -> Subscription:
        later = max(_now_ms(), before.updated_ms)
        name = before.name if patch.name is UNSET else patch.name
        preferences = before.preferences if chosen is None else chosen
        return msgspec.structs.replace(before, name=name, preferences=preferences, updated_ms=later)

    return change


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
