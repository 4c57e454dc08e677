"""Trigger → recipients → stored messages.

A trigger first reads and renders everything, so that what is wrong with it is answered before anything is stored; then
each message is appended by one script. A transaction is safe to repeat: a message is stored once per transaction, step
and recipient, so a second run with the same recipients only adds what a crash left out.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from inbox.errors import PayloadTooLarge, StoreUnavailable, UnprocessableEntity
from inbox.ids import new_transaction_id
from inbox.models.environment import Environment
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.trigger import Recipient, TriggerRequest, parse_recipients, parse_transaction_id
from inbox.models.workflow import Workflow
from inbox.rendering import CompiledStep, RenderError, compile_steps
from inbox.service.workflows import WorkflowService
from inbox.store.feeds import Feed, FeedStore
from inbox.store.messages import MessageStore
from inbox.store.rows import SEVERITIES
from inbox.store.subscribers import SubscriberStore
from inbox.store.transactions import TransactionStore

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024
CONCURRENT_RECIPIENTS = 16
_APPEND_ATTEMPTS = 3

Status = Literal["processed", "trigger_not_active", "no_workflow_steps_defined"]


@dataclass(frozen=True, slots=True)
class TriggerOutcome:
    """What a trigger is answered."""

    status: Status
    transaction_id: str

    def view(self) -> dict[str, Any]:
        """The TriggerReply of the wire."""
        return {"acknowledged": True, "status": self.status, "transactionId": self.transaction_id}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A rendered message, ready to be appended to a recipient's feed."""

    feed: Feed
    step_id: str
    content: bytes
    severity: str


