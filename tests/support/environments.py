"""An environment of a test's own in a service that it shares with others: the same names, and nothing in common."""

from __future__ import annotations

import copy
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.models.environment import Environment
from inbox.services import Services, open_services
from inbox.settings import Settings

from .client import Api
from .server import Server


@asynccontextmanager
async def services_of(server: Server) -> AsyncIterator[Services]:
    """The verbs of another process over the store of a running service, as a command has them."""
    url, prefix = server.settings["INBOX_REDIS_URL"], server.settings["INBOX_KEY_PREFIX"]
    async with open_services(Settings(redis_url=url, key_prefix=prefix), url) as services:
        yield services


async def environment_of(services: Services, server: Server) -> Environment:
    """The environment from which the service is seen."""
    environment = await services.environments.find_by_identifier(server.application_identifier)
    assert environment is not None
    return environment


async def see_from_new_environment(*servers: Server) -> list[Server]:
    """Return running services of one store as callers of a new environment see them: not for stops and starts."""
    async with services_of(servers[0]) as services:
        environment = await services.environments.create(secrets.token_hex(8))
        await services.environments.change(environment, hash_required=True)  # as production has it
        [api_key] = services.environments.live_keys(environment)
    seen = [copy.copy(server) for server in servers]
    for server in seen:
        names = {"INBOX_API_KEY": api_key, "INBOX_APPLICATION_IDENTIFIER": environment.identifier}
        server.settings = {**server.settings, **names}
        server.log_from += len(server.log())
        async with Api.open(server) as api:  # a process may have read the environment before its key was there
            await api.call("GET", "/v1/environments/me", 200)
    return seen
