"""A trigger, judged: the workflow, what it says and to whom; then it is delivered, or taken back.

What is wrong is answered before anything is stored. A transaction is safe to repeat: whoever brings the same one again
with the same recipients only adds what a crash left out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from inbox import clock
from inbox.errors import InboxError, StoreUnavailable, UnprocessableEntity
from inbox.ids import new_transaction_id
from inbox.models.context_keys import parse_context
from inbox.models.environment import Environment
from inbox.models.trigger import (
    BroadcastRequest,
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
from inbox.service.environments.idempotency import KEY_USED
from inbox.service.environments.tenants import TenantService
from inbox.service.trigger.delivery import DeliveryService
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.drafts import Plan
from inbox.service.trigger.runs import RunService
from inbox.service.workflows.overrides import OverrideService
from inbox.service.workflows.payload_schema import complete_payload
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.transactions import TransactionStore

EVERYBODY = "\1everybody"

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


class TriggerService:
    """Starts triggers, and cancels them."""

    def __init__(
        self,
        workflows: WorkflowService,
        transactions: TransactionStore,
        tenants: TenantService,
        overrides: OverrideService,
        contexts: ContextService,
        delivery: DeliveryService,
        dispatches: DispatchService,
        runs: RunService,
    ) -> None:
        self._workflows = workflows
        self._transactions = transactions
        self._tenants = tenants
        self._overrides = overrides
        self._contexts = contexts
        self._delivery = delivery
        self._dispatches = dispatches
        self._runs = runs

    async def trigger(
        self, environment: Environment, request: TriggerRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Delivers a workflow to its recipients before it returns; to the members of large topics behind the request.

        Without a transactionId the transaction is derived from the request's Idempotency-Key, so that a client's
        retry is the same transaction. Raises UnprocessableEntity (`workflow_not_found`), ValidationFailed or
        BadRequest (recipients, actor, tenant, context), PayloadInvalid, PayloadTooLarge (a message over 64 KiB) and
        StoreUnavailable; UnprocessableEntity also for a key that was used for another request.
        """
        await self._claim_key(environment, idempotency_key, request)
        return await self._trigger(environment, request, idempotency_key)

    async def _trigger(
        self, environment: Environment, request: TriggerRequest, idempotency_key: str | None
    ) -> TriggerOutcome:
        workflow = await self._find_workflow(environment, request.name)
        recipients = parse_recipients(request.to)
        return await self._start(environment, workflow, request, recipients, idempotency_key)

    async def broadcast(
        self, environment: Environment, request: BroadcastRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Delivers a workflow to every subscriber of the environment, to more than 100 behind the request."""
        await self._claim_key(environment, idempotency_key, request)
        workflow = await self._find_workflow(environment, request.name)
        return await self._start(environment, workflow, request, None, idempotency_key)

    async def trigger_many(
        self, environment: Environment, events: Sequence[Any], idempotency_key: str | None = None
    ) -> list[TriggerOutcome]:
        """Carries out events one after the other, in order; what is wrong with one is its own outcome.

        Raises StoreUnavailable, since then none of them can go on, and UnprocessableEntity as `trigger`.
        """
        await self._claim_key(environment, idempotency_key, events)
        outcomes: list[TriggerOutcome] = []
        for place, event in enumerate(events):
            await asyncio.sleep(0)  # an event that fails before it is stored waits for nothing: others have their turn
            try:
                request = msgspec.convert(event, TriggerRequest)
                key = f"{idempotency_key}:{place}" if idempotency_key else None
                outcomes.append(await self._trigger(environment, request, key))
            except msgspec.ValidationError as error:
                outcomes.append(_failed(event, str(error)))
            except StoreUnavailable:
                raise
            except InboxError as error:
                outcomes.append(_failed(event, reason_of(error)))
        return outcomes

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
        now_ms = clock.now_ms()
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
            actor=await self._delivery.upsert(environment, actor) if actor else None,
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
        await self._delivery.deliver(environment, plan, recipients)
        return TriggerOutcome("processed", transaction_id)

    async def _claim_key(self, environment: Environment, idempotency_key: str | None, request: object) -> None:
        """Raises UnprocessableEntity for an Idempotency-Key that was used for another request."""
        if not idempotency_key:
            return
        said = type(request).__name__.encode() + msgspec.json.encode(request)
        fingerprint = hashlib.blake2b(said, digest_size=12).digest()
        if not await self._transactions.claim_key(environment.number, idempotency_key, fingerprint):
            raise UnprocessableEntity(KEY_USED)

    async def _claim(
        self, environment: Environment, transaction_id: str, workflow: Workflow, names: Sequence[str]
    ) -> bool:
        """False when this transaction ran before for other recipients or another workflow."""
        fingerprint = hashlib.blake2b("\0".join([workflow.id, *names]).encode(), digest_size=12).digest()
        return await self._transactions.claim(environment.number, transaction_id, fingerprint)


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
