"""`/v1/environments`: the caller's environment and its keys (rest-server.md §12)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import NotFound
from inbox.models.environment import api_key_view, environment_view
from inbox.models.workflow_query import WorkflowQuery
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param
from inbox.routes.replies import data
from inbox.store.workflows import MAX_WORKFLOWS


async def list_environments(request: Request) -> Response:
    """GET /v1/environments → 200 a list of one: a key tells nothing of other environments."""
    caller = await authenticate(request)
    keys = services_of(request).environments.live_keys(caller.environment)
    return data([environment_view(caller.environment, keys)])


async def get_mine(request: Request) -> Response:
    """GET /v1/environments/me → 200 the environment of the key."""
    caller = await authenticate(request)
    keys = services_of(request).environments.live_keys(caller.environment)
    return data(environment_view(caller.environment, keys))


async def list_keys(request: Request) -> Response:
    """GET /v1/environments/api-keys → 200 `[{key, _userId}]`: every live key, as the contract asks in the clear."""
    caller = await authenticate(request)
    keys = services_of(request).environments.live_keys(caller.environment)
    return data([api_key_view(caller.environment, key) for key in keys])


async def list_tags(request: Request) -> Response:
    """GET /v2/environments/:environmentId/tags → 200 `[{name}]`: the tags of its workflows; 404 another's."""
    caller = await authenticate(request)
    environment_id = path_param(request, "environmentId")
    if environment_id not in (caller.environment.id, caller.environment.identifier):
        raise NotFound(f"Environment {environment_id} was not found")
    workflows, _ = await services_of(request).workflows.list(caller.environment, WorkflowQuery(limit=MAX_WORKFLOWS))
    return data([{"name": tag} for tag in sorted({tag for workflow in workflows for tag in workflow.tags})])
