"""The connection to the store gives no wrong reply and never hangs, whatever happens to the servers."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from inbox.errors import StartupError, StoreUnavailable, WriteRefused
from inbox.store.client import Client, open_client
from inbox.store.connection import wire
from inbox.store.keys import TAGS, Keys
from inbox.store.replication import Replication
from inbox.store.scripts import Script
from tests.conftest import binary_of, every_store
from tests.support.cluster import Cluster, Node, running_cluster
from tests.support.processes import wait_until
from tests.support.sentinel import Watched, running_sentinel
from tests.support.stores import StoreServer, connect, running_store, running_tls_store, server_urls
from tests.support.waiting import until

CALLERS = 10_000
KEYS = 100
LARGE_BYTES = 20 * 1024 * 1024
NODE_TIMEOUT_MS = 2_000
DOWN_AFTER_MS = 2_000
RECOVERY_SECONDS = 60.0
TIMEOUT_SECONDS = 1.0
"""After so long a server is taken for hung, where a test is about that."""
AT_ONCE_SECONDS = 20.0
"""A bound for `FAILURES` commands that fail at once. If each waited for the time-out, they would need longer."""
FAILURES = 60

PUSH = Script("push", "return redis.call('RPUSH', KEYS[1], ARGV[1])", int)
"""Returns how many elements the list has."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Client]:
    client = await open_client(url)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def client(store_url: str) -> AsyncIterator[Client]:
    async with opened(store_url) as client:
        yield client


