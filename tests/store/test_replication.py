"""Triggers that wait for replicas: acknowledged once a replica has what was stored, refused when it has not in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from inbox.errors import StoreUnavailable
from inbox.models.trigger import TriggerRequest
from inbox.store.client import Client
from tests.conftest import binary_of
from tests.support.processes import wait_until
from tests.support.stores import StoreServer, call, connect, running_store
from tests.support.waiting import until

from .rig import Rig, in_app


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[StoreServer, StoreServer]]:
    binary = binary_of("valkey")
    with running_store(binary) as primary:
        follow = ["--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0"]
        with running_store(binary, options=follow) as replica, connect(primary.url) as client:
            call(client, "SET", "replicated", 1)
            wait_until(lambda: call(client, "WAIT", 1, 500) == 1, "the replica has everything", 30)
            yield primary, replica


@pytest.fixture
async def rig(pair: tuple[StoreServer, StoreServer], key_prefix: str) -> AsyncIterator[Rig]:
    rig = Rig(pair[0].url, key_prefix, {"wait_replicas": 1, "wait_replicas_seconds": 4})
    await rig.process()
    await rig.make_workflow("w", in_app("{{payload.n}}"))
    yield rig
    await rig.close()


@contextmanager
def frozen(server: StoreServer) -> Iterator[None]:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def trigger(rig: Rig, number: int) -> None:
    request = TriggerRequest(name="w", to="ada", payload={"n": number}, transaction_id=f"t{number}")
    await rig.first.triggers.trigger(rig.environment, request)


async def entries_at(server: StoreServer) -> int:
    """How many messages a server has."""
    with connect(server.url) as client:
        keys = await asyncio.to_thread(lambda: list(client.scan_iter(match="*[0-9]s", _type="stream")))
        counts: list[Any] = [call(client, "XLEN", key) for key in keys]
    return sum(counts)


async def test_an_acknowledged_trigger_is_at_the_replica(rig: Rig, pair: tuple[StoreServer, StoreServer]) -> None:
    before = await entries_at(pair[1])
    await asyncio.gather(*(trigger(rig, number) for number in range(30)))
    with frozen(pair[0]):  # nothing reaches the replica from here on
        assert await entries_at(pair[1]) == before + 30


async def test_a_trigger_whose_replica_is_away_is_refused_and_may_be_repeated(
    rig: Rig, pair: tuple[StoreServer, StoreServer]
) -> None:
    before = await entries_at(pair[0])
    with frozen(pair[1]), pytest.raises(StoreUnavailable, match="same transactionId"):
        await trigger(rig, 100)
    await trigger(rig, 100)
    assert await entries_at(pair[0]) == before + 1


async def test_a_trigger_whose_connection_broke_is_refused(rig: Rig, key_prefix: str) -> None:
    """The server that answers now may be another one, which never had the writes: a WAIT there says nothing of them."""
    client, replication = rig.first.client, rig.first.triggers._replication
    before = replication.begin()
    await client.execute("SET", f"{key_prefix}written", 1)
    await replication.wait(before)
    client.primaries[0].drop("as after a failover")
    await until(partial(is_available, client))
    with pytest.raises(StoreUnavailable, match="same transactionId"):
        await replication.wait(before)
    await replication.wait(replication.begin())


async def is_available(client: Client) -> bool:
    try:
        await client.execute("PING")
    except StoreUnavailable:
        return False
    return True
