"""`/v1/workflows`, also as `/v1/notification-templates` (rest-server.md §11)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.environment import Environment
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.models.workflow_v1 import WorkflowStatus, WorkflowV1
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, query_int, read_body
from inbox.routes.replies import data, page
from inbox.service.workflows.v1 import Known, workflow_v1_view

MAX_PAGE = 1_000
MAX_LIMIT = 100


async def list_workflows(request: Request) -> Response:
    """GET → 200 `{page, totalCount, pageSize, data}`, newest first."""
    caller = await authenticate(request)
    number = query_int(request, "page", 0, 0, MAX_PAGE)
    limit = query_int(request, "limit", 10, 1, MAX_LIMIT)
    query = WorkflowQuery(limit=limit, offset=number * limit)
    workflows, total = await services_of(request).workflows.list(caller.environment, query)
    names = await _group_names(request, caller.environment)
    views = [_view(workflow, caller.environment, names) for workflow in workflows]
    return page({"page": number, "totalCount": total, "pageSize": limit, "data": views})


async def get_workflow(request: Request) -> Response:
    """GET /:workflowId → 200; 404."""
    caller = await authenticate(request)
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    return await _reply(request, caller.environment, workflow)


async def create_workflow(request: Request) -> Response:
    """POST → 201; its trigger's identifier is made of the name."""
    caller = await authenticate(request)
    body = await read_body(request, WorkflowV1)
    known = await _known(request, caller.environment)
    workflow = await services_of(request).workflows.create_v1(caller.environment, body, known)
    return await _reply(request, caller.environment, workflow, 201)


async def update_workflow(request: Request) -> Response:
    """PUT /:workflowId → 200 with the fields that were sent; 404."""
    caller = await authenticate(request)
    name = path_param(request, "workflowId")
    body = await read_body(request, WorkflowV1)
    known = await _known(request, caller.environment)
    workflow = await services_of(request).workflows.update_v1(caller.environment, name, body, known)
    return await _reply(request, caller.environment, workflow)


async def set_status(request: Request) -> Response:
    """PUT /:workflowId/status → 200 `{active}` set; 404."""
    caller = await authenticate(request)
    name = path_param(request, "workflowId")
    body = await read_body(request, WorkflowStatus)
    change = WorkflowV1(active=body.active)
    workflow = await services_of(request).workflows.update_v1(caller.environment, name, change, Known((), ()))
    return await _reply(request, caller.environment, workflow)


async def delete_workflow(request: Request) -> Response:
    """DELETE /:workflowId → 200 `true`; 404."""
    caller = await authenticate(request)
    await services_of(request).workflows.delete(caller.environment, path_param(request, "workflowId"))
    return data(True)


async def _known(request: Request, environment: Environment) -> Known:
    services = services_of(request)
    groups = await services.groups.list(environment)
    feeds = await services.named_feeds.list(environment)
    return Known({group.id for group in groups}, {feed.id for feed in feeds})


async def _group_names(request: Request, environment: Environment) -> dict[str, str]:
    return {group.id: group.name for group in await services_of(request).groups.list(environment)}


async def _reply(request: Request, environment: Environment, workflow: Workflow, status: int = 200) -> Response:
    return data(_view(workflow, environment, await _group_names(request, environment)), status)


def _view(workflow: Workflow, environment: Environment, names: dict[str, str]) -> dict[str, object]:
    group = workflow.notification_group_id
    return workflow_v1_view(workflow, environment, names.get(group or "", next(iter(names.values()))))
