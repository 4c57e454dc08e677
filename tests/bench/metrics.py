"""What counting costs at 2,000 sockets and 500 triggers a second: its share of the service's CPU.

    python -m tests.bench.metrics

Two scrapes around the load say how much was counted and how much CPU was spent. A call of each kind is timed alone, in
this process; the share is calls times their time. The same is said of the library's own metrics.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import timeit
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import prometheus_client
from prometheus_client.parser import text_string_to_metric_families

from inbox.metrics import FAST, METRICS, Counter, Histogram
from tests.support.server import Server, running_server

from .performance.comparison import Crowd, crowd_of
from .performance.delivery import pace
from .performance.targets import LIMITS, NEW_PROCESS, Inbox, raise_descriptor_limit
from .tables import markdown

SOCKETS, RATE, SECONDS = 2_000, 500, 10
SCRAPES = 50
CALLS, REPEATS = 200_000, 5
LABELS = ("POST", "/v1/events/trigger", 201)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a service has counted until now: additions at most, observations, and its CPU in microseconds."""

    additions: float
    observations: float
    cpu_us: float

    def __sub__(self, other: Counted) -> Counted:
        return Counted(
            self.additions - other.additions, self.observations - other.observations, self.cpu_us - other.cpu_us
        )

    def of_each(self, count: int) -> Counted:
        return Counted(self.additions / count, self.observations / count, self.cpu_us / count)


async def read_counted(server: Server) -> Counted:
    """Scrape a service."""
    [url] = re.findall(r"metrics at (\S+)", server.log())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        families = text_string_to_metric_families((await client.get(url)).text)
        samples = [(sample.name, sample.value) for family in families for sample in family.samples]
    counters = {name for name, metric in METRICS.items() if isinstance(metric, Counter)}
    counts = {f"{name}_count" for name, metric in METRICS.items() if isinstance(metric, Histogram)}
    return Counted(
        sum(value for name, value in samples if name in counters),
        sum(value for name, value in samples if name in counts),
        1e6 * sum(value for name, value in samples if name == "process_cpu_seconds_total"),
    )


@asynccontextmanager
async def open_inbox_with_metrics() -> AsyncIterator[tuple[Server, Inbox]]:
    """Yield one process with the Valkey that it embeds."""
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        settings = {**LIMITS, "INBOX_METRICS_PORT": "0"}
        async with running_server(Path(home), wrapper=NEW_PROCESS, **settings) as server:
            inbox = Inbox(server, server)
            await inbox.create_workflow()
            yield server, inbox


async def count_load(server: Server, crowd: Crowd, sockets: int, rate: int, seconds: int) -> Counted:
    """Return what a trigger to a subscriber with a socket counts and costs, at a steady rate."""
    triggers = rate * seconds
    before = await read_counted(server)
    await pace(crowd, [number % sockets for number in range(triggers)], rate)
    return (await read_counted(server) - before).of_each(triggers)


async def scrape_cost(server: Server) -> float:
    """Return the microseconds of CPU that a scrape costs the service, beside what it does anyway."""
    before = await read_counted(server)
    for _ in range(SCRAPES):
        after = await read_counted(server)
    return (after - before).of_each(SCRAPES).cpu_us


def call_us(call: Callable[[], object]) -> float:
    """Return the microseconds of a call: the fastest of some runs, without those of an empty one."""
    runs = [min(timeit.repeat(one, number=CALLS, repeat=REPEATS)) for one in (call, lambda: None)]
    return 1e6 * (runs[0] - runs[1]) / CALLS


def kinds_of_calls() -> dict[str, tuple[float, float]]:
    """Return the microseconds of an addition and of an observation, both with labels: of ours and of the library's."""
    registry = prometheus_client.CollectorRegistry()
    names = ("method", "route", "status")
    own = Counter("bench_total", "", *names), Histogram("bench_seconds", "", *names)
    theirs = (
        prometheus_client.Counter("bench", "", names, registry=registry),
        prometheus_client.Histogram("bench_seconds", "", names, registry=registry, buckets=FAST),
    )
    return {
        "inbox": (call_us(lambda: own[0].add(LABELS)), call_us(lambda: own[1].observe(0.004, LABELS))),
        "prometheus_client": (
            call_us(lambda: theirs[0].labels(*LABELS).inc()),
            call_us(lambda: theirs[1].labels(*LABELS).observe(0.004)),
        ),
    }


async def main() -> None:
    raise_descriptor_limit()
    async with open_inbox_with_metrics() as (server, inbox), crowd_of(inbox, range(SOCKETS)) as crowd:
        await count_load(server, crowd, SOCKETS, RATE, 1)  # fills caches
        each = await count_load(server, crowd, SOCKETS, RATE, SECONDS)
        scrape_us = await scrape_cost(server)
    rows = []
    for name, (addition, observation) in kinds_of_calls().items():
        us = each.additions * addition + each.observations * observation
        rows.append([name, f"{addition:.2f} us", f"{observation:.2f} us", f"{us:.1f} us", f"{us / each.cpu_us:.2%}"])
    print(
        f"A trigger and its push: {each.additions:.0f} additions and {each.observations:.1f} observations, "
        f"{each.cpu_us:.0f} us of CPU. A scrape: {scrape_us / 1e3:.1f} ms.\n"
    )
    print(markdown(["", "An addition", "An observation", "For each trigger", "Of the service's CPU"], rows))


if __name__ == "__main__":
    asyncio.run(main())
