"""`/v1/tenants`: whom a trigger may be sent for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.tenant import TenantCreate, TenantUpdate, parse_tenant_identifier, tenant_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, query_int, read_body
from inbox.routes.replies import data, no_content, page

MAX_PAGE = 1_000_000


async def create(request: Request) -> Response:
    """POST /v1/tenants → 201 the tenant; 409 when the identifier is taken."""
    caller = await authenticate(request)
    body = await read_body(request, TenantCreate)
    identifier = parse_tenant_identifier(body.identifier)
    tenant = await services_of(request).tenants.create(caller.environment, identifier, body)
    return data(tenant_view(tenant, caller.environment), 201)


async def list_tenants(request: Request) -> Response:
    """GET /v1/tenants → 200 `{page, hasMore, pageSize, data}`, newest first."""
    caller = await authenticate(request)
    number, limit = query_int(request, "page", 0, 0, MAX_PAGE), query_int(request, "limit", 10, 1, 100)
    tenants, more = await services_of(request).tenants.list_page(caller.environment, number, limit)
    views = [tenant_view(tenant, caller.environment) for tenant in tenants]
    return page({"page": number, "hasMore": more, "pageSize": limit, "data": views})


async def get(request: Request) -> Response:
    """GET /v1/tenants/:identifier → 200, 404."""
    caller = await authenticate(request)
    tenant = await services_of(request).tenants.get(caller.environment, path_param(request, "identifier"))
    return data(tenant_view(tenant, caller.environment))


async def update(request: Request) -> Response:
    """PATCH /v1/tenants/:identifier → 200 the tenant; 404, and 409 when a new identifier is taken."""
    caller = await authenticate(request)
    body = await read_body(request, TenantUpdate)
    renamed = None if body.identifier is None else parse_tenant_identifier(body.identifier)
    identifier = path_param(request, "identifier")
    tenant = await services_of(request).tenants.update(caller.environment, identifier, body, renamed)
    return data(tenant_view(tenant, caller.environment))


async def delete(request: Request) -> Response:
    """DELETE /v1/tenants/:identifier → 204, 404."""
    caller = await authenticate(request)
    await services_of(request).tenants.delete(caller.environment, path_param(request, "identifier"))
    return no_content()