class DeliveryService:
    """Carries out triggers."""

    def __init__(
        self,
        workflows: WorkflowService,
        subscribers: SubscriberStore,
        feeds: FeedStore,
        messages: MessageStore,
        transactions: TransactionStore,
    ) -> None:
        self._workflows = workflows
        self._subscribers = subscribers
        self._feeds = feeds
        self._messages = messages
        self._transactions = transactions

    async def trigger(
        self, environment: Environment, request: TriggerRequest, idempotency_key: str | None = None
    ) -> TriggerOutcome:
        """Delivers a workflow to its recipients before it returns.

        Without a transactionId the transaction is derived from the request's Idempotency-Key, so that a client's
        retry is the same transaction. Raises UnprocessableEntity (`workflow_not_found`), ValidationFailed or
        BadRequest (recipients), PayloadTooLarge (a message over 64 KiB) and StoreUnavailable.
        """
        workflow = await self._workflows.find(environment, request.name)
        if workflow is None:
            raise UnprocessableEntity("workflow_not_found")
        recipients = parse_recipients(request.to)
        severity = _severity(request.overrides)
        explicit = parse_transaction_id(request.transaction_id)
        transaction_id = explicit or _derived(idempotency_key) or new_transaction_id()
        for reason in recipients.refused:
            log.info("recipient refused: %s", reason, extra={"action": "recipient_refused"})
        if not workflow.active:
            return TriggerOutcome("trigger_not_active", transaction_id)
        if not workflow.steps:
            return TriggerOutcome("no_workflow_steps_defined", transaction_id)
        if explicit and not await self._claim(environment, explicit, workflow, recipients.accepted):
            return TriggerOutcome("processed", transaction_id)
        drafts = await self._draft_all(environment, workflow, request, recipients.accepted, transaction_id, severity)
        await _in_turn([self._store_all(workflow, each, transaction_id) for each in drafts])
        return TriggerOutcome("processed", transaction_id)

    async def _claim(
        self, environment: Environment, transaction_id: str, workflow: Workflow, recipients: Sequence[Recipient]
    ) -> bool:
        """False when this transaction ran before for other recipients or another workflow."""
        named = sorted(recipient.subscriber_id for recipient in recipients)
        fingerprint = hashlib.blake2b("\0".join([workflow.id, *named]).encode(), digest_size=12).digest()
        return await self._transactions.claim(environment.number, transaction_id, fingerprint)

    async def _draft_all(
        self,
        environment: Environment,
        workflow: Workflow,
        request: TriggerRequest,
        recipients: Sequence[Recipient],
        transaction_id: str,
        severity: str | None,
    ) -> list[list[_Draft]]:
        """What each recipient gets."""
        payload = {name: value for name, value in request.payload.items() if name != "attachments"}
        steps = compile_steps(workflow)
        base = _Base(workflow, payload, request.overrides, transaction_id, severity)
        return await _in_turn([self._draft(environment, steps, base, recipient) for recipient in recipients])

    async def _draft(
        self, environment: Environment, steps: Sequence[CompiledStep], base: _Base, recipient: Recipient
    ) -> list[_Draft]:
        feed, variables = await self._prepare(environment, recipient, any(step.needs_subscriber for step in steps))
        drafts: list[_Draft] = []
        for step in steps:
            try:
                message = base.render(step, variables)
            except RenderError as error:
                fields = {"action": "render_failed", "workflow": base.workflow.identifier, "fields": error.fields}
                log.warning("a step could not be rendered; no message is stored", extra=fields)
                continue
            content = encode_stored(message)
            if len(content) > MAX_MESSAGE_BYTES:
                raise PayloadTooLarge(f"A message is larger than {MAX_MESSAGE_BYTES} bytes")
            drafts.append(_Draft(feed, step.step.step_id, content, message.severity))
        return drafts

    async def _prepare(
        self, environment: Environment, recipient: Recipient, needs_subscriber: bool
    ) -> tuple[Feed, dict[str, Any] | None]:
        """The recipient's feed and, if a template names the subscriber, what templates see of it."""
        if recipient.profile or needs_subscriber:
            written = await self._subscribers.write(environment.number, recipient.subscriber_id, recipient.profile)
            if written is None:
                raise StoreUnavailable
            return await self._feeds.open_for(environment.number, written[0]), written[0].variables()
        return await self._feeds.open(environment.number, recipient.subscriber_id), None

    async def _store_all(self, workflow: Workflow, drafts: Sequence[_Draft], transaction_id: str) -> None:
        """One recipient's messages, in the order of the steps."""
        for draft in drafts:
            await self._store(workflow, draft, transaction_id)

    async def _store(self, workflow: Workflow, draft: _Draft, transaction_id: str) -> None:
        feed = draft.feed
        for _ in range(_APPEND_ATTEMPTS):
            appended = await self._messages.append(
                feed,
                draft.content,
                transaction_id=transaction_id,
                step_id=draft.step_id,
                workflow_id=workflow.id,
                preference=_preference(workflow),
                severity=draft.severity,
            )
            if appended:
                return
            self._feeds.forget(feed)  # the subscriber was deleted meanwhile; a trigger makes it again
            feed = await self._feeds.open(feed.environment, feed.subscriber_id, feed.contexts)
        raise StoreUnavailable


@dataclass(frozen=True, slots=True)
class _Base:
    """What all messages of a trigger share."""

    workflow: Workflow
    payload: dict[str, Any]
    overrides: dict[str, Any]
    transaction_id: str
    severity: str | None

    def render(self, step: CompiledStep, subscriber: dict[str, Any] | None) -> StoredMessage:
        rendered = step.render(self.payload, subscriber, None)
        return StoredMessage(
            transaction_id=self.transaction_id,
            template_id=self.workflow.id,
            template_identifier=self.workflow.identifier,
            message_template_id=step.step.id,
            step_id=step.step.step_id,
            content=rendered.body,
            subject=rendered.subject,
            avatar=rendered.avatar,
            cta=dict(rendered.cta),
            payload=self.payload,
            overrides=self.overrides,
            data=rendered.data,
            tags=rendered.tags,
            severity=self.severity or rendered.severity,
        )


def _severity(overrides: dict[str, Any]) -> str | None:
    value = overrides.get("severity")
    return value if value in SEVERITIES else None


def _preference(workflow: Workflow) -> Literal["0", "1", "c"]:
    if workflow.critical:
        return "c"
    level = workflow.preferences
    return "1" if level.all.enabled and level.channel("in_app") else "0"


def _derived(idempotency_key: str | None) -> str | None:
    if not idempotency_key:
        return None
    return f"txn_{hashlib.blake2b(idempotency_key.encode(), digest_size=12).hexdigest()}"


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
