"""`/v2/contexts`: contexts, to which messages belong besides their subscribers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ORDER_BY, CursorPageQuery, SearchText
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.models import wire
from inbox.models.context import ContextCreate, ContextUpdate, context_view
from inbox.service.environments.contexts import ContextFilter


class ListContexts(CursorPageQuery):
    """Which contexts. Both orders are that of creation."""

    order_by: Annotated[Literal["createdAt", "_id"], ORDER_BY] = "createdAt"
    id: Annotated[str, Meta(description="The context's id")] = ""
    search: SearchText = ""


@operation("POST /v2/contexts", "createContext", status=201)
async def create(request: Request, caller: ApiCaller, body: ContextCreate) -> Data[wire.ContextReply]:
    """Create a context. One of that type and id is 400."""
    return data(context_view(await services_of(request).contexts.create(caller.environment, body)), 201)


@operation("GET /v2/contexts", "listContexts")
async def list_contexts(
    request: Request, caller: ApiCaller, query: ListContexts
) -> Bare[wire.CursorPageReply[wire.ContextReply]]:
    """List contexts. Cursors are `type:id`."""
    filtered = ContextFilter(query.id, query.search)
    listed = await services_of(request).contexts.find(caller.environment, query.cursor(), filtered)
    return bare(listed.view([context_view(context) for context in listed.rows]))


@operation("GET /v2/contexts/{type}/{id}", "getContext")
async def get(request: Request, caller: ApiCaller) -> Data[wire.ContextReply]:
    """Get a context."""
    kind, name = path_param(request, "type"), path_param(request, "id")
    return data(context_view(await services_of(request).contexts.get(caller.environment, kind, name)))


@operation("PATCH /v2/contexts/{type}/{id}", "updateContext")
async def update(request: Request, caller: ApiCaller, body: ContextUpdate) -> Data[wire.ContextReply]:
    """Replace the data of a context."""
    kind, name = path_param(request, "type"), path_param(request, "id")
    return data(context_view(await services_of(request).contexts.update(caller.environment, kind, name, body.data)))


@operation("DELETE /v2/contexts/{type}/{id}", "deleteContext")
async def delete(request: Request, caller: ApiCaller) -> Response:
    """Delete a context."""
    kind, name = path_param(request, "type"), path_param(request, "id")
    await services_of(request).contexts.delete(caller.environment, kind, name)
    return no_content()
