"""The store goes and comes back: the service says so meanwhile, and afterwards nobody has missed anything."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.conftest import RunServer, binary_of
from tests.http.hostile import check_error
from tests.support.sockets import UNREAD, UNSEEN
from tests.support.stores import StoreServer, connect, running_store
from tests.support.waiting import until

from .conftest import Pair, start_pair

RECOVERY_SECONDS = 60.0
TRIGGERS, TRIGGERS_A_CUT = 300, 3
MAX_TURNS = 60


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A store of the test's own, to be ended and started again."""
    with running_store(binary_of("valkey"), unix=True) as server:
        yield server


async def is_ready(url: str) -> bool:
    """An answer that takes long is no: a busy service may still be waiting for a store that is gone."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        try:
            return (await client.get("/ready")).status_code == 200
        except httpx.TimeoutException:
            return False


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


@pytest.mark.parametrize("since", [1, 5], ids=["less than was lost", "more than was lost"])
async def test_pages_are_told_of_a_store_that_went_back(
    run_server: RunServer, store: StoreServer, key_prefix: str, tmp_path: Path, since: int
) -> None:
    """An old copy takes the store's place, as a failover may bring about: no page stays on what is gone.

    One process sleeps meanwhile, so that for it the feed has not only gone back but moved on as well.
    """
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, store.url, key_prefix)
        sockets = await pair.sockets("ada")
        await pair.api.trigger("ada", {"n": 0}, transactionId="kept")
        store.stop()
        shutil.copytree(store.directory / "appendonlydir", tmp_path / "copy")
        store.start()
        for server in pair.servers:
            await server.wait_ready()
        for number in range(3):
            await pair.api.trigger("ada", {"n": number}, transactionId=f"lost-{number}")
        for socket in sockets:
            await socket.reach("lost-2", RECOVERY_SECONDS)
        os.kill(pair.servers[1].pid, signal.SIGSTOP)
        try:
            store.kill()
            shutil.rmtree(store.directory / "appendonlydir")
            shutil.copytree(tmp_path / "copy", store.directory / "appendonlydir")
            store.start()
            await pair.servers[0].wait_ready()
            for number in range(since):
                await pair.api.trigger("ada", {"n": number}, transactionId=f"new-{number}")
        finally:
            os.kill(pair.servers[1].pid, signal.SIGCONT)
        for socket in sockets:
            await socket.told_to_read(RECOVERY_SECONDS)
        await pair.api.trigger("ada", {"n": 9}, transactionId="last")
        assert len(await pair.api.feed("ada")) == since + 2
        for socket in sockets:
            await socket.reach("last", RECOVERY_SECONDS)
            assert (socket.last(UNSEEN)["unseenCount"], socket.last(UNREAD)["unreadCount"]) == (since + 2, since + 2)


async def cut_soon(store_url: str) -> int:
    """End every connection to the store, of every kind, some turns of the loop later; return how many there were.

    One cut for each trigger, not so many a second: those would leave a slow machine no time to answer in between.
    """
    for _ in range(random.randrange(MAX_TURNS)):
        await asyncio.sleep(0)
    with connect(store_url) as client:
        return sum(int(client.client_kill_filter(_type=kind, skipme=True)) for kind in ("normal", "pubsub"))


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


async def test_connections_that_break_lose_and_double_nothing(own_pair: Pair, valkey_url: str) -> None:
    sockets = await own_pair.sockets("ada")
    transactions = [f"transaction-{number}" for number in range(TRIGGERS)]
    cut = 0
    for number, transaction in enumerate(transactions):
        if number % TRIGGERS_A_CUT:
            await deliver(own_pair, transaction)
        else:
            _, connections = await asyncio.gather(deliver(own_pair, transaction), cut_soon(valkey_url))
            cut += connections
    assert cut > 10, "there have to be connections to cut"
    feed = await own_pair.api.feed("ada")
    assert [message["transactionId"] for message in reversed(feed)] == transactions
    assert await own_pair.api.unseen("ada") == TRIGGERS
    await deliver(own_pair, "fence")
    for socket in sockets:
        await socket.reach("fence", RECOVERY_SECONDS)
        assert socket.received() == [*transactions, "fence"]
