"""Validate triggers, then deliver or cancel them.

A trigger is refused before anything is stored. Repeating a transaction adds only what is missing after a crash.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from inbox import clock, metrics
from inbox.errors import InboxError, ServiceUnavailable, UnprocessableEntity
from inbox.ids import new_transaction_id
from inbox.models import wire
from inbox.models.context_keys import parse_context
from inbox.models.environment import Environment
from inbox.models.mismatch import explain_mismatch
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
)
from inbox.models.webhook import MESSAGE_CREATED
from inbox.models.workflow import Workflow
from inbox.models.workflow_override import Override
from inbox.service.environments.contexts import ContextService
from inbox.service.environments.idempotency import KEY_USED
from inbox.service.environments.tenants import TenantService
from inbox.service.trigger.delivery import DeliveryService
from inbox.service.trigger.dispatches import DispatchService
from inbox.service.trigger.plan import Plan
from inbox.service.trigger.runs import RunService
from inbox.service.workflows.overrides import OverrideService
from inbox.service.workflows.payload_schema import complete_payload
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.replication import Replication
from inbox.store.transactions import TransactionStore
from inbox.tracing import traceparent

log = logging.getLogger(__name__)


class TriggerOutcome(msgspec.Struct, frozen=True):
    """The answer to a trigger. `is_repeated`: `transactionId` was used for another request; nothing is delivered."""

    status: wire.TriggerStatus
    transaction_id: str | None
    error: str | None = None
    is_repeated: bool = False

    def view(self) -> wire.TriggerReply:
        # by hand: each trigger makes one, and `without_nulls` costs more than all of this
        view: wire.TriggerReply = {"acknowledged": True, "status": self.status}
        if self.transaction_id is not None:
            view["transactionId"] = self.transaction_id
        if self.error is not None:
            view["error"] = [self.error]
        return view


@dataclass(eq=False)
class TriggerService:
    """Starts and cancels triggers."""

    _workflows: WorkflowService
    _transactions: TransactionStore
    _tenants: TenantService
    _overrides: OverrideService
    _contexts: ContextService
    _delivery: DeliveryService
    _dispatches: DispatchService
    _runs: RunService
    _replication: Replication
    _log_level: int = logging.DEBUG
    """The level of the line that each trigger logs."""

    async def trigger(
        self, environment: Environment, request: TriggerRequest | BroadcastRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Deliver a workflow to its recipients, or of a broadcast to every subscriber of the environment.

        Members of topics and a broadcast's subscribers are reached after this has returned if they are more than 100.
        Without a transactionId the transaction is derived from the request's Idempotency-Key, so that a client's
        retry is the same transaction. Raise UnprocessableEntity (`workflow_not_found`, or a key that was used for
        another request), ValidationFailed or BadRequest (recipients, actor, tenant, context), PayloadInvalid,
        PayloadTooLarge (a message over 64 KiB) and StoreUnavailable.
        """
        before = self._replication.begin()
        if idempotency_key:
            await self._claim_key(environment, idempotency_key, request)
        outcome = await self._trigger(environment, request, idempotency_key)
        await self._replication.wait(before)
        return outcome

    async def trigger_many(
        self, environment: Environment, events: Sequence[Any], idempotency_key: str | None = None
    ) -> list[TriggerOutcome]:
        """Trigger events one after the other, in order; an event that fails is an outcome with its error.

        Raise ServiceUnavailable, since no further event can succeed then, and UnprocessableEntity as `trigger` does.
        """
        before = self._replication.begin()
        if idempotency_key:
            await self._claim_key(environment, idempotency_key, events)
        outcomes: list[TriggerOutcome] = []
        for index, event in enumerate(events):
            await asyncio.sleep(0)  # an event that fails before it is stored awaits nothing: give way to other tasks
            try:
                request = msgspec.convert(event, TriggerRequest)
                key = f"{idempotency_key}:{index}" if idempotency_key else None
                outcomes.append(await self._trigger(environment, request, key))
            except msgspec.ValidationError as error:
                metrics.TRIGGERS.add(("refused",))
                outcomes.append(_failed(event, explain_mismatch(error, event, TriggerRequest)))
            except ServiceUnavailable:
                raise
            except InboxError as error:
                outcomes.append(_failed(event, error.reason))
        await self._replication.wait(before)
        return outcomes

    async def send(self, environment: Environment, workflow: Workflow, request: TriggerRequest) -> TriggerOutcome:
        """Deliver a workflow that is not stored. Raise as `trigger` does."""
        before = self._replication.begin()
        outcome = await self._deliver(environment, workflow, request, parse_recipients(request.to), None)
        await self._replication.wait(before)
        return outcome

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Cancel the rest of a trigger: dispatch, delays, events of open digests; return whether there was any."""
        dispatched = await self._dispatches.cancel(environment, transaction_id)
        return await self._runs.cancel(environment, transaction_id) or dispatched

    async def _trigger(
        self, environment: Environment, request: TriggerRequest | BroadcastRequest, idempotency_key: str | None
    ) -> TriggerOutcome:
        """Carry out a trigger and count its outcome."""
        try:
            workflow = self._workflows.cached(environment, request.name)
            workflow = workflow or await self._workflows.find(environment, request.name)
            if workflow is None:
                raise UnprocessableEntity(f"workflow_not_found: {request.name}")
            recipients = parse_recipients(request.to) if isinstance(request, TriggerRequest) else None
            outcome = await self._deliver(environment, workflow, request, recipients, idempotency_key)
        except InboxError as error:
            metrics.TRIGGERS.add(("unavailable" if isinstance(error, ServiceUnavailable) else "refused",))
            raise
        metrics.TRIGGERS.add(("repeated" if outcome.is_repeated else outcome.status,))
        if log.isEnabledFor(self._log_level):
            fields = {"workflow_id": workflow.identifier, "transaction_id": outcome.transaction_id}
            extra = {"action": "trigger", **fields, "status": outcome.status}
            log.log(self._log_level, "triggered for %s", recipients or "every subscriber", extra=extra)
        return outcome

    async def _deliver(
        self,
        environment: Environment,
        workflow: Workflow,
        request: TriggerContent,
        recipients: Recipients | None,
        idempotency_key: str | None,
    ) -> TriggerOutcome:
        context = parse_context(request.context)
        actor = None if request.actor is None else parse_recipient(request.actor, "actor")
        payload = complete_payload(workflow, request.payload)
        now_ms = clock.now_ms()
        expires_ms = parse_expires_at(request.expires_at, now_ms)
        severity = parse_severity(request.overrides)
        explicit = parse_transaction_id(request.transaction_id)
        derived = idempotency_key and f"txn_{hashlib.blake2b(idempotency_key.encode(), digest_size=12).hexdigest()}"
        transaction_id = explicit or derived or new_transaction_id()
        tenant = None if request.tenant is None else await self._tenants.resolve(environment, request.tenant)
        override = await self._overrides.find(environment, workflow, tenant) if tenant else None
        tenant_is_missing = request.tenant is not None and tenant is None
        if status := _status_without_delivery(workflow, override, tenant_is_missing=tenant_is_missing):
            return TriggerOutcome(status, transaction_id)
        if explicit:
            names = ["\1everybody"] if recipients is None else recipients.names
            fingerprint = hashlib.blake2b("\0".join([workflow.id, *names]).encode(), digest_size=12).digest()
            if not await self._transactions.claim(environment.number, explicit, fingerprint):
                return TriggerOutcome("processed", transaction_id, is_repeated=True)
        plan = Plan(
            workflow,
            {name: value for name, value in payload.items() if name != "attachments"}
            if "attachments" in payload
            else payload,
            request.overrides,
            transaction_id,
            severity=severity,
            actor=await self._delivery.upsert(environment, actor) if actor else None,
            context_keys=context.keys,
            surroundings={
                "context": await self._contexts.ensure(environment, context.variables) if context.variables else {},
                **({"tenant": tenant.variables()} if tenant else {}),
            },
            external_reference=request.external_reference,
            expires_ms=expires_ms,
            triggered_ms=now_ms,
            collapse_key=request.collapse_key,
            collapse_mode=request.collapse_mode,
            tenant_channels=override.channels if override else {},
        )
        if (parent := traceparent.get()) and MESSAGE_CREATED in environment.event_types:
            await self._transactions.note_trace(environment.number, transaction_id, parent)
        await self._delivery.deliver(environment, plan, recipients)
        return TriggerOutcome("processed", transaction_id)

    async def _claim_key(self, environment: Environment, idempotency_key: str, request: object) -> None:
        """Raise UnprocessableEntity for an Idempotency-Key that was used for another request."""
        content = type(request).__name__.encode() + msgspec.json.encode(request)
        fingerprint = hashlib.blake2b(content, digest_size=12).digest()
        if not await self._transactions.claim_key(environment.number, idempotency_key, fingerprint):
            raise UnprocessableEntity(KEY_USED)


def _status_without_delivery(
    workflow: Workflow, override: Override | None, *, tenant_is_missing: bool
) -> wire.TriggerStatus | None:
    """Return the status of a trigger that delivers nothing, or None.

    A tenant's override decides whether the workflow is active for it.
    """
    is_active = workflow.active if override is None or override.active is None else override.active
    if not is_active:
        return "trigger_not_active"
    if not workflow.steps:
        return "no_workflow_steps_defined"
    if not any(step.active for step in workflow.steps):
        return "no_workflow_active_steps_defined"
    return "no_tenant_found" if tenant_is_missing else None


def _failed(event: Any, reason: str) -> TriggerOutcome:
    transaction_id = event.get("transactionId") if isinstance(event, dict) else None
    return TriggerOutcome("error", (transaction_id or None) if isinstance(transaction_id, str) else None, reason)
