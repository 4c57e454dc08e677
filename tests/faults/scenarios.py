"""The fault scenarios: each function causes a fault, lets it last and ends it."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

import redis

from tests.support.cluster import SLOTS, Cluster, Node
from tests.support.link import Link
from tests.support.processes import free_port, wait_until
from tests.support.sentinel import Watched
from tests.support.stores import StoreServer, call, connect
from tests.support.waiting import until

from .run import Run, Scenario
from .stage import CLUSTER, EMBEDDED, LEASE_SECONDS, LINKED, LINKED_CLUSTER, ONE, SENTINEL

PROMOTION_SECONDS = 60.0
SOME_SLOT = 1_000
"""A slot of the primary that has the fault."""
SCENARIOS: dict[str, Scenario] = {}
Strike = Callable[[Run], Awaitable[None]]


def scenario(kind: str, *, closes: bool = False, loses: bool = False) -> Callable[[Strike], Strike]:
    """Register a scenario under the function's name, with hyphens."""

    def add(strike: Strike) -> Strike:
        name = strike.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, kind, strike, closes, loses)
        return strike

    return add


@scenario(ONE)
async def store_killed(run: Run) -> None:
    """Kill the store (-9); it comes back with its append-only file."""
    store = run.stage.store(StoreServer)
    store.kill()
    await run.hold(5)
    await asyncio.to_thread(store.start)


@scenario(ONE)
async def store_frozen_5_s(run: Run) -> None:
    """Freeze the store for as long as the longest wait for a reply."""
    await freeze_store(run, 5)


@scenario(ONE)
async def store_frozen_30_s(run: Run) -> None:
    """Freeze the store for longer than any wait for a reply, at every scale."""
    await freeze_store(run, 30, min_seconds=7)


async def freeze_store(run: Run, seconds: float, **options: float) -> None:
    store = run.stage.store(StoreServer)
    store.freeze()
    await run.hold(seconds, **options)
    store.thaw()


@scenario(ONE)
async def client_pause(run: Run) -> None:
    """Let the store accept commands and answer none, as during a failover that an operator began."""
    with connect(run.stage.store(StoreServer).url) as client:
        call(client, "CLIENT", "PAUSE", round(max(30 * run.scale, 7) * 1000), "ALL")
    await run.hold(30, min_seconds=7)


@scenario(ONE)
async def maxmemory(run: Run) -> None:
    """Fill the store: it reads, and refuses commands that take memory."""
    with connect(run.stage.store(StoreServer).url) as client:
        call(client, "CONFIG", "SET", "maxmemory", 1)
        await run.hold(10, min_seconds=2)
        call(client, "CONFIG", "SET", "maxmemory", 0)


@scenario(ONE)
async def read_only(run: Run) -> None:
    """Make the store the replica of a server that does not exist, and then a primary again."""
    with connect(run.stage.store(StoreServer).url) as client:
        call(client, "REPLICAOF", "127.0.0.1", free_port())
        await run.hold(10, min_seconds=2)
        call(client, "REPLICAOF", "NO", "ONE")


