"""A broadcast to many, one of two processes killed half-way: `python -m tests.bench.dispatch`, 100,000 subscribers.

Everybody is then found to have it exactly once. Told besides: how long it takes, what it costs Redis against the same
messages triggered one by one, what it takes of memory, how long its scripts hold the server, and what happens meanwhile
to single triggers at 100 a second. With `--store-first` the store has priority over the other processes (only root may
give it), which tells what a script takes from its waits for a core.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.trigger import TriggerRequest
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from inbox.store.dispatches import DISPATCH_APPEND
from inbox.store.keys import BUCKETS
from inbox.store.subscribers import SubscriberStore
from tests.support.client import Api
from tests.support.server import Server, running_server
from tests.support.stores import StoreServer, running_store
from tests.support.tools import find_valkey
from tests.support.waiting import until

from .server_stats import info, script_us
from .usage import cpu_us

FULL = 100_000
IDLE_SECONDS, PACE_SECONDS = 5.0, 0.01
LEASE_SECONDS = "2"
STORE_PRIORITY = -15
PREFIX = "bench:"
PAYLOAD = {"a": "A release is out", "b": "what is new " * 20, "c": "details " * 20}
STEP = {"subject": "{{payload.a}}", "body": "{{payload.b}}{{payload.c}}"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a message: in the store's scripts, and of CPU of its whole process."""

    scripts: float
    process: float


@dataclass(frozen=True, slots=True)
class Report:
    """Times in seconds and milliseconds, CPU in microseconds a message, memory in bytes a message."""

    people: int
    having_it_once: int
    seconds: float
    dispatch_us: Cost
    single_us: Cost
    bytes_each: float
    script_mean_us: float
    script_p999_us: float
    script_longest_us: float
    idle_p99_ms: float
    busy_p99_ms: float

    def lines(self) -> list[str]:
        return [
            f"{self.having_it_once:,} of {self.people:,} have it exactly once, {self.seconds:.1f} s after the answer",
            f"scripts a message: {_beside(self.dispatch_us.scripts, self.single_us.scripts)}",
            f"CPU of the store's process a message: {_beside(self.dispatch_us.process, self.single_us.process)}",
            f"memory a message: {self.bytes_each:.0f} B",
            f"a batch holds the server {self.script_mean_us:.0f} us in the mean,"
            f" {self.script_p999_us:.0f} us at 99.9 %, {self.script_longest_us:.0f} us at most",
            f"single triggers at {1 / PACE_SECONDS:.0f}/s: p99 {self.idle_p99_ms:.1f} ms idle,"
            f" {self.busy_p99_ms:.1f} ms meanwhile: {self.busy_p99_ms / self.idle_p99_ms:.1f}x",
        ]


def _beside(dispatch: float, single: float) -> str:
    return f"{dispatch:.1f} us, one by one {single:.1f} us: {dispatch / single:.2f}x"


class Bench:
    """A store, two processes over it, and the verbs of a third that only prepares and counts."""

    def __init__(self, store: StoreServer, servers: list[Server], services: Services, people: int) -> None:
        self.store = store
        self.servers = servers
        self.services = services
        self.people = people
        self.subscribers = SubscriberStore(services.client, services.keys)

    @property
    def environment(self) -> Environment:
        return self.services.environments.current

    async def prepare(self) -> None:
        """Everybody, each with a feed that has a message."""
        for start in range(0, self.people, 500):
            names = range(start, min(self.people, start + 500))
            people: Any = [(SubscriberId(f"p{number}"), {}) for number in names]
            await self.services.subscribers.upsert_many(self.environment, people)
        for name, controls in (("news", STEP), ("single", STEP)):
            steps = [{"name": "in-app", "type": "in_app", "controlValues": controls}]
            body = msgspec.convert({"name": name, "workflowId": name, "steps": steps}, WorkflowCreate)
            await self.services.workflows.create(self.environment, body)
        await self.trigger_each()

    async def trigger_each(self) -> None:
        limit = asyncio.Semaphore(16)

        async def trigger(number: int) -> None:
            async with limit:
                request = TriggerRequest(name="single", payload=PAYLOAD, to=f"p{number}")
                await self.services.triggers.trigger(self.environment, request)

        for start in range(0, self.people, 1_000):
            await asyncio.gather(*(trigger(number) for number in range(start, min(self.people, start + 1_000))))

    async def store_cost(self, work: Callable[[], Awaitable[object]]) -> Cost:
        """What this work costs the store."""
        client = self.services.client
        await client.execute_at(client.primaries[0], "CONFIG", "RESETSTAT")
        before = cpu_us(self.store.process.pid)
        await work()
        taken = cpu_us(self.store.process.pid) - before
        return Cost(await script_us(client) / self.people, taken / self.people)

    async def memory(self) -> int:
        return int((await info(self.services.client, "memory"))["used_memory"])

    async def count_having_it_once(self) -> int:
        """Looks at every message of every feed."""
        found = 0
        for bucket in range(BUCKETS):
            oids = await self.subscribers.oids_of_bucket(self.environment.number, bucket)
            known = await self.subscribers.get_many(self.environment.number, oids)
            subscribers = [one for one in known.values() if one and one.subscriber_id.startswith("p")]
            feeds = await self.services.feed_store.open_many(self.environment.number, subscribers, "")
            for feed in feeds:
                snapshot = await self.services.feed_store.snapshot(feed)
                assert snapshot is not None
                contents = await self.services.feed_store.contents(
                    feed, snapshot, range(snapshot.base + 1, snapshot.state.last + 1)
                )
                found += sum(b'"transactionId":"broadcast"' in one for one in contents.values()) == 1
        return found

    async def latencies(self, api: Api, stop: asyncio.Event) -> list[float]:
        """Milliseconds of single triggers, one begun each hundredth of a second, until told to stop."""
        taken: list[float] = []

        async def trigger(number: int) -> None:
            began = time.perf_counter()
            await api.trigger(f"single-{number % 50}", PAYLOAD, workflow="single")
            taken.append(1_000 * (time.perf_counter() - began))

        tasks, begun = [], time.monotonic()
        while not stop.is_set():
            tasks.append(asyncio.create_task(trigger(len(tasks))))
            await asyncio.sleep(max(0.0, begun + len(tasks) * PACE_SECONDS - time.monotonic()))
        await asyncio.gather(*tasks)
        return taken


