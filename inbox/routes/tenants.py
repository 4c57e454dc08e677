"""`/v1/tenants`: tenants, which triggers may name."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import PageQuery
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.models import wire
from inbox.models.tenant import TenantCreate, TenantUpdate, parse_tenant_identifier, tenant_view


@operation("POST /v1/tenants", "createTenant", status=201, errors=[409])
async def create(request: Request, caller: ApiCaller, body: TenantCreate) -> Data[wire.TenantReply]:
    """Create a tenant. An identifier that is taken is 409."""
    identifier = parse_tenant_identifier(body.identifier)
    tenant = await services_of(request).tenants.create(caller.environment, identifier, body)
    return data(tenant_view(tenant, caller.environment), 201)


@operation("GET /v1/tenants", "listTenants")
async def list_tenants(request: Request, caller: ApiCaller, query: PageQuery) -> Bare[wire.PageReply[wire.TenantReply]]:
    """List tenants. The newest come first."""
    tenants, more = await services_of(request).tenants.list_page(caller.environment, query.page, query.limit)
    views = [tenant_view(tenant, caller.environment) for tenant in tenants]
    return bare({"page": query.page, "hasMore": more, "pageSize": query.limit, "data": views})


@operation("GET /v1/tenants/{identifier}", "getTenant")
async def get(request: Request, caller: ApiCaller) -> Data[wire.TenantReply]:
    """Get a tenant."""
    tenant = await services_of(request).tenants.get(caller.environment, path_param(request, "identifier"))
    return data(tenant_view(tenant, caller.environment))


@operation("PATCH /v1/tenants/{identifier}", "updateTenant", errors=[409])
async def update(request: Request, caller: ApiCaller, body: TenantUpdate) -> Data[wire.TenantReply]:
    """Change a tenant. A new identifier that is taken is 409."""
    renamed = None if body.identifier is None else parse_tenant_identifier(body.identifier)
    identifier = path_param(request, "identifier")
    tenant = await services_of(request).tenants.update(caller.environment, identifier, body, renamed)
    return data(tenant_view(tenant, caller.environment))


@operation("DELETE /v1/tenants/{identifier}", "deleteTenant")
async def delete(request: Request, caller: ApiCaller) -> Response:
    """Delete a tenant."""
    await services_of(request).tenants.delete(caller.environment, path_param(request, "identifier"))
    return no_content()
