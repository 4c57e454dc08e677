"""The cards of a message's subscriber and workflow, as replies show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import StoredMessage
from inbox.models.subscriber import subscriber_card
from inbox.models.workflow import Workflow
from inbox.models.workflow_summary import workflow_summary
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.subscribers import SubscriberStore

CACHED_SUMMARIES = 256


@dataclass(eq=False)
class CardService:
    """Reads cards; the workflow of a card is at most a second old."""

    _workflows: WorkflowService
    _subscribers: SubscriberStore

    async def subscriber(self, environment: Environment, oid: str) -> wire.SubscriberCard | None:
        """Return the card of the subscriber as it is stored now, or None if it was deleted."""
        subscriber = await self._subscribers.get_by_oid(environment.number, oid)
        return subscriber_card(subscriber) if subscriber else None

    async def workflow(self, environment: Environment, message: StoredMessage) -> wire.WorkflowSummary:
        """Return the card of the message's workflow, made from the message alone if the workflow was deleted."""
        return _card(await self._workflows.find(environment, message.template_identifier), message)

    async def workflows(
        self, environment: Environment, messages: Sequence[StoredMessage]
    ) -> list[wire.WorkflowSummary]:
        """Return the cards of the messages' workflows, in order."""
        by_name: dict[str, tuple[str, wire.WorkflowSummary] | None] = {}
        cards = []
        for message in messages:
            name = message.template_identifier
            if name not in by_name:
                workflow = await self._workflows.find(environment, name)
                by_name[name] = (workflow.id, _summary(workflow)) if workflow else None
            found = by_name[name]
            cards.append(found[1] if found and found[0] == message.template_id else _card(None, message))
        return cards

    def cached_workflow(self, environment: Environment, message: StoredMessage) -> wire.WorkflowSummary | None:
        """Return the same from the cache, or None if the workflow is not cached."""
        workflow = self._workflows.cached(environment, message.template_identifier)
        return _card(workflow, message) if workflow else None


@lru_cache(CACHED_SUMMARIES)
def _summary(workflow: Workflow) -> wire.WorkflowSummary:
    """Return the card of this revision of a workflow as encoded JSON."""
    return wire.encoded(workflow_summary(workflow))


def _card(workflow: Workflow | None, message: StoredMessage) -> wire.WorkflowSummary:
    if workflow and workflow.id == message.template_id:
        return _summary(workflow)
    identifier = message.template_identifier
    return {
        "id": message.template_id,
        "identifier": identifier,
        "name": identifier,
        "critical": False,
        "tags": message.tags,
        "severity": "none",
    }
