"""`/v2/contexts`: what messages belong to beside their subscribers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.context import ContextCreate, ContextUpdate, context_view
from inbox.routes.access import authenticate, services_of
from inbox.routes.cursors import cursor_query
from inbox.routes.reading import path_param, query_one_of, read_body
from inbox.routes.replies import data, no_content, page
from inbox.service.environments.contexts import ContextFilter


async def create(request: Request) -> Response:
    """POST /v2/contexts → 201 the context; 400 when there is one of that type and id."""
    caller = await authenticate(request)
    body = await read_body(request, ContextCreate)
    return data(context_view(await services_of(request).contexts.create(caller.environment, body)), 201)


async def list_contexts(request: Request) -> Response:
    """GET /v2/contexts → 200 a cursor page; cursors are `type:id`."""
    caller = await authenticate(request)
    query = cursor_query(request)
    query_one_of(request, "orderBy", ("createdAt", "_id"), "createdAt")
    wanted = ContextFilter(request.query_params.get("id", ""), request.query_params.get("search", ""))
    found = await services_of(request).contexts.find(caller.environment, query, wanted)
    return page(found.view([context_view(context) for context in found.rows]))


async def get(request: Request) -> Response:
    """GET /v2/contexts/:type/:id → 200, 404."""
    caller = await authenticate(request)
    kind, name = path_param(request, "type"), path_param(request, "id")
    return data(context_view(await services_of(request).contexts.get(caller.environment, kind, name)))


async def update(request: Request) -> Response:
    """PATCH /v2/contexts/:type/:id → 200 the context with the data sent; 404."""
    caller = await authenticate(request)
    kind, name = path_param(request, "type"), path_param(request, "id")
    body = await read_body(request, ContextUpdate)
    return data(context_view(await services_of(request).contexts.update(caller.environment, kind, name, body.data)))


async def delete(request: Request) -> Response:
    """DELETE /v2/contexts/:type/:id → 204; 404."""
    caller = await authenticate(request)
    kind, name = path_param(request, "type"), path_param(request, "id")
    await services_of(request).contexts.delete(caller.environment, kind, name)
    return no_content()
