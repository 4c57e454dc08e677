"""Redis CPU per operation, in microseconds and as a ratio to a bare script of the same run.

CPU is the time that the server's process was on a CPU while it worked through the operations, 16 in flight. Each
round runs every operation in turn, and right before it the bare script; a figure is the median of the rounds, a ratio
the median of the rounds' ratios. So what else the machine does slows both sides of a ratio. A PING shows how much of
a figure is the connection: reading, answering and, on an idle machine, waking up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median

from inbox.store.changes import INBOX_READ, INBOX_UNREAD
from inbox.store.rows import ALL, UNREAD, Select

from .rig import BenchFeed, Rig, contents
from .usage import cpu_us
from .wire import Operation, pack

BARE = """redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'd', ARGV[2])
redis.call('SETBIT', KEYS[2], ARGV[1], 1)
redis.call('SETBIT', KEYS[3], ARGV[1], 1)
redis.call('PUBLISH', KEYS[1], ARGV[2])
return ARGV[1]"""
UNREAD_ONLY = Select(UNREAD, UNREAD)
PAGE = 10
PING = pack([("PING",)])
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
        return {"ping": self.ping, "append": self.append, "mark one": self.mark_one, **reads}

    def bulks(self) -> Mapping[str, Make]:
        """What leaves stamps behind, which pages and marks then have to read."""
        return {"mark all": self.mark_all}

    async def bare(self) -> Operation:
        turn = next(self._turns["bare"])
        at, index = divmod(turn, len(self._feeds))
        keys = [f"bare:{letter}:{index}" for letter in "SUR"]
        return pack([("EVALSHA", self._bare_sha, 3, *keys, at + 1, contents()[turn % len(contents())])])

    async def ping(self) -> Operation:
        return PING

    async def append(self) -> Operation:
        return await self._rig.append(self._feeds[next(self._turns["append"]) % len(self._feeds)])

    async def mark_one(self) -> Operation:
        """Reads one message after the other, those behind the newest 60; then makes them unread again; and so on."""
        at, index = divmod(next(self._turns["mark one"]), len(self._feeds))
        times, offset = divmod(at, self._size - SCATTERED)
        change = INBOX_UNREAD if times % 2 else INBOX_READ
        return await self._rig.mark(self._feeds[index], [self._size - SCATTERED - offset], change)

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
    pairs = await _measure(rig, workload.bare, workload.singles(), plan)
    pairs |= await _measure(rig, workload.bare, workload.bulks(), plan)
    bares = [bare for rounds in pairs.values() for bare, _ in rounds]
    return {"bare": Cost(median(bares), 1.0)} | {name: _cost(rounds) for name, rounds in pairs.items()}


async def _measure(rig: Rig, bare: Make, makes: Mapping[str, Make], plan: Plan) -> dict[str, list[tuple[float, float]]]:
    """For each operation the microseconds of the bare script and its own, round by round."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in makes}
    for name in [*makes] * plan.rounds:
        spent_bare = await _spend(rig, bare, plan.operations)
        pairs[name].append((spent_bare, await _spend(rig, makes[name], plan.operations)))
    return pairs


def _cost(rounds: list[tuple[float, float]]) -> Cost:
    return Cost(median(spent for _, spent in rounds), median(spent / bare for bare, spent in rounds))


async def _spend(rig: Rig, make: Make, operations: int) -> float:
    made = [await make() for _ in range(operations)]
    before = cpu_us(rig.pid)
    rig.wire.run(made)
    return (cpu_us(rig.pid) - before) / operations
