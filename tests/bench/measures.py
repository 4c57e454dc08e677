"""All figures of the store on one server."""

from __future__ import annotations

from dataclasses import dataclass

from .cpu import Cost, Plan, measure_cpu
from .rig import Rig, open_rig
from .script_times import Times, measure_scripts
from .sizes import Memory, measure_file, measure_long_feeds, measure_small_feeds


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; `feeds` by their messages, `operations` in each of the `rounds`."""

    feeds: dict[int, int]
    rounds: int
    operations: int
    long_feeds: int
    subscribers: int
    appends: int
    script_calls: int


FULL = Size(
    feeds={100: 100, 1_000: 40, 10_000: 10},
    rounds=11,
    operations=320,
    long_feeds=100,
    subscribers=5_000,
    appends=5_000,
    script_calls=40,
)
QUICK = Size(
    feeds={100: 10, 1_000: 4, 10_000: 1},
    rounds=5,
    operations=64,
    long_feeds=10,
    subscribers=2_000,
    appends=500,
    script_calls=5,
)


@dataclass(frozen=True, slots=True)
class Measures:
    """What was found: `cpu` by messages a feed and operation, the others by name; `file_bytes` for one append."""

    server: str
    version: str
    cpu: dict[int, dict[str, Cost]]
    times: dict[str, Times]
    memory: dict[str, Memory]
    file_bytes: float


async def measure(server: str, size: Size) -> Measures:
    """Measures throw-away servers of one kind, `valkey` or `redis7`, a new one for each kind of figure."""
    async with open_rig(server) as rig:
        version = _version(rig)
        cpu = {
            messages: await measure_cpu(rig, Plan(messages, feeds, size.rounds, size.operations))
            for messages, feeds in size.feeds.items()
        }
    async with open_rig(server) as rig:
        times = await measure_scripts(rig, size.script_calls)
    async with open_rig(server) as rig:
        memory = {
            "read in bulk": await measure_long_feeds(rig, size.long_feeds, in_bulk=True),
            "read by name": await measure_long_feeds(rig, size.long_feeds, in_bulk=False),
            "one message": await measure_small_feeds(rig, size.subscribers),
        }
    async with open_rig(server, "--appendonly", "yes") as rig:
        file_bytes = await measure_file(rig, size.appends)
    return Measures(server, version, cpu, times, memory, file_bytes)


def _version(rig: Rig) -> str:
    about = rig.info("server")
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about['redis_version']}"
