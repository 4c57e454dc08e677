"""Timers of each bucket, and the due buckets that say where to look for them.

A timer is in the bucket of its subject, so the script that stores a snooze, a delay or an expiry sets its timer in the
same step. No process polls 256 buckets each second: a bucket is scheduled in one sorted set of the installation before
a timer is set. A sweep finds timers whose bucket is not scheduled, after a failover that lost the entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.store.client import Client
from inbox.store.due_buckets import BucketKey, DueBuckets
from inbox.store.keys import BUCKETS, NAME_LENGTH, Keys
from inbox.store.scripts import load

WAKE = b"w"
"""Timer of a feed (its number in decimal): a snooze ends."""
EXPIRE = b"x"
"""Timer of a message (feed number, n: four bytes each, big-endian; then the check): it expires."""
RUN = b"r"
"""Timer of a run (the transaction's name, then the feed's number in decimal): it continues."""
WINDOW = b"d"
"""Timer of a digest's window (its name, that of the transaction that opened it, feed number `.` step): it closes."""

KINDS = {WAKE: "snooze", EXPIRE: "expiry", RUN: "run", WINDOW: "digest"}


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due: its kind (one byte), its subject, and its time (ms since 1970)."""

    kind: bytes
    about: bytes
    due_ms: int

    @property
    def member(self) -> bytes:
        return self.kind + self.about


def _due_timers(raw: list[bytes]) -> list[Timer]:
    return [Timer(raw[at][:1], raw[at][1:], int(float(raw[at + 1]))) for at in range(0, len(raw), 2)]


_TIMER_DUE = load("timer_due", _due_timers)
_TIMER_END = load("timer_end", bool)


class TimerStore(DueBuckets):
    """Due buckets and their timers. Scripts set timers together with their subjects."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys.due_timers)
        self._keys = keys

    async def due(self, bucket: BucketKey, max_timers: int) -> list[Timer]:
        """Return the bucket's timers whose time has come, the earliest first."""
        return await self._client.run(_TIMER_DUE, [self._timers(bucket)], [max_timers])

    async def end(self, bucket: BucketKey, timers: Sequence[Timer]) -> None:
        """Remove timers that have fired, unless they were set again meanwhile."""
        await self._end(bucket, timers, "")

    async def postpone(self, bucket: BucketKey, timers: Sequence[Timer], ms: int) -> None:
        """Postpone timers by `ms`, unless they were set again meanwhile."""
        await self._end(bucket, timers, ms)

    async def sweep(self, environment: int) -> int:
        """Schedule every bucket that has timers. Return how many there are."""
        buckets = [BucketKey(environment, bucket) for bucket in range(BUCKETS)]
        firsts = await self._client.batch([("ZRANGE", self._timers(bucket), 0, 0, "WITHSCORES") for bucket in buckets])
        times = {bucket: int(float(first[1])) for bucket, first in zip(buckets, firsts, strict=True) if first}
        await self.schedule_all(times)
        return len(times)

    async def _end(self, bucket: BucketKey, timers: Sequence[Timer], ms: int | str) -> None:
        members = [part for timer in timers for part in (timer.member, timer.due_ms)]
        await self._client.run(_TIMER_END, [self._timers(bucket)], [ms, *members])

    def _timers(self, bucket: BucketKey) -> str:
        return self._keys.bucket(bucket.environment, bucket.bucket).timers


def feed_of(member: bytes) -> int | None:
    """Return the number of a timer's feed, by which an erasure finds it; None if it names no feed."""
    if member[:1] == WAKE:
        return int(member[1:])
    if member[:1] == EXPIRE:
        return int.from_bytes(member[1:5], "big")
    if member[:1] == RUN:
        return int(member[1 + NAME_LENGTH :])
    if member[:1] == WINDOW:
        return int(member[1 + 2 * NAME_LENGTH :].partition(b".")[0])
    return None
