"""The client on each kind of store: scripts that are not known yet, and failures told in one way."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from inbox.errors import StartupError, StoreUnavailable
from inbox.store.client import Client, open_client
from inbox.store.connection.errors import ReplyError
from inbox.store.connection.slots import slot_of
from inbox.store.connection.wire import pack
from inbox.store.keys import TAGS
from inbox.store.scripts import Script, load_all
from tests.conftest import binary_of
from tests.support.stores import running_store
from tests.support.waiting import until

from .conftest import Stores

PROBE_TEXT = """
if ARGV[1] == 'fail' then return redis.error_reply('ERR refused') end
if ARGV[1] == 'set' then redis.call('HSET', KEYS[1], 'probe', 1) end
return tonumber(ARGV[2])
"""
PROBE = Script("probe", PROBE_TEXT, int)


async def is_available(client: Client) -> bool:
    try:
        await client.execute("PING", "any")
    except StoreUnavailable:
        return False
    return True


async def forget_scripts(stores: Stores) -> None:
    for primary in stores.client.primaries:
        await stores.client.execute_at(primary, "SCRIPT", "FLUSH")


async def test_a_script_that_was_forgotten_is_loaded_again(stores: Stores) -> None:
    feed = await stores.feed()
    for turn in range(3):
        await forget_scripts(stores)
        outcomes = await asyncio.gather(*(stores.append(feed, f"m{turn}-{number}") for number in range(10)))
        assert [one.outcome for one in outcomes if one] == ["stored"] * 10


async def test_every_script_compiles(stores: Stores) -> None:
    for script in load_all():
        assert (
            await stores.client.execute_at(stores.client.primaries[0], "SCRIPT", "LOAD", script.text)
            == script.sha.encode()
        )


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
            await until(partial(is_available, client))
            assert await client.execute("GET", "kept") == b"1"
        finally:
            await client.close()


async def test_a_killed_connection_is_made_anew(stores: Stores) -> None:
    """And the client leaves none open when it is closed."""
    client, names = stores.client, [f"{stores.keys.prefix}{{{tag}}}nothing" for tag in TAGS]
    await asyncio.gather(*(client.execute("GET", name) for name in names))
    wires = [await primary.dial() for primary in client.primaries]
    before = {primary: await client.execute_at(primary, "CLIENT", "ID") for primary in client.primaries}
    for wire in wires:
        await wire.request(pack(("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")))

    async def are_new() -> bool:
        try:
            now = {primary: await client.execute_at(primary, "CLIENT", "ID") for primary in client.primaries}
        except StoreUnavailable:
            return False
        return all(now[primary] != number for primary, number in before.items())  # two servers may use one number

    await until(are_new)
    assert await client.batch([("GET", name) for name in names]) == [None] * len(names)
    await client.close()
    assert all(wire.lost.done() for wire in wires)


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
        client.run_in_background(ask_on())
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
    await forget_scripts(stores)
    calls = [([feed.keys.state, feed.keys.log], ["append", number]) for number, feed in enumerate(feeds)]
    assert await stores.client.run_many(PROBE, calls) == list(range(40))
    assert await stores.client.run_many(PROBE, calls) == list(range(40))


async def test_an_error_of_one_of_many_calls_is_raised_after_all_ran(stores: Stores) -> None:
    feeds = [await stores.feed(f"s{number}") for number in range(3)]
    calls = [([feed.keys.state], [word, 1]) for feed, word in zip(feeds, ("set", "fail", "set"), strict=True)]
    with pytest.raises(ReplyError, match="refused"):
        await stores.client.run_many(PROBE, calls)
    states = [await stores.client.execute("HGET", feed.keys.state, "probe") for feed in feeds]
    assert states == [b"1", None, b"1"]