@pytest.fixture
def server() -> Iterator[StoreServer]:
    """A server that the test may end."""
    with running_store(binary_of("valkey")) as running:
        yield running


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes a silent server for hung after TIMEOUT_SECONDS."""
    monkeypatch.setattr(wire, "REPLY_SECONDS", TIMEOUT_SECONDS)


async def works(client: Client, key: str = "probe") -> bool:
    """Whether the store can be written."""
    try:
        await client.execute("SET", key, 1)
    except StoreUnavailable:
        return False
    return True


async def outcome(call: Awaitable[Any]) -> Any:
    """The reply, or the error where the store was not available."""
    try:
        return await call
    except StoreUnavailable as error:
        return error


async def recover(client: Client, key: str = "probe") -> None:
    """Returns once the store can be written, at this key."""
    await until(partial(works, client, key), RECOVERY_SECONDS)


def spread(prefix: str, count: int = KEYS) -> list[str]:
    """Keys in many slots."""
    return [f"{prefix}{{{number}}}" for number in range(count)]


# replies, on every kind of store


@every_store
async def test_ten_thousand_callers_each_get_their_own_reply(client: Client, key_prefix: str) -> None:
    keys = spread(key_prefix)
    calls = [client.execute("HINCRBY", keys[n % KEYS], n, n) for n in range(CALLERS)]
    assert await asyncio.gather(*calls) == list(range(CALLERS))


@every_store
async def test_a_caller_that_is_cancelled_shifts_no_reply(client: Client, key_prefix: str) -> None:
    keys = spread(key_prefix)
    for turn in range(20):
        calls = [asyncio.create_task(client.execute("HINCRBY", keys[n], turn, n)) for n in range(KEYS)]
        for _ in range(turn):  # cancelled before they are sent, when they are sent, and while replies come
            await asyncio.sleep(0)
        for call in calls[turn % 7 :: 7]:
            call.cancel()
        replies = await asyncio.gather(*calls, return_exceptions=True)
        assert all(reply == n for n, reply in enumerate(replies) if not isinstance(reply, asyncio.CancelledError))
        assert sum(isinstance(reply, asyncio.CancelledError) for reply in replies) <= KEYS // 7 + 1
        echoed = await asyncio.gather(*(client.execute("HINCRBY", key, f"after{turn}", 7) for key in keys))
        assert echoed == [7] * KEYS


@every_store
async def test_a_forgotten_script_runs_once_for_each_call_and_in_order(client: Client, key_prefix: str) -> None:
    for turn in range(3):
        keys = [f"{key}{turn}" for key in spread(key_prefix, 5)]
        for primary in client.primaries:
            await client.execute_at(primary, "SCRIPT", "FLUSH")
        calls = [([keys[n % 5]], [n]) for n in range(50)]
        assert await client.run_many(PUSH, calls) == [n // 5 + 1 for n in range(50)]
        assert [await client.execute("LRANGE", key, 0, -1) for key in keys] == [
            [str(n).encode() for n in range(first, 50, 5)] for first in range(5)
        ]
        for primary in client.primaries:
            await client.execute_at(primary, "SCRIPT", "FLUSH")
        lengths = await asyncio.gather(*(client.run(PUSH, [keys[0]], [n]) for n in range(50)))
        assert sorted(lengths) == list(range(11, 61))


@every_store
async def test_a_transaction_is_one_unit(client: Client, key_prefix: str) -> None:
    """Others write the same key between any two commands of it that are not one unit."""
    key = f"{key_prefix}one"

    async def write(n: int) -> None:
        replies = await client.transaction([("SET", key, n), ("APPEND", key, "x"), ("GET", key)])
        assert replies[1:] == [len(f"{n}x"), f"{n}x".encode()]

    async def disturb(n: int) -> None:
        await client.execute("SET", key, f"disturbed{n}")

    await asyncio.gather(*(step(n) for n in range(100) for step in (write, disturb)))


@every_store
async def test_a_transaction_with_a_command_that_does_not_exist_changes_nothing(
    client: Client, key_prefix: str
) -> None:
    key = f"{key_prefix}one"
    with pytest.raises(Exception, match="unknown command") as raised:
        await client.transaction([("SET", key, 1), ("NOSUCHCOMMAND", key)])
    assert not isinstance(raised.value, StoreUnavailable)
    assert await client.execute("GET", key) is None
    assert (await client.transaction([("SET", key, 2), ("GET", key)]))[1] == b"2"


@every_store
async def test_one_error_in_a_batch_is_raised_after_all_ran(client: Client, key_prefix: str) -> None:
    keys = spread(key_prefix)
    await client.execute("SET", keys[3], "no list")
    with pytest.raises(Exception, match="WRONGTYPE") as raised:
        await client.batch([("RPUSH", key, 1) for key in keys])
    assert not isinstance(raised.value, StoreUnavailable)
    lengths = await client.batch([("RPUSH", key, 2) for key in keys if key != keys[3]])
    assert lengths == [2] * (KEYS - 1)


async def test_large_replies_come_whole_beside_small_ones(client: Client, key_prefix: str) -> None:
    large, keys = f"{key_prefix}large", spread(key_prefix)
    await client.execute("SETRANGE", large, LARGE_BYTES - 3, "end")
    try:
        commands = [("GET", large) if n % 50 == 25 else ("HINCRBY", key, n, n) for n, key in enumerate(keys)]
        replies = await asyncio.gather(*(client.execute(*command) for command in commands))
    finally:
        await client.execute("DEL", large)
    assert [len(reply) for reply in replies[25::50]] == [LARGE_BYTES] * 2
    assert [reply[-3:] for reply in replies[25::50]] == [b"end"] * 2
    assert [reply for reply in replies if isinstance(reply, int)] == [n for n in range(KEYS) if n % 50 != 25]


# the connection


@every_store
async def test_a_killed_connection_is_replaced(client: Client, store_url: str, key_prefix: str) -> None:
    keys = spread(key_prefix)
    for _ in range(5):
        ids = [await client.execute_at(primary, "CLIENT", "ID") for primary in client.primaries]
        killed = 0
        for url in server_urls(store_url):
            with connect(url) as other:
                killed += sum(other.client_kill_filter(_id=str(id)) for id in ids)
        assert killed >= len(client.primaries)
        for key in keys:  # some may still meet the broken connection
            await recover(client, key)


@every_store
async def test_commands_on_the_way_when_a_connection_is_killed_are_carried_out_once_or_fail(
    client: Client, store_url: str, key_prefix: str
) -> None:
    keys = spread(key_prefix)
    ids = [await client.execute_at(primary, "CLIENT", "ID") for primary in client.primaries]
    calls = [asyncio.create_task(outcome(client.run(PUSH, [key], [n]))) for key in keys for n in range(20)]
    await asyncio.sleep(0)
    for url in server_urls(store_url):
        with connect(url) as other:
            for id in ids:
                other.client_kill_filter(_id=str(id))
    replies = await asyncio.gather(*calls)
    for place, key in enumerate(keys):
        acknowledged = [reply for reply in replies[place * 20 : place * 20 + 20] if isinstance(reply, int)]
        await recover(client, f"{key}probe")
        stored = await client.execute("LRANGE", key, 0, -1)
        assert len(acknowledged) == len(set(acknowledged))
        assert len(acknowledged) <= len(stored) == len(set(stored))


@pytest.mark.needs("valkey")
async def test_a_process_has_one_named_connection_for_its_commands(server: StoreServer, cluster: Cluster) -> None:
    for url, servers in ((server.url, [server]), (cluster.url, primaries_of(cluster))):
        async with opened(url) as client:
            keys = spread("probe")
            await asyncio.gather(*(client.execute("SET", key, n) for n, key in enumerate(keys * 10)))
            for one in servers:
                lines = one.call("CLIENT LIST", "TYPE", "normal")
                assert [line["name"] for line in lines if line["name"].startswith("inbox")] == ["inbox"], one.url
        for one in servers:
            await until(partial(has_no_client_of_ours, one))


async def has_no_client_of_ours(server: StoreServer) -> bool:
    return not any(line["name"].startswith("inbox") for line in server.call("CLIENT LIST"))


@pytest.mark.needs("valkey", "IPv6")
async def test_a_server_on_ipv6() -> None:
    with running_store(binary_of("valkey"), host="::1") as server:
        assert server.url.startswith("redis://[::1]:")
        async with opened(server.url) as client:
            assert await works(client)


# a server that fails


@pytest.mark.needs("valkey")
async def test_a_frozen_server_fails_what_waits_and_then_everything_at_once(server: StoreServer, hurried: None) -> None:
    async with opened(server.url) as client:
        await client.execute("SET", "kept", "yes")
        server.freeze()
        async with asyncio.timeout(AT_ONCE_SECONDS):
            replies = await asyncio.gather(*(outcome(client.execute("GET", "kept")) for _ in range(1_000)))
        assert {type(reply) for reply in replies} == {StoreUnavailable}
        async with asyncio.timeout(AT_ONCE_SECONDS):
            for _ in range(FAILURES):
                with pytest.raises(StoreUnavailable):
                    await client.execute("GET", "kept")
        server.thaw()
        await recover(client)
        assert await client.execute("GET", "kept") == b"yes"


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
async def test_a_refused_connection_fails_at_once_and_a_restarted_server_is_used(unix: bool) -> None:
    with running_store(binary_of("valkey"), unix=unix) as server:
        async with opened(server.url) as client:
            await client.execute("SET", "kept", "yes")
            server.kill()
            async with asyncio.timeout(AT_ONCE_SECONDS):
                for _ in range(FAILURES):
                    with pytest.raises(StoreUnavailable):
                        await client.execute("GET", "kept")
                together = await asyncio.gather(*(outcome(client.execute("GET", "kept")) for _ in range(1_000)))
            assert {type(reply) for reply in together} == {StoreUnavailable}
            server.start()
            await recover(client)
            assert await client.execute("GET", "kept") == b"yes"


@pytest.mark.needs("valkey")
async def test_a_server_that_takes_no_more_clients_is_unavailable_until_it_does(server: StoreServer) -> None:
    """It says so and closes the connection, whatever a new client sends."""
    async with opened(server.url) as client:
        server.call("PING")
        ours = await client.execute_at(client.primaries[0], "CLIENT", "ID")
        server.call("CONFIG", "SET", "maxclients", 1)
        server.call("CLIENT", "KILL", "ID", ours)
        await outcome(client.execute("GET", "a"))
        async with asyncio.timeout(AT_ONCE_SECONDS):
            for _ in range(FAILURES):
                with pytest.raises(StoreUnavailable):
                    await client.execute("GET", "a")
        server.call("CONFIG", "SET", "maxclients", 100)
        await recover(client)


@pytest.mark.needs("valkey")
async def test_a_server_that_loads_its_data_is_unavailable_until_it_has(server: StoreServer) -> None:
    async with opened(server.url) as client:
        value = secrets.token_bytes(2_000)  # so large after compression that the server answers after each
        await client.batch([("SET", f"key{n}", value) for n in range(1_000)])
        server.call("BGREWRITEAOF")  # the data load as a snapshot, during which the server answers
        wait_until(lambda: not server.call("INFO")["aof_rewrite_in_progress"], "the file is rewritten")
        server.kill()
        server.options += ["--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024"]
        server.launch()
        wait_until(partial(is_loading, server), "the server loads its data")
        async with opened(server.url) as second:
            for one in (client, second, client, second):
                with pytest.raises(StoreUnavailable):
                    await one.execute("GET", "key1")
        server.call("CONFIG", "SET", "key-load-delay", 0)
        server.wait()
        await recover(client)
        assert await client.execute("GET", "key999") == value


def is_loading(server: StoreServer) -> bool:
    try:
        return bool(server.call("INFO")["loading"])
    except redis.RedisError:  # it does not listen yet
        return False


@pytest.mark.needs("valkey")
async def test_a_demoted_server_is_left_when_its_address_leads_to_the_new_primary() -> None:
    """It keeps its connections, as behind a load balancer; only a new one leads to the other server."""
    binary = binary_of("valkey")
    with running_store(binary, unix=True) as old, running_store(binary) as new:
        address = old.directory / "address"
        address.symlink_to(old.directory / "store.sock")
        async with opened(f"unix://{address}") as client:
            await client.execute("SET", "a", "old")
            old.call("REPLICAOF", "127.0.0.1", new.port)
            for _ in range(2):  # nobody else is there: it reads on
                with pytest.raises(WriteRefused):
                    await client.execute("SET", "a", "refused")
            assert await client.execute_at(client.primaries[0], "PING") == b"PONG"
            old.call("REPLICAOF", "NO", "ONE")
            old.call("SET", "a", "old")
            await recover(client)
            assert await client.execute("GET", "a") == b"old"
        with running_store(binary, unix=True) as other:
            async with opened(f"unix://{address}") as client:
                await client.execute("SET", "a", "old")
                address.unlink()
                address.symlink_to(other.directory / "store.sock")
                old.call("REPLICAOF", "127.0.0.1", new.port)
                await recover(client)
                assert await client.execute("GET", "a") is None


# users and passwords


@pytest.mark.needs("valkey")
async def test_a_wrong_password_is_told_at_the_start(server: StoreServer) -> None:
    url = server.set_user("ours", "right")
    async with opened(url) as client:
        assert await client.execute("ACL", "WHOAMI") == b"ours"
    with pytest.raises(StartupError, match="refuses the user or password"):
        await open_client(url.replace("right", "wrong"))


@pytest.mark.needs("valkey")
async def test_a_changed_password_makes_the_store_unavailable_until_it_is_right_again(server: StoreServer) -> None:
    async with opened(server.set_user("ours", "right")) as client:
        server.call("ACL", "DELUSER", "ours")  # ends the connections of the user
        server.set_user("ours", "other")
        await asyncio.gather(*(outcome(client.execute("GET", "a")) for _ in range(10)))
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await client.execute("GET", "a")
        server.set_user("ours", "right")
        await recover(client)


@pytest.mark.needs("valkey")
async def test_a_command_that_the_user_may_not_run_is_unavailable(server: StoreServer) -> None:
    async with opened(server.set_user("ours", "right", "~*", "&*", "+@all", "-set")) as client:
        with pytest.raises(StoreUnavailable):
            await client.execute("SET", "a", 1)
        assert await client.execute("GET", "a") is None
        server.set_user("ours", "right")
        assert await works(client)


@pytest.mark.needs("valkey")
async def test_what_the_user_may_not_run_is_told_at_the_start(server: StoreServer) -> None:
    with pytest.raises(StartupError, match=r"cannot be used: NOPERM .*'info'"):
        await open_client(server.set_user("ours", "right", "~*", "&*", "+@all", "-info"))


@pytest.mark.needs("redis-server", "openssl")
async def test_an_authority_that_is_not_ours_is_told_at_the_start() -> None:
    with running_tls_store(binary_of("redis-server")) as (_, url):
        with pytest.raises(StartupError, match="cannot be reached") as told:
            await open_client(url.partition("?")[0])
        assert "\n" not in str(told.value)


# a cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries with a replica each. A test leaves it healthy."""
    with running_cluster(binary_of("valkey"), replicas=1, node_timeout_ms=NODE_TIMEOUT_MS) as running:
        yield running


