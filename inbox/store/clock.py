"""Measures the store's time, which `inbox/clock.py` counts on from."""

from __future__ import annotations

import time

from inbox import clock
from inbox.store.client import Client

FIRST_MEASUREMENTS = 5
"""The number of measurements at start; the fastest one counts."""


async def measure(client: Client) -> None:
    """Correct this process's clock by the store's. On a cluster its first primary is asked. Raise StoreUnavailable."""
    primary = client.primaries[0]
    sent_at = time.monotonic()
    seconds, microseconds = await client.execute_at(primary, "TIME")
    clock.correct(int(seconds) + int(microseconds) / 1_000_000, sent_at, time.monotonic())


async def measure_first(client: Client) -> None:
    """Set this process's clock by the store's. Raise StoreUnavailable."""
    for _ in range(FIRST_MEASUREMENTS):
        await measure(client)
