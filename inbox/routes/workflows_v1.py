"""`/v1/workflows`, also as `/v1/notification-templates`."""

from __future__ import annotations

from starlette.requests import Request

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ShortPageQuery
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.models.workflow_v1 import WorkflowStatus, WorkflowV1
from inbox.service.workflows.v1 import ReferableIds, workflow_v1_view


@operation(["GET /v1/workflows", "GET /v1/notification-templates"], "list{}s")
async def list_workflows(
    request: Request, caller: ApiCaller, query: ShortPageQuery
) -> Bare[wire.CountedPageReply[wire.WorkflowV1Reply]]:
    """List workflows, page by page. The newest come first."""
    listed = WorkflowQuery(limit=query.limit, offset=query.page * query.limit)
    workflows, total = await services_of(request).workflows.list(caller.environment, listed)
    names = await _group_names(request, caller.environment)
    views = [_view(workflow, caller.environment, names) for workflow in workflows]
    return bare({"page": query.page, "totalCount": total, "pageSize": query.limit, "data": views})


@operation(["GET /v1/workflows/{workflowId}", "GET /v1/notification-templates/{workflowId}"], "get{}")
async def get_workflow(request: Request, caller: ApiCaller) -> Data[wire.WorkflowV1Reply]:
    """Get a workflow."""
    workflow = await services_of(request).workflows.get(caller.environment, path_param(request, "workflowId"))
    return await _reply(request, caller.environment, workflow)


@operation(["POST /v1/workflows", "POST /v1/notification-templates"], "create{}", status=201)
async def create_workflow(request: Request, caller: ApiCaller, body: WorkflowV1) -> Data[wire.WorkflowV1Reply]:
    """Create a workflow. The identifier of its trigger is made of the name."""
    referable = await _referable_ids(request, caller.environment)
    workflow = await services_of(request).workflows.create_v1(caller.environment, body, referable)
    return await _reply(request, caller.environment, workflow, 201)


@operation(["PUT /v1/workflows/{workflowId}", "PUT /v1/notification-templates/{workflowId}"], "update{}")
async def update_workflow(request: Request, caller: ApiCaller, body: WorkflowV1) -> Data[wire.WorkflowV1Reply]:
    """Change a workflow. Only the fields sent are changed."""
    name = path_param(request, "workflowId")
    referable = await _referable_ids(request, caller.environment)
    workflow = await services_of(request).workflows.update_v1(caller.environment, name, body, referable)
    return await _reply(request, caller.environment, workflow)


@operation(
    ["PUT /v1/workflows/{workflowId}/status", "PUT /v1/notification-templates/{workflowId}/status"], "set{}Status"
)
async def set_status(request: Request, caller: ApiCaller, body: WorkflowStatus) -> Data[wire.WorkflowV1Reply]:
    """Switch a workflow on or off."""
    name = path_param(request, "workflowId")
    change = WorkflowV1(active=body.active)
    workflow = await services_of(request).workflows.update_v1(caller.environment, name, change, ReferableIds((), ()))
    return await _reply(request, caller.environment, workflow)


@operation(["DELETE /v1/workflows/{workflowId}", "DELETE /v1/notification-templates/{workflowId}"], "delete{}")
async def delete_workflow(request: Request, caller: ApiCaller) -> Data[bool]:
    """Delete a workflow."""
    await services_of(request).workflows.delete(caller.environment, path_param(request, "workflowId"))
    return data(True)


async def _referable_ids(request: Request, environment: Environment) -> ReferableIds:
    services = services_of(request)
    groups = await services.groups.list(environment)
    feeds = await services.named_feeds.list(environment)
    return ReferableIds({group.id for group in groups}, {feed.id for feed in feeds})


async def _group_names(request: Request, environment: Environment) -> dict[str, str]:
    return {group.id: group.name for group in await services_of(request).groups.list(environment)}


async def _reply(
    request: Request, environment: Environment, workflow: Workflow, status: int = 200
) -> Data[wire.WorkflowV1Reply]:
    return data(_view(workflow, environment, await _group_names(request, environment)), status)


def _view(workflow: Workflow, environment: Environment, names: dict[str, str]) -> wire.WorkflowV1Reply:
    group = workflow.notification_group_id
    return workflow_v1_view(workflow, environment, names.get(group or "", next(iter(names.values()))))
