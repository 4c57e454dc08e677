"""What many feeds take of the store: `python -m tests.bench.memory`, 100,000 subscribers with 20 broadcasts each.

Told for what one message adds to a feed that has some, and computed for a million subscribers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import msgspec

from inbox.ids import SubscriberId
from inbox.models.trigger import BroadcastRequest
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from tests.support.stores import running_store
from tests.support.tools import find_valkey

from .dispatch import PAYLOAD, PREFIX, STEP
from .server_stats import info

FULL, MESSAGES, MILLION = 100_000, 20, 1_000_000


async def run(people: int, node_bytes: int) -> list[int]:
    """Bytes that the store has in use: empty, with the subscribers, then after each broadcast.

    `node_bytes` is the store's `stream-node-max-bytes`: 1,024 in the embedded one, 4,096 in a Redis by default.
    """
    binary = find_valkey()
    assert binary
    with running_store(binary, unix=True, options=("--stream-node-max-bytes", str(node_bytes))) as store:
        client = await open_client(store.url)
        try:
            services = Services(Settings(redis_url=store.url, key_prefix=PREFIX), client)
            await services.environments.load()
            used = [await _used(services)]
            await _prepare(services, people)
            used.append(await _used(services))
            for number in range(MESSAGES):
                await _broadcast(services, number)
                used.append(await _used(services))
            return used
        finally:
            await client.close()


async def _prepare(services: Services, people: int) -> None:
    environment = services.environments.current
    for start in range(0, people, 500):
        part: Any = [(SubscriberId(f"p{number}"), {}) for number in range(start, min(people, start + 500))]
        await services.subscribers.upsert_many(environment, part)
    steps = [{"name": "in-app", "type": "in_app", "controlValues": STEP}]
    body = msgspec.convert({"name": "news", "workflowId": "news", "steps": steps}, WorkflowCreate)
    await services.workflows.create(environment, body)


async def _broadcast(services: Services, number: int) -> None:
    payload = {**PAYLOAD, "a": f"Release {number}"}
    request = BroadcastRequest(name="news", payload=payload, transaction_id=f"release-{number}")
    await services.triggers.trigger(services.environments.current, request)
    await services.dispatch_worker.run_until_idle()
    await services.activity_log.flush()


async def _used(services: Services) -> int:
    return int((await info(services.client, "memory"))["used_memory"])


def lines(people: int, used: list[int]) -> list[str]:
    """The report."""
    empty, subscribers, first, *_, last = used
    later = (last - first) / (MESSAGES - 1) / people
    whole = (last - empty) / people
    return [
        f"a subscriber without messages: {(subscribers - empty) / people:.0f} B",
        f"its feed with the first message: {(first - subscribers) / people:.0f} B",
        f"each further message: {later:.0f} B",
        f"a subscriber with {MESSAGES}: {whole:.0f} B; in all {(last - empty) / 2**20:,.0f} MiB",
        f"computed for {MILLION:,} subscribers: {whole * MILLION / 2**30:.1f} GiB",
    ]


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FULL
    began = time.monotonic()
    for size in (1_024, 4_096):
        print(f"{os.cpu_count()} CPUs, {count:,} subscribers x {MESSAGES} messages of one kind, nodes of {size:,} B")
        print("\n".join(lines(count, asyncio.run(run(count, size)))))
    print(f"took {time.monotonic() - began:.0f} s")
