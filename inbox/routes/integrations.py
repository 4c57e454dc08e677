"""`/v1/integrations`: the in-app integration of the caller's environment."""

from __future__ import annotations

from starlette.requests import Request

from inbox.errors import BadRequest, NotFound
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.integration import (
    PROVIDER,
    IntegrationCreate,
    IntegrationUpdate,
    integration_id,
    integration_view,
)


@operation("GET /v1/integrations", "listIntegrations")
async def list_integrations(request: Request, caller: ApiCaller) -> Data[list[wire.IntegrationReply]]:
    """List integrations. That is a list of one."""
    return data([_view(request, caller.environment)])


@operation("GET /v1/integrations/active", "listActiveIntegrations")
async def list_active(request: Request, caller: ApiCaller) -> Data[list[wire.IntegrationReply]]:
    """List active integrations. The list is empty while the in-app integration is inactive."""
    return data([_view(request, caller.environment)] if caller.environment.in_app_active else [])


@operation("PUT /v1/integrations/{integrationId}", "updateIntegration")
async def update(request: Request, caller: ApiCaller, body: IntegrationUpdate) -> Data[wire.IntegrationReply]:
    """Change the in-app integration. Another id is 404."""
    _check_id(request, caller.environment)
    return data(await _change(request, caller.environment, body))


@operation("POST /v1/integrations", "createIntegration", status=201)
async def create(request: Request, caller: ApiCaller, body: IntegrationCreate) -> Data[wire.IntegrationReply]:
    """Configure the in-app integration. Any other provider is 400."""
    if (body.channel, body.provider_id) != ("in_app", PROVIDER):
        raise BadRequest(f"Only the in_app provider {PROVIDER} is offered")
    return data(await _change(request, caller.environment, body), 201)


@operation("POST /v1/integrations/{integrationId}/set-primary", "setPrimaryIntegration")
async def set_primary(request: Request, caller: ApiCaller) -> Data[wire.IntegrationReply]:
    """Make an integration the primary one. It is the only one."""
    _check_id(request, caller.environment)
    return data(_view(request, caller.environment))


@operation("GET /v1/integrations/in-app/status", "getInAppStatus")
async def in_app_status(caller: ApiCaller) -> Data[wire.ActiveReply]:
    """Get whether any page has connected."""
    return data({"active": caller.environment.connected})


def _check_id(request: Request, environment: Environment) -> None:
    sent_id = path_param(request, "integrationId")
    if sent_id != integration_id(environment):
        raise NotFound(f"Entity with id {sent_id} not found")


async def _change(request: Request, environment: Environment, body: IntegrationUpdate) -> wire.IntegrationReply:
    fields = body.fields()
    if fields:
        environment = await services_of(request).environments.change(environment, **fields)
    return _view(request, environment)


def _view(request: Request, environment: Environment) -> wire.IntegrationReply:
    required = services_of(request).environments.is_hash_required(environment)
    return integration_view(environment, hash_required=required)
