"""The cards that a message is shown with: whose it is, and of which workflow."""

from __future__ import annotations

from typing import Any

from inbox.models.environment import Environment
from inbox.models.message import StoredMessage
from inbox.models.subscriber import subscriber_card
from inbox.models.workflow import Workflow
from inbox.service.workflows.views import workflow_summary
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.subscribers import SubscriberStore


class CardService:
    """Reads cards. A workflow's is at most a second old, as in everything that a trigger does."""

    def __init__(self, workflows: WorkflowService, subscribers: SubscriberStore) -> None:
        self._workflows = workflows
        self._subscribers = subscribers

    async def subscriber(self, environment: Environment, oid: str) -> dict[str, Any] | None:
        """Return the card of the subscriber as it is stored now, or None when there is none any more."""
        subscriber = await self._subscribers.get_by_oid(environment.number, oid)
        return subscriber_card(subscriber) if subscriber else None

    async def workflow(self, environment: Environment, message: StoredMessage) -> dict[str, Any]:
        """Return the card of the message's workflow; of a deleted one, what the message itself says."""
        return _card(await self._workflows.find(environment, message.template_identifier), message)

    def cached_workflow(self, environment: Environment, message: StoredMessage) -> dict[str, Any] | None:
        """Return the same without asking the store, or None when it has to be asked."""
        workflow = self._workflows.cached(environment, message.template_identifier)
        return _card(workflow, message) if workflow else None


def _card(workflow: Workflow | None, message: StoredMessage) -> dict[str, Any]:
    if workflow and workflow.id == message.template_id:
        return workflow_summary(workflow)
    identifier = message.template_identifier
    return {
        "id": message.template_id,
        "identifier": identifier,
        "name": identifier,
        "critical": False,
        "tags": message.tags,
        "severity": "none",
    }