def primaries_of(cluster: Cluster) -> list[Node]:
    ports = {entry[2][1] for entry in cluster.slots()}
    return [server for server in cluster.servers if server.port in ports]


def other_primary(cluster: Cluster, source: Node) -> Node:
    return next(one for one in primaries_of(cluster) if one is not source)


async def use_in_every_way(client: Client, keys: list[str]) -> None:
    """Pushes three times to every list, in different ways and with commands of its own order, which must hold."""
    for key in keys:
        assert await client.execute("RPUSH", key, "execute") == 1
        assert await client.run(PUSH, [key], ["run"]) == 2
        assert (await client.transaction([("RPUSH", key, "multi"), ("LLEN", key)])) == [3, 3]
    batch = [("RPUSH", key, n) for n in range(3) for key in keys]
    assert await client.batch(batch) == [n + 4 for n in range(3) for _ in keys]
    calls = [([key], [n]) for n in range(3) for key in keys]
    assert await client.run_many(PUSH, calls) == [n + 7 for n in range(3) for _ in keys]
    expected = [b"execute", b"run", b"multi", b"0", b"1", b"2", b"0", b"1", b"2"]
    assert await client.batch([("LRANGE", key, 0, -1) for key in keys]) == [expected] * len(keys)


@pytest.mark.needs("valkey")
async def test_slots_on_their_way_are_asked_for_where_each_key_is(cluster: Cluster, key_prefix: str) -> None:
    tag, slot = f"{{{key_prefix}}}", key_slot(key_prefix.encode())
    target = other_primary(cluster, cluster.primary_of(slot))
    keys = [f"{tag}{n}" for n in range(40)]
    async with opened(cluster.url) as client, opened(cluster.url) as late:
        await client.batch([("SET", key, n) for n, key in enumerate(keys)])
        move = await asyncio.to_thread(cluster.begin_move, slot, target)
        await asyncio.to_thread(move.migrate, 20)
        assert await client.batch([("GET", key) for key in keys]) == [str(n).encode() for n in range(40)]
        assert [await client.execute("GET", key) for key in keys] == [str(n).encode() for n in range(40)]
        mixed = [key for n in range(10) for key in (f"{tag}new{n}", f"other{{{n}}}{key_prefix}")]
        await use_in_every_way(client, mixed)
        for server in primaries_of(cluster):  # the slot's next server does not know the script, either
            server.call("SCRIPT FLUSH")
        assert await client.run_many(PUSH, [([f"{tag}late{n}"], [n]) for n in range(20)]) == [1] * 20
        await asyncio.to_thread(move.finish)
        assert await late.batch([("GET", key) for key in keys]) == [str(n).encode() for n in range(40)]
        await use_in_every_way(client, [f"{tag}after{n}" for n in range(5)])


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("way", ["execute", "run", "transaction", "batch", "run_many"])
async def test_a_slot_that_has_moved_is_followed_in_every_way(cluster: Cluster, key_prefix: str, way: str) -> None:
    slot = key_slot(key_prefix.encode())
    key, elsewhere = f"{{{key_prefix}}}", f"{{{key_prefix}elsewhere}}"
    async with opened(cluster.url) as client:
        source = cluster.primary_of(slot)
        await client.execute("RPUSH", key, "before")
        move = await asyncio.to_thread(cluster.begin_move, slot, other_primary(cluster, source))
        await asyncio.to_thread(move.finish)
        if way == "execute":
            assert await client.execute("RPUSH", key, 0) == 2
        elif way == "run":
            assert await client.run(PUSH, [key], [0]) == 2
        elif way == "transaction":
            assert await client.transaction([("RPUSH", key, 0), ("LLEN", key)]) == [2, 2]
        elif way == "batch":
            commands = [("RPUSH", one, n) for n in range(5) for one in (key, elsewhere)]
            assert await client.batch(commands) == [n + extra for n in range(5) for extra in (2, 1)]
        else:
            calls = [([one], [n]) for n in range(5) for one in (key, elsewhere)]
            assert await client.run_many(PUSH, calls) == [n + extra for n in range(5) for extra in (2, 1)]
        count = 5 if way in ("batch", "run_many") else 1
        assert await client.execute("LRANGE", key, 0, -1) == [b"before", *(str(n).encode() for n in range(count))]


