"""Limits of the hot path: CPU of a trigger, a page and a push as times that of a bare ASGI echo of the same run.

    python -m tests.bench.limits                measure, and compare with the limits; exit code 1 if one is exceeded
    python -m tests.bench.limits --write        take the limits anew: after the hot path has become faster

A set is five rounds, in each of which the four take turns on one core; a ratio is the median of its rounds. What else
the machine does slows both sides of a ratio, and inbox more, whose memory is pushed out of the caches. So the smallest
ratio of several sets counts: of five for a limit; of up to three in a test, which ends once it is within the limits.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from .performance.client import HttpConnection, connected, request, send_over
from .performance.comparison import Crowd, crowd_of
from .performance.delivery import push_to_one
from .performance.requests import Calls, fill, newest_ids
from .performance.targets import (
    BareAsgi,
    Inbox,
    Target,
    open_bare_asgi,
    open_inbox_alone,
    raise_descriptor_limit,
)

FILE = Path(__file__).with_name("limits.json")
ALLOWED = 1.3
"""Times its figure that a path may cost: a loss of 30 % is to be found, and ratios vary."""
CORE = min(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
"""The core of all that is measured: on a shared machine one may be slower than another for a while."""
ROUNDS, SETS, SETS_FOR_LIMITS = 5, 3, 5
TURNS, TURN, SOCKETS, CONNECTIONS = 20, 32, 100, 16
"""A round is 20 turns, each of 32 echoes, triggers and pages, and of a push to 100 sockets."""
READER = TURN
"""The user whose page and sockets these are; triggers go to users before this one."""

Ratios = dict[str, float]


class Figures(msgspec.Struct):
    """The content of limits.json: when the limits were taken, and the ratio of each path on that day."""

    taken: str
    ratios: Ratios

    def exceeded(self, ratios: Mapping[str, float]) -> Ratios:
        """Return the ratios over their limits, as times the figure that the limit comes from."""
        beside = {name: ratio / self.ratios[name] for name, ratio in ratios.items()}
        return {name: times for name, times in beside.items() if times > ALLOWED}


def read_figures() -> Figures:
    return msgspec.json.decode(FILE.read_bytes(), type=Figures)


@dataclass(eq=False)
class HotPath:
    """A process of the service with its store and open sockets, and a bare ASGI app, with connections to both."""

    inbox: Inbox
    bare: BareAsgi
    crowd: Crowd
    calls: Calls
    to_inbox: Sequence[HttpConnection]
    to_bare: Sequence[HttpConnection]

    async def measure(self, sets: int, is_enough: Callable[[Ratios], bool] = lambda _: False) -> Ratios:
        """Return the smallest ratios of so many sets, or of fewer, once they are enough."""
        for part in (*self.inbox.parts, self.bare.processes):
            part.pin(CORE)
        await self.spend()  # what is loaded and cached by the first requests is not theirs
        smallest: Ratios = {}
        for _ in range(sets):
            rounds = [await self._round() for _ in range(ROUNDS)]
            ratios = {name: median(one[name] for one in rounds) for name in rounds[0]}
            smallest = {name: min(ratio, smallest.get(name, ratio)) for name, ratio in ratios.items()}
            if is_enough(smallest):
                break
        return smallest

    async def check(self, figures: Figures) -> Ratios:
        """Return the smallest ratios of as many sets as it takes to be within the limits, three at most."""
        return await self.measure(SETS, lambda ratios: not figures.exceeded(ratios))

    async def _round(self) -> Ratios:
        spent = await self.spend()
        return {name: us / spent["echo"] for name, us in spent.items() if name != "echo"}

    async def spend(self) -> Ratios:
        """Return the microseconds of an echo, a trigger, a page, and a push to one socket.

        All take turns, a few at a time: the machine is the same for all of them, whatever else it does.
        """
        triggers = [self.inbox.trigger([user], 0) for user in range(TURN)]
        echoes = [request("POST", "/echo", triggers[0].partition(b"\r\n\r\n")[2])] * TURN
        pages = [self.calls.page()] * TURN
        parts: dict[str, tuple[Target | BareAsgi, Callable[[], Awaitable[object]]]] = {
            "echo": (self.bare, lambda: send_over(self.to_bare, echoes)),
            "trigger": (self.inbox, lambda: send_over(self.to_inbox, triggers)),
            "page": (self.inbox, lambda: send_over(self.to_inbox, pages)),
            "push": (self.inbox, lambda: push_to_one(self.to_inbox[0], self.crowd, READER, SOCKETS)),
        }
        spent = dict.fromkeys(parts, 0.0)
        for _ in range(TURNS):
            for name, (target, work) in parts.items():
                before = target.cpu_us()
                await work()
                spent[name] += target.cpu_us() - before
        return {name: us / TURNS / (SOCKETS if name == "push" else TURN) for name, us in spent.items()}


@asynccontextmanager
async def open_hot_path() -> AsyncIterator[HotPath]:
    async with open_bare_asgi() as bare, open_inbox_alone() as inbox:
        await inbox.create_workflow()
        await inbox.prepare(READER + 1)
        await fill(inbox, READER, 20)
        calls = Calls(inbox, READER, await newest_ids(inbox, READER))
        async with (
            crowd_of(inbox, [READER] * SOCKETS) as crowd,
            connected(inbox.port, CONNECTIONS) as to_inbox,
            connected(bare.port, CONNECTIONS) as to_bare,
        ):
            yield HotPath(inbox, bare, crowd, calls, to_inbox, to_bare)


async def take_limits() -> Figures:
    """Return today's ratios, of five sets."""
    async with open_hot_path() as path:
        measured = await path.measure(SETS_FOR_LIMITS)
    ratios = {name: round(ratio, 2) for name, ratio in measured.items()}
    return Figures(f"{datetime.now(UTC):%Y-%m-%d}", ratios)


async def check() -> int:
    """Print the ratios beside their limits. Return 1 if one is exceeded."""
    figures = read_figures()
    async with open_hot_path() as path:
        ratios = await path.check(figures)
    for name, ratio in ratios.items():
        figure = figures.ratios[name]
        print(f"{name}: {ratio:.2f} times an echo, {ratio / figure:.2f} of {figure} ({figures.taken}), limit {ALLOWED}")
    return 1 if figures.exceeded(ratios) else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.limits", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write today's figures to {FILE.name}")
    options = parser.parse_args()
    raise_descriptor_limit()
    if options.write:
        figures = asyncio.run(take_limits())
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")
        print(FILE.read_text())
        return 0
    return asyncio.run(check())


if __name__ == "__main__":
    sys.exit(main())
