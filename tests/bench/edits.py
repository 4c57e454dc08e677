"""What edits and references cost Redis: CPU per operation, beside the same operation without them, in one run.

    python -m tests.bench.edits [--server valkey|redis7] [--rounds N]

Appends with and without an external reference, pages of ten without an edited message and with three, a search by
reference (its script alone), and an edit, on feeds of 1,000 messages; 16 commands in flight. The operations take turns,
and a figure is the median of the rounds, so other work on the machine moves the figures more than the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from statistics import median

from msgspec.structs import replace

from inbox.models.message import decode_stored, encode_stored
from inbox.store.messages import Delivery
from inbox.store.references import ReferenceStore
from inbox.store.rows import ALL

from .rig import SERVERS, BenchFeed, Rig, contents, open_rig
from .usage import cpu_us
from .wire import Operation

SIZE, FEEDS, OPERATIONS, PAGE = 1_000, 8, 800, 10
EDITED = (1, 4, 8)
"""The messages of a page, from its top, that are edited."""

Make = Callable[[], Awaitable[Operation]]


class EditWorkload:
    """Two groups of feeds alike, but for the references and edits of the second."""

    def __init__(self, rig: Rig, plain: list[BenchFeed], other: list[BenchFeed]) -> None:
        self._rig = rig
        self._plain, self._other = plain, other
        self._numbers = count()
        self._references = ReferenceStore(rig.recorder, rig.messages._keys, rig.recorded_feeds)
        self.operations: dict[str, Make] = {
            "append": lambda: self._append(plain, False),
            "append with a reference": lambda: self._append(other, True),
            "page of ten": lambda: self._page(plain),
            "page of ten, three edited": lambda: self._page(other),
            "search by reference": self._search,
            "edit": self._edit,
        }

    async def prepare(self) -> None:
        for _ in range(SIZE):
            self._rig.wire.run([await self._append([feed], False) for feed in self._plain])
            self._rig.wire.run([await self._append([feed], True) for feed in self._other])
        for target in self._other:
            page = await self._rig.feeds.page(target.feed, ALL, PAGE)
            assert page is not None
            for message in (page.messages[at] for at in EDITED):
                await self._rig.messages.edit(target.feed, message, replace(message.stored, content="edited"))
            await ReferenceStore(self._rig.client, self._rig.messages._keys, self._rig.feeds).find(target.feed, "none")

    async def _append(self, feeds: list[BenchFeed], has_reference: bool) -> Operation:
        number = next(self._numbers)
        content = contents()[number % len(contents())]
        if has_reference:
            content = encode_stored(replace(decode_stored(content), external_reference=f"order-{number}"))
        feed = feeds[number % len(feeds)].feed
        delivery = Delivery(feed, content, transaction_id=f"t{number}", step_id="in-app", workflow_id="welcome")
        await self._rig.recorded_messages.append([delivery])
        return self._rig.recorder.take()

    async def _page(self, feeds: list[BenchFeed]) -> Operation:
        """The page that began at the top when the feeds were filled."""
        feed = feeds[next(self._numbers) % len(feeds)].feed
        page = await self._rig.recorded_feeds.page(feed, ALL, PAGE, before=SIZE + 1)
        assert page is not None
        assert len(page.messages) == PAGE
        return self._rig.recorder.take()

    async def _search(self) -> Operation:
        number = next(self._numbers)
        await self._references.find(self._other[number % len(self._other)].feed, f"order-{number % SIZE}")
        return self._rig.recorder.take()

    async def _edit(self) -> Operation:
        number = next(self._numbers)
        feed = self._other[number % len(self._other)].feed
        found = await self._rig.feeds.page(feed, ALL, 1, before=SIZE // 2 - number % 100)
        assert found is not None
        [message] = found.messages
        await self._rig.recorded_messages.edit(feed, message, replace(message.stored, content=f"edit {number}"))
        return self._rig.recorder.take()


async def measure(server: str, rounds: int) -> dict[str, float]:
    """Return the microseconds of Redis CPU per operation."""
    async with open_rig(server) as rig:
        feeds = await rig.open_feeds(2 * FEEDS)
        workload = EditWorkload(rig, feeds[:FEEDS], feeds[FEEDS:])
        await workload.prepare()
        spent: dict[str, list[float]] = {name: [] for name in workload.operations}
        for name in [*spent] * rounds:
            made = [await workload.operations[name]() for _ in range(OPERATIONS)]
            before = cpu_us(rig.pid)
            rig.wire.run(made)
            spent[name].append((cpu_us(rig.pid) - before) / OPERATIONS)
        return {name: median(values) for name, values in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.edits", description=__doc__.split("\n")[0])
    parser.add_argument("--server", choices=SERVERS, default="valkey")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    for name, us in asyncio.run(measure(options.server, options.rounds)).items():
        print(f"| {name} | {us:.1f} us |")


if __name__ == "__main__":
    main()