@scenario(ONE)
async def disk_full(run: Run) -> None:
    """Let its append-only file grow no more. The limit is that of a process, so it needs no file system of its own."""
    store = run.stage.store(StoreServer)
    size = max(file.stat().st_size for file in (store.directory / "appendonlydir").iterdir())
    resource.prlimit(store.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    await run.hold(10, min_seconds=4)
    resource.prlimit(store.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await until(partial(writes, store.url))


async def writes(url: str) -> bool:
    with connect(url) as client:
        try:
            call(client, "SET", "probe", 1, "PX", 1)
        except redis.RedisError:  # the store itself tries to write again once a second
            return False
        return True


@scenario(ONE)
async def pubsub_killed(run: Run) -> None:
    """End all subscriptions, again and again."""
    killed = 0
    with connect(run.stage.store(StoreServer).url) as client:
        for _ in range(max(10, round(100 * run.scale))):
            killed += int(call(client, "CLIENT", "KILL", "TYPE", "pubsub"))
            await asyncio.sleep(0.05)
    assert killed > 0, "there has to be something to kill"


@scenario(ONE, loses=True)
async def older_snapshot(run: Run) -> None:
    """Return the store to a copy of its files; operations acknowledged since are lost."""
    store = run.stage.store(StoreServer)
    files, copy = store.directory / "appendonlydir", store.directory / "copy"
    since = time.time()
    await asyncio.to_thread(store.kill)
    shutil.copytree(files, copy)
    await asyncio.to_thread(store.start)
    await run.work(0.5)
    await asyncio.to_thread(store.kill)
    shutil.rmtree(files)
    copy.rename(files)
    run.forgive_since(since, time.time())
    await asyncio.to_thread(store.start)


@scenario(ONE, closes=True)
async def process_frozen(run: Run) -> None:
    """Freeze one process for twice the lease of its presence."""
    process = run.stage.processes[-1]
    with process.excused():
        os.kill(process.server.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(2 * LEASE_SECONDS)
        finally:
            os.kill(process.server.pid, signal.SIGCONT)
        await process.server.wait_ready()


@scenario(ONE, closes=True)
async def processes_killed(run: Run) -> None:
    """Kill (-9) and restart the processes, one after another."""
    for process in run.stage.processes:
        with process.excused():
            await process.server.kill()
            await run.hold(2)
            await process.server.start()


@scenario(ONE, closes=True)
async def rolling_restart(run: Run) -> None:
    """Stop the processes in good order and start them again, one after another."""
    for process in run.stage.processes:
        with process.excused():
            assert await process.server.terminate() == 0
            await process.server.start()


@scenario(LINKED)
async def link_cut(run: Run) -> None:
    """End every connection to the store, and refuse new ones."""
    await cut(run, Link.cut, min_seconds=2)


@scenario(LINKED)
async def link_silent(run: Run) -> None:
    """Drop all traffic without telling either end, and refuse new connections."""
    await cut(run, Link.fall_silent, min_seconds=7)


async def cut(run: Run, how: Callable[[Link], Awaitable[None]], *, min_seconds: float) -> None:
    link = run.stage.store(Link)
    await how(link)
    await run.hold(30, min_seconds=min_seconds)
    await link.mend()


@scenario(EMBEDDED)
async def embedded_store_killed(run: Run) -> None:
    """Kill (-9) the embedded store, which the service starts again."""
    [process] = run.stage.processes
    for _ in range(3):
        with connect(f"unix://{process.server.data_directory}/store.sock") as client:
            os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
        await process.server.wait_ready()


def wait_for_promotion(cluster: Cluster, old: Node) -> None:
    wait_until(lambda: cluster.primary_of(SOME_SLOT) is not old, "a replica is promoted", PROMOTION_SECONDS)


def heal(cluster: Cluster) -> None:
    """Start every node that does not run, and wait until the cluster is healthy."""
    for server in cluster.servers:
        if not server.is_running:
            server.start()
    wait_until(cluster.is_healthy, "the cluster is healthy", PROMOTION_SECONDS)


@scenario(CLUSTER, loses=True)
async def cluster_primary_killed(run: Run) -> None:
    """Kill a primary (-9); its replica takes its place."""
    cluster = run.stage.store(Cluster)
    primary = cluster.primary_of(SOME_SLOT)
    await asyncio.to_thread(primary.kill)
    run.afterwards(partial(heal, cluster))
    run.forgive(time.time())
    await asyncio.to_thread(wait_for_promotion, cluster, primary)


@scenario(CLUSTER, loses=True)
async def cluster_primary_hangs(run: Run) -> None:
    """Freeze a primary until its replica takes its place; then it wakes and learns that it is a replica."""
    cluster = run.stage.store(Cluster)
    primary = cluster.primary_of(SOME_SLOT)
    primary.freeze()
    run.afterwards(partial(heal, cluster))
    run.forgive(time.time())
    await asyncio.to_thread(wait_for_promotion, cluster, primary)
    await run.hold(5)
    primary.thaw()
    run.forgive(time.time() + 1)


@scenario(CLUSTER)
async def cluster_replica_lags(run: Run) -> None:
    """Freeze the replica of a primary, which then takes no writes, as docs/deploying.md recommends."""
    cluster = run.stage.store(Cluster)
    primary = cluster.primary_of(SOME_SLOT)
    [replica] = cluster.replicas_of(primary)
    primary.call("CONFIG", "SET", "min-replicas-to-write", 1, "min-replicas-max-lag", 1)
    replica.freeze()
    await run.hold(20, min_seconds=3)
    replica.thaw()
    await asyncio.to_thread(wait_until, lambda: primary.call("INFO")["min_slaves_good_slaves"] > 0, "it is back")
    primary.call("CONFIG", "SET", "min-replicas-to-write", 0)
    run.afterwards(partial(heal, cluster))


@scenario(CLUSTER)
async def cluster_slots_moved(run: Run) -> None:
    """Move 2,500 slots to another primary; they come back afterwards."""
    cluster = run.stage.store(Cluster)
    source, target = cluster.primary_of(SOME_SLOT), cluster.primary_of(SLOTS - 1)
    count = max(100, round(2_500 * run.scale))
    await asyncio.to_thread(cluster.move_slots, count, source, target)
    run.afterwards(partial(cluster.move_slots, count, target, source))
    run.afterwards(partial(heal, cluster))


@scenario(LINKED_CLUSTER)
async def cluster_link_cut(run: Run) -> None:
    """Cut the link to one primary. Its peers still reach it, so no replica takes its place."""
    await cut(run, Link.cut, min_seconds=2)


@scenario(LINKED_CLUSTER)
async def cluster_link_silent(run: Run) -> None:
    """Silence the link to one primary without telling either end."""
    await cut(run, Link.fall_silent, min_seconds=7)


@scenario(SENTINEL, loses=True)
async def sentinel_primary_killed(run: Run) -> None:
    """Kill the primary (-9); a replica takes its place."""
    watched = run.stage.store(Watched)
    primary = watched.primary
    await asyncio.to_thread(primary.kill)
    run.forgive(time.time())
    run.afterwards(primary.start)
    run.afterwards(watched.wait_until_ready)
    await asyncio.to_thread(watched.wait_for_failover, primary)


@scenario(SENTINEL, loses=True)
async def sentinel_failover(run: Run) -> None:
    """Order a failover; the demoted primary goes on running."""
    watched = run.stage.store(Watched)
    began = time.time()
    await asyncio.to_thread(watched.fail_over)
    run.forgive_since(began, time.time())
    run.forgive(time.time() + 1)
    run.afterwards(watched.wait_until_ready)


@scenario(SENTINEL, loses=True)
async def sentinel_primary_hangs(run: Run) -> None:
    """Freeze the primary until a replica takes its place; then it wakes and is told that it is a replica."""
    watched = run.stage.store(Watched)
    primary = watched.primary
    primary.freeze()
    run.forgive(time.time())
    await asyncio.to_thread(watched.wait_for_failover, primary)
    await run.hold(5)
    primary.thaw()
    run.forgive(time.time() + 1)
    run.afterwards(watched.wait_until_ready)
