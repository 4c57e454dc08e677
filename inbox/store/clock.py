"""Measures the store's time, which `inbox/clock.py` counts on from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox import clock
from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.tasks import end_tasks

PERIOD_SECONDS = 5.0
FIRST_MEASUREMENTS = 5
"""How often the store is asked at first: the answer that took least decides."""


async def measure(client: Client) -> None:
    """Correct this process's clock by the store's. On a cluster its first primary is asked. Raises StoreUnavailable."""
    primary = client.primaries[0]
    asked_at = time.monotonic()
    seconds, microseconds = await client.execute_at(primary, "TIME")
    clock.correct(seconds + microseconds / 1_000_000, asked_at, time.monotonic())


async def measure_first(client: Client) -> None:
    """Set this process's clock by the store's. Raises StoreUnavailable."""
    for _ in range(FIRST_MEASUREMENTS):
        await measure(client)


@asynccontextmanager
async def kept_clock(client: Client) -> AsyncIterator[None]:
    """Keep this process's clock right: the store's changes with a failover, and the two drift apart."""
    keeping = asyncio.create_task(_keep(client), name="clock")
    try:
        yield
    finally:
        await end_tasks(keeping)


async def _keep(client: Client) -> None:
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        try:
            await measure(client)
        except StoreUnavailable:
            continue  # the clock counts on; the next answer corrects it
