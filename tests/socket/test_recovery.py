"""The store goes and comes back: the service says so meanwhile, and afterwards nobody has missed anything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial

import httpx
import pytest

from tests.conftest import RunServer, binary_of
from tests.http.hostile import check_error
from tests.support.stores import StoreServer, connect, running_store
from tests.support.waiting import until

from .conftest import Pair, start_pair

RECOVERY_SECONDS = 15.0
TRIGGERS = 300


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A store of the test's own, to be ended and started again."""
    with running_store(binary_of("valkey"), unix=True) as server:
        yield server


async def is_ready(url: str) -> bool:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        return (await client.get("/ready")).status_code == 200


async def test_sockets_outlive_a_restart_of_the_store(
    run_server: RunServer, store: StoreServer, key_prefix: str
) -> None:
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, store.url, key_prefix)
        sockets = await pair.sockets("ada")
        await pair.api.trigger("ada", {"n": 1}, transactionId="before")
        store.kill()
        for api in pair.apis:
            answer = await api.client.post("/v1/events/trigger", json={"name": "bench", "to": "ada"})
            check_error(answer, 503)
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await api.client.get("/ready")).status_code == 503
            assert (await api.client.get("/health")).status_code == 200
        store.start()
        for server in pair.servers:
            await until(partial(is_ready, server.url), RECOVERY_SECONDS)
        await pair.apis[1].trigger("ada", {"n": 2}, transactionId="after")
        for socket in sockets:
            await socket.reach("after", RECOVERY_SECONDS)
            assert socket.received() == ["before", "after"]
        assert [message["transactionId"] for message in await pair.api.feed("ada")] == ["after", "before"]


async def keep_cutting(store_url: str, done: asyncio.Event) -> int:
    """Ends every connection to the store, of every kind, again and again; how many there were."""
    cut = 0
    while not done.is_set():
        with connect(store_url) as client:
            for kind in ("normal", "pubsub"):
                cut += int(client.client_kill_filter(_type=kind, skipme=True))
        await asyncio.sleep(random.uniform(0.02, 0.1))
    return cut


async def deliver(pair: Pair, transaction: str) -> None:
    """Triggers until it is acknowledged, as a producer does that is told to try again."""
    for attempt in range(200):
        api = pair.apis[attempt % 2]
        body = {"name": "bench", "to": "ada", "payload": {}, "transactionId": transaction}
        answer = await api.client.post("/v1/events/trigger", json=body)
        if answer.status_code == 201:
            return
        check_error(answer, 503)
    raise AssertionError(f"{transaction} was never acknowledged")


async def test_connections_that_break_lose_and_double_nothing(pair: Pair, valkey_url: str) -> None:
    sockets = await pair.sockets("ada")
    done = asyncio.Event()
    transactions = [f"transaction-{number}" for number in range(TRIGGERS)]
    async with asyncio.TaskGroup() as tasks:
        cutter = tasks.create_task(keep_cutting(valkey_url, done))
        for transaction in transactions:
            await deliver(pair, transaction)
        done.set()
    assert cutter.result() > 10, "there have to be connections to cut"
    feed = await pair.api.feed("ada")
    assert [message["transactionId"] for message in reversed(feed)] == transactions
    assert await pair.api.unseen("ada") == TRIGGERS
    await deliver(pair, "fence")
    for socket in sockets:
        await socket.reach("fence", RECOVERY_SECONDS)
        assert socket.received() == [*transactions, "fence"]
