"""CPU and bytes of a push on the native flavour beside the plain one: within a process, on a feed without a store.

    python -m tests.bench.native

A push goes from its publication to the writes of its sockets. Rounds of the flavours take turns; a figure is the median
of the rounds, a ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from inbox.realtime import plain
from inbox.realtime.connected_feed import ConnectedFeed
from inbox.realtime.connection import Codec, Connection, QueueLimits, Queues
from inbox.realtime.events import Close
from inbox.realtime.hub import Hub
from inbox.realtime.native import codec as native
from inbox.realtime.native.connection import NativeConnection
from tests.unit.fake_feed import ENVIRONMENT, FakeCards, FakeFeeds

from .tables import markdown

FLAVOURS: dict[str, tuple[Codec, type[Connection]]] = {
    "plain": (plain.CODEC, Connection),
    "native": (native.CODEC, NativeConnection),
}
ROUNDS, PUSHES = 9, 2_000


class Sink:
    """A transport that counts what is written."""

    has_ended = False
    is_writable = True

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)

    def on_writable(self, _: Any) -> None: ...

    def close(self, _: Close) -> None: ...

    def abort(self) -> None: ...


class Cards(FakeCards):
    """Cards as large as real ones."""

    async def subscriber(self, environment: Any, oid: str) -> dict[str, Any] | None:
        card = {"_id": oid, "id": oid, "subscriberId": "alice", "firstName": "Alice", "lastName": "Liddell"}
        return card if await super().subscriber(environment, oid) else None

    def cached_workflow(self, _: Any, message: Any) -> dict[str, Any]:
        name = message.template_identifier
        return {"id": "w" * 24, "identifier": name, "name": name, "critical": False, "tags": [], "severity": "none"}


@dataclass(frozen=True)
class PushCost:
    """Of one push: microseconds of CPU, and bytes to each socket."""

    us: float
    bytes: float


async def push(flavours: Sequence[str], sockets: int, pushes: int) -> PushCost:
    """Push new messages to a feed with so many sockets of each flavour."""
    cards = Cards()
    feeds = FakeFeeds(cards=cards)
    hub = Hub(feeds, cards, cards)  # type: ignore[arg-type]

    async def acknowledged(_: str) -> None: ...

    hub.listen_with(lambda _: None, acknowledged, lambda _: None)
    sinks = [Sink() for _ in range(sockets * len(flavours))]
    queues = Queues(QueueLimits())
    for index, sink in enumerate(sinks):
        codec, kind = FLAVOURS[flavours[index % len(flavours)]]
        connection = kind(str(index), sink, codec, queues)
        await _open(hub.enter(feeds.feed, ENVIRONMENT), hub, connection)
    publications = [feeds.append() for _ in range(pushes)]
    greetings = sum(sink.bytes for sink in sinks)
    begin = time.process_time()
    for publication in publications:
        hub.receive(feeds.channel, publication)
    us = (time.process_time() - begin) * 1_000_000 / pushes
    return PushCost(us, (sum(sink.bytes for sink in sinks) - greetings) / pushes / len(sinks))


async def _open(connected: ConnectedFeed, hub: Hub, connection: Connection) -> None:
    await hub.join(connected, connection)
    if isinstance(connection, NativeConnection):
        connection.begin(connection.position)
    connection.open()


async def measure(sockets: int, rounds: int = ROUNDS, pushes: int = PUSHES) -> list[list[str]]:
    """Return the rows of the table: each flavour alone, and both."""
    sets = {"plain": ["plain"], "native": ["native"], "both": ["plain", "native"]}
    costs: dict[str, list[PushCost]] = {name: [] for name in sets}
    for _ in range(rounds):
        for name, flavours in sets.items():
            costs[name].append(await push(flavours, sockets, pushes))
    rows = []
    for name, measured in costs.items():
        ratios = [one.us / base.us for one, base in zip(measured, costs["plain"], strict=True)]
        us = median(one.us for one in measured)
        rows.append([name, str(sockets), f"{us:.1f} µs", f"{median(ratios):.2f}x", f"{measured[0].bytes:,.0f}"])
    return rows


def main() -> None:
    rows = [row for sockets in (1, 10) for row in asyncio.run(measure(sockets))]
    print(markdown(["sockets of", "how many", "CPU of a push", "times plain", "bytes to a socket"], rows))


if __name__ == "__main__":
    main()
