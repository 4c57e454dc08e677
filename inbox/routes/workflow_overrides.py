"""`/v1/workflow-overrides`: workflows that behave differently for a tenant."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import NotFound
from inbox.models.environment import Environment
from inbox.models.workflow_override import Override, OverrideChange, OverrideCreate, override_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, query_int, read_body
from inbox.routes.replies import data, page

MAX_PAGE = 1_000


async def create_override(request: Request) -> Response:
    """POST → 201; 400 when there is one, 404 for an unknown workflow or tenant."""
    caller = await authenticate(request)
    body = await read_body(request, OverrideCreate)
    services = services_of(request)
    workflow = await services.workflows.get(caller.environment, body.workflow_id)
    tenant = await services.tenants.get_named(caller.environment, body.tenant_id)
    override = await services.workflow_overrides.create(caller.environment, workflow, tenant, body)
    return data(override_view(override, caller.environment), 201)


async def list_overrides(request: Request) -> Response:
    """GET → 200 `{page, hasMore, pageSize, data}`, newest first."""
    caller = await authenticate(request)
    number, limit = query_int(request, "page", 0, 0, MAX_PAGE), query_int(request, "limit", 10, 1, 100)
    found, more = await services_of(request).workflow_overrides.list_page(caller.environment, number, limit)
    views = [override_view(one, caller.environment) for one in found]
    return page({"page": number, "hasMore": more, "pageSize": limit, "data": views})


async def get_override(request: Request) -> Response:
    """GET /:overrideId, or /workflows/:workflowId/tenants/:tenantId → 200; 404."""
    caller = await authenticate(request)
    return data(override_view(await _named(request, caller.environment), caller.environment))


async def update_override(request: Request) -> Response:
    """PUT on the same paths → 200 with the fields that were sent; 404."""
    caller = await authenticate(request)
    body = await read_body(request, OverrideChange)
    override = await _named(request, caller.environment)
    changed = await services_of(request).workflow_overrides.update(caller.environment, override, body)
    return data(override_view(changed, caller.environment))


async def delete_override(request: Request) -> Response:
    """DELETE /:overrideId → 200 `true`; 404."""
    caller = await authenticate(request)
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
    if override is None:
        raise NotFound(f"The workflow {workflow.identifier} has no override for the tenant {tenant.identifier}")
    return override
