"""The client on each kind of store: scripts that are not known yet, and failures told in one way."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import RedisCluster

from inbox.errors import StartupError, StoreUnavailable
from inbox.store import scripts
from inbox.store.client import open_client
from inbox.store.keys import TAGS, slot_of
from tests.conftest import binary_of
from tests.support.stores import running_store

from .conftest import Stores


async def test_a_script_that_was_forgotten_is_loaded_again(stores: Stores) -> None:
    feed = await stores.feed()
    target = {"target_nodes": RedisCluster.PRIMARIES} if stores.client.is_cluster else {}
    for turn in range(3):
        await stores.client.redis.execute_command("SCRIPT FLUSH", **target)
        outcomes = await asyncio.gather(*(stores.append(feed, f"m{turn}-{number}") for number in range(10)))
        assert [one.outcome for one in outcomes if one] == ["stored"] * 10


async def test_every_script_compiles(stores: Stores) -> None:
    target = {"target_nodes": RedisCluster.DEFAULT_NODE} if stores.client.is_cluster else {}
    for script in scripts.ALL:
        loaded = await stores.client.redis.execute_command("SCRIPT LOAD", script.text, **target)
        assert loaded in (script.sha, script.sha.encode())


async def test_a_transaction_claims_once(stores: Stores) -> None:
    claims = await asyncio.gather(*(stores.transactions.claim(1, "t", b"same") for _ in range(20)))
    assert all(claims)
    assert not await stores.transactions.claim(1, "t", b"other")
    assert await stores.transactions.claim(2, "t", b"other")


async def test_a_store_that_is_gone_is_unavailable_and_comes_back() -> None:
    with running_store(binary_of("valkey"), unix=True) as server:
        client = await open_client(server.url)
        try:
            await client.execute("SET", "kept", "1")
            server.kill()
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await client.execute("GET", "kept")
            server.start()
            assert await client.execute("GET", "kept") == b"1"
        finally:
            await client.close()


async def test_a_full_store_is_unavailable() -> None:
    with running_store(binary_of("valkey"), unix=True) as server:
        client = await open_client(server.url)
        try:
            await client.execute("CONFIG", "SET", "maxmemory", 1)
            with pytest.raises(StoreUnavailable):
                await client.execute("SET", "key", "value")
        finally:
            await client.close()


async def test_what_cannot_be_used_is_told_in_one_line(cluster_url: str) -> None:
    for url in ("redis://127.0.0.1:1", "unix:///nowhere.sock", "redis+cluster://127.0.0.1:1"):
        with pytest.raises(StartupError) as told:
            await open_client(url)
        assert "\n" not in str(told.value)
    with pytest.raises(StartupError, match="redis\\+cluster"):
        await open_client("redis://" + cluster_url.partition("//")[2].split(",")[0])


def test_the_buckets_lie_evenly_over_the_slots() -> None:
    slots = sorted(map(slot_of, TAGS))
    assert len(set(slots)) == 256
    assert all(abs(slot - (index * 64 + 32)) <= 32 for index, slot in enumerate(slots))
