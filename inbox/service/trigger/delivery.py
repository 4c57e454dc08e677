"""Recipients → stored messages.

What concerns the recipients that a trigger names is read and rendered first; then each message is appended by one
script, once per transaction, step and recipient.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from inbox.errors import PayloadTooLarge, StoreUnavailable, ValidationFailed
from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import Recipient, Recipients, reason_of
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.audience import Audience
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.drafts import TOO_LARGE, Draft, Failure, Plan, Wait
from inbox.service.trigger.runs import RunService
from inbox.store.feed import Feed
from inbox.store.feeds import Deleted, FeedStore
from inbox.store.messages import Delivery, MessageStore
from inbox.store.subscribers import SubscriberStore
from inbox.tasks import Turns, in_turn

log = logging.getLogger(__name__)

MOST_IN_REQUEST = 100
"""Beyond so many members of topics, or subscribers of a broadcast, a trigger is a dispatch."""
MAX_BATCH = 100
MAX_BATCH_BYTES = 4 * 1024 * 1024
_ATTEMPTS = 5
"""So often a subscriber that is deleted meanwhile is made again."""


class DeliveryService:
    """Delivers what triggers were found to say."""

    def __init__(
        self,
        subscribers: SubscriberStore,
        feeds: FeedStore,
        messages: MessageStore,
        audience: Audience,
        activity: ActivityLog,
        dispatches: DispatchService,
        runs: RunService,
    ) -> None:
        self._subscribers = subscribers
        self._feeds = feeds
        self._messages = messages
        self._audience = audience
        self._activity = activity
        self._dispatches = dispatches
        self._runs = runs

    async def deliver(self, environment: Environment, plan: Plan, recipients: Recipients | None) -> None:
        """Delivers a plan to its recipients (None: everybody), to the members of large topics behind the request.

        Raises PayloadTooLarge before anything is stored, and StoreUnavailable.
        """
        if recipients is None:
            await self._reach_everybody(environment, plan)
            return
        turns = Turns()
        for place, reason in enumerate(recipients.refused):
            log.info("recipient refused: %s", reason, extra={"action": "recipient_refused", **plan.log_fields})
            self._activity.note_refused(plan, environment.number, f"(refused {place})", reason)
            await turns.give()
        drafts = await _drafts(plan, await in_turn(partial(self._prepare, environment, plan), recipients.accepted))
        if any(isinstance(one, Failure) and one.kind == "too large" for one in drafts):
            raise PayloadTooLarge(TOO_LARGE)
        async for batch in self._batches(plan, drafts):
            await self._store(plan, batch)
        await self._begin(plan, _waits(drafts))
        if recipients.topics:
            await self._reach_topics(environment, plan, recipients)

    async def upsert(self, environment: Environment, recipient: Recipient) -> Subscriber:
        """The subscriber, made if missing, with the fields set that came with it."""
        number = environment.number
        known = None if recipient.profile else await self._subscribers.get(number, recipient.subscriber_id)
        if known:
            return known
        written = await self._subscribers.write(number, recipient.subscriber_id, recipient.profile)
        if written is None:
            raise StoreUnavailable
        return written[0]

    async def _reach_everybody(self, environment: Environment, plan: Plan) -> None:
        size = await self._audience.size(environment, None)
        if size > MOST_IN_REQUEST:
            await self._dispatches.accept(environment, plan, size)
        else:
            await self._fan_out(environment, plan, self._audience.everybody(environment))

    async def _reach_topics(self, environment: Environment, plan: Plan, recipients: Recipients) -> None:
        without = {one.subscriber_id for one in recipients.accepted}
        if plan.actor:
            without.add(plan.actor.subscriber_id)
        size = await self._audience.size(environment, recipients.topics)
        if size > MOST_IN_REQUEST:
            await self._dispatches.accept(environment, plan, size, recipients.topics, frozenset(without))
            return
        workflow_id, contexts = plan.workflow.id, plan.context_keys
        members = self._audience.members(environment, recipients.topics, without, workflow_id, contexts)
        await self._fan_out(environment, plan, members)

    async def _fan_out(
        self, environment: Environment, plan: Plan, groups: AsyncIterator[Sequence[Subscriber]]
    ) -> None:
        """Delivers a plan to groups of subscribers as they come: one round trip stores up to a hundred messages.

        A message that is too large, or whose subscriber was deleted meanwhile, is left out. Safe to repeat and to
        cancel: what was stored is not stored again. Raises StoreUnavailable.
        """
        contexts = feed_name(plan.context_keys)
        async for group in groups:
            feeds = await in_turn(partial(self._open, plan, environment, contexts), group)
            recipients = [
                (feed, one.variables() if plan.needs_subscriber else None)
                for one, feed in zip(group, feeds, strict=True)
                if feed
            ]
            drafts = await _drafts(plan, recipients)
            async for batch in self._batches(plan, drafts):
                for delivery in await self._append(plan, batch):
                    self._feeds.forget(delivery.feed)
            begun = await self._runs.begin(plan, _waits(drafts))
            for wait in begun.gone:
                self._feeds.forget(wait.feed)
            async for batch in self._batches(plan, begun.drafts):
                await self._append(plan, batch)

    async def _open(
        self, plan: Plan, environment: Environment, contexts: str, subscriber: Subscriber
    ) -> Feed | None:
        """A member's feed; None, and noted, for one that has messages in too many contexts."""
        try:
            return await self._feeds.open_for(environment.number, subscriber, contexts)
        except ValidationFailed as error:
            self._activity.note_refused(plan, environment.number, subscriber.subscriber_id, reason_of(error))
            return None

    async def _batches(self, plan: Plan, drafts: Iterable[Draft]) -> AsyncIterator[list[Delivery]]:
        """The messages among what was drafted, in order, at most a hundred and 4 MiB at a time; why there is none is
        noted.
        """
        batch: list[Delivery] = []
        size = 0
        turns = Turns()
        for draft in drafts:
            await turns.give()
            if isinstance(draft, Failure):
                self._note_failure(plan, draft)
            if not isinstance(draft, Delivery):
                continue
            if batch and (len(batch) == MAX_BATCH or size + len(draft.content) > MAX_BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(draft)
            size += len(draft.content)
        if batch:
            yield batch

    def _note_failure(self, plan: Plan, failure: Failure) -> None:
        if failure.kind != "skipped":
            where = {"step_id": failure.step_id, "subscriber_id": failure.feed.subscriber_id}
            extra = {"action": "step_failed", **plan.log_fields, **where}
            log.warning("no message is stored: %s", failure.reason, extra=extra)
        self._activity.note_failure(plan, failure)

    async def _append(self, plan: Plan, batch: Sequence[Delivery]) -> list[Delivery]:
        """Stores messages and notes what became of them; gives those whose feed is gone."""
        gone: list[Delivery] = []
        for delivery, appended in zip(batch, await self._messages.append(batch), strict=True):
            if appended:
                self._activity.note_appended(plan, delivery, appended)
            else:
                gone.append(delivery)
        return gone

    async def _prepare(
        self, environment: Environment, plan: Plan, recipient: Recipient
    ) -> tuple[Feed, dict[str, Any] | None]:
        """The recipient's feed and, if a template names the subscriber, what templates see of it."""
        contexts = feed_name(plan.context_keys)
        if not recipient.profile and not plan.needs_subscriber:
            return await self._feeds.open(environment.number, recipient.subscriber_id, contexts), None
        for _ in range(_ATTEMPTS):
            subscriber = await self.upsert(environment, recipient)
            with suppress(Deleted):
                return await self._feeds.open_for(environment.number, subscriber, contexts), subscriber.variables()
        raise Deleted

    async def _store(self, plan: Plan, batch: Sequence[Delivery]) -> None:
        """Appends messages; a subscriber that was deleted meanwhile is made again, as a trigger does."""
        waiting = list(batch)
        for _ in range(_ATTEMPTS):
            waiting = await self._append(plan, waiting)
            if not waiting:
                return
            waiting = [replace(one, feed=await self._reopen(one.feed)) for one in waiting]
        raise StoreUnavailable

    async def _begin(self, plan: Plan, waits: Sequence[Wait]) -> None:
        """Lets runs wait; a subscriber that was deleted meanwhile is made again."""
        for _ in range(_ATTEMPTS):
            begun = await self._runs.begin(plan, waits)
            async for batch in self._batches(plan, begun.drafts):
                await self._store(plan, batch)
            if not begun.gone:
                return
            waits = [replace(one, feed=await self._reopen(one.feed)) for one in begun.gone]
        raise StoreUnavailable

    async def _reopen(self, feed: Feed) -> Feed:
        self._feeds.forget(feed)
        return await self._feeds.open(feed.environment, feed.subscriber_id, feed.contexts)


def _waits(drafts: Iterable[Draft]) -> list[Wait]:
    return [draft for draft in drafts if isinstance(draft, Wait)]


async def _drafts(plan: Plan, recipients: Sequence[tuple[Feed, Mapping[str, Any] | None]]) -> list[Draft]:
    """What recipients get: their feeds, and what templates see of them."""
    drafts: list[Draft] = []
    turns = Turns()
    for feed, variables in recipients:
        drafts += plan.draft(feed, variables)
        await turns.give()
    return drafts
