"""Which workflows a subscription takes: its preferences as requests name them, and the workflows these are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbox.errors import NotFound
from inbox.models.environment import Environment
from inbox.models.topic import Preference, PreferenceRequest, Subscription, parse_preferences
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.workflows import MAX_WORKFLOWS


class WorkflowChoices:
    """Reads what subscriptions choose."""

    def __init__(self, workflows: WorkflowService) -> None:
        self._workflows = workflows

    async def resolve(self, environment: Environment, raw: list[Any]) -> list[Preference]:
        """The preferences as they are kept: one for each workflow, the last word wins.

        Raises ValidationFailed, or NotFound for an unknown workflow.
        """
        requests = parse_preferences(raw)
        if not requests:
            return []
        workflows = await self._all(environment)
        chosen: dict[str, Preference] = {}
        for request in requests:
            for workflow in _chosen(request, workflows):
                chosen[workflow.id] = Preference(workflow.id, request.enabled)
        return list(chosen.values())

    async def find(self, environment: Environment, name: str) -> Workflow:
        """The workflow of this `_id` or identifier. Raises NotFound."""
        return _named(name, await self._all(environment))

    async def workflows_of(
        self, environment: Environment, subscriptions: Sequence[Subscription]
    ) -> dict[str, Workflow]:
        """The workflows, by `_id`, that the preferences of these subscriptions name."""
        if not any(one.preferences for one in subscriptions):
            return {}
        return {workflow.id: workflow for workflow in await self._all(environment)}

    async def _all(self, environment: Environment) -> Sequence[Workflow]:
        query = WorkflowQuery(limit=MAX_WORKFLOWS, descending=False)
        return (await self._workflows.list(environment, query))[0]


def _chosen(request: PreferenceRequest, workflows: Sequence[Workflow]) -> Sequence[Workflow]:
    """The workflows that a preference is for. Raises NotFound when it names an unknown one."""
    if request.filter is None:
        return [_named(request.workflow_id or "", workflows)]
    named = [_named(name, workflows) for name in request.filter.workflow_ids or []]
    tags = set(request.filter.tags or [])
    return [*named, *(workflow for workflow in workflows if not tags.isdisjoint(workflow.tags))]


def _named(name: str, workflows: Sequence[Workflow]) -> Workflow:
    found = next((workflow for workflow in workflows if name in (workflow.id, workflow.identifier)), None)
    if found is None:
        raise NotFound(f"Workflow {name} cannot be found", workflowId=name)
    return found
