"""What is due when: timers in each bucket, and alarms that say in which bucket to look.

A timer lies beside what it is about, so the script that makes a snooze, a delay or an expiry sets its timer in the same
step. No process looks through 256 buckets each second: whoever sets a timer first leaves an alarm (a bucket and a
moment) in one sorted set of the installation. An alarm without a timer costs a look; a timer without an alarm, which
only a failover that lost one can leave, is found by a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.store import scripts
from inbox.store.alarms import Alarms, Place
from inbox.store.client import Client
from inbox.store.keys import BUCKETS, NAME_LENGTH, Keys

WAKE = b"w"
"""Timer of a feed (its number in decimal): a snooze ends."""
EXPIRE = b"x"
"""Timer of a message (feed number, n: four bytes each, big-endian; then the check): it expires."""
RUN = b"r"
"""Timer of a run (the transaction's name, then the feed's number in decimal): it goes on."""
WINDOW = b"d"
"""Timer of a digest's window (its name, that of the transaction that opened it, feed number `.` step): it closes."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due: its kind (one byte), what it is about, and since when (ms since 1970)."""

    kind: bytes
    about: bytes
    due_ms: int

    @property
    def member(self) -> bytes:
        return self.kind + self.about


class TimerStore(Alarms):
    """Alarms, and timers that are due. Timers themselves are set by the scripts of what they are about."""

    def __init__(self, client: Client, keys: Keys) -> None:
        super().__init__(client, keys.alarms)
        self._keys = keys

    async def due(self, place: Place, most: int) -> list[Timer]:
        """The bucket's timers whose time has come, the earliest first."""
        raw = await self._client.run(scripts.TIMER_DUE, [self._timers(place)], [most])
        return [Timer(raw[at][:1], raw[at][1:], int(float(raw[at + 1]))) for at in range(0, len(raw), 2)]

    async def end(self, place: Place, timers: Sequence[Timer]) -> None:
        """Drops timers that have fired, unless they were set anew meanwhile."""
        await self._end(place, timers, "")

    async def put_off(self, place: Place, timers: Sequence[Timer], ms: int) -> None:
        """Lets timers fire that much later, unless they were set anew meanwhile."""
        await self._end(place, timers, ms)

    async def sweep(self, environment: int) -> int:
        """Leaves an alarm for the first timer of every bucket; how many buckets have one."""
        places = [Place(environment, bucket) for bucket in range(BUCKETS)]
        firsts = await self._client.batch([("ZRANGE", self._timers(place), 0, 0, "WITHSCORES") for place in places])
        alarms = {place: int(float(first[1])) for place, first in zip(places, firsts, strict=True) if first}
        await self.ring_all(alarms)
        return len(alarms)

    async def claim_sweep(self, seconds: int) -> bool:
        """Whether this process is the one to sweep for that long."""
        return bool(await self._client.execute("SET", self._keys.alarms_swept, 1, "NX", "EX", seconds))

    async def _end(self, place: Place, timers: Sequence[Timer], ms: int | str) -> None:
        named = [part for timer in timers for part in (timer.member, timer.due_ms)]
        await self._client.run(scripts.TIMER_END, [self._timers(place)], [ms, *named])

    def _timers(self, place: Place) -> str:
        return self._keys.bucket(place.environment, place.bucket).timers


def feed_of(member: bytes) -> int | None:
    """The number of the feed that a timer is about, by which an erasure finds it; None for one that names no feed."""
    if member[:1] == WAKE:
        return int(member[1:])
    if member[:1] == EXPIRE:
        return int.from_bytes(member[1:5], "big")
    if member[:1] == RUN:
        return int(member[1 + NAME_LENGTH :])
    if member[:1] == WINDOW:
        return int(member[1 + 2 * NAME_LENGTH :].partition(b".")[0])
    return None
