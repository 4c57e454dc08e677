"""Redis CPU per operation, in microseconds and as a ratio to a bare script of the same run.

CPU is the time that the server's process was on a CPU while it worked through the operations, 16 in flight; each round
runs every operation in turn, and a figure is the median of the rounds. The ratio is formed within each round: other
load on the machine then slows both of its sides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median

from inbox.store.changes import INBOX_READ
from inbox.store.rows import ALL, UNREAD, Select

from .rig import BenchFeed, Rig, contents
from .wire import Operation, cpu_us, pack

BARE = """redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'd', ARGV[2])
redis.call('SETBIT', KEYS[2], ARGV[1], 1)
redis.call('SETBIT', KEYS[3], ARGV[1], 1)
redis.call('PUBLISH', KEYS[1], ARGV[2])
return ARGV[1]"""
UNREAD_ONLY = Select(UNREAD, UNREAD)
PAGE = 10
SCATTERED = 60
"""Of a feed's newest 60 messages every third is left unread, so that a page of unread ones is scattered."""

Make = Callable[[], Awaitable[Operation]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per operation, and times the bare script."""

    us: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How many feeds of how many messages, how many rounds of how many operations."""

    size: int
    feeds: int
    rounds: int
    operations: int


class Workload:
    """Filled feeds and the operations on them, each on the next feed in turn."""

    def __init__(self, rig: Rig, feeds: list[BenchFeed], size: int) -> None:
        self._rig = rig
        self._feeds = feeds
        self._size = size
        self._turns = {name: count() for name in ("bare", "append", "mark one", "mark all", "read")}
        self._bare_sha = rig.wire.call("SCRIPT", "LOAD", BARE)
        self._reads: dict[str, list[Operation]] = {}

    async def prepare(self) -> None:
        """Fills the feeds and the bare script's keys, and writes down the reads."""
        rig = self._rig
        await rig.fill(self._feeds, self._size)
        rig.wire.run([await self.bare() for _ in range(self._size * len(self._feeds))])
        self._reads["unseen count"] = [await self._unseen_count(feed) for feed in self._feeds]
        self._reads["newest 10"] = [await self._page(feed, ALL) for feed in self._feeds]
        for feed in self._feeds:
            await self._scatter(feed)
        self._reads["newest 10 unread, scattered"] = [await self._page(feed, UNREAD_ONLY) for feed in self._feeds]

    def singles(self) -> Mapping[str, Make]:
        """The operations that leave the feeds as they are but for one message."""
        reads = {name: self._reader(operations) for name, operations in self._reads.items()}
        return {"bare": self.bare, "append": self.append, "mark one": self.mark_one, **reads}

    def bulks(self) -> Mapping[str, Make]:
        """The operations that change every message."""
        return {"bare": self.bare, "mark all": self.mark_all}

    async def bare(self) -> Operation:
        turn = next(self._turns["bare"])
        at, index = divmod(turn, len(self._feeds))
        keys = [f"bare:{letter}:{index}" for letter in "SUR"]
        return pack([("EVALSHA", self._bare_sha, 3, *keys, at + 1, contents()[turn % len(contents())])])

    async def append(self) -> Operation:
        return await self._rig.append(self._feeds[next(self._turns["append"]) % len(self._feeds)])

    async def mark_one(self) -> Operation:
        """Reads a message for the first time: the newest that is untouched."""
        at, index = divmod(next(self._turns["mark one"]), len(self._feeds))
        number = self._size - SCATTERED - at
        assert number > 0, "every message is marked already: fewer rounds or operations"
        return await self._rig.mark(self._feeds[index], [number], INBOX_READ)

    async def mark_all(self) -> Operation:
        return await self._rig.mark_all(self._feeds[next(self._turns["mark all"]) % len(self._feeds)], INBOX_READ)

    def _reader(self, operations: Sequence[Operation]) -> Make:
        turns = count()

        async def read() -> Operation:
            return operations[next(turns) % len(operations)]

        return read

    async def _unseen_count(self, target: BenchFeed) -> Operation:
        await self._rig.recorded_feeds.state(target.feed)
        return self._rig.recorder.take()

    async def _page(self, target: BenchFeed, select: Select) -> Operation:
        page = await self._rig.recorded_feeds.page(target.feed, select, PAGE)
        assert page is not None
        assert len(page.messages) == PAGE
        return self._rig.recorder.take()

    async def _scatter(self, target: BenchFeed) -> None:
        newest = range(self._size, self._size - SCATTERED, -1)
        read = [number for index, number in enumerate(newest) if index % 3]
        for start in range(0, len(read), 20):
            self._rig.wire.run([await self._rig.mark(target, read[start : start + 20], INBOX_READ)])


async def measure_cpu(rig: Rig, plan: Plan) -> dict[str, Cost]:
    """The cost of each operation on feeds of the plan's size, and of the bare script."""
    rig.clear()
    workload = Workload(rig, await rig.open_feeds(plan.feeds), plan.size)
    await workload.prepare()
    return await _measure(rig, workload.singles(), plan) | await _measure(rig, workload.bulks(), plan)


async def _measure(rig: Rig, makes: Mapping[str, Make], plan: Plan) -> dict[str, Cost]:
    rounds = [{name: await _spend(rig, make, plan.operations) for name, make in makes.items()} for _ in range(plan.rounds)]
    return {
        name: Cost(median(each[name] for each in rounds), median(each[name] / each["bare"] for each in rounds))
        for name in makes
    }


async def _spend(rig: Rig, make: Make, operations: int) -> float:
    made = [await make() for _ in range(operations)]
    before = cpu_us(rig.pid)
    rig.wire.run(made)
    return (cpu_us(rig.pid) - before) / operations
