"""Create, change, list and find workflows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing, invalid
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.workflow import MAX_IDENTIFIER_LENGTH, PreferenceSet, Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.models.workflow_v1 import WorkflowV1
from inbox.service.workflows.bodies import (
    PreferencesRequest,
    UnsavedWorkflow,
    WorkflowContent,
    WorkflowCreate,
    WorkflowPatch,
    WorkflowUpdate,
)
from inbox.service.workflows.cache import WorkflowCache
from inbox.service.workflows.payload_schema import check_schema
from inbox.service.workflows.rules import build_steps, check_identifier
from inbox.service.workflows.v1 import ReferableIds, changed_by
from inbox.service.workflows.views import short_id, slugify
from inbox.steps import check_templates
from inbox.store.workflows import WorkflowStore

NEGATED = (
    "stored when a true `skip` skipped the step, they are read negated, so that they do what they did; "
    "write the workflow anew to end this (docs/workflows.md)"
)
TURNED = "they said when a step is skipped, what is written now says when it runs"
_PATCH_DEFAULTS: JsonObject = {"tags": [], "active": True, "validate_payload": False, "is_translation_enabled": False}

log = logging.getLogger(__name__)


class WorkflowService:
    """The workflows of environments. The API names one by its identifier, its `_id` or its slug."""

    def __init__(self, store: WorkflowStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._cache = WorkflowCache(store, clock)

    async def find(self, environment: Environment, name: str) -> Workflow | None:
        """Return the workflow with this identifier, at most a second old, or None."""
        return await self._cache.find(environment.number, name)

    async def version(self, environment: Environment) -> int:
        """Return how often workflows have changed, as of the last second; `find` returns none older afterwards."""
        return await self._cache.version(environment.number)

    def cached_version(self, environment: Environment) -> int | None:
        """Return what `version` returns if it can be known without a call to the store, else None."""
        return self._cache.cached_version(environment.number)

    def cached(self, environment: Environment, name: str) -> Workflow | None:
        """Return the workflow if it can be found without a call to the store."""
        return self._cache.cached(environment.number, name)

    async def get(self, environment: Environment, name: str) -> Workflow:
        """Return the workflow as it is stored. Raise NotFound."""
        workflow = await self._store.get(environment.number, name)
        if workflow is None:
            suffix = name.rpartition("_wf_")[2]
            everything = await self._store.all(environment.number)
            workflow = next((one for one in everything if name == one.id or suffix == short_id(one.id)), None)
        if workflow is None:
            raise _unknown(name)
        return workflow

    async def list(self, environment: Environment, query: WorkflowQuery) -> tuple[Sequence[Workflow], int]:
        """Return a page of the workflows that match the query, and how many match in all."""
        matches = [workflow for workflow in await self._store.all(environment.number) if query.takes(workflow)]
        matches.sort(key=query.key, reverse=query.descending)
        return matches[query.offset : query.offset + query.limit], len(matches)

    async def create(self, environment: Environment, body: WorkflowCreate) -> Workflow:
        """Store a new workflow. Raise BadRequest if its identifier is taken, and ValidationFailed.

        Raise UnprocessableEntity if the environment has 1,000 workflows.
        """
        workflow = build_workflow(body)
        if not await self._add(environment, workflow):
            raise _taken(workflow)
        return workflow

    async def push(
        self, environment: Environment, body: WorkflowCreate, *, dry_run: bool = False
    ) -> Literal["created", "updated", "unchanged"]:
        """Create or replace the workflow with the body's identifier if it differs; `dry_run` writes nothing.

        Raise the errors of `create`.
        """
        before = await self._store.get(environment.number, body.workflow_id)
        if before is None:
            if dry_run or await self._add(environment, build_workflow(body)):
                return "created"
            before = await self.get(environment, body.workflow_id)  # another process was first
        after = _replaced(before, body)
        if msgspec.to_builtins(after) == msgspec.to_builtins(before):
            return "unchanged"
        if before.conditions == "negated" and _rules(after) != _rules(before):
            log.warning("conditions of %s: %s", before.identifier, TURNED, extra={"action": "conditions_turned"})
        if not dry_run:
            await self._change(environment, before.identifier, lambda current: _replaced(current, body))
        return "updated"

    async def warn_of_negated_conditions(self, environment: Environment) -> None:
        """Log which workflows have rules that were stored when a true rule skipped its step."""
        negated = [one.identifier for one in await self._store.all(environment.number) if one.conditions == "negated"]
        if negated:
            log.warning("conditions of %s: %s", ", ".join(negated), NEGATED, extra={"action": "conditions_negated"})

    async def all(self, environment: Environment) -> Sequence[Workflow]:
        return await self._store.all(environment.number)

    async def create_v1(self, environment: Environment, body: WorkflowV1, ids: ReferableIds) -> Workflow:
        """Store a new v1 workflow under an identifier made of its name. Raise as `create`."""
        if body.name is None:
            raise invalid("name", "name should not be empty")
        now, workflow_id = now_ms(), new_object_id()
        slug = slugify(body.name, "workflow")[:MAX_IDENTIFIER_LENGTH]
        fresh = Workflow(id=workflow_id, identifier=slug, name=body.name, created_ms=now, updated_ms=now)
        workflow = changed_by(fresh, body, ids)
        check_templates(workflow)
        if await self._add(environment, workflow):
            return workflow
        end = f"-{short_id(workflow_id)}"
        other = msgspec.structs.replace(workflow, identifier=slug[: MAX_IDENTIFIER_LENGTH - len(end)] + end)
        if not await self._add(environment, other):
            raise _taken(other)
        return other

    async def update_v1(self, environment: Environment, name: str, body: WorkflowV1, ids: ReferableIds) -> Workflow:
        """Change the fields that were sent. Raise NotFound, and ValidationFailed as `create`."""
        return await self._change(environment, name, lambda before: changed_by(before, body, ids))

    async def _add(self, environment: Environment, workflow: Workflow) -> bool:
        """Store a new workflow; return False when its identifier is taken."""
        is_new = await self._store.add(environment.number, workflow.identifier, workflow)
        self._cache.drop(environment.number)
        return is_new

    async def update(self, environment: Environment, name: str, body: WorkflowUpdate) -> Workflow:
        """Replace everything but the ids. Raise NotFound, and ValidationFailed as `create`."""

        def change(before: Workflow) -> Workflow:
            if body.workflow_id not in (None, before.identifier):
                raise invalid("workflowId", "workflowId cannot be changed", body.workflow_id)
            return _replaced(before, body)

        return await self._change(environment, name, change)

    async def patch(self, environment: Environment, name: str, body: WorkflowPatch) -> Workflow:
        """Replace the fields that were sent; null resets one. Raise NotFound."""
        sent = {key: value for key, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}
        fields = {key: _PATCH_DEFAULTS.get(key) if value is None else value for key, value in sent.items()}
        return await self._change(environment, name, lambda before: msgspec.structs.replace(before, **fields))

    async def delete(self, environment: Environment, name: str) -> None:
        """Delete a workflow; its messages stay. Raise NotFound."""
        if not await self._store.delete(environment.number, (await self.get(environment, name)).identifier):
            raise _unknown(name)
        self._cache.drop(environment.number)

    async def _change(self, environment: Environment, name: str, change: Callable[[Workflow], Workflow]) -> Workflow:
        def write(before: Workflow) -> Workflow:
            later = max(now_ms(), before.updated_ms + 1)  # a revision of its own, whatever the clock says
            after = msgspec.structs.replace(change(before), updated_ms=later)
            check_schema(after.payload_schema)
            check_templates(after)
            return after

        identifier = (await self.get(environment, name)).identifier
        changed = existing(await self._store.update(environment.number, identifier, write), _unknown(name))
        self._cache.drop(environment.number)
        return changed


def build_workflow(body: WorkflowCreate) -> Workflow:
    """Return a new workflow, validated so that it can be triggered. Raise ValidationFailed naming the wrong field."""
    now = now_ms()
    workflow = Workflow(
        id=new_object_id(),
        identifier=check_identifier(body.workflow_id, "workflowId"),
        created_ms=now,
        updated_ms=now,
        steps=build_steps(body.steps),
        **stored_fields(body),
    )
    check_schema(workflow.payload_schema)
    check_templates(workflow)
    return workflow


def step_index(workflow: Workflow, name: str) -> int:
    """Return the index of the step with this stepId, `_id` or slug. Raise NotFound."""
    suffix = name.rpartition("_st_")[2]
    steps = list(enumerate(workflow.steps))
    found = next((index for index, step in steps if step.step_id == name), None)
    if found is None:
        found = next((index for index, step in steps if name == step.id or suffix == short_id(step.id)), None)
    return existing(found, NotFound(f"Step {name} of {workflow.identifier} cannot be found", stepId=name))


def _unknown(name: str) -> NotFound:
    return NotFound(f"Workflow {name} cannot be found", workflowId=name)


def _taken(workflow: Workflow) -> BadRequest:
    name = workflow.identifier
    return BadRequest(f"Workflow with identifier {name} already exists", workflowId=name)


def _rules(workflow: Workflow) -> list[JsonObject | None]:
    return [step.controls.get("skip") for step in workflow.steps]


def _replaced(before: Workflow, body: WorkflowContent) -> Workflow:
    return msgspec.structs.replace(before, steps=build_steps(body.steps, before.steps), **stored_fields(body))


def stored_fields(body: WorkflowContent | UnsavedWorkflow) -> JsonObject:
    """Return the fields of a stored workflow that a body decides, the absent ones at their defaults."""
    preferences = body.preferences or PreferencesRequest()
    return {
        "name": body.name,
        "description": body.description,
        "tags": list(dict.fromkeys(body.tags or [])),
        "active": body.active is not False,
        "severity": body.severity or "none",
        "validate_payload": body.validate_payload or False,
        "payload_schema": body.payload_schema,
        "default_preferences": preferences.workflow or PreferenceSet(),
        "user_preferences": preferences.user,
        "is_translation_enabled": body.is_translation_enabled or False,
        "conditions": "run",
    }
