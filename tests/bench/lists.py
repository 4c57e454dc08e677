"""How long a page of subscribers takes, first and deep, among few and many: `python -m tests.bench.lists`."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from inbox.ids import SubscriberId
from inbox.models.cursor_page import CursorQuery
from inbox.models.environment import Environment
from inbox.service.subscriber_list import SubscriberFilter, SubscriberList
from inbox.store.client import open_client
from inbox.store.keys import Keys
from inbox.store.subscribers import SubscriberStore
from tests.support.stores import running_store
from tests.support.tools import find_valkey

SIZES = (100, 100_000)
DEEP = 10_000
ROUNDS = 200
ENVIRONMENT = Environment(1, "0" * 24, "0" * 24, "bench", "bench")


async def fill(store: SubscriberStore, count: int) -> None:
    """Subscribers p0, p1, …, two hundred at a time."""
    for start in range(0, count, 200):
        ids = [SubscriberId(f"p{number}") for number in range(start, min(count, start + 200))]
        profiles = [{"firstName": "Some", "email": f"{one}@example.org"} for one in ids]
        await asyncio.gather(*(store.write(1, one, profile) for one, profile in zip(ids, profiles, strict=True)))


async def median_us(call: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """The median time of a call in microseconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


async def measure(lists: SubscriberList, count: int) -> None:
    """One line for each kind of page, ten rows each."""
    deep = min(DEEP, count - 10)
    [anchor] = await lists.newest(ENVIRONMENT, deep, 1)
    query, everyone = CursorQuery(10), SubscriberFilter()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "first page": lambda: lists.find(ENVIRONMENT, query, everyone),
        "first page by updatedAt": lambda: lists.find(ENVIRONMENT, query, SubscriberFilter("updatedAt")),
        f"after row {deep}": lambda: lists.find(ENVIRONMENT, CursorQuery(10, cursor=anchor.oid), everyone),
        f"v1, from row {deep}": lambda: lists.newest(ENVIRONMENT, deep // 10, 10),
        "one subscriberId": lambda: lists.find(ENVIRONMENT, query, SubscriberFilter(subscriber_id=SubscriberId("p7"))),
    }
    for name, call in calls.items():
        print(f"{count:>7} subscribers  {name:<26} {await median_us(call):8.0f} us")
    nobody = SubscriberFilter(name="nobody of this name")
    print(f"{count:>7} subscribers  {'search that finds nothing':<26} "
          f"{await median_us(lambda: lists.find(ENVIRONMENT, query, nobody), 3):8.0f} us")


async def main(url: str) -> None:
    client = await open_client(url)
    try:
        for count in SIZES:
            store = SubscriberStore(client, Keys(f"l{count}:"))
            await fill(store, count)
            await measure(SubscriberList(store), count)
    finally:
        await client.close()


if __name__ == "__main__":
    binary = find_valkey()
    assert binary, "needs Valkey"
    with running_store(binary, unix=True) as server:
        asyncio.run(main(server.url))
