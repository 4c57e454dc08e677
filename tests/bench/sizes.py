"""Bytes: what feeds take in Redis' memory, and what an append adds to the append-only file.

Memory is the difference in `used_memory`, so it holds everything: allocator slack, the key space's own tables, the
subscribers' records. What belongs to a kind of key is what deleting all of that kind frees.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from inbox.store.changes import INBOX_READ
from inbox.store.messages import MAX_MARKED_AT_ONCE

from .rig import CONTENT_BYTES, BenchFeed, Rig

LONG_FEED = 100
READ = 80
IDEMPOTENCY_KEYS = "*}1:x:*"
TIME_INDEX = "*}1:times"
STILL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one feed with its subscriber: `total` without idempotency keys, of which `time_index` is the index's."""

    messages: int
    total: float
    time_index: float
    idempotency: float

    @property
    def payload(self) -> int:
        return self.messages * CONTENT_BYTES

    @property
    def ratio(self) -> float:
        """Times the payload."""
        return self.total / self.payload

    @property
    def fixed(self) -> float:
        """What is left without the payload."""
        return self.total - self.payload


async def measure_long_feeds(rig: Rig, feeds: int, *, in_bulk: bool) -> Memory:
    """A feed of 100 messages, the first 80 read: all at once, or 20 by name at a time."""
    before = await _empty(rig)
    opened = await rig.open_feeds(feeds)
    await rig.fill(opened, READ)
    for feed in opened:
        await (_read_all(rig, feed) if in_bulk else _read_each(rig, feed))
    await rig.fill(opened, LONG_FEED - READ)
    return _memory(rig, before, feeds, LONG_FEED)


async def measure_small_feeds(rig: Rig, subscribers: int) -> Memory:
    """A subscriber with one message."""
    before = await _empty(rig)
    await rig.fill(await rig.open_feeds(subscribers), 1)
    return _memory(rig, before, subscribers, 1)


async def measure_file(rig: Rig, appends: int) -> float:
    """Bytes that one append adds to the append-only file; the rig's server has to keep one."""
    rig.clear()
    feeds = await rig.open_feeds(10)
    await rig.fill(feeds, 1)
    before = _file_bytes(rig)
    await rig.fill(feeds, appends // len(feeds))
    return (_file_bytes(rig) - before) / appends


async def _empty(rig: Rig) -> int:
    """`used_memory` of an empty server that has run every script: what it allocates for that is no feed's."""
    rig.clear()
    [feed] = await rig.open_feeds(1)
    await rig.fill([feed], READ)
    await _read_each(rig, feed)
    await _read_all(rig, feed)
    rig.clear()
    return _used(rig)


async def _read_all(rig: Rig, feed: BenchFeed) -> None:
    rig.wire.run([await rig.mark_all(feed, INBOX_READ)])


async def _read_each(rig: Rig, feed: BenchFeed) -> None:
    for first in range(1, READ, MAX_MARKED_AT_ONCE):
        rig.wire.run([await rig.mark(feed, range(first, first + MAX_MARKED_AT_ONCE), INBOX_READ)])


def _memory(rig: Rig, before: int, feeds: int, messages: int) -> Memory:
    everything = _used(rig)
    _delete(rig, IDEMPOTENCY_KEYS)
    without_keys = _used(rig)
    _delete(rig, TIME_INDEX)
    without_index = _used(rig)
    return Memory(
        messages,
        total=(without_keys - before) / feeds,
        time_index=(without_keys - without_index) / feeds,
        idempotency=(everything - without_keys) / feeds / messages,
    )


def _delete(rig: Rig, pattern: str) -> None:
    keys = rig.wire.call("KEYS", pattern)
    assert keys, f"no key is like {pattern}"
    for start in range(0, len(keys), 1000):
        rig.wire.call("DEL", *keys[start : start + 1000])


def _used(rig: Rig) -> int:
    """`used_memory` once it stands still: the server resizes its tables little by little, ten times a second."""
    used, seen = int(rig.info("memory")["used_memory"]), 0
    while abs(used - seen) > STILL_BYTES:
        time.sleep(0.3)
        used, seen = int(rig.info("memory")["used_memory"]), used
    return used


def _file_bytes(rig: Rig) -> int:
    return int(rig.info("persistence")["aof_current_size"])
