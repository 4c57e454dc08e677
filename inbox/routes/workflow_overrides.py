"""`/v1/workflow-overrides`: workflows that behave differently for a tenant."""

from __future__ import annotations

from starlette.requests import Request

from inbox.errors import NotFound, existing
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ShortPageQuery
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.workflow_override import Override, OverrideChange, OverrideCreate, override_view


@operation("POST /v1/workflow-overrides", "createWorkflowOverride", status=201, errors=[404])
async def create_override(request: Request, caller: ApiCaller, body: OverrideCreate) -> Data[wire.OverrideReply]:
    """Create a workflow override for a tenant.

    If there is one, the answer is 400; an unknown workflow or tenant is 404.
    """
    services = services_of(request)
    workflow = await services.workflows.get(caller.environment, body.workflow_id)
    tenant = await services.tenants.get_named(caller.environment, body.tenant_id)
    override = await services.workflow_overrides.create(caller.environment, workflow, tenant, body)
    return data(override_view(override, caller.environment), 201)


@operation("GET /v1/workflow-overrides", "listWorkflowOverrides")
async def list_overrides(
    request: Request, caller: ApiCaller, query: ShortPageQuery
) -> Bare[wire.PageReply[wire.OverrideReply]]:
    """List workflow overrides. The newest come first."""
    overrides, more = await services_of(request).workflow_overrides.list_page(
        caller.environment, query.page, query.limit
    )
    views = [override_view(one, caller.environment) for one in overrides]
    return bare({"page": query.page, "hasMore": more, "pageSize": query.limit, "data": views})


@operation(
    ["GET /v1/workflow-overrides/workflows/{workflowId}/tenants/{tenantId}", "GET /v1/workflow-overrides/{overrideId}"],
    "get{}",
)
async def get_override(request: Request, caller: ApiCaller) -> Data[wire.OverrideReply]:
    """Get a workflow override."""
    return data(override_view(await _named(request, caller.environment), caller.environment))


@operation(
    ["PUT /v1/workflow-overrides/workflows/{workflowId}/tenants/{tenantId}", "PUT /v1/workflow-overrides/{overrideId}"],
    "update{}",
)
async def update_override(request: Request, caller: ApiCaller, body: OverrideChange) -> Data[wire.OverrideReply]:
    """Change a workflow override. Only the fields sent are changed."""
    override = await _named(request, caller.environment)
    changed = await services_of(request).workflow_overrides.update(caller.environment, override, body)
    return data(override_view(changed, caller.environment))


@operation("DELETE /v1/workflow-overrides/{overrideId}", "deleteWorkflowOverride")
async def delete_override(request: Request, caller: ApiCaller) -> Data[bool]:
    """Delete a workflow override."""
    override = await _named(request, caller.environment)
    await services_of(request).workflow_overrides.delete(caller.environment, override)
    return data(True)


async def _named(request: Request, environment: Environment) -> Override:
    services = services_of(request)
    if "overrideId" in request.path_params:
        return await services.workflow_overrides.get(environment, path_param(request, "overrideId"))
    workflow = await services.workflows.get(environment, path_param(request, "workflowId"))
    tenant = await services.tenants.get_named(environment, path_param(request, "tenantId"))
    override = await services.workflow_overrides.find(environment, workflow, tenant)
    return existing(
        override, NotFound(f"The workflow {workflow.identifier} has no override for the tenant {tenant.identifier}")
    )
