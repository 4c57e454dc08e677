"""`/v1/integrations`: the in-app integration of the caller's environment (rest-server.md §12)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound
from inbox.models.environment import Environment
from inbox.models.integration import (
    PROVIDER,
    IntegrationCreate,
    IntegrationUpdate,
    integration_id,
    integration_view,
)
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, read_body
from inbox.routes.replies import data


async def list_integrations(request: Request) -> Response:
    """GET /v1/integrations → 200 a list of one."""
    caller = await authenticate(request)
    return data([_view(request, caller.environment)])


async def list_active(request: Request) -> Response:
    """GET /v1/integrations/active → 200 the same, empty while it is inactive."""
    caller = await authenticate(request)
    return data([_view(request, caller.environment)] if caller.environment.in_app_active else [])


async def update(request: Request) -> Response:
    """PUT /v1/integrations/:integrationId → 200 the integration; 404 another id."""
    caller = await authenticate(request)
    body = await read_body(request, IntegrationUpdate)
    _check_id(request, caller.environment)
    return data(await _change(request, caller.environment, body))


async def create(request: Request) -> Response:
    """POST /v1/integrations → 201 the in-app integration, changed as sent; 400 for any other provider."""
    caller = await authenticate(request)
    body = await read_body(request, IntegrationCreate)
    if (body.channel, body.provider_id) != ("in_app", PROVIDER):
        raise BadRequest(f"Only the in_app provider {PROVIDER} is offered")
    return data(await _change(request, caller.environment, body), 201)


async def set_primary(request: Request) -> Response:
    """POST /v1/integrations/:integrationId/set-primary → 200 the integration, which is the only one."""
    caller = await authenticate(request)
    _check_id(request, caller.environment)
    return data(_view(request, caller.environment))


async def in_app_status(request: Request) -> Response:
    """GET /v1/integrations/in-app/status → 200 `{active}`: whether any subscriber has connected so far."""
    caller = await authenticate(request)
    return data({"active": caller.environment.connected})


def _check_id(request: Request, environment: Environment) -> None:
    wanted = path_param(request, "integrationId")
    if wanted != integration_id(environment):
        raise NotFound(f"Entity with id {wanted} not found")


async def _change(request: Request, environment: Environment, body: IntegrationUpdate) -> dict[str, object]:
    fields = body.fields()
    if fields:
        environment = await services_of(request).environments.change(environment, **fields)
    return _view(request, environment)


def _view(request: Request, environment: Environment) -> dict[str, object]:
    required = services_of(request).environments.is_hash_required(environment)
    return integration_view(environment, hash_required=required)
