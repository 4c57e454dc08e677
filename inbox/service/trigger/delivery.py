"""Deliver a trigger's plan to its recipients: before its request is answered, or by a dispatch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from inbox.errors import Contention, PayloadTooLarge, SubscriberGone, ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import Recipient, Recipients
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.trigger.audience import Audience
from inbox.service.trigger.dispatches import Dispatch, DispatchService
from inbox.service.trigger.pipeline import BatchPolicy, Pipeline
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.steps.in_app import TOO_LARGE
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.retry import Attempts
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore
from inbox.tasks import Turns, in_turn

log = logging.getLogger(__name__)

MAX_IN_REQUEST = 100
"""A trigger for more members of topics, or a broadcast to more subscribers, is a dispatch."""
MAX_PREPARED_AT_ONCE = 100
"""A request may name more recipients; others get their turn in between."""
REQUEST_BATCHES = BatchPolicy(max_steps=100, max_bytes=4 * 1024 * 1024)


@dataclass(eq=False)
class DeliveryService:
    """Delivers plans to the recipients of triggers."""

    _subscribers: SubscriberStore
    _feeds: FeedStore
    _audience: Audience
    _activity: ActivityLog
    _dispatches: DispatchService
    _pipeline: Pipeline

    async def deliver(self, environment: Environment, plan: Plan, recipients: Recipients | None) -> None:
        """Deliver a plan to its recipients (None: everybody), by a dispatch if more than 100 are not named by id.

        Safe to repeat and to cancel: each message is stored once. Raise ServiceUnavailable, and PayloadTooLarge before
        anything is stored if a message for a named recipient is too large.
        """
        if recipients is None:
            await self._reach(environment, Dispatch(plan, None))
            return
        if recipients.refused:
            await self._note_refused(environment, plan, recipients.refused)
        prepared = await self._prepare(environment, plan, recipients.accepted[:MAX_PREPARED_AT_ONCE])
        if len(recipients.accepted) > MAX_PREPARED_AT_ONCE:
            turns = Turns()
            for part in in_slices(recipients.accepted[MAX_PREPARED_AT_ONCE:], MAX_PREPARED_AT_ONCE):
                await turns.give()
                prepared += await self._prepare(environment, plan, part)
        rendered = await self._pipeline.render(plan, prepared)
        for one in rendered:
            if one.failures and any(failure.kind == "too large" for failure in one.failures):
                raise PayloadTooLarge(TOO_LARGE)
        await self._store(rendered)
        if recipients.topics:
            await self._audience.note_trigger(environment.number, plan.transaction_id, recipients)
            without = {recipient.subscriber_id for recipient in recipients.accepted}
            if plan.actor:
                without.add(plan.actor.subscriber_id)
            await self._reach(environment, Dispatch(plan, recipients.topics, frozenset(without)))

    async def upsert(self, environment: Environment, recipient: Recipient) -> Subscriber:
        """Return the subscriber, created if missing, with the recipient's profile fields."""
        number = environment.number
        existing = None if recipient.profile else await self._subscribers.get(number, recipient.subscriber_id)
        if existing:
            return existing
        return (await self._subscribers.write(number, recipient.subscriber_id, recipient.profile))[0]

    async def _reach(self, environment: Environment, dispatch: Dispatch) -> None:
        """Deliver to an audience: now if it is small. Skip deleted subscribers and messages that are too large."""
        size = await self._audience.size(environment.number, dispatch)
        if size > MAX_IN_REQUEST:
            await self._dispatches.accept(environment, dispatch, size)
            return
        async for subscribers in self._audience.everyone(environment.number, dispatch):
            contexts = feed_name(dispatch.plan.context_keys)
            feeds = {one.oid: self._feeds.existing(environment.number, one, contexts) for one in subscribers}
            missing = [one for one in subscribers if feeds[one.oid] is None]
            if missing:
                opened = await in_turn(partial(self._open, environment, dispatch.plan), missing)
                feeds.update(zip((one.oid for one in missing), opened, strict=True))
            recipients = [(feed, one) for one in subscribers if (feed := feeds[one.oid])]
            rendered = await self._pipeline.render(dispatch.plan, recipients)
            await self._pipeline.store(rendered, REQUEST_BATCHES)

    async def _open(self, environment: Environment, plan: Plan, subscriber: Subscriber) -> Feed | None:
        """Return a subscriber's feed; None for one deleted meanwhile, or (noted) with messages in too many contexts."""
        try:
            return await self._feeds.open_for(environment.number, subscriber, feed_name(plan.context_keys))
        except ValidationFailed as error:
            name, reason = subscriber.subscriber_id, error.reason
            self._activity.note_refused(plan.activity_ref, environment.number, name, reason)
        except SubscriberGone:
            pass
        return None

    async def _note_refused(self, environment: Environment, plan: Plan, refused: Sequence[str]) -> None:
        turns = Turns()
        for index, reason in enumerate(refused):
            log.info("recipient refused: %s", reason, extra={"action": "recipient_refused", **plan.log_fields})
            self._activity.note_refused(plan.activity_ref, environment.number, f"(refused {index})", reason)
            await turns.give()

    async def _prepare(
        self, environment: Environment, plan: Plan, recipients: Sequence[Recipient]
    ) -> list[tuple[Feed, Subscriber | None]]:
        """Return the feed of each recipient, in order, and the subscriber if a template names it; create missing ones.

        Feeds that this process knows are not read, and subscribers are read together.
        """
        number, contexts = environment.number, feed_name(plan.context_keys)
        feeds = {
            name: feed
            for one in recipients
            if not one.profile and (feed := self._feeds.cached(number, name := one.subscriber_id, contexts))
        }
        ready: dict[SubscriberId, tuple[Feed, Subscriber | None]] = {}
        if not plan.needs_subscriber:
            if len(feeds) == len(recipients):
                return [(feed, None) for feed in feeds.values()]
            ready = {name: (feed, None) for name, feed in feeds.items()}
        elif feeds:
            owners = await self._subscribers.get_many(number, [feed.subscriber_oid for feed in feeds.values()])
            ready = {name: (feed, owner) for name, feed in feeds.items() if (owner := owners[feed.subscriber_oid])}
        if unknown := [one.subscriber_id for one in recipients if not one.profile and one.subscriber_id not in ready]:
            for name, subscriber in zip(unknown, await self._subscribers.find_many(number, unknown), strict=True):
                if subscriber and (feed := self._feeds.existing(number, subscriber, contexts)):
                    ready[name] = feed, subscriber
        if len(ready) < len(recipients):
            missing = [one for one in recipients if one.subscriber_id not in ready]
            made = await in_turn(partial(self._make, environment, contexts), missing)
            ready.update(zip((one.subscriber_id for one in missing), made, strict=True))
        return [ready[one.subscriber_id] for one in recipients]

    async def _make(self, environment: Environment, contexts: str, recipient: Recipient) -> tuple[Feed, Subscriber]:
        """Return a recipient's feed and subscriber, created if they are missing."""
        async for _ in Attempts():
            subscriber = await self.upsert(environment, recipient)
            with suppress(SubscriberGone):
                return await self._feeds.open_for(environment.number, subscriber, contexts), subscriber
        raise Contention

    async def _store(self, rendered: Sequence[RenderedSteps]) -> None:
        """Store rendered steps; create a subscriber that was deleted meanwhile again, as a trigger does."""
        gone = await self._pipeline.store(rendered, REQUEST_BATCHES)
        if not gone:
            return
        async for _ in Attempts():
            again = [
                one.copy_for(await self._feeds.open(one.feed.environment, one.feed.subscriber_id, one.feed.contexts))
                for one in gone
            ]
            gone = await self._pipeline.store(again, REQUEST_BATCHES)
            if not gone:
                return
        raise Contention
