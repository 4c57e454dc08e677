"""Workflow preferences of topic subscriptions: how requests name them, and the workflows they apply to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import NotFound
from inbox.models.environment import Environment
from inbox.models.topic import Preference, PreferenceRequest, Subscription, parse_preferences
from inbox.models.workflow import Workflow
from inbox.service.workflows.workflows import WorkflowService


@dataclass(eq=False)
class WorkflowChoices:
    """Resolves the preferences of subscriptions."""

    _workflows: WorkflowService

    async def resolve(self, environment: Environment, raw: list[Any]) -> list[Preference]:
        """Return the preferences to store: one a workflow, of which the last in the request counts.

        Raise ValidationFailed, or NotFound for an unknown workflow.
        """
        requests = parse_preferences(raw)
        if not requests:
            return []
        workflows = await self._workflows.all(environment)
        preferences = {
            workflow.id: Preference(workflow.id, request.enabled)
            for request in requests
            for workflow in _targets(request, workflows)
        }
        return list(preferences.values())

    async def find(self, environment: Environment, name: str) -> Workflow:
        """Return the workflow with this `_id` or identifier. Raise NotFound."""
        return _find(name, await self._workflows.all(environment))

    async def workflows_of(
        self, environment: Environment, subscriptions: Sequence[Subscription]
    ) -> dict[str, Workflow]:
        """Return all workflows by `_id` if one of these subscriptions has preferences, else none."""
        if not any(subscription.preferences for subscription in subscriptions):
            return {}
        return {workflow.id: workflow for workflow in await self._workflows.all(environment)}


def _targets(request: PreferenceRequest, workflows: Sequence[Workflow]) -> Sequence[Workflow]:
    """Return the workflows that a preference applies to. Raise NotFound if it names an unknown one."""
    if request.filter is None:
        return [_find(request.workflow_id or "", workflows)]
    by_name = [_find(name, workflows) for name in request.filter.workflow_ids or []]
    tags = set(request.filter.tags or [])
    return [*by_name, *(workflow for workflow in workflows if not tags.isdisjoint(workflow.tags))]


def _find(name: str, workflows: Sequence[Workflow]) -> Workflow:
    for workflow in workflows:
        if name in (workflow.id, workflow.identifier):
            return workflow
    raise NotFound(f"Workflow {name} cannot be found", workflowId=name)
