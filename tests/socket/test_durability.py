"""What was acknowledged survives a kill -9 of the service and of its store, once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest

from tests.conftest import RunServer, binary_of
from tests.support.client import Api
from tests.support.server import Server
from tests.support.stores import StoreServer, connect, running_store

WORKERS = 8
ROUNDS = 3
ACKNOWLEDGED_BEFORE_A_KILL = 80


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A store of the test's own, to be killed."""
    with running_store(binary_of("valkey"), unix=True) as server:
        yield server


class Producers:
    """Concurrent producers that note what was acknowledged, and what they cannot know."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sent = 0
        self.acknowledged: set[str] = set()
        self.in_doubt: set[str] = set()

    async def run(self, enough: asyncio.Event, target: int) -> None:
        """Triggers until the service is gone; sets `enough` at `target` acknowledgements in all."""
        async with Api.open(self.server) as api, asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(self._produce(api, enough, target))

    async def _produce(self, api: Api, enough: asyncio.Event, target: int) -> None:
        while True:
            self.sent += 1
            transaction = f"transaction-{self.sent}"
            try:
                await api.trigger("ada", {"n": self.sent}, transactionId=transaction)
            except (httpx.TransportError, AssertionError):  # gone, or it said 503
                self.in_doubt.add(transaction)
                return
            self.acknowledged.add(transaction)
            if len(self.acknowledged) >= target:
                enough.set()

    async def repeat(self) -> None:
        """Sends again what is in doubt, as a producer does with the same transactionId."""
        async with Api.open(self.server) as api:
            for transaction in sorted(self.in_doubt):
                await api.trigger("ada", {"n": 0}, transactionId=transaction)
        self.acknowledged |= self.in_doubt
        self.in_doubt = set()


async def check(producers: Producers) -> None:
    async with Api.open(producers.server) as api:
        feed = await api.feed("ada")
        listed = [message["transactionId"] for message in feed]
        assert len(listed) == len(set(listed)), "a message is there twice"
        assert producers.acknowledged - set(listed) == set(), "an acknowledged message is lost"
        assert set(listed) <= producers.acknowledged | producers.in_doubt
        assert await api.unseen("ada") == sum(not message["seen"] for message in feed)


async def survive(server: Server, kill: Callable[[], Awaitable[None]], revive: Callable[[], Awaitable[None]]) -> None:
    """Rounds of load, each cut off by `kill`; after `revive` all that was acknowledged has to be there, once."""
    async with Api.open(server) as api:
        await api.create_workflow()
    producers = Producers(server)
    for turn in range(1, ROUNDS + 1):
        enough = asyncio.Event()
        load = asyncio.create_task(producers.run(enough, turn * ACKNOWLEDGED_BEFORE_A_KILL))
        await enough.wait()
        await kill()
        await load
        await revive()
        await server.wait_ready()
        await check(producers)
        await producers.repeat()
        await check(producers)
    assert len(producers.acknowledged) >= ROUNDS * ACKNOWLEDGED_BEFORE_A_KILL


@pytest.mark.parametrize("victims", ["service", "store", "both"])
async def test_acknowledged_triggers_survive(
    run_server: RunServer, store: StoreServer, key_prefix: str, victims: str
) -> None:
    server = await run_server(redis_url=store.url, INBOX_KEY_PREFIX=key_prefix)

    async def kill() -> None:
        if victims != "service":
            store.kill()
        if victims != "store":
            await server.kill()

    async def revive() -> None:
        if victims != "service":
            store.start()
        if victims != "store":
            await server.start()

    await survive(server, kill, revive)


def kill_embedded_store(server: Server) -> None:
    with connect(f"unix://{server.data_directory}/store.sock") as client:
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)


@pytest.mark.parametrize("victims", ["service", "store", "both"])
async def test_the_embedded_store_keeps_what_was_acknowledged(run_server: RunServer, victims: str) -> None:
    """A killed service leaves its store behind, which the next start has to find; a killed store is started again."""
    server = await run_server()

    async def kill() -> None:
        if victims != "service":
            kill_embedded_store(server)
        if victims != "store":
            await server.kill()

    async def revive() -> None:
        if victims != "store":
            await server.start()

    await survive(server, kill, revive)
