"""How long the longest scripts hold the server, in microseconds, as its slow log tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from inbox.store.bulk import FEED_MARK_ALL, FEED_MARK_ROWS, MAX_STAMPS
from inbox.store.changes import INBOX_READ, INBOX_SEEN, V1_MARKS_ALL, V1_READ, V1_UNREAD
from inbox.store.feed_reader import FEED_FOLD
from inbox.store.messages import MAX_MARKED_AT_ONCE, MESSAGE_MARK
from inbox.store.scripts import Script

from .rig import BenchFeed, Rig
from .wire import Operation

LONG = 10_000
SLOW_LOG_ENTRIES = 10_000

Make = Callable[[int], Awaitable[Operation]]


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds of `calls` calls."""

    calls: int
    median: float
    longest: int


async def measure_scripts(rig: Rig, repeats: int) -> dict[str, Times]:
    """The times of the changes that touch many rows, on a feed of 10,000 messages."""
    rig.clear()
    [feed] = await rig.open_feeds(1)
    await rig.fill([feed], LONG)
    rig.wire.call("CONFIG", "SET", "slowlog-max-len", SLOW_LOG_ENTRIES)
    rig.wire.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
    newest = range(LONG, LONG - MAX_MARKED_AT_ONCE, -1)

    async def mark_twenty(turn: int) -> Operation:
        return await rig.mark(feed, newest, V1_UNREAD if turn % 2 else V1_READ)

    async def mark_all(turn: int) -> Operation:
        return await rig.mark_all(feed, INBOX_SEEN)

    async def mark_rows(turn: int) -> Operation:
        """As many rows as there are: all are unread, then all read, in turn."""
        return await rig.mark_all(feed, V1_MARKS_ALL["unread" if turn % 2 else "read"])

    times = {
        "mark of 20": await _time(rig, MESSAGE_MARK, repeats, mark_twenty),
        "mark all at 10,000": await _time(rig, FEED_MARK_ALL, repeats, mark_all),
        "mark_rows at 10,000": await _time(rig, FEED_MARK_ROWS, repeats, mark_rows),
    }
    await _leave_stamps(rig, feed, MAX_STAMPS)
    times["mark of 20, 8 stamps standing"] = await _time(rig, MESSAGE_MARK, repeats, mark_twenty)
    times["fold of 50"] = await _time_fold(rig, feed)
    return times


async def _time(rig: Rig, script: Script[Any], repeats: int, make: Make) -> Times:
    rig.wire.call("SLOWLOG", "RESET")
    for turn in range(repeats):
        rig.wire.run([await make(turn)])
    return _logged(rig, script)


async def _time_fold(rig: Rig, feed: BenchFeed) -> Times:
    """Folds one stamp over all rows, slice by slice."""
    rig.wire.call("SLOWLOG", "RESET")
    await rig.feeds.fold(feed.feed, MAX_STAMPS - 1)
    return _logged(rig, FEED_FOLD)


async def _leave_stamps(rig: Rig, feed: BenchFeed, count: int) -> None:
    rig.wire.call("DEL", feed.feed.keys.stamps)
    for _ in range(count):
        rig.wire.run([await rig.mark_all(feed, INBOX_READ)])


def _logged(rig: Rig, script: Script) -> Times:
    entries = rig.wire.call("SLOWLOG", "GET", -1)
    taken = [entry[2] for entry in entries if script.sha.encode() in entry[3][:2]]
    assert taken, f"{script.name} is not in the slow log"
    return Times(len(taken), median(taken), max(taken))