async def run(people: int, idle_seconds: float = IDLE_SECONDS, *, store_first: bool = False) -> Report:
    """The whole measurement."""
    binary = find_valkey()
    assert binary
    with running_store(binary, unix=True) as store, tempfile.TemporaryDirectory() as home:
        if store_first:
            os.setpriority(os.PRIO_PROCESS, store.process.pid, STORE_PRIORITY)
        settings = {"INBOX_KEY_PREFIX": PREFIX, "INBOX_WORK_LEASE_SECONDS": LEASE_SECONDS}
        places = [Path(home, name) for name in ("one", "two")]
        for place in places:
            place.mkdir()
        async with (
            running_server(places[0], redis_url=store.url, **settings) as one,
            running_server(places[1], redis_url=store.url, **settings) as two,
        ):
            client = await open_client(store.url)
            services = Services(Settings(redis_url=store.url, key_prefix=PREFIX), client)
            await services.environments.load()
            try:
                return await _measure(Bench(store, [one, two], services, people), idle_seconds)
            finally:
                await client.close()


async def _measure(bench: Bench, idle_seconds: float) -> Report:
    await bench.prepare()
    single_us = await bench.store_cost(bench.trigger_each)
    await bench.services.activity_log.flush()
    doomed, survivor = bench.servers
    async with Api.open(survivor) as api:
        idle = await _idle_latencies(bench, api, idle_seconds)
        client = bench.services.client
        await client.execute("CONFIG", "SET", "slowlog-max-len", 100_000)
        await client.execute("CONFIG", "SET", "slowlog-log-slower-than", 0)
        began, stop = time.monotonic(), asyncio.Event()
        await api.data("POST", "/v1/events/trigger/broadcast", 201, _broadcast("broadcast"))
        meanwhile = asyncio.create_task(bench.latencies(api, stop))
        await _kill_half_way(api, doomed, bench.people)
        done = await api.dispatched("broadcast")
        seconds = time.monotonic() - began
        stop.set()
        busy = await meanwhile
        assert done["status"] == "done"
        times = sorted(await _script_times(bench))
        await client.execute("CONFIG", "SET", "slowlog-log-slower-than", -1)
        await client.execute("SLOWLOG", "RESET")
        before = await bench.memory()

        async def again() -> None:
            """Once more, with nothing beside it."""
            await api.data("POST", "/v1/events/trigger/broadcast", 201, _broadcast("again"))
            await api.dispatched("again")

        dispatch_us = await bench.store_cost(again)
    return Report(
        people=bench.people,
        having_it_once=await bench.count_having_it_once(),
        seconds=seconds,
        dispatch_us=dispatch_us,
        single_us=single_us,
        bytes_each=(await bench.memory() - before) / bench.people,
        script_mean_us=sum(times) / len(times),
        script_p999_us=times[math.ceil(0.999 * len(times)) - 1],
        script_longest_us=times[-1],
        idle_p99_ms=_p99(idle),
        busy_p99_ms=_p99(busy),
    )


def _broadcast(transaction_id: str) -> dict[str, object]:
    return {"name": "news", "payload": PAYLOAD, "transactionId": transaction_id}


async def _idle_latencies(bench: Bench, api: Api, seconds: float) -> list[float]:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await bench.latencies(api, stop)


async def _kill_half_way(api: Api, doomed: Server, people: int) -> None:
    async def is_half_way() -> bool:
        progress = await api.data("GET", "/v1/events/trigger/broadcast", 200)
        return bool(progress["delivered"] >= people / 2 or progress["status"] != "running")

    await until(is_half_way, 600)
    await doomed.kill()


async def _script_times(bench: Bench) -> list[float]:
    """Microseconds of every batch of the broadcast."""
    entries = await bench.services.client.execute("SLOWLOG", "GET", 100_000)
    sha = DISPATCH_APPEND.sha.encode()
    return [float(duration) for _, _, duration, words, *_ in entries if sha in words]


def _p99(taken: list[float]) -> float:
    return sorted(taken)[math.ceil(0.99 * len(taken)) - 1]


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    count = numbers[0] if numbers else FULL
    print(f"{os.cpu_count()} CPUs, {count:,} subscribers")
    print("\n".join(asyncio.run(run(count, store_first="--store-first" in sys.argv)).lines()))
