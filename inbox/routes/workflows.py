"""`/v2/workflows`: the workflows of the caller's environment."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import PayloadTooLarge, ValidationFailed, invalid
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ORDER_BY, Flag, OffsetQuery, OrderDirection, TagList
from inbox.http.requests import BODY_LIMIT_BYTES, MIB, convert, path_param, read_body
from inbox.http.responses import Data, data, no_content
from inbox.models import wire
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import SortField, WorkflowQuery
from inbox.service.trigger.previews import preview_step, preview_unsaved
from inbox.service.workflows.bodies import (
    PreviewRequest,
    UnsavedPreviewRequest,
    WorkflowCreate,
    WorkflowPatch,
    WorkflowUpdate,
)
from inbox.service.workflows.exports import Adopted, adopt, unwrap
from inbox.service.workflows.views import step_view, workflow_list_item, workflow_view
from inbox.service.workflows.workflows import step_index

EXPORT_LIMIT_BYTES = MIB  # the original's answers repeat the schemas of its editor in every step

WorkflowState = Literal["ACTIVE", "INACTIVE", "ERROR"]


class CreateWorkflow(msgspec.Struct, rename="camel"):
    drop_unsupported_steps: Annotated[
        Flag, Meta(description="Leave out steps of other channels, which are refused otherwise")
    ] = None


class ListWorkflows(OffsetQuery):
    order_by: Annotated[SortField, ORDER_BY] = "createdAt"
    order_direction: OrderDirection = "DESC"
    query: Annotated[str, Meta(description="Anywhere in the name or the identifier")] = ""
    tags: TagList = []
    status: Annotated[list[WorkflowState], Meta(description="Only with one of these states")] = []

    def stored(self) -> WorkflowQuery:
        descending, tags, statuses = self.order_direction == "DESC", frozenset(self.tags), frozenset(self.status)
        return WorkflowQuery(self.limit, self.offset, self.order_by, descending, self.query, tags, statuses)


@operation("POST /v2/workflows", "createWorkflow", status=201, body=WorkflowCreate)
async def create_workflow(
    request: Request, caller: ApiCaller, query: CreateWorkflow
) -> Data[wire.CreatedWorkflowReply]:
    """Create a workflow.

    A workflowId that is taken is 400. With `dropUnsupportedSteps=true` the body may be a workflow as the original
    exports it: steps of channels that are not served here, and fields that are unknown here, are left out and named in
    `droppedSteps` and `ignoredFields`.
    """
    workflows = services_of(request).workflows
    if not query.drop_unsupported_steps:
        body = await read_body(request, WorkflowCreate)
        return data(_created(await workflows.create(caller.environment, body)), 201)
    exported = unwrap(await read_body(request, dict[str, Any], EXPORT_LIMIT_BYTES))
    if len(exported) != 1:
        raise invalid("general", "The body must hold one workflow", len(exported))
    adopted = adopt(exported[0])
    if len(orjson.dumps(adopted.content)) > BODY_LIMIT_BYTES:
        raise PayloadTooLarge(f"Without what is left out the workflow is larger than {BODY_LIMIT_BYTES} bytes")
    try:
        workflow = await workflows.create(caller.environment, convert(adopted.content, WorkflowCreate))
    except ValidationFailed as error:
        raise _renumbered(error, adopted) from None
    return data(_created(workflow, adopted), 201)


@wire.without_nulls
def _created(workflow: Workflow, adopted: Adopted | None = None) -> wire.CreatedWorkflowReply:
    return {
        **workflow_view(workflow),
        "droppedSteps": [step.view() for step in adopted.dropped] if adopted else None,
        "ignoredFields": list(adopted.ignored) if adopted else None,
    }


def _renumbered(error: ValidationFailed, adopted: Adopted) -> ValidationFailed:
    """Return the error with the step numbers of the body that was sent, before steps were dropped."""
    fields = {adopted.renumber(name): [*map(adopted.renumber, messages)] for name, messages in error.fields.items()}
    values = {adopted.renumber(name): value for name, value in error.values.items()}
    return ValidationFailed(fields, error.message, values)


@operation("GET /v2/workflows", "listWorkflows")
async def list_workflows(request: Request, caller: ApiCaller, query: ListWorkflows) -> Data[wire.WorkflowListReply]:
    """List workflows."""
    workflows, total = await services_of(request).workflows.list(caller.environment, query.stored())
    return data({"workflows": [workflow_list_item(workflow) for workflow in workflows], "totalCount": total})


@operation("GET /v2/workflows/{workflowId}", "getWorkflow")
async def get_workflow(request: Request, caller: ApiCaller) -> Data[wire.WorkflowReply]:
    """Get a workflow. It is named by its identifier, `_id` or slug."""
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    return data(workflow_view(workflow))


@operation("PUT /v2/workflows/{workflowId}", "replaceWorkflow")
async def update_workflow(request: Request, caller: ApiCaller, body: WorkflowUpdate) -> Data[wire.WorkflowReply]:
    """Replace a workflow."""
    name = path_param(request, "workflowId")
    workflow = await services_of(request).workflows.update(caller.environment, name, body)
    return data(workflow_view(workflow))


@operation("PATCH /v2/workflows/{workflowId}", "patchWorkflow")
async def patch_workflow(request: Request, caller: ApiCaller, body: WorkflowPatch) -> Data[wire.WorkflowReply]:
    """Change fields of a workflow."""
    name = path_param(request, "workflowId")
    workflow = await services_of(request).workflows.patch(caller.environment, name, body)
    return data(workflow_view(workflow))


@operation("DELETE /v2/workflows/{workflowId}", "deleteWorkflow")
async def delete_workflow(request: Request, caller: ApiCaller) -> Response:
    """Delete a workflow."""
    await services_of(request).workflows.delete(caller.environment, path_param(request, "workflowId"))
    return no_content()


@operation("GET /v2/workflows/{workflowId}/steps/{stepId}", "getStep")
async def get_step(request: Request, caller: ApiCaller) -> Data[wire.StepReply]:
    """Get a step of a workflow. It is named by its stepId, `_id` or slug."""
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    return data(step_view(workflow, step_index(workflow, path_param(request, "stepId"))))


@operation("POST /v2/workflows/{workflowId}/step/{stepId}/preview", "previewStep", status=201)
async def create_preview(request: Request, caller: ApiCaller, body: PreviewRequest) -> Data[wire.StepPreviewReply]:
    """Preview a step.

    It is rendered by the code that delivers; nothing is stored or sent. `controlValues` are used instead of the stored
    ones. Values that `previewPayload` lacks are examples.
    """
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    index = step_index(workflow, path_param(request, "stepId"))
    return data(preview_step(workflow, index, body), 201)


@operation("POST /v2/workflows/preview", "previewUnsavedStep", body=UnsavedPreviewRequest)
async def create_unsaved_preview(request: Request, _: ApiCaller) -> Data[wire.StepPreviewReply]:
    """Preview a step of a workflow that is not stored.

    `step` is its index. The rest of the workflow may be unfinished: only this step and `payloadSchema` are checked, and
    the types of the other fields.
    """
    try:
        body = await read_body(request, UnsavedPreviewRequest)
    except ValidationFailed as error:
        raise _named_as_on_create(error) from None
    return data(preview_unsaved(body))


def _named_as_on_create(error: ValidationFailed) -> ValidationFailed:
    """Return the error with the fields of the workflow as a create names them, whose body is the workflow itself."""
    fields = {name: [text.replace("`$.workflow", "`$") for text in texts] for name, texts in error.fields.items()}
    return ValidationFailed(fields, error.message, error.values)
