"""Trigger → recipients → stored messages.

A trigger first reads and renders what concerns the recipients it names, so that what is wrong is answered before
anything is stored; then each message is appended by one script. A transaction is safe to repeat: a message is stored
once per transaction, step and recipient, so a second run with the same recipients only adds what a crash left out.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from inbox.errors import InboxError, PayloadTooLarge, StoreUnavailable, UnprocessableEntity
from inbox.ids import new_transaction_id
from inbox.models.context_keys import feed_name, parse_context
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import (
    BroadcastRequest,
    Recipient,
    Recipients,
    TriggerContent,
    TriggerRequest,
    parse_expires_at,
    parse_recipient,
    parse_recipients,
    parse_severity,
    parse_transaction_id,
    reason_of,
)
from inbox.models.workflow import Workflow
from inbox.models.workflow_override import Override
from inbox.service.environments.contexts import ContextService
from inbox.service.environments.tenants import TenantService
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.audience import Audience
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.drafts import TOO_LARGE, Draft, Failure, Plan, Wait
from inbox.service.trigger.runs import RunService
from inbox.service.workflows.overrides import OverrideService
from inbox.service.workflows.payload_schema import complete_payload
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.feeds import Feed, FeedStore
from inbox.store.messages import Delivery, MessageStore
from inbox.store.subscribers import SubscriberStore
from inbox.store.transactions import TransactionStore

log = logging.getLogger(__name__)

CONCURRENT_RECIPIENTS = 16
MOST_IN_REQUEST = 100
"""Beyond so many members of topics, or subscribers of a broadcast, a trigger is a dispatch."""
MAX_BATCH = 100
MAX_BATCH_BYTES = 4 * 1024 * 1024
EVERYBODY = "\1everybody"
_APPEND_ATTEMPTS = 3

Status = Literal[
    "processed",
    "trigger_not_active",
    "no_workflow_steps_defined",
    "no_workflow_active_steps_defined",
    "no_tenant_found",
    "error",
]


@dataclass(frozen=True, slots=True)
class TriggerOutcome:
    """What a trigger is answered."""

    status: Status
    transaction_id: str | None
    error: str | None = None

    def view(self) -> dict[str, Any]:
        """The TriggerReply of the wire."""
        view: dict[str, Any] = {"acknowledged": True, "status": self.status}
        if self.transaction_id is not None:
            view["transactionId"] = self.transaction_id
        return view if self.error is None else {**view, "error": [self.error]}


class DeliveryService:
    """Carries out triggers."""

    def __init__(
        self,
        workflows: WorkflowService,
        subscribers: SubscriberStore,
        feeds: FeedStore,
        messages: MessageStore,
        transactions: TransactionStore,
        audience: Audience,
        tenants: TenantService,
        overrides: OverrideService,
        contexts: ContextService,
        activity: ActivityLog,
        dispatches: DispatchService,
        runs: RunService,
    ) -> None:
        self._workflows = workflows
        self._subscribers = subscribers
        self._feeds = feeds
        self._messages = messages
        self._transactions = transactions
        self._audience = audience
        self._tenants = tenants
        self._overrides = overrides
        self._contexts = contexts
        self._activity = activity
        self._dispatches = dispatches
        self._runs = runs

    async def trigger(
        self, environment: Environment, request: TriggerRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Delivers a workflow to its recipients before it returns; to the members of large topics behind the request.

        Without a transactionId the transaction is derived from the request's Idempotency-Key, so that a client's
        retry is the same transaction. Raises UnprocessableEntity (`workflow_not_found`), ValidationFailed or
        BadRequest (recipients, actor, tenant, context), PayloadInvalid, PayloadTooLarge (a message over 64 KiB) and
        StoreUnavailable.
        """
        workflow = await self._find_workflow(environment, request.name)
        recipients = parse_recipients(request.to)
        return await self._start(environment, workflow, request, recipients, idempotency_key)

    async def broadcast(
        self, environment: Environment, request: BroadcastRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Delivers a workflow to every subscriber of the environment, to more than 100 behind the request."""
        workflow = await self._find_workflow(environment, request.name)
        return await self._start(environment, workflow, request, None, idempotency_key)

    async def trigger_many(
        self, environment: Environment, events: Sequence[Any], idempotency_key: str | None = None
    ) -> list[TriggerOutcome]:
        """Carries out events one after the other, in order; what is wrong with one is its own outcome.

        Raises StoreUnavailable, since then none of them can go on.
        """
        outcomes: list[TriggerOutcome] = []
        for place, event in enumerate(events):
            await asyncio.sleep(0)  # an event that fails before it is stored waits for nothing: others have their turn
            try:
                request = msgspec.convert(event, TriggerRequest)
                key = f"{idempotency_key}:{place}" if idempotency_key else None
                outcomes.append(await self.trigger(environment, request, key))
            except msgspec.ValidationError as error:
                outcomes.append(_failed(event, str(error)))
            except StoreUnavailable:
                raise
            except InboxError as error:
                outcomes.append(_failed(event, reason_of(error)))
        return outcomes

    async def fan_out(
        self, environment: Environment, plan: Plan, groups: AsyncIterator[Sequence[Subscriber]]
    ) -> None:
        """Delivers a plan to groups of subscribers as they come: one round trip stores up to a hundred messages.

        A message that is too large, or whose subscriber was deleted meanwhile, is left out. Safe to repeat and to
        cancel: what was stored is not stored again. Raises StoreUnavailable.
        """
        contexts = feed_name(plan.context_keys)
        async for group in groups:
            feeds = await _in_turn([self._feeds.open_for(environment.number, one, contexts) for one in group])
            drafts: list[Draft] = []
            for subscriber, feed in zip(group, feeds, strict=True):
                drafts += plan.draft(feed, subscriber.variables() if plan.needs_subscriber else None)
            for batch in _batches(self._storable(plan, drafts)):
                for delivery in await self._append(plan, batch):
                    self._feeds.forget(delivery.feed)
            begun = await self._runs.begin(plan, _waits(drafts))
            for wait in begun.gone:
                self._feeds.forget(wait.feed)
            for batch in _batches(self._storable(plan, begun.drafts)):
                await self._append(plan, batch)

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Cancels what a trigger has not delivered yet: the rest of a dispatch, delays, events of digests that are
        still open; whether there was anything. Raises StoreUnavailable.
        """
        dispatched = await self._dispatches.cancel(environment, transaction_id)
        return await self._runs.cancel(environment, transaction_id) or dispatched

    async def _find_workflow(self, environment: Environment, name: str) -> Workflow:
        workflow = await self._workflows.find(environment, name)
        if workflow is None:
            raise UnprocessableEntity("workflow_not_found")
        return workflow

    async def _start(
        self,
        environment: Environment,
        workflow: Workflow,
        request: TriggerContent,
        recipients: Recipients | None,
        idempotency_key: str | None,
    ) -> TriggerOutcome:
        """Judges a trigger and carries it out; without recipients it is for everybody."""
        context = parse_context(request.context)
        actor = None if request.actor is None else parse_recipient(request.actor, "actor")
        payload = complete_payload(workflow, request.payload)
        now_ms = int(time.time() * 1_000)
        expires_ms = parse_expires_at(request.expires_at, now_ms)
        severity = parse_severity(request.overrides)
        explicit = parse_transaction_id(request.transaction_id)
        transaction_id = explicit or _derived(idempotency_key) or new_transaction_id()
        tenant = None if request.tenant is None else await self._tenants.resolve(environment, request.tenant)
        override = await self._overrides.find(environment, workflow, tenant) if tenant else None
        if status := _obstacle(workflow, override, tenant_is_missing=request.tenant is not None and tenant is None):
            return TriggerOutcome(status, transaction_id)
        names = [EVERYBODY] if recipients is None else recipients.names
        if explicit and not await self._claim(environment, explicit, workflow, names):
            return TriggerOutcome("processed", transaction_id)
        plan = Plan(
            workflow,
            {name: value for name, value in payload.items() if name != "attachments"},
            request.overrides,
            transaction_id,
            severity=severity,
            actor=await self._upsert(environment, actor) if actor else None,
            context_keys=context.keys,
            surroundings={
                "context": await self._contexts.ensure(environment, context.variables),
                **({"tenant": tenant.variables()} if tenant else {}),
            },
            external_reference=request.external_reference,
            expires_ms=expires_ms,
            triggered_ms=now_ms,
            collapse_key=request.collapse_key,
            collapse_mode=request.collapse_mode,
            tenant_channels=override.channels if override else {},
        )
        await self._carry_out(environment, plan, recipients)
        return TriggerOutcome("processed", transaction_id)

    async def _carry_out(self, environment: Environment, plan: Plan, recipients: Recipients | None) -> None:
        if recipients is None:
            await self._reach_everybody(environment, plan)
            return
        for place, reason in enumerate(recipients.refused):
            log.info("recipient refused: %s", reason, extra={"action": "recipient_refused"})
            self._activity.note_refused(plan, environment.number, f"(refused {place})", reason)
        drafted = await _in_turn([self._draft(environment, plan, one) for one in recipients.accepted])
        if any(isinstance(one, Failure) and one.kind == "too large" for drafts in drafted for one in drafts):
            raise PayloadTooLarge(TOO_LARGE)
        drafts = [one for drafts in drafted for one in drafts]
        for batch in _batches(self._storable(plan, drafts)):
            await self._store(plan, batch)
        await self._begin(plan, _waits(drafts))
        if recipients.topics:
            await self._reach_topics(environment, plan, recipients)

    async def _reach_everybody(self, environment: Environment, plan: Plan) -> None:
        size = await self._audience.size(environment, None)
        if size > MOST_IN_REQUEST:
            await self._dispatches.accept(environment, plan, size)
        else:
            await self.fan_out(environment, plan, self._audience.everybody(environment))

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
        await self.fan_out(environment, plan, members)

    async def _claim(
        self, environment: Environment, transaction_id: str, workflow: Workflow, names: Sequence[str]
    ) -> bool:
        """False when this transaction ran before for other recipients or another workflow."""
        fingerprint = hashlib.blake2b("\0".join([workflow.id, *names]).encode(), digest_size=12).digest()
        return await self._transactions.claim(environment.number, transaction_id, fingerprint)

    async def _upsert(self, environment: Environment, recipient: Recipient) -> Subscriber:
        """The subscriber, made if missing, with the fields set that came with it."""
        number = environment.number
        known = None if recipient.profile else await self._subscribers.get(number, recipient.subscriber_id)
        if known:
            return known
        written = await self._subscribers.write(number, recipient.subscriber_id, recipient.profile)
        if written is None:
            raise StoreUnavailable
        return written[0]

    def _storable(self, plan: Plan, drafts: Iterable[Draft]) -> Iterator[Delivery]:
        """The messages among what was drafted; why there is none is noted."""
        for draft in drafts:
            if isinstance(draft, Delivery):
                yield draft
                continue
            if isinstance(draft, Wait):
                continue
            if draft.kind != "skipped":
                log.warning("no message is stored: %s", draft.reason, extra={"action": "step_failed"})
            self._activity.note_failure(plan, draft)

    async def _append(self, plan: Plan, batch: Sequence[Delivery]) -> list[Delivery]:
        """Stores messages and notes what became of them; gives those whose feed is gone."""
        gone: list[Delivery] = []
        for delivery, appended in zip(batch, await self._messages.append(batch), strict=True):
            if appended:
                self._activity.note_appended(plan, delivery, appended)
            else:
                gone.append(delivery)
        return gone

    async def _draft(self, environment: Environment, plan: Plan, recipient: Recipient) -> list[Draft]:
        feed, variables = await self._prepare(environment, plan, recipient)
        return list(plan.draft(feed, variables))

    async def _prepare(
        self, environment: Environment, plan: Plan, recipient: Recipient
    ) -> tuple[Feed, dict[str, Any] | None]:
        """The recipient's feed and, if a template names the subscriber, what templates see of it."""
        contexts = feed_name(plan.context_keys)
        if recipient.profile or plan.needs_subscriber:
            subscriber = await self._upsert(environment, recipient)
            return await self._feeds.open_for(environment.number, subscriber, contexts), subscriber.variables()
        return await self._feeds.open(environment.number, recipient.subscriber_id, contexts), None

    async def _store(self, plan: Plan, batch: Sequence[Delivery]) -> None:
        """Appends messages; a subscriber that was deleted meanwhile is made again, as a trigger does."""
        waiting = list(batch)
        for _ in range(_APPEND_ATTEMPTS):
            waiting = await self._append(plan, waiting)
            if not waiting:
                return
            waiting = [replace(one, feed=await self._reopen(one.feed)) for one in waiting]
        raise StoreUnavailable

    async def _begin(self, plan: Plan, waits: Sequence[Wait]) -> None:
        """Lets runs wait; a subscriber that was deleted meanwhile is made again."""
        for _ in range(_APPEND_ATTEMPTS):
            begun = await self._runs.begin(plan, waits)
            for batch in _batches(self._storable(plan, begun.drafts)):
                await self._store(plan, batch)
            if not begun.gone:
                return
            waits = [replace(one, feed=await self._reopen(one.feed)) for one in begun.gone]
        raise StoreUnavailable

    async def _reopen(self, feed: Feed) -> Feed:
        self._feeds.forget(feed)
        return await self._feeds.open(feed.environment, feed.subscriber_id, feed.contexts)


def _obstacle(workflow: Workflow, override: Override | None, *, tenant_is_missing: bool) -> Status | None:
    """Why nothing is to be done. An override decides for its tenant whether the workflow is active."""
    is_active = workflow.active if override is None or override.active is None else override.active
    if not is_active:
        return "trigger_not_active"
    if not workflow.steps:
        return "no_workflow_steps_defined"
    if not any(step.active for step in workflow.steps):
        return "no_workflow_active_steps_defined"
    return "no_tenant_found" if tenant_is_missing else None


def _failed(event: Any, reason: str) -> TriggerOutcome:
    named = event.get("transactionId") if isinstance(event, dict) else None
    return TriggerOutcome("error", named if isinstance(named, str) and named else None, reason)


def _derived(idempotency_key: str | None) -> str | None:
    if not idempotency_key:
        return None
    return f"txn_{hashlib.blake2b(idempotency_key.encode(), digest_size=12).hexdigest()}"


def _waits(drafts: Iterable[Draft]) -> list[Wait]:
    return [draft for draft in drafts if isinstance(draft, Wait)]


def _batches(deliveries: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    """Deliveries in order, at most a hundred and 4 MiB at a time."""
    batch: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        if batch and (len(batch) == MAX_BATCH or size + len(delivery.content) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(delivery)
        size += len(delivery.content)
    if batch:
        yield batch


async def _in_turn(calls: Sequence[Any]) -> list[Any]:
    """The results of calls in their order, a few at a time; the first failure is raised after all have ended."""
    limit = asyncio.Semaphore(CONCURRENT_RECIPIENTS)

    async def run(call: Any) -> Any:
        async with limit:
            return await call

    if len(calls) == 1:
        return [await calls[0]]
    results = await asyncio.gather(*map(run, calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
