"""Subscriptions of topics: created, changed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from inbox.clock import now_ms
from inbox.errors import InboxError, NotFound
from inbox.ids import SubscriberId, created_ms, new_ordered_id, parse_subscriber_id
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.topic import (
    Preference,
    Subscription,
    SubscriptionItem,
    SubscriptionPatch,
    Topic,
    default_identifier,
)
from inbox.models.workflow import Workflow
from inbox.service.topics.memberships import Membership, MembershipList
from inbox.service.topics.topics import TopicService
from inbox.service.topics.workflow_choices import WorkflowChoices
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionResult, SubscriptionStore

_REASONS = {
    "taken": ("SUBSCRIPTION_CREATE_FAILED", "The identifier belongs to another subscriber's subscription"),
    "full": ("SUBSCRIPTION_LIMIT_EXCEEDED", "A subscriber can have at most 10 subscriptions of a topic"),
    "gone": ("SUBSCRIBER_NOT_FOUND", "Subscriber {} was not found"),
}


@dataclass(slots=True)
class SubscriptionBatch:
    """The results of a request for `total` subscriptions."""

    total: int
    memberships: list[Membership] = field(default_factory=list)
    errors: list[wire.SubscriptionError] = field(default_factory=list)

    def fail(self, item: SubscriptionItem, code: str, message: str) -> None:
        """Add an item's error."""
        message = message.format(item.subscriber_id)
        self.errors.append({"subscriberId": item.subscriber_id or "", "code": code, "message": message})


@dataclass(eq=False)
class SubscriptionService:
    """Creates, changes and deletes subscriptions."""

    _topics: TopicService
    _memberships: MembershipList
    _choices: WorkflowChoices
    _subscriptions: SubscriptionStore
    _subscribers: SubscriberStore

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
    ) -> SubscriptionBatch:
        """Create the subscriptions, and the topic (as `topic_name`) if it is missing.

        An existing subscription counts as created and stays unchanged. Raise ValidationFailed or NotFound for
        preferences of unknown workflows, before anything is created.
        """
        resolved = await self._choices.resolve(environment, preferences or [])
        topic = await self._topics.ensure(environment, topic_key, topic_name)
        batch = SubscriptionBatch(len(items))
        for item, subscriber in await self._look_up(environment, items, batch):
            if subscriber is None:
                batch.fail(item, *_REASONS["gone"])
                continue
            created = await self._create(environment, topic, subscriber, item, name, resolved, context_keys or [])
            if created.outcome in _REASONS:
                batch.fail(item, *_REASONS[created.outcome])
            elif created.subscription:
                batch.memberships.append(Membership(topic, created.subscription, subscriber))
        return batch

    async def unsubscribe(
        self, environment: Environment, topic_key: str, items: Sequence[SubscriptionItem]
    ) -> SubscriptionBatch:
        """Delete the subscriptions with these identifiers, or all that a subscriber has in the topic.

        Raise NotFound for an unknown topic.
        """
        topic = await self._topics.get(environment, topic_key)
        batch = SubscriptionBatch(len(items))
        for item, subscriber in await self._look_up(environment, items, batch):
            if subscriber is None and item.subscriber_id is not None:
                batch.fail(item, *_REASONS["gone"])
                continue
            subscriptions = await self._find(environment, topic, item, subscriber)
            if not subscriptions:
                batch.fail(item, "SUBSCRIPTION_NOT_FOUND", "There is no such subscription of this topic")
                continue
            await self._subscriptions.delete(environment.number, topic.oid, subscriptions)
            batch.memberships += await self._memberships.complete(environment, topic, subscriptions)
        return batch

    async def change(
        self, environment: Environment, topic_key: str, identifier: str, patch: SubscriptionPatch
    ) -> Membership:
        """Change name and preferences. Raise NotFound for an unknown topic, subscription or workflow."""
        topic = await self._topics.get(environment, topic_key)
        stored = await self._subscriptions.find(environment.number, topic.oid, identifier)
        raw = patch.preferences
        resolved = None if raw is UNSET else await self._choices.resolve(environment, raw or [])

        def change(before: Subscription) -> Subscription:
            name = before.name if patch.name is UNSET else patch.name
            return _with(before, name, before.preferences if resolved is None else resolved)

        after = stored and await self._subscriptions.change(environment.number, topic.oid, stored.id, change)
        if not after:
            raise _unknown(identifier)
        return (await self._memberships.complete(environment, topic, [after]))[0]

    async def prefer(
        self, environment: Environment, member: Membership, workflow: Workflow, enabled: bool | None
    ) -> Preference:
        """Set whether a subscription takes a workflow; None keeps it. Raise NotFound if it was deleted."""

        def change(before: Subscription) -> Subscription:
            others = [one for one in before.preferences if one.workflow_id != workflow.id]
            preference = Preference(workflow.id, before.takes_workflow(workflow.id) if enabled is None else enabled)
            return _with(before, before.name, [*others, preference])

        subscription = member.subscription
        after = await self._subscriptions.change(environment.number, member.topic.oid, subscription.id, change)
        if not after:
            raise _unknown(subscription.identifier)
        return after.preferences[-1]

    async def _look_up(
        self, environment: Environment, items: Sequence[SubscriptionItem], batch: SubscriptionBatch
    ) -> Sequence[tuple[SubscriptionItem, Subscriber | None]]:
        """Return the items with a valid subscriberId, each with its subscriber; add an error for each other item."""
        valid: list[tuple[SubscriptionItem, SubscriberId | None]] = []
        for item in items:
            try:
                raw = item.subscriber_id
                valid.append((item, parse_subscriber_id(raw) if raw is not None else None))
            except InboxError:
                batch.fail(item, "INVALID_REQUEST", "This cannot be a subscriberId")
        ids = list({subscriber_id for _, subscriber_id in valid if subscriber_id is not None})
        subscribers = dict(zip(ids, await self._subscribers.find_many(environment.number, ids), strict=True))
        return [(item, subscribers[one] if one is not None else None) for item, one in valid]

    async def _create(
        self,
        environment: Environment,
        topic: Topic,
        subscriber: Subscriber,
        item: SubscriptionItem,
        name: str | None,
        preferences: list[Preference],
        context_keys: list[str],
    ) -> SubscriptionResult:
        oid = new_ordered_id()
        now = created_ms(oid)
        subscription = Subscription(
            id=oid,
            identifier=item.identifier or default_identifier(topic.key, subscriber.subscriber_id, context_keys),
            subscriber_oid=subscriber.oid,
            created_ms=now,
            updated_ms=now,
            name=item.name or name,
            preferences=preferences,
            context_keys=context_keys,
        )
        return await self._subscriptions.create(environment.number, topic.oid, subscription)

    async def _find(
        self, environment: Environment, topic: Topic, item: SubscriptionItem, subscriber: Subscriber | None
    ) -> Sequence[Subscription]:
        if item.identifier is None:
            return await self._memberships.of_subscriber(environment, topic, subscriber)
        stored = await self._subscriptions.find(environment.number, topic.oid, item.identifier)
        if stored is None or (subscriber and stored.subscriber_oid != subscriber.oid):
            return []
        return [stored]


def _with(before: Subscription, name: str | None, preferences: list[Preference]) -> Subscription:
    later = max(now_ms(), before.updated_ms)
    return msgspec.structs.replace(before, name=name, preferences=preferences, updated_ms=later)


def _unknown(identifier: str) -> NotFound:
    return NotFound(f"Subscription {identifier} was not found", identifier=identifier)
