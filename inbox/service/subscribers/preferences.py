"""Preferences: a subscriber's choices of channels, for all workflows and for single ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.preference import GLOBAL, Choice, Criticality, Preferences
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.service.subscribers.subscribers import unknown_subscriber
from inbox.service.workflows.views import short_id
from inbox.service.workflows.workflows import WorkflowService
from inbox.store.preferences import PreferenceStore


@dataclass(frozen=True, slots=True)
class PreferenceState:
    """A subscriber's preferences and every workflow of the environment, oldest first."""

    preferences: Preferences
    workflows: Sequence[Workflow]

    def listed(
        self,
        criticality: Criticality = "nonCritical",
        tags: frozenset[str] = frozenset(),
        severities: frozenset[str] = frozenset(),
    ) -> list[Workflow]:
        """Return the active workflows with any of the tags and one of the severities; none means all."""
        return [
            workflow
            for workflow in self.workflows
            if workflow.active
            and (criticality == "all" or workflow.critical == (criticality == "critical"))
            and (not tags or not tags.isdisjoint(workflow.tags))
            and (not severities or workflow.severity in severities)
        ]


@dataclass(eq=False)
class PreferenceService:
    """Reads and changes the preferences of subscribers."""

    _store: PreferenceStore
    _workflows: WorkflowService

    async def read_for(self, environment: Environment, subscriber: Subscriber) -> PreferenceState:
        """Return the choices of a subscriber with all workflows."""
        return await self.read_of(environment, subscriber.oid)

    async def read_of(self, environment: Environment, oid: str) -> PreferenceState:
        """Return the choices of the subscriber with this `_id` with all workflows."""
        preferences = await self._store.read(environment.number, oid)
        return PreferenceState(preferences, await self._workflows.all(environment))

    async def schedule(
        self, environment: Environment, subscriber: Subscriber, default: JsonObject | None = None
    ) -> JsonObject | None:
        """Return the subscriber's schedule; store the default if there is none."""
        preferences = await self._store.read(environment.number, subscriber.oid)
        if default is None or preferences.global_choice.schedule:
            return preferences.global_choice.schedule

        def change(before: Preferences) -> dict[str, Choice | None]:
            global_choice = before.global_choice
            return {} if global_choice.schedule else {GLOBAL: global_choice.with_changes({}, default, now_ms())}

        written = await self._store.change(environment.number, subscriber, change)
        return written.global_choice.schedule if written else default

    async def choose_everywhere(
        self,
        environment: Environment,
        subscriber: Subscriber,
        channels: Mapping[str, bool],
        schedule: JsonObject | None = None,
    ) -> PreferenceState:
        """Change the global choice and drop the choices of these channels for single workflows."""

        def change(before: Preferences) -> dict[str, Choice | None]:
            changed: dict[str, Choice | None] = {
                GLOBAL: before.global_choice.with_changes(channels, schedule, now_ms())
            }
            for name, choice in before.choices.items():
                if name != GLOBAL and not choice.channels.keys().isdisjoint(channels):
                    remaining = choice.without(channels)
                    changed[name] = remaining if remaining.channels else None
            return changed

        return await self._change(environment, subscriber, await self._workflows.all(environment), change)

    async def choose(
        self, environment: Environment, subscriber: Subscriber, choices: Sequence[tuple[str, Mapping[str, bool]]]
    ) -> tuple[PreferenceState, list[Workflow]]:
        """Change the choices for workflows (by `_id`, identifier or slug), all or none; the last of a workflow counts.

        Return the new state and the workflows, each once. Raise NotFound with all unknown names, and BadRequest if a
        workflow is critical.
        """
        workflows = await self._workflows.all(environment)
        targets = _find_all(workflows, [name for name, _ in choices])
        if critical := [workflow.identifier for workflow in targets if workflow.critical]:
            raise BadRequest(f"Critical workflow with id {', '.join(critical)} can not be updated")
        by_id = {workflow.id: channels for workflow, (_, channels) in zip(targets, choices, strict=True)}

        def change(before: Preferences) -> dict[str, Choice | None]:
            now = now_ms()
            return {
                name: before.choices.get(name, Choice()).with_changes(channels, None, now)
                for name, channels in by_id.items()
            }

        state = await self._change(environment, subscriber, workflows, change)
        return state, list({workflow.id: workflow for workflow in targets}.values())

    async def _change(
        self,
        environment: Environment,
        subscriber: Subscriber,
        workflows: Sequence[Workflow],
        change: Callable[[Preferences], dict[str, Choice | None]],
    ) -> PreferenceState:
        preferences = await self._store.change(environment.number, subscriber, change)
        if preferences is None:
            raise unknown_subscriber(subscriber.subscriber_id)
        return PreferenceState(preferences, workflows)


def _find_all(workflows: Sequence[Workflow], names: Sequence[str]) -> list[Workflow]:
    by_id = {short_id(workflow.id): workflow for workflow in workflows}
    by_id |= {workflow.id: workflow for workflow in workflows}
    by_identifier = {workflow.identifier: workflow for workflow in workflows}
    results = {name: _find(name, by_id, by_identifier) for name in names}
    if unknown := [name for name, workflow in results.items() if workflow is None]:
        raise NotFound(f"Workflows with ids: {', '.join(unknown)} not found", workflowIds=unknown)
    return [workflow for name in names if (workflow := results[name])]


def _find(name: str, by_id: Mapping[str, Workflow], by_identifier: Mapping[str, Workflow]) -> Workflow | None:
    if name in by_identifier:
        return by_identifier[name]
    before, is_slug, suffix = name.rpartition("_wf_")
    return by_id.get(suffix) if is_slug and before else by_id.get(name) if len(name) == 24 else None
