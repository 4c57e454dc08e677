"""Many timers over two processes, one killed half-way: `python -m tests.bench.timers`, 10,000 within a minute.

Half are snoozes that end, half messages that expire; as many as a tenth again were due while nothing ran, up to an hour
ago. What fired, and when, is read from the feeds afterwards, by the store's clock: a woken message has its end as
`createdAt`, an expired one leaves its deletion in the change log.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from inbox.ids import SubscriberId
from inbox.models.message import StoredMessage, encode_stored
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.changes import INBOX_SNOOZE
from inbox.store.client import open_client
from inbox.store.feed import Feed
from inbox.store.messages import Delivery, MessageStore
from inbox.store.rows import ALL, RowId, parse_message_id
from tests.support.server import running_server
from tests.support.stores import running_store
from tests.support.tools import find_valkey
from tests.support.waiting import until

FULL, SPREAD_SECONDS = 10_000, 60.0
HOUR_MS = 3_600_000
LEASE_SECONDS = "2"
PREFIX = "bench:"
TEMPLATE = "0" * 24
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A feed with two messages: one is snoozed until a time, one expires at it (ms since 1970)."""

    feed: Feed
    snoozed: RowId
    due_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """Lateness in ms, sorted: of what was due while the processes ran, and of what was due before."""

    timers: int
    once: int
    lateness: Sequence[int]
    after_downtime: Sequence[int]
    made_late_ms: int

    def lines(self) -> list[str]:
        found = self.lateness
        return [
            f"{self.once:,} of {self.timers:,} timers fired once; earliest {found[0]} ms after its time",
            f"lateness: p50 {_at(found, 0.5)} ms, p90 {_at(found, 0.9)} ms, p99 {_at(found, 0.99)} ms,"
            f" longest {found[-1]} ms; within a second: {sum(ms <= 1_000 for ms in found) / len(found):.2%}",
            f"made {self.made_late_ms:,} ms after the first of them was due",
            f"due before the start: all fired within {self.after_downtime[-1]:,} ms of it",
        ]


def _at(times: Sequence[int], share: float) -> int:
    return times[math.ceil(share * len(times)) - 1]


async def run(count: int, spread_seconds: float) -> Report:
    """The whole measurement."""
    binary = find_valkey()
    assert binary
    async with AsyncExitStack() as stack:
        store = stack.enter_context(running_store(binary, unix=True))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = await open_client(store.url)
        stack.push_async_callback(client.close)
        services = Services(Settings(redis_url=store.url, key_prefix=PREFIX), client)
        await services.environments.load()
        messages = MessageStore(client, services.keys, services.feed_store)
        now = int(time.time() * 1_000)
        overdue = [now - HOUR_MS * (place + 1) // count for place in range(count // 20)]
        early = await _prepare(services, messages, overdue, "past")
        start = int(time.time() * 1_000)
        settings = {"INBOX_KEY_PREFIX": PREFIX, "INBOX_WORK_LEASE_SECONDS": LEASE_SECONDS}
        places = [home / "one", home / "two"]
        for place in places:
            place.mkdir()
        doomed, _ = [
            await stack.enter_async_context(running_server(place, redis_url=store.url, **settings)) for place in places
        ]
        after_downtime = sorted([ms for pair in early for ms in await _fired(services, pair, pair.due_ms - start)])
        begin = int(time.time() * 1_000) + 1_000 + 4 * count  # time for the pairs to be made
        due = [begin + int(spread_seconds * 1_000 * place / (count // 2)) for place in range(count // 2)]
        pairs = await _prepare(services, messages, due, "soon")
        late_ms = int(time.time() * 1_000) - begin
        await asyncio.sleep(max(0.0, -late_ms / 1_000) + spread_seconds / 2)
        await doomed.kill()
        await asyncio.sleep(max(0.0, due[-1] / 1_000 - time.time()))
        lateness = sorted([ms for pair in pairs for ms in await _fired(services, pair, 0)])
        fired = [await _times_fired(services, pair) for pair in [*early, *pairs]]
    return Report(2 * len(fired), sum(times.count(1) for times in fired), lateness, after_downtime, max(0, late_ms))


async def _prepare(services: Services, messages: MessageStore, due: Sequence[int], name: str) -> list[Pair]:
    async def make(number: int, due_ms: int) -> Pair:
        environment = services.environments.current.number
        feed = await services.feed_store.open(environment, SubscriberId(f"{name}-{number}"))
        first = await _append(messages, feed, "snoozed")
        await _append(messages, feed, "expires", due_ms)
        assert await messages.snooze(feed, first, INBOX_SNOOZE, due_ms)
        return Pair(feed, first, due_ms)

    pairs: list[Pair] = []
    for start in range(0, len(due), AT_ONCE):
        part = due[start : start + AT_ONCE]
        pairs += await asyncio.gather(*(make(start + place, ms) for place, ms in enumerate(part)))
    return pairs


async def _append(messages: MessageStore, feed: Feed, text: str, expires_ms: int = 0) -> RowId:
    content = encode_stored(StoredMessage(text, TEMPLATE, "bench", TEMPLATE, "step", content=text))
    (appended,) = await messages.append(
        [Delivery(feed, content, transaction_id=text, step_id="s", workflow_id=TEMPLATE, expires_ms=expires_ms)]
    )
    assert appended is not None
    assert appended.message_id is not None
    return parse_message_id(appended.message_id)


async def _fired(services: Services, pair: Pair, offset_ms: int) -> list[int]:
    """How long after its time each of a pair fired; waits for both, without a reading that would fire them itself."""

    async def done() -> bool:
        stream = await services.client.execute("XRANGE", pair.feed.keys.stream, "-", "+")
        return [entry_id for entry_id, _ in stream] == [b"3-0"]

    await until(done, 60)
    return [ms - pair.due_ms + offset_ms for ms in await _moments(services, pair)]


async def _moments(services: Services, pair: Pair) -> list[int]:
    """When the snooze ended and when the other message went, by the store's clock."""
    page = await services.feed_store.page(pair.feed, ALL, 10)
    assert page is not None
    log = await services.client.execute("LRANGE", pair.feed.keys.log, 0, -1)
    return [message.created_ms for message in page.messages] + [int(one[:13]) for one in log if one[13:14] == b"x"]


async def _times_fired(services: Services, pair: Pair) -> list[int]:
    """How often each of a pair has fired."""
    log = await services.client.execute("LRANGE", pair.feed.keys.log, 0, -1)
    kinds = [one[13:14] for one in log]
    return [kinds.count(b"v"), kinds.count(b"x")]


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else FULL
    print(f"{os.cpu_count()} CPUs, {size:,} timers within {SPREAD_SECONDS:.0f} s, one of two processes killed half-way")
    print("\n".join(asyncio.run(run(size, SPREAD_SECONDS)).lines()))