@pytest.mark.needs("valkey")
async def test_replicas_are_waited_for_where_the_slots_are_now(cluster: Cluster, key_prefix: str) -> None:
    slots = sorted({key_slot(tag.encode()) for tag in TAGS})
    source, target = cluster.primary_of(slots[0]), other_primary(cluster, cluster.primary_of(slots[0]))
    moved = [slot for slot in slots if slot in set(cluster.slots_of(source))]
    async with opened(cluster.url) as client:
        replication = Replication(client, Keys(key_prefix), "process", replicas=1, seconds=4)

        async def is_copied() -> bool:
            try:
                await replication.wait(replication.begin())
            except StoreUnavailable:
                return False
            return True

        await until(is_copied)
        for slot in moved:  # the primary has other slots, but none of ours
            await asyncio.to_thread(cluster.begin_move(slot, target).finish)
        assert source in primaries_of(cluster)
        await until(is_copied)


@pytest.mark.needs("valkey")
async def test_keys_on_both_sides_of_a_move_are_unavailable_together_and_never_wrong(
    cluster: Cluster, key_prefix: str
) -> None:
    slot = key_slot(key_prefix.encode())
    stays, goes = f"{{{key_prefix}}}stays", f"{{{key_prefix}}}goes"
    async with opened(cluster.url) as client:
        await client.batch([("SET", stays, 1), ("SET", goes, 1)])
        move = await asyncio.to_thread(cluster.begin_move, slot, other_primary(cluster, cluster.primary_of(slot)))
        move.migrate_keys(goes)
        with pytest.raises(StoreUnavailable):
            await client.execute("MGET", stays, goes)
        with pytest.raises(StoreUnavailable):
            await client.transaction([("INCR", stays), ("INCR", goes)])
        assert await client.batch([("GET", stays), ("GET", goes)]) == [b"1", b"1"]
        await asyncio.to_thread(move.finish)
        assert await client.transaction([("INCR", stays), ("INCR", goes)]) == [2, 2]
        assert await client.execute("MGET", stays, goes) == [b"2", b"2"]


