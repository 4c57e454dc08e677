"""What counts by `data` and `payload` cost a process: `python -m tests.bench.filters`, 1,000 messages, 30 filters.

CPU is that of this thread (the event loop, so everything but the store), as is the time that the loop was not let go:
what another process takes meanwhile is not counted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from inbox.ids import SubscriberId
from inbox.models.message import StoredMessage, encode_stored
from inbox.server import freeze_gc, new_event_loop
from inbox.service.feed.content_match import Slice
from inbox.service.feed.feed import FeedService, parse_payload_filter, payload_test
from inbox.service.feed.notification_filter import NotificationFilter, parse_filter
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from inbox.store.feed import Feed
from inbox.store.messages import Delivery, MessageStore
from inbox.store.rows import ALL
from tests.support.stores import running_store
from tests.support.tools import find_valkey

from .tables import markdown

MESSAGES, FILTERS, ROUNDS = 1_000, 30, 40
AT_ONCE = 50
FIELDS = 6
BODY = "What it says, at some length. " * 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds: CPU of a request, at least and in the median, and the longest that the loop was not let go.

    The least is what it costs on a machine that does nothing else.
    """

    least_ms: float
    median_ms: float
    blocked_ms: float


def content(number: int) -> bytes:
    """A message of some 600 bytes with data, tags and payload, as stored."""
    data = {f"field{place}": f"value {number * (place + 1) % 40}" for place in range(FIELDS)}
    message = StoredMessage(
        transaction_id=f"txn_{number:024x}",
        template_id="a" * 24,
        template_identifier="bench",
        message_template_id="b" * 24,
        step_id="step",
        content=BODY,
        subject=f"Subject {number}",
        payload={"order": number, "customer": {"tier": f"tier {number % 3}"}},
        data={**data, "nested": {"kind": f"kind {number % 7}"}},
        tags=["news", f"tag {number % 5}"],
    )
    return encode_stored(message)


class Bench:
    """A service over a store, with a feed of so many messages; another one is made for what must be fresh."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._messages = MessageStore(services.client, services.keys, services.feed_store)
        self._transactions = count()
        self._names = count()

    async def make_feed(self, messages: int) -> Feed:
        """A new feed, filled."""
        name = SubscriberId(f"s{next(self._names)}")
        feed = await self.services.feed_store.open(self.services.environments.current.number, name)
        for start in range(0, messages, AT_ONCE):
            await self.append(feed, [content(number) for number in range(start, min(messages, start + AT_ONCE))])
        return feed

    async def append(self, feed: Feed, contents: Sequence[bytes]) -> None:
        deliveries = [Delivery(feed, one, f"t{next(self._transactions)}", "step", "w" * 24) for one in contents]
        await self._messages.append(deliveries)


def same_field(filters: int) -> list[dict[str, Any]]:
    """Tabs over one field, as a page has them: unread ones of one value each."""
    return [{"read": False, "data": {"field1": f"value {number}"}} for number in range(filters)]


def many_fields(filters: int) -> list[dict[str, Any]]:
    """Every form there is: several fields, nested ones, tags, and values that nothing has."""
    forms: list[Callable[[int], dict[str, Any]]] = [
        lambda n: {"data": {f"field{n % FIELDS}": f"value {n}"}},
        lambda n: {"data": {"nested": {"kind": f"kind {n % 9}"}}, "archived": False},
        lambda n: {"data": {f"field{n % FIELDS}": f"value {n}", "nested.kind": "kind 1"}, "read": False},
        lambda n: {"tags": [f"tag {n % 6}", "news"], "seen": False},
        lambda n: {"tags": [["news"], [f"tag {n % 6}"]], "data": {"none": None}},
    ]
    return [forms[number % len(forms)](number) for number in range(filters)]


async def measure(rounds: int, call: Callable[[], Awaitable[object]]) -> Cost:
    """Calls it so many times, with a task beside it that notes how long the loop was not let go."""
    blocked = 0.0

    async def tick() -> None:
        nonlocal blocked
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            blocked = max(blocked, time.thread_time() - before)

    taken: list[float] = []
    for _ in range(rounds):
        before = time.thread_time()
        await call()
        taken.append(1_000 * (time.thread_time() - before))
    ticker = asyncio.create_task(tick())
    for _ in range(rounds):
        await call()
    ticker.cancel()
    return Cost(min(taken), statistics.median(taken), 1_000 * blocked)


async def run(url: str, messages: int = MESSAGES, filters: int = FILTERS, rounds: int = ROUNDS) -> dict[str, Cost]:
    """The costs by what is asked."""
    client = await open_client(url)
    services = Services(Settings(redis_url=url, key_prefix=f"filters-{secrets.token_hex(4)}:"), client)
    await services.environments.load()
    freeze_gc()
    try:
        return await _measure(Bench(services), messages, filters, rounds)
    finally:
        await services.client.close()


async def _measure(bench: Bench, messages: int, filters: int, rounds: int) -> dict[str, Cost]:
    feed, service = await bench.make_feed(messages), bench.services.feed
    encoded = base64.b64encode(json.dumps({"customer": {"tier": "none"}}).encode()).decode()

    async def counts(raw: list[dict[str, Any]], of: FeedService = service) -> None:
        await of.count_each([feed], [parse_filter(one) for one in raw])

    async def fresh_counts(raw: list[dict[str, Any]]) -> None:
        await counts(raw, FeedService(bench.services.feed_store))

    async def counts_after_a_message(raw: list[dict[str, Any]]) -> None:
        await bench.append(feed, [content(7)])
        await counts(raw)

    async def page_by_payload() -> None:
        content_test = payload_test(parse_payload_filter(encoded))
        await service.page([feed], NotificationFilter(ALL), 10, content_test=content_test)

    async def read_alone() -> None:
        snapshot = await bench.services.feed_store.snapshot(feed)
        assert snapshot is not None
        for start in range(1, messages + 1, 400):
            found = await bench.services.feed_store.contents(
                feed, snapshot, range(start, min(start + 400, messages + 1))
            )
            Slice(found.values())

    one, many = same_field(filters), many_fields(filters)
    return {
        "the messages read and parsed, nothing counted": await measure(rounds, read_alone),
        "counts, one field, for the first time": await measure(rounds, lambda: fresh_counts(one)),
        "counts, many fields, for the first time": await measure(rounds, lambda: fresh_counts(many)),
        "counts, one field, asked again": await measure(rounds, lambda: counts(one)),
        "counts, many fields, asked again": await measure(rounds, lambda: counts(many)),
        "counts, many fields, after a new message": await measure(rounds, lambda: counts_after_a_message(many)),
        "feed by a payload that none has": await measure(rounds, page_by_payload),
    }


def render(costs: dict[str, Cost]) -> str:
    """The table of docs/measures.md."""
    columns = ["asked", "CPU, least", "CPU, median", "loop not let go, longest"]
    rows = [
        [name, *(f"{figure:.2f} ms" for figure in (cost.least_ms, cost.median_ms, cost.blocked_ms))]
        for name, cost in costs.items()
    ]
    return markdown(columns, rows)


if __name__ == "__main__":
    binary = find_valkey()
    assert binary
    with running_store(binary, unix=True) as store, asyncio.Runner(loop_factory=new_event_loop) as runner:
        print(render(runner.run(run(store.url))))
