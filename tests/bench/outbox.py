"""What events cost Redis: changes where nobody wants events beside the same ones where somebody does.

    python -m tests.bench.outbox [--before REVISION]

CPU of the server per operation, on feeds of 1,000 at first, medians of rounds that take the forms in turn. With
`--before`, the scripts of an earlier revision as well: what the outbox costs those who do not use it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from statistics import median

from inbox.models.webhook import EVENT_TYPES
from inbox.store.changes import INBOX_READ, INBOX_UNREAD
from inbox.store.messages import MESSAGE_MARK
from inbox.store.replies import MESSAGE_APPEND
from inbox.store.scripts import Script

from .rig import ENVIRONMENT, BenchFeed, Rig, open_rig
from .usage import cpu_us
from .wire import Operation

SIZE, FEEDS, ROUNDS, OPERATIONS = 1_000, 8, 15, 800
INCLUDE = re.compile(r"^--#(\w+)\n", re.MULTILINE)
Make = Callable[[], Awaitable[Operation]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outbox", description=__doc__.split("\n")[0])
    parser.add_argument("--before", help="a revision whose scripts are measured too")
    asyncio.run(_main(parser.parse_args().before))


async def _main(before: str | None) -> None:
    async with open_rig("valkey") as rig:
        feeds = await rig.open_feeds(FEEDS)
        await rig.fill(feeds, SIZE)
        for name, make, at_once in (
            ("mark all", _marks_all(rig, feeds), False),
            ("append", _appends(rig, feeds), True),
            ("mark one", _marks(rig, feeds), True),
        ):
            old = _old(rig, before, [MESSAGE_APPEND, MESSAGE_MARK]) if before and at_once else None
            spent = await _measure(rig, make, old, OPERATIONS if at_once else 40, at_once=at_once)
            print(name, {form: f"{median(rounds):.1f} us" for form, rounds in spent.items()}, flush=True)


async def _measure(
    rig: Rig, make: Make, old: dict[bytes, bytes] | None, operations: int, *, at_once: bool
) -> dict[str, list[float]]:
    forms = ["off", "on", *(["before"] if old else [])]
    spent: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(ROUNDS):
        for form in forms:
            rig.recorded_messages.outbox.want({ENVIRONMENT: frozenset(EVENT_TYPES if form == "on" else ())})
            spent[form].append(await _spend(rig, make, old if form == "before" else None, operations, at_once=at_once))
    return spent


async def _spend(rig: Rig, make: Make, old: dict[bytes, bytes] | None, operations: int, *, at_once: bool) -> float:
    """A change of chosen rows fits the feed as it stands only, so these are made and sent one by one."""
    total = 0.0
    for size in [operations] if at_once else [1] * operations:
        made = [_renamed(await make(), old or {}) for _ in range(size)]
        began = cpu_us(rig.pid)
        rig.wire.run(made)
        total += cpu_us(rig.pid) - began
    return total / operations


def _appends(rig: Rig, feeds: Sequence[BenchFeed]) -> Make:
    turns = count()
    return lambda: rig.append(feeds[next(turns) % FEEDS])


def _marks(rig: Rig, feeds: Sequence[BenchFeed]) -> Make:
    turns = count()

    async def mark() -> Operation:
        at, index = divmod(next(turns), FEEDS)
        times, offset = divmod(at, SIZE)
        return await rig.mark(feeds[index], [SIZE - offset], INBOX_UNREAD if times % 2 else INBOX_READ)

    return mark


def _marks_all(rig: Rig, feeds: Sequence[BenchFeed]) -> Make:
    turns = count()

    async def mark_all() -> Operation:
        feed = feeds[next(turns) % FEEDS]
        await rig.messages.bulk.mark_all(feed.feed, INBOX_UNREAD)
        await rig.feeds.fold(feed.feed, 0)
        return await rig.mark_all(feed, INBOX_READ)

    return mark_all


def _renamed(operation: Operation, old: dict[bytes, bytes]) -> Operation:
    data = operation.data
    for new_sha, old_sha in old.items():
        data = data.replace(new_sha, old_sha)
    return Operation(data, operation.replies)


def _old(rig: Rig, revision: str, several: Sequence[Script]) -> dict[bytes, bytes]:
    """The earlier scripts, loaded: SHA-1 of today's → theirs."""

    def text(name: str) -> str:
        path = f"{revision}:inbox/store/lua/{name}.lua"
        return subprocess.run(["git", "show", path], capture_output=True, text=True, check=True).stdout

    loaded = {}
    for script in several:
        whole = INCLUDE.sub(lambda found: text(f"_{found[1]}"), text(script.name))
        loaded[script.sha.encode()] = bytes(rig.wire.call("SCRIPT", "LOAD", whole))
    return loaded


if __name__ == "__main__":
    main()
