"""The verbs on workflows: kept by the API, found by triggers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, StoreUnavailable, UnprocessableEntity, invalid
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.workflow import (
    MAX_IDENTIFIER_LENGTH,
    Action,
    InAppControlsUpsert,
    InAppStepUpsert,
    PreferenceSet,
    PreferencesRequest,
    Redirect,
    Workflow,
    WorkflowContent,
    WorkflowCreate,
    WorkflowPatch,
    WorkflowUpdate,
    encode_workflow,
)
from inbox.models.workflow_query import WorkflowQuery
from inbox.models.workflow_v1 import WorkflowV1
from inbox.rendering import check_templates
from inbox.service.workflows.cache import WorkflowCache
from inbox.service.workflows.payload_schema import check_schema
from inbox.service.workflows.rules import build_steps, check_identifier
from inbox.service.workflows.v1 import Known, changed_by
from inbox.service.workflows.views import short_id, slugify
from inbox.store.client import Client
from inbox.store.keys import Keys
from inbox.store.workflows import MAX_WORKFLOWS, Outcome, WorkflowStore

DEMO_WORKFLOW = "welcome"
_ATTEMPTS = 5
_PATCH_DEFAULTS: dict[str, Any] = {
    "tags": [],
    "active": True,
    "validate_payload": False,
    "is_translation_enabled": False,
}

T = TypeVar("T")


class WorkflowService:
    """Creates, changes, lists and finds workflows. The API names one by its identifier, its `_id` or its slug."""

    def __init__(self, client: Client, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = WorkflowStore(client, keys)
        self._cache = WorkflowCache(self._store, clock)

    async def find(self, environment: Environment, name: str) -> Workflow | None:
        """The workflow with this identifier, or None; at most a second old."""
        return await self._cache.find(environment.number, name)

    def cached(self, environment: Environment, name: str) -> Workflow | None:
        """Return what `find` would, if it is known without asking the store."""
        return self._cache.cached(environment.number, name)

    def forget(self) -> None:
        """Drops what is cached: after a break in which changes may have been missed."""
        self._cache.clear()

    async def get(self, environment: Environment, name: str) -> Workflow:
        """The workflow as it is stored. Raises NotFound."""
        workflow = await self._store.get(environment.number, name)
        if workflow is None:
            suffix = name.rpartition("_wf_")[2]
            everything = await self._store.all(environment.number)
            found = (each for each in everything if name == each.id or suffix == short_id(each.id))
            workflow = next(found, None)
        if workflow is None:
            raise NotFound("Workflow cannot be found", workflowId=name)
        return workflow

    async def list(self, environment: Environment, query: WorkflowQuery) -> tuple[Sequence[Workflow], int]:
        """A page of the workflows that the query takes, and how many it takes in all."""
        taken = [workflow for workflow in await self._store.all(environment.number) if query.takes(workflow)]
        taken.sort(key=query.key, reverse=query.descending)
        return taken[query.offset : query.offset + query.limit], len(taken)

    async def create(self, environment: Environment, body: WorkflowCreate) -> Workflow:
        """Stores a new workflow.

        Raises BadRequest when the identifier is taken, ValidationFailed naming the field that is wrong, and
        UnprocessableEntity when the environment has 1,000 workflows.
        """
        workflow = build_workflow(body)
        if not await self._add(environment, workflow):
            name = workflow.identifier
            raise BadRequest(f"Workflow with identifier {name} already exists", workflowId=name)
        return workflow

    async def push(
        self, environment: Environment, body: WorkflowCreate, *, dry_run: bool = False
    ) -> Literal["created", "updated", "unchanged"]:
        """Makes a workflow what the body says, under its identifier; what has not changed is not written.

        Raises as `create`. With `dry_run` only tells what would be done.
        """
        before = await self._store.get(environment.number, body.workflow_id)
        if before is None:
            if dry_run or await self._add(environment, build_workflow(body)):
                return "created"
            before = await self.get(environment, body.workflow_id)  # another process was first
        if encode_workflow(_replaced(before, body)) == encode_workflow(before):
            return "unchanged"
        if not dry_run:
            await self._change(environment, before.identifier, lambda known: _replaced(known, body))
        return "updated"

    async def all(self, environment: Environment) -> Sequence[Workflow]:
        """Every workflow, oldest first."""
        return await self._store.all(environment.number)

    async def create_v1(self, environment: Environment, body: WorkflowV1, known: Known) -> Workflow:
        """Stores a new v1 workflow under an identifier made of its name. Raises as `create`."""
        if body.name is None:
            raise invalid("name", "name should not be empty")
        now, workflow_id = now_ms(), new_object_id()
        slug = slugify(body.name, "workflow")[:MAX_IDENTIFIER_LENGTH]
        fresh = Workflow(id=workflow_id, identifier=slug, name=body.name, created_ms=now, updated_ms=now)
        workflow = changed_by(fresh, body, known)
        check_templates(workflow)
        if await self._add(environment, workflow):
            return workflow
        end = f"-{short_id(workflow_id)}"
        other = msgspec.structs.replace(workflow, identifier=slug[: MAX_IDENTIFIER_LENGTH - len(end)] + end)
        if not await self._add(environment, other):
            raise StoreUnavailable
        return other

    async def update_v1(self, environment: Environment, name: str, body: WorkflowV1, known: Known) -> Workflow:
        """Changes the fields that were sent. Raises NotFound, and ValidationFailed as `create`."""
        return await self._change(environment, name, lambda before: changed_by(before, body, known))

    async def _add(self, environment: Environment, workflow: Workflow) -> bool:
        """Stores a new workflow, unless its identifier is taken."""
        outcome = await self._store.create(environment.number, workflow)
        if outcome == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_WORKFLOWS} workflows")
        self._cache.drop(environment.number)
        return outcome == "written"

    async def update(self, environment: Environment, name: str, body: WorkflowUpdate) -> Workflow:
        """Replaces everything but the ids. Raises NotFound, and ValidationFailed as `create`."""

        def change(before: Workflow) -> Workflow:
            if body.workflow_id not in (None, before.identifier):
                raise invalid("workflowId", "workflowId cannot be changed", body.workflow_id)
            return _replaced(before, body)

        return await self._change(environment, name, change)

    async def patch(self, environment: Environment, name: str, body: WorkflowPatch) -> Workflow:
        """Replaces the fields that were sent; null resets one. Raises NotFound."""
        sent = {key: value for key, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}
        fields = {key: _PATCH_DEFAULTS.get(key) if value is None else value for key, value in sent.items()}
        return await self._change(environment, name, lambda before: msgspec.structs.replace(before, **fields))

    async def delete(self, environment: Environment, name: str) -> None:
        """Deletes a workflow; its messages stay. Raises NotFound."""

        async def attempt() -> tuple[Outcome, None]:
            return await self._store.delete(environment.number, await self.get(environment, name)), None

        await self._until_written(environment, attempt)

    async def ensure_demo_workflow(self, environment: Environment) -> None:
        """Makes the workflow `welcome` if there is none: a subject, a body and a button, all from the payload."""
        if await self._store.get(environment.number, DEMO_WORKFLOW) is not None:
            return
        try:
            await self.create(environment, _demo_workflow())
        except BadRequest:  # another process was first
            return

    async def _change(self, environment: Environment, name: str, change: Callable[[Workflow], Workflow]) -> Workflow:
        async def attempt() -> tuple[Outcome, Workflow]:
            before = await self.get(environment, name)
            later = max(now_ms(), before.updated_ms + 1)  # a revision of its own, whatever the clock says
            after = msgspec.structs.replace(change(before), updated_ms=later)
            check_schema(after.payload_schema)
            check_templates(after)
            return await self._store.replace(environment.number, before, after), after

        return await self._until_written(environment, attempt)

    async def _until_written(self, environment: Environment, attempt: Callable[[], Awaitable[tuple[Outcome, T]]]) -> T:
        """Repeats a read and a write that another writer came between. Raises StoreUnavailable after five times."""
        for _ in range(_ATTEMPTS):
            outcome, result = await attempt()
            if outcome == "written":
                self._cache.drop(environment.number)
                return result
        raise StoreUnavailable


def build_workflow(body: WorkflowCreate) -> Workflow:
    """A new workflow as it would be stored: what cannot be used is refused here, not when it is triggered.

    Raises ValidationFailed naming the field that is wrong.
    """
    now = now_ms()
    workflow = Workflow(
        id=new_object_id(),
        identifier=check_identifier(body.workflow_id, "workflowId"),
        created_ms=now,
        updated_ms=now,
        steps=build_steps(body.steps),
        **_fields(body),
    )
    check_schema(workflow.payload_schema)
    check_templates(workflow)
    return workflow


def _replaced(before: Workflow, body: WorkflowContent) -> Workflow:
    """The workflow with everything but its ids as the body has it."""
    return msgspec.structs.replace(before, steps=build_steps(body.steps, before.steps), **_fields(body))


def _fields(body: WorkflowContent) -> dict[str, Any]:
    """The fields of a stored workflow that a body decides, the absent ones at their defaults."""
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
    }


def _demo_workflow() -> WorkflowCreate:
    button = Action("{{payload.actionLabel}}", Redirect("{{payload.actionUrl}}"))
    controls = InAppControlsUpsert(subject="{{payload.subject}}", body="{{payload.body}}", primary_action=button)
    step = InAppStepUpsert(name="In-app message", step_id="in-app", control_values=controls)
    return WorkflowCreate(name="Welcome", workflow_id=DEMO_WORKFLOW, steps=[step])
