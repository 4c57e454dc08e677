"""A store that loses everything under a running service: the service ends, and begins anew with what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import RunServer, binary_of
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.stores import StoreServer, call, connect, running_store

LOST = "the store has lost its environments"


@pytest.fixture
def forgetful() -> Iterator[StoreServer]:
    """A Valkey that keeps nothing over a restart."""
    with running_store(binary_of("valkey"), unix=True, options=["--appendonly", "no"]) as store:
        yield store


def lose(store: StoreServer, how: str) -> None:
    if how == "restarted":
        store.kill()
        store.start()
    else:
        with connect(store.url) as client:
            call(client, "FLUSHALL")


async def exit_code(server: Server) -> int:
    assert server.process is not None
    return await asyncio.to_thread(server.process.wait)


@pytest.mark.parametrize("how", ["restarted", "flushed"])
async def test_every_process_ends_and_begins_anew(run_server: RunServer, forgetful: StoreServer, how: str) -> None:
    servers = [await run_server(redis_url=forgetful.url) for _ in range(2)]
    async with Api.open(servers[0]) as api:
        await api.create_workflow("order", body="Order {{payload.n}}")
        await api.trigger("ada", {"n": 1}, workflow="order")
    async with InboxApi.open(servers[0], "ada") as inbox:
        token = inbox.token
    lose(forgetful, how)
    for server in servers:
        assert await exit_code(server) == 1
        assert server.log().count(LOST) == 2, "once in the log, once as the last word"
        await server.start()
    async with Api.open(servers[1]) as api:
        await api.create_workflow("order", body="New order {{payload.n}}")
        await api.trigger("ada", {"n": 2}, workflow="order")
    async with InboxApi.open(servers[0], "ada") as inbox:
        assert [one["body"] for one in await inbox.notifications()] == ["New order 2"]
    async with httpx.AsyncClient(base_url=servers[0].url, trust_env=False) as client:
        answer = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401, "sessions ended with their store"
