"""Preferences: what a subscriber chose to receive, shown with what the workflows say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound
from inbox.models.environment import Environment
from inbox.models.preference import GLOBAL, Choice, Criticality, Preferences
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.service.subscribers.subscribers import unknown_subscriber
from inbox.service.workflows.views import short_id
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.preferences import PreferenceStore
from inbox.store.workflows import MAX_WORKFLOWS


@dataclass(frozen=True, slots=True)
class Chosen:
    """A subscriber's choices and every workflow of the environment, oldest first."""

    preferences: Preferences
    workflows: list[Workflow]

    def listed(
        self,
        criticality: Criticality = "nonCritical",
        tags: frozenset[str] = frozenset(),
        severities: frozenset[str] = frozenset(),
    ) -> list[Workflow]:
        """The active workflows that a list shows: with any of the tags, of one of the severities."""
        return [
            workflow
            for workflow in self.workflows
            if workflow.active
            and (criticality == "all" or workflow.critical == (criticality == "critical"))
            and (not tags or not tags.isdisjoint(workflow.tags))
            and (not severities or workflow.severity in severities)
        ]


class PreferenceService:
    """Reads and changes the choices of a subscriber."""

    def __init__(self, store: PreferenceStore, workflows: WorkflowService) -> None:
        self._store = store
        self._workflows = workflows

    async def read_for(self, environment: Environment, subscriber: Subscriber) -> Chosen:
        """The choices of a subscriber, with the workflows they are about."""
        preferences = await self._store.read(environment.number, subscriber)
        return Chosen(preferences, await self._all(environment))

    async def schedule(
        self, environment: Environment, subscriber: Subscriber, default: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The subscriber's schedule; one who has none gets the default for good."""
        preferences = await self._store.read(environment.number, subscriber)
        if default is None or preferences.everywhere.schedule:
            return preferences.everywhere.schedule

        def change(before: Preferences) -> dict[str, Choice | None]:
            everywhere = before.everywhere
            return {} if everywhere.schedule else {GLOBAL: everywhere.merged({}, default, now_ms())}

        written = await self._store.change(environment.number, subscriber, change)
        return written.everywhere.schedule if written else default

    async def choose_everywhere(
        self,
        environment: Environment,
        subscriber: Subscriber,
        channels: Mapping[str, bool],
        schedule: dict[str, Any] | None = None,
    ) -> Chosen:
        """Changes the global choice; what was chosen for these channels per workflow is dropped, the rest stays."""
        given = dict(channels)

        def change(before: Preferences) -> dict[str, Choice | None]:
            changed: dict[str, Choice | None] = {GLOBAL: before.everywhere.merged(given, schedule, now_ms())}
            for name, choice in before.choices.items():
                if name != GLOBAL and not choice.channels.keys().isdisjoint(given):
                    left = choice.without(given)
                    changed[name] = left if left.channels else None
            return changed

        preferences = await self._store.change(environment.number, subscriber, change)
        if preferences is None:
            raise unknown_subscriber(subscriber.subscriber_id)
        return Chosen(preferences, await self._all(environment))

    async def choose(
        self, environment: Environment, subscriber: Subscriber, wanted: Sequence[tuple[str, Mapping[str, bool]]]
    ) -> tuple[Chosen, list[Workflow]]:
        """Changes the choices for workflows (by `_id`, identifier or slug), all or none; the last of two wins.

        Gives the new state and the workflows named, each once. Raises NotFound when one is unknown, naming all that
        are, and BadRequest when one is critical.
        """
        workflows = await self._all(environment)
        named = _find_all(workflows, [name for name, _ in wanted])
        if critical := [workflow.identifier for workflow in named if workflow.critical]:
            raise BadRequest(f"Critical workflow with id {', '.join(critical)} can not be updated")
        merged: dict[str, dict[str, bool]] = {}
        for workflow, (_, channels) in zip(named, wanted, strict=True):
            merged[workflow.id] = dict(channels)

        def change(before: Preferences) -> dict[str, Choice | None]:
            now = now_ms()
            return {
                name: before.choices.get(name, Choice()).merged(channels, None, now)
                for name, channels in merged.items()
            }

        preferences = await self._store.change(environment.number, subscriber, change)
        if preferences is None:
            raise unknown_subscriber(subscriber.subscriber_id)
        return Chosen(preferences, workflows), list({workflow.id: workflow for workflow in named}.values())

    async def _all(self, environment: Environment) -> list[Workflow]:
        query = WorkflowQuery(limit=MAX_WORKFLOWS, descending=False)
        return list((await self._workflows.list(environment, query))[0])


def _find_all(workflows: Sequence[Workflow], names: Sequence[str]) -> list[Workflow]:
    by_name = {short_id(workflow.id): workflow for workflow in workflows}
    by_name |= {workflow.id: workflow for workflow in workflows}
    identified = {workflow.identifier: workflow for workflow in workflows}
    found = {name: _find(name, by_name, identified) for name in names}
    if unknown := [name for name, workflow in found.items() if workflow is None]:
        raise NotFound(f"Workflows with ids: {', '.join(unknown)} not found", workflowIds=unknown)
    return [workflow for name in names if (workflow := found[name])]


def _find(name: str, by_id: Mapping[str, Workflow], identified: Mapping[str, Workflow]) -> Workflow | None:
    if name in identified:
        return identified[name]
    before, is_slug, suffix = name.rpartition("_wf_")
    return by_id.get(suffix) if is_slug and before else by_id.get(name) if len(name) == 24 else None
