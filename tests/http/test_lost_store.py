"""A store that loses everything under a running service: the service says so and serves again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inbox.services import open_services
from inbox.settings import Settings
from tests.conftest import RunServer, binary_of
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.stores import StoreServer, running_store

WORKFLOW = """
workflowId: order
name: Order
steps: [{name: In-app, type: in_app, controlValues: {body: "Order {{payload.n}}"}}]
"""
LOST = "the store has lost its environments"


@pytest.fixture
def forgetful() -> Iterator[StoreServer]:
    """A Valkey that keeps nothing over a restart."""
    with running_store(binary_of("valkey"), unix=True, options=["--appendonly", "no"]) as store:
        yield store


async def restart(store: StoreServer, *services: Server) -> None:
    store.kill()
    store.start()
    for service in services:
        await service.wait_ready()


async def opened_by(server: Server, api_key: str) -> str:
    """The `_id` of the environment that a key opens."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get("/v1/environments/me", headers={"Authorization": f"ApiKey {api_key}"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["_id"])


async def test_environments_keys_and_workflows_come_back(
    run_server: RunServer, forgetful: StoreServer, tmp_path: Path
) -> None:
    (tmp_path / "order.yaml").write_text(WORKFLOW)
    server = await run_server(redis_url=forgetful.url, INBOX_WORKFLOWS=str(tmp_path))
    async with open_services(Settings(redis_url=forgetful.url), forgetful.url) as services:
        staging = await services.environments.create("Staging")
        key_of_staging = services.environments.live_keys(staging)[0]
    assert await opened_by(server, key_of_staging) == staging.id
    async with Api.open(server) as api:
        before = await api.data("GET", "/v1/environments/me", 200)
        await api.trigger("ada", {"n": 1}, workflow="order")
        await restart(forgetful, server)
        assert server.log().count(LOST) == 1
        assert await api.data("GET", "/v1/environments/me", 200) == before
        await api.trigger("ada", {"n": 2}, workflow="order")
        async with InboxApi.open(server, "ada") as inbox:
            assert [one["body"] for one in await inbox.notifications()] == ["Order 2"]
        assert await opened_by(server, key_of_staging) == staging.id


async def test_several_processes_agree_on_what_was_lost(run_server: RunServer, forgetful: StoreServer) -> None:
    first, second = [await run_server(redis_url=forgetful.url) for _ in range(2)]
    await restart(forgetful, first, second)
    third = await run_server(redis_url=forgetful.url)
    async with Api.open(first) as api:
        await api.create_subscriber("ada")
        environment = (await api.data("GET", "/v1/environments/me", 200))["_id"]
    async with InboxApi.open(first, "ada") as inbox:
        token = inbox.token
    for server in (second, third):
        async with Api.open(server) as api:
            assert (await api.data("GET", "/v1/environments/me", 200))["_id"] == environment
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            feed = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
            assert feed.status_code == 200, feed.text


async def test_what_another_process_has_founded_meanwhile_stays(run_server: RunServer, forgetful: StoreServer) -> None:
    """The running one notices by the environments' ids that the store is another one; both keys open it."""
    server = await run_server(redis_url=forgetful.url)
    async with open_services(Settings(redis_url=forgetful.url), forgetful.url) as services:
        kept = await services.environments.create_key(services.environments.current)
    assert await opened_by(server, kept) == await opened_by(server, server.api_key)
    forgetful.kill()
    forgetful.start()
    async with open_services(Settings(redis_url=forgetful.url, mode="development"), forgetful.url) as services:
        founded = await services.environments.find_by_name("production")
    await server.wait_ready()
    assert LOST in server.log()
    assert await opened_by(server, server.api_key) == await opened_by(server, kept) == founded.id
    async with open_services(Settings(redis_url=forgetful.url), forgetful.url) as services:
        assert services.environments.lacks_given_key(services.environments.current)
