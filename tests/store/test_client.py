"""The client on each kind of store: scripts that are not known yet, and failures told in one way."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

from inbox.errors import StartupError, StoreUnavailable
from inbox.store import scripts
from inbox.store.client import open_client
from inbox.store.keys import TAGS, slot_of
from tests.conftest import binary_of
from tests.support.stores import running_store

from .conftest import Stores

PROBE_TEXT = """
if ARGV[1] == 'fail' then return redis.error_reply('ERR refused') end
if ARGV[1] == 'set' then redis.call('HSET', KEYS[1], 'probe', 1) end
return tonumber(ARGV[2])
"""
PROBE = scripts.Script("probe", PROBE_TEXT, hashlib.sha1(PROBE_TEXT.encode()).hexdigest())


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


async def test_a_client_whose_last_call_failed_still_closes_every_connection(cluster_url: str) -> None:
    client, other = await open_client(cluster_url), await open_client(cluster_url)
    assert isinstance(client.redis, RedisCluster)
    names = [f"{{{tag}}}nothing" for tag in TAGS]
    await asyncio.gather(*(client.execute("GET", name) for name in names))
    await other.redis.execute_command("CLIENT KILL", "TYPE", "normal", target_nodes=RedisCluster.PRIMARIES)
    with pytest.raises(StoreUnavailable):
        await client.execute("GET", names[0])
    nodes = list(client.redis.nodes_manager.nodes_cache.values())
    await client.close()
    await other.close()
    assert not any(connection.is_connected for node in nodes for connection in node._connections)


async def test_work_aside_ends_with_its_client(store_url: str) -> None:
    client = await open_client(store_url)
    begun, ended = asyncio.Event(), []

    async def ask_on() -> None:
        try:
            while True:
                await client.execute("GET", "nothing")
                begun.set()
        finally:
            ended.append(True)

    for _ in range(5):
        client.aside(ask_on())
    await begun.wait()
    await client.close()
    assert ended == [True] * 5


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


async def test_many_calls_of_a_forgotten_script_all_run_in_order(stores: Stores) -> None:
    feeds = [await stores.feed(f"s{number}") for number in range(40)]
    target = {"target_nodes": RedisCluster.PRIMARIES} if stores.client.is_cluster else {}
    await stores.client.redis.execute_command("SCRIPT FLUSH", **target)
    calls = [([feed.keys.state, feed.keys.log], ["append", number]) for number, feed in enumerate(feeds)]
    assert await stores.client.run_many(PROBE, calls) == list(range(40))
    assert await stores.client.run_many(PROBE, calls) == list(range(40))


async def test_an_error_of_one_of_many_calls_is_raised_after_all_ran(stores: Stores) -> None:
    feeds = [await stores.feed(f"s{number}") for number in range(3)]
    calls = [([feed.keys.state], [word, 1]) for feed, word in zip(feeds, ("set", "fail", "set"), strict=True)]
    with pytest.raises(ResponseError, match="refused"):
        await stores.client.run_many(PROBE, calls)
    states = [await stores.client.execute("HGET", feed.keys.state, "probe") for feed in feeds]
    assert states == [b"1", None, b"1"]
