"""`/v1/environments` and `/v2/environments`: environments, and the keys and tags of the caller's own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import NotFound
from inbox.http.auth import ApiCaller, key_of, services_of
from inbox.http.operation import operation
from inbox.http.requests import path_param
from inbox.http.responses import Data, data, no_content, secret_data
from inbox.models import wire
from inbox.models.environment import (
    Environment,
    EnvironmentCreate,
    api_key_view,
    environment_view,
    live_key_view,
)
from inbox.models.workflow_query import WorkflowQuery
from inbox.store.environments import key_digest, key_id_of
from inbox.store.workflows import MAX_WORKFLOWS

MAX_ENVIRONMENTS = 100
"""Until which an API key can make further ones; each costs every process some background work."""


@operation("GET /v1/environments", "listEnvironments")
async def list_environments(request: Request, caller: ApiCaller) -> Data[list[wire.EnvironmentReply]]:
    """List environments. The caller's own comes first, with its `apiKeys`; then the others, the oldest first."""
    environments, own = services_of(request).environments, caller.environment
    others = [one for one in await environments.fresh() if one.number != own.number]
    views = [environment_view(own, environments.live_keys(own)), *(environment_view(one, None) for one in others)]
    return data(views)


@operation("POST /v1/environments", "createEnvironment", status=201)
async def create(request: Request, _: ApiCaller, body: EnvironmentCreate) -> Data[wire.EnvironmentReply]:
    """Create an environment. The answer has its one key; later only callers with a key of it can list that.

    A name that is taken is 400.
    """
    environments = services_of(request).environments
    environment = await environments.create(body.name, MAX_ENVIRONMENTS)
    return secret_data(environment_view(environment, environments.live_keys(environment)), 201)


@operation("GET /v1/environments/me", "getEnvironment")
async def get_mine(request: Request, caller: ApiCaller) -> Data[wire.EnvironmentReply]:
    """Get the environment of the API key."""
    keys = services_of(request).environments.live_keys(caller.environment)
    return data(environment_view(caller.environment, keys))


@operation("GET /v1/environments/api-keys", "listApiKeys")
async def list_keys(request: Request, caller: ApiCaller) -> Data[list[wire.ApiKeyReply]]:
    """List the API keys of the environment. Every live key is shown in the clear, as Novu's clients expect."""
    keys = services_of(request).environments.live_keys(caller.environment)
    return data([api_key_view(caller.environment, key) for key in keys])


@operation("POST /v1/environments/api-keys/regenerate", "regenerateApiKeys", status=201)
async def regenerate_keys(request: Request, caller: ApiCaller) -> Data[list[wire.ApiKeyReply]]:
    """Replace all API keys by a new one. Those of before are refused within a second, and sessions end.

    It is 400 where the service has its key from its settings.
    """
    key = await services_of(request).environments.keys.regenerate(caller.environment)
    return secret_data([api_key_view(caller.environment, key)], 201)


@operation("GET /v2/environments/{environmentId}/api-keys", "listLiveKeys")
async def list_live_keys(request: Request, caller: ApiCaller) -> Data[list[wire.LiveKeyReply]]:
    """List the API keys of the environment, masked. Those of the settings come first, then the oldest."""
    environment = _own_environment(request, caller)
    caller_digest = key_digest(key_of(request))
    keys = await services_of(request).environments.keys.list_live(environment)
    return data([live_key_view(key, caller_digest) for key in keys])


@operation("POST /v2/environments/{environmentId}/api-keys", "createApiKey", status=201)
async def create_key(request: Request, caller: ApiCaller) -> Data[wire.NewKeyReply]:
    """Create an API key. A third one is 400.

    `listEnvironments`, `getEnvironment` and `listApiKeys` show it later too, to every key of the environment.
    """
    key = await services_of(request).environments.keys.create(_own_environment(request, caller))
    return secret_data({"id": key_id_of(key_digest(key)), "key": key}, 201)


@operation("DELETE /v2/environments/{environmentId}/api-keys/{keyId}", "revokeApiKey")
async def revoke_key(request: Request, caller: ApiCaller) -> Response:
    """Revoke an API key. It is refused within a second, and all sessions of the environment end.

    The last key, and one that the service has from its settings, is 400.
    """
    environment = _own_environment(request, caller)
    await services_of(request).environments.keys.revoke_with_id(environment, path_param(request, "keyId"))
    return no_content()


@operation("GET /v2/environments/{environmentId}/tags", "listEnvironmentTags")
async def list_tags(request: Request, caller: ApiCaller) -> Data[list[wire.TagReply]]:
    """List the tags of the environment's workflows. Another environment is 404."""
    _own_environment(request, caller)
    workflows, _ = await services_of(request).workflows.list(caller.environment, WorkflowQuery(limit=MAX_WORKFLOWS))
    return data([{"name": tag} for tag in sorted({tag for workflow in workflows for tag in workflow.tags})])


def _own_environment(request: Request, caller: ApiCaller) -> Environment:
    """Return the environment of the caller, which the path names by its `_id` or identifier. Raise NotFound."""
    environment_id = path_param(request, "environmentId")
    if environment_id not in (caller.environment.id, caller.environment.identifier):
        raise NotFound(f"Environment {environment_id} was not found")
    return caller.environment