@pytest.mark.needs("valkey")
async def test_every_acknowledged_write_is_there_once_while_slots_move(cluster: Cluster, key_prefix: str) -> None:
    source, target, *_ = primaries_of(cluster)
    keys = [f"{key_prefix}{{{n}}}" for n in range(2_000)]
    slots = set((await asyncio.to_thread(cluster.slots_of, source))[:40])
    moving = [key for key in keys if key_slot(key[len(key_prefix) + 1 : -1].encode()) in slots] + keys[:20]
    assert len(moving) > 20
    acknowledged: dict[str, list[bytes]] = {key: [] for key in moving}
    async with opened(cluster.url) as client:
        moved = asyncio.create_task(asyncio.to_thread(cluster.move_slots, 40, source, target))
        turn = 0
        while not moved.done():
            replies = await asyncio.gather(*(outcome(client.run(PUSH, [key], [turn])) for key in moving))
            for key, reply in zip(moving, replies, strict=True):
                if isinstance(reply, int):
                    acknowledged[key].append(str(turn).encode())
            turn += 1
        assert set(await moved) == slots
        stored = await client.batch([("LRANGE", key, 0, -1) for key in moving])
    assert stored == list(acknowledged.values())
    assert all(stored)


@pytest.mark.needs("valkey")
async def test_a_primary_that_hangs_holds_up_nobody_elses_commands() -> None:
    with running_cluster(binary_of("valkey")) as patient:  # nobody takes the primary for dead meanwhile
        first, *others = primaries_of(patient)
        async with opened(patient.url) as client:
            keys = spread("key")
            await asyncio.gather(*(client.execute("SET", key, 1) for key in keys))
            theirs = [key for key in keys if patient.primary_of(key_slot(key[4:-1].encode())) in others]
            [its, *_] = set(keys) - set(theirs)
            first.freeze()
            waits = asyncio.create_task(client.execute("INCR", its))
            for key in theirs:
                assert await client.execute("INCR", key) == 2
            assert await client.batch([("INCR", key) for key in theirs]) == [3] * len(theirs)
            assert not waits.done()
            first.thaw()
            assert await waits == 2


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_promoted_replica_is_used_and_others_are_never_away(
    cluster: Cluster, key_prefix: str, how: str
) -> None:
    slot = key_slot(key_prefix.encode())
    key = f"{{{key_prefix}}}"
    async with opened(cluster.url) as client:
        await client.execute("SET", key, "kept")
        for server in cluster.servers:  # by default all of them refuse commands while a slot is served by none
            server.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
        old = cluster.primary_of(slot)
        await asyncio.to_thread(cluster.replicate)
        theirs = [one for one in spread(key_prefix) if cluster.primary_of(slot_in(one)) is not old]
        if how == "killed":
            old.kill()
        else:
            old.freeze()
        served = asyncio.create_task(recover(client, f"{key}probe"))
        commands = 0
        while not served.done():
            assert await client.execute("SET", theirs[commands % len(theirs)], 1) == b"OK"
            commands += 1
        await served
        assert await client.execute("GET", key) == b"kept"
        old.start() if how == "killed" else old.thaw()
        await asyncio.to_thread(wait_until, cluster.is_healthy, "the old primary follows", RECOVERY_SECONDS)
        assert await client.execute("GET", key) == b"kept"
        assert await works(client, key)


