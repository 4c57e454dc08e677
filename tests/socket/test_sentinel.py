"""Behind Sentinel: the primary dies, a replica takes its place, and nobody has missed anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from inbox.store.client import open_client
from inbox.store.keys import Keys
from tests.conftest import RunServer, binary_of
from tests.support.everything import read_everything, where
from tests.support.sentinel import FAILOVER_SECONDS, Watched, running_sentinel
from tests.support.waiting import until

from .conftest import start_pair
from .test_recovery import is_ready


@pytest.fixture
def watched() -> Iterator[Watched]:
    with running_sentinel(binary_of("valkey")) as running:
        yield running


async def test_sockets_outlive_a_failover(run_server: RunServer, watched: Watched, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, watched.url, key_prefix)
        sockets = await pair.sockets("ada")
        await pair.api.trigger("ada", {"n": 1}, transactionId="before")
        watched.replicate()
        watched.primary.kill()
        for server in pair.servers:
            await until(partial(is_ready, server.url), FAILOVER_SECONDS)
        await pair.apis[1].trigger("ada", {"n": 2}, transactionId="after")
        for socket in sockets:
            await socket.reach("after", FAILOVER_SECONDS)
            assert socket.received() == ["before", "after"]
        assert [message["transactionId"] for message in await pair.api.feed("ada")] == ["after", "before"]


async def test_an_erasure_outlives_a_failover(run_server: RunServer, watched: Watched, key_prefix: str) -> None:
    """What is erased is gone from the replica that takes over, too."""
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, watched.url, key_prefix)
        for name in ("adalovelace", "bobross"):
            await pair.api.trigger(name, {"n": 1})
        erased = await pair.api.data("DELETE", "/v2/subscribers/adalovelace/data", 200)
        assert (erased["removed"]["messages"], erased["appendOnlyFile"]) == (1, "requested")
        watched.replicate()
        old = watched.primary
        old.kill()
        for server in pair.servers:
            await until(partial(is_ready, server.url), FAILOVER_SECONDS)
        await pair.apis[1].call("DELETE", "/v2/subscribers/adalovelace/data", 404)
        client = await open_client(watched.wait_for_failover(old).url)
        everything = await read_everything(client, Keys(key_prefix))
        await client.close()
        assert where(everything, [b"adalovelace"]) == set()
        assert where(everything, [b"bobross"])
