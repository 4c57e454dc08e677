"""`/v2/workflows`: the workflows of the caller's environment (rest-server.md §11)."""

from __future__ import annotations

from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import ValidationFailed, invalid
from inbox.models.workflow import WorkflowCreate, WorkflowPatch, WorkflowUpdate
from inbox.models.workflow_export import Adopted, adopt, unwrap
from inbox.models.workflow_query import SortField, WorkflowQuery
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import MIB, convert, path_param, query_bool, query_int, query_list, read_body
from inbox.routes.replies import data, no_content
from inbox.service.workflows.views import workflow_list_item, workflow_view

EXPORT_LIMIT_BYTES = MIB  # the original's answers repeat the schemas of its editor in every step
MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


async def create_workflow(request: Request) -> Response:
    """`POST /v2/workflows` → 201 `{data: workflow}`; 400 when the workflowId is taken.

    With `dropUnsupportedSteps=true` the body may be a workflow as the original exports it: steps of channels that are
    not served here, and fields that are unknown here, are left out and named in `droppedSteps` and `ignoredFields`.
    """
    caller = await authenticate(request)
    workflows = services_of(request).workflows
    if not query_bool(request, "dropUnsupportedSteps"):
        body = await read_body(request, WorkflowCreate)
        return data(workflow_view(await workflows.create(caller.environment, body)), 201)
    exported = unwrap(await read_body(request, dict[str, Any], EXPORT_LIMIT_BYTES))
    if len(exported) != 1:
        raise invalid("general", "The body must hold one workflow", len(exported))
    adopted = adopt(exported[0])
    try:
        workflow = await workflows.create(caller.environment, convert(adopted.content, WorkflowCreate))
    except ValidationFailed as error:
        raise _renumbered(error, adopted) from None
    named = {"droppedSteps": [step.view() for step in adopted.dropped], "ignoredFields": adopted.ignored}
    return data(workflow_view(workflow) | named, 201)


def _renumbered(error: ValidationFailed, adopted: Adopted) -> ValidationFailed:
    """Return the error with the step numbers of the body, from which steps were left out."""
    fields = {adopted.renumber(name): [*map(adopted.renumber, messages)] for name, messages in error.fields.items()}
    values = {adopted.renumber(name): value for name, value in error.values.items()}
    return ValidationFailed(fields, error.message, values)


async def list_workflows(request: Request) -> Response:
    """`GET /v2/workflows` → 200 `{data: {workflows, totalCount}}`."""
    caller = await authenticate(request)
    query = _query(request)
    workflows, total = await services_of(request).workflows.list(caller.environment, query)
    return data({"workflows": [workflow_list_item(workflow) for workflow in workflows], "totalCount": total})


async def get_workflow(request: Request) -> Response:
    """`GET /v2/workflows/{workflowId}` → 200 `{data: workflow}`; identifier, `_id` or slug."""
    caller = await authenticate(request)
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    return data(workflow_view(workflow))


async def update_workflow(request: Request) -> Response:
    """`PUT /v2/workflows/{workflowId}` → 200 `{data: workflow}`."""
    caller = await authenticate(request)
    name = path_param(request, "workflowId")
    body = await read_body(request, WorkflowUpdate)
    workflow = await services_of(request).workflows.update(caller.environment, name, body)
    return data(workflow_view(workflow))


async def patch_workflow(request: Request) -> Response:
    """`PATCH /v2/workflows/{workflowId}` → 200 `{data: workflow}`."""
    caller = await authenticate(request)
    name = path_param(request, "workflowId")
    body = await read_body(request, WorkflowPatch)
    workflow = await services_of(request).workflows.patch(caller.environment, name, body)
    return data(workflow_view(workflow))


async def delete_workflow(request: Request) -> Response:
    """`DELETE /v2/workflows/{workflowId}` → 204."""
    caller = await authenticate(request)
    await services_of(request).workflows.delete(caller.environment, path_param(request, "workflowId"))
    return no_content()


def _query(request: Request) -> WorkflowQuery:
    order_by = _one_of(request, "orderBy", get_args(SortField), "createdAt")
    return WorkflowQuery(
        limit=query_int(request, "limit", 10, 1, MAX_LIMIT),
        offset=query_int(request, "offset", 0, 0, MAX_OFFSET),
        order_by=cast(SortField, order_by),
        descending=_one_of(request, "orderDirection", ("ASC", "DESC"), "DESC") == "DESC",
        text=request.query_params.get("query", ""),
        tags=frozenset(query_list(request, "tags")),
        statuses=frozenset(query_list(request, "status")),
    )


def _one_of(request: Request, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = request.query_params.get(name) or default
    if value not in allowed:
        raise invalid("general", f"{name} must be one of {', '.join(allowed)}", value)
    return value
