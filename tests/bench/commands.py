"""What a command costs this process: the store's client beside redis-py, in one run.

    python -m tests.bench.commands

Prints CPU microseconds for each command, for one caller and for many at once. Only the ratios mean anything elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from redis.asyncio import BlockingConnectionPool, Redis

from inbox.store.client import Client, open_client
from tests.support.stores import running_store
from tests.support.tools import find_valkey

from .tables import markdown

CALLERS = (1, 16, 100)
CALLS = 10_000
ONE = ("HMGET", "{bucket}feed", "p", "u")
THREE = [ONE, ("GET", "{bucket}rows"), ("LRANGE", "{bucket}stamps", 0, -1)]

Call = Callable[[], Awaitable[Any]]


async def cost(call: Call, callers: int) -> float:
    """CPU microseconds of a call while so many callers make one after the other."""

    async def repeat(count: int) -> None:
        for _ in range(count):
            await call()

    await asyncio.gather(*(repeat(20) for _ in range(callers)))
    began = time.process_time()
    await asyncio.gather(*(repeat(CALLS // callers) for _ in range(callers)))
    return (time.process_time() - began) / CALLS * 1e6


def calls_of(client: Client, redis: Redis) -> dict[str, tuple[Call, Call]]:
    """Each kind of call: with the store's client, with redis-py."""

    async def pipeline() -> None:
        pipeline = redis.pipeline(transaction=False)
        for command in THREE:
            pipeline.execute_command(*command)
        await pipeline.execute()

    return {
        "a command": (lambda: client.execute(*ONE), lambda: redis.execute_command(*ONE)),
        "a batch of three": (lambda: client.batch(THREE), pipeline),
    }


async def measure(url: str) -> None:
    client = await open_client(url)
    redis = Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=64, protocol=2))
    rows = []
    for name, calls in calls_of(client, redis).items():
        for callers in CALLERS:
            ours, theirs = [await cost(call, callers) for call in calls]
            rows.append([name, str(callers), f"{ours:.1f} us", f"{theirs:.1f} us", f"{ours / theirs:.2f}"])
    print(markdown(["Call", "Callers at once", "Store's client", "redis-py", "Ratio"], rows))
    await redis.aclose()
    await client.close()


def main() -> None:
    binary = find_valkey()
    assert binary is not None, "no Valkey found"
    with running_store(binary, unix=True) as server:
        uvloop.run(measure(server.url))


if __name__ == "__main__":
    main()