def slot_in(key: str) -> int:
    """The slot of a key whose tag stands at its end."""
    return key_slot(key[key.index("{") + 1 : -1].encode())


# behind Sentinel


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """A primary and a replica behind three sentinels. A test leaves both running."""
    with running_sentinel(binary_of("valkey"), down_after_ms=DOWN_AFTER_MS) as running:
        yield running


class Writer:
    """Pushes numbers to a list, one after another, and knows which were acknowledged."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.key = key
        self.next = 0
        self.acknowledged: list[int] = []

    async def write(self) -> None:
        number, self.next = self.next, self.next + 1
        if isinstance(await outcome(self.client.execute("RPUSH", self.key, number)), int):
            self.acknowledged.append(number)
        await asyncio.sleep(0)

    async def write_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.write()

    async def reach(self, count: int) -> None:
        """Writes until so many more are acknowledged."""
        count += len(self.acknowledged)

        async def is_reached() -> bool:
            await self.write()
            return len(self.acknowledged) >= count

        async with asyncio.timeout(RECOVERY_SECONDS):
            while not await is_reached():
                await asyncio.sleep(0)


@pytest.mark.needs("valkey")
async def test_sentinels_need_no_password_where_the_servers_do(watched: Watched) -> None:
    for server in watched.servers:
        server.set_user("ours", "right")
    async with opened(watched.url.replace("://", "://ours:right@")) as client:
        assert await client.execute("ACL", "WHOAMI") == b"ours"


@pytest.mark.needs("valkey")
async def test_after_a_planned_failover_the_old_primary_gets_no_write(watched: Watched, key_prefix: str) -> None:
    async with opened(watched.url) as client:
        writer, stop = Writer(client, f"{key_prefix}list"), asyncio.Event()
        await writer.reach(10)
        writing = asyncio.create_task(writer.write_on(stop))
        new = await asyncio.to_thread(watched.fail_over)
        first = writer.next  # whatever begins now begins after every sentinel has announced the failover
        stop.set()
        await writing
        await writer.reach(200)
        await asyncio.to_thread(watched.wait_until_ready)
        stored = [int(number) for number in new.call("LRANGE", writer.key, 0, -1)]
    assert {n for n in writer.acknowledged if n >= first} <= set(stored)
    assert stored == sorted(set(stored))


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_primary_that_dies_or_wakes_is_written_to_no_more(watched: Watched, key_prefix: str, how: str) -> None:
    async with opened(watched.url) as client:
        writer = Writer(client, f"{key_prefix}list")
        await writer.reach(10)
        await asyncio.to_thread(watched.replicate)
        old = watched.primary
        if how == "killed":
            old.kill()
        else:
            old.freeze()
        await writer.reach(100)
        new = await asyncio.to_thread(watched.wait_for_failover, old)
        old.start() if how == "killed" else old.thaw()
        await writer.reach(200)
        await asyncio.to_thread(watched.wait_until_ready)
        stored = [int(number) for number in new.call("LRANGE", writer.key, 0, -1)]
    assert set(writer.acknowledged) <= set(stored)
    assert stored == sorted(set(stored))


async def test_what_a_request_starts_for_others_does_not_take_its_limit(server: StoreServer) -> None:
    client = await open_client(server.url)
    limits: list[float] = []

    async def note() -> None:
        limits.append(wire.deadline.get())

    wire.limit_waiting()
    try:
        client.run_in_background(note())
        await client.execute("GET", "any")
        assert limits == [math.inf]
    finally:
        wire.wait_without_limit()
        await client.close()


async def test_a_reply_to_no_request_ends_the_connection(server: StoreServer) -> None:
    client = await open_client(server.url)
    connection = await client.primaries[0].dial()
    connection.send(wire.pack(("PING",)))
    lost = await connection.lost
    assert "no reply" in str(lost)
    await client.close()


async def test_a_defect_of_a_subscriber_is_not_taken_for_the_servers(server: StoreServer) -> None:
    client = await open_client(server.url)
    connection = await client.primaries[0].dial()
    connection.on_push = lambda _: [][0]
    with pytest.raises(IndexError):
        connection.data_received(b"+PONG\r\n")
    assert not connection.lost.done()
    await client.close()
