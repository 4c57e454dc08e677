"""Subscriptions: made, changed and taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from inbox.clock import now_ms
from inbox.errors import InboxError, NotFound
from inbox.ids import SubscriberId, made_ms, new_ordered_id, parse_subscriber_id
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
from inbox.store.subscriptions import Created, SubscriptionStore

_REASONS = {
    "taken": ("SUBSCRIPTION_CREATE_FAILED", "The identifier belongs to another subscriber's subscription"),
    "full": ("SUBSCRIPTION_LIMIT_EXCEEDED", "A subscriber can have at most 10 subscriptions of a topic"),
    "gone": ("SUBSCRIBER_NOT_FOUND", "Subscriber not found"),
}


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
    """Subscribes, unsubscribes and changes subscriptions of topics."""

    def __init__(
        self,
        topics: TopicService,
        memberships: MembershipList,
        choices: WorkflowChoices,
        subscriptions: SubscriptionStore,
        subscribers: SubscriberStore,
    ) -> None:
        self._topics = topics
        self._memberships = memberships
        self._choices = choices
        self._subscriptions = subscriptions
        self._subscribers = subscribers

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
        chosen = await self._choices.resolve(environment, preferences or [])
        topic = await self._topics.ensure(environment, topic_key, topic_name)
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
        topic = await self._topics.get(environment, topic_key)
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
            outcome.done += await self._memberships.complete(environment, [(topic, one) for one in gone])
        return outcome

    async def change(
        self, environment: Environment, topic_key: str, identifier: str, patch: SubscriptionPatch
    ) -> Membership:
        """Changes name and preferences. Raises NotFound for an unknown topic, subscription or workflow."""
        topic = await self._topics.get(environment, topic_key)
        known = await self._subscriptions.find(environment.number, topic.oid, identifier)
        raw = patch.preferences
        chosen = None if raw is UNSET else await self._choices.resolve(environment, raw or [])
        change = _change(patch, chosen)
        after = known and await self._subscriptions.change(environment.number, topic.oid, known.id, change)
        if not after:
            raise NotFound(f"Subscription {identifier} was not found", identifier=identifier)
        return (await self._memberships.complete(environment, [(topic, after)]))[0]

    async def prefer(
        self, environment: Environment, member: Membership, workflow: Workflow, enabled: bool | None
    ) -> Preference:
        """Has a subscription take a workflow, or not; None leaves that as it is. Raises NotFound when it is gone."""

        def change(before: Subscription) -> Subscription:
            others = [one for one in before.preferences if one.workflow_id != workflow.id]
            wanted = Preference(workflow.id, before.takes_workflow(workflow.id) if enabled is None else enabled)
            later = max(now_ms(), before.updated_ms)
            return msgspec.structs.replace(before, preferences=[*others, wanted], updated_ms=later)

        number, one = environment.number, member.subscription
        after = await self._subscriptions.change(number, member.topic.oid, one.id, change)
        if not after:
            raise NotFound(f"Subscription {one.identifier} was not found", identifier=one.identifier)
        return after.preferences[-1]

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
            return await self._memberships.held(environment, topic, subscriber) if subscriber else []
        found = await self._subscriptions.find(environment.number, topic.oid, item.identifier)
        if found is None or (subscriber and found.subscriber_oid != subscriber.oid):
            return []
        return [found]


def _change(patch: SubscriptionPatch, chosen: list[Preference] | None) -> Callable[[Subscription], Subscription]:
    def change(before: Subscription) -> Subscription:
        later = max(now_ms(), before.updated_ms)
        name = before.name if patch.name is UNSET else patch.name
        preferences = before.preferences if chosen is None else chosen
        return msgspec.structs.replace(before, name=name, preferences=preferences, updated_ms=later)

    return change
