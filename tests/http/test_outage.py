"""What the log says of a store that fails and comes back: one line each, whatever meets the failure meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import InvalidStatus

from tests.conftest import RunServer, binary_of
from tests.support.client import Api, create_session
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.stores import StoreServer, call, connect, running_store
from tests.support.waiting import until

FAILS, WELL = "the store fails: ", "the store is well again, after "
TIMEOUT_SECONDS = 5
"""For which a command waits for its reply."""


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A Valkey that keeps everything over a restart."""
    with running_store(binary_of("valkey"), unix=True, options=["--appendfsync", "always"]) as store:
        yield store


def outages(server: Server) -> list[str]:
    """The lines of outages in the log, in their order."""
    return [known for line in server.log().splitlines() for known in (FAILS, WELL) if known in line]


async def ask(server: Server, times: int) -> list[int]:
    headers = {"Authorization": f"ApiKey {server.api_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
        body = {"name": "bench", "to": "ada", "payload": {}}
        answers = await asyncio.gather(*(client.post("/v1/events/trigger", json=body) for _ in range(times)))
        return [answer.status_code for answer in answers]


async def lines(server: Server, count: int) -> None:
    async def told() -> bool:
        return len(outages(server)) >= count

    await until(told, 60)


@pytest.mark.parametrize("traffic", [0, 20], ids=["idle", "busy"])
async def test_a_store_that_goes_and_comes_back(run_server: RunServer, store: StoreServer, traffic: int) -> None:
    server = await run_server(redis_url=store.url)
    async with Api.open(server) as api, PlainSocket.open(server, "ada") as socket:
        await api.create_workflow()
        for outage in (1, 2):
            store.kill()
            await lines(server, 2 * outage - 1)  # also of a service that nobody asks: its subscription has ended
            assert set(await ask(server, traffic)) <= {503}
            assert outages(server) == [FAILS, WELL] * (outage - 1) + [FAILS]
            store.start()
            await lines(server, 2 * outage)
            await api.trigger("ada", {"n": 1}, transactionId=f"after-{outage}")
            await socket.reach(f"after-{outage}")
            assert outages(server) == [FAILS, WELL] * outage


async def test_nobody_waits_in_turn_for_a_frozen_store(run_server: RunServer, store: StoreServer) -> None:
    """Every request waits for one time-out, or two, but none for those of the others."""
    server = await run_server(redis_url=store.url)
    timeouts, answered = 0, asyncio.Event()

    async def count_timeouts() -> None:
        nonlocal timeouts
        while not answered.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), TIMEOUT_SECONDS)
            timeouts += 1

    async def refused_handshake(token: str) -> int:
        with pytest.raises(InvalidStatus) as refused:
            await connect_socket(f"{server.ws_url}?token={token}", proxy=None, open_timeout=120)
        return refused.value.response.status_code

    async with Api.open(server) as api:
        await api.create_workflow()
        await api.trigger(["ada", "bob"], {"n": 1})
        tokens = [(await create_session(server, name))["token"] for name in ("ada", "bob")]
    store.process.signal(signal.SIGSTOP)
    try:
        assert await ask(server, 1) == [503]  # from now on what is cached is too old to be used unasked
        counting = asyncio.create_task(count_timeouts())
        handshakes = asyncio.gather(*map(refused_handshake, tokens))
        assert {*await ask(server, 13), *await handshakes} == {503}
        answered.set()
        await counting
    finally:
        store.process.signal(signal.SIGCONT)
    assert timeouts <= 4
    await server.wait_ready()
    assert set(await ask(server, 2)) == {201}


async def test_a_store_that_is_full(run_server: RunServer, store: StoreServer) -> None:
    """It can be read and reached, but takes nothing: an outage for as long as a write fails."""
    server = await run_server(redis_url=store.url)
    async with Api.open(server) as api:
        await api.create_workflow()
    with connect(store.url) as client:
        call(client, "CONFIG", "SET", "maxmemory", 1)
        assert 503 in await ask(server, 20)
        await lines(server, 1)
        call(client, "CONFIG", "SET", "maxmemory", 0)
        await lines(server, 2)
    assert set(await ask(server, 5)) == {201}
    assert outages(server) == [FAILS, WELL]
    [line] = [line for line in server.log().splitlines() if FAILS in line]
    assert "used memory" in line
    assert "EVALSHA" not in line
