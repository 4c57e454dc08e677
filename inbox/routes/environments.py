"""`/v1/environments`: the caller's environment and its keys."""

from __future__ import annotations

from starlette.requests import Request

from inbox.errors import NotFound
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.requests import path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.environment import api_key_view, environment_view
from inbox.models.workflow_query import WorkflowQuery
from inbox.store.workflows import MAX_WORKFLOWS


@operation("GET /v1/environments", "listEnvironments")
async def list_environments(request: Request, caller: ApiCaller) -> Data[list[wire.EnvironmentReply]]:
    """List the environments of the API key. That is a list of one: a key knows nothing of other environments."""
    keys = services_of(request).environments.live_keys(caller.environment)
    return data([environment_view(caller.environment, keys)])


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


@operation("GET /v2/environments/{environmentId}/tags", "listEnvironmentTags")
async def list_tags(request: Request, caller: ApiCaller) -> Data[list[wire.TagReply]]:
    """List the tags of the environment's workflows. Another environment is 404."""
    environment_id = path_param(request, "environmentId")
    if environment_id not in (caller.environment.id, caller.environment.identifier):
        raise NotFound(f"Environment {environment_id} was not found")
    workflows, _ = await services_of(request).workflows.list(caller.environment, WorkflowQuery(limit=MAX_WORKFLOWS))
    return data([{"name": tag} for tag in sorted({tag for workflow in workflows for tag in workflow.tags})])
