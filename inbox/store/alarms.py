"""Alarms: which bucket somebody should look into and when, and who is looking into it.

All alarms of one kind of work are one sorted set. Whoever takes a bucket has it under a lease, whose end names the
holder: nobody else can have a lease of the same bucket that ends in the same millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inbox.store import scripts
from inbox.store.client import Argument, Client

TICK_MS = 100
"""Alarms ring at multiples of it, so that many timers of one moment share one."""
MOST_CLAIMED = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket of an environment."""

    environment: int
    bucket: int

    @property
    def name(self) -> str:
        """What the alarms call it."""
        return f"{self.environment}:{self.bucket}"


@dataclass(frozen=True, slots=True)
class Claim:
    """Buckets to look into, until when they are held (ms since 1970, by the store's clock), and in how many ms the next
    alarm rings (None: there is none).
    """

    places: list[Place]
    until_ms: int
    next_ms: int | None


class Alarms:
    """The alarms of one kind of work."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key

    async def ring_at(self, place: Place, ms: int) -> None:
        """Leaves an alarm; to be called before a timer of that time (ms since 1970) is set."""
        await self.ring_all({place: ms})

    async def ring_all(self, alarms: Mapping[Place, int]) -> None:
        """Leaves alarms, for each place at its time (ms since 1970)."""
        if alarms:
            flat = [part for place, ms in alarms.items() for part in _alarm(place, ms)]
            await self._client.execute("ZADD", self._key, *flat)

    async def claim(self, lease_ms: int, most: int = MOST_CLAIMED) -> Claim:
        """Takes buckets whose alarm rings and that nobody holds, for the time of the lease."""
        next_ms, until_ms, *names = await self._client.run(
            scripts.ALARM_CLAIM, [self._key], [lease_ms, most, TICK_MS]
        )
        return Claim([_place(name.decode()) for name in names], until_ms, next_ms if next_ms >= 0 else None)

    async def hold(self, place: Place, until_ms: int, lease_ms: int | None) -> int | None:
        """Renews a lease that ends at `until_ms`, hands it on (0 ms) or gives it back (None): its new end. None when
        the bucket is somebody else's by now.
        """
        args: list[Argument] = [place.name, until_ms, "" if lease_ms is None else lease_ms]
        end = int(await self._client.run(scripts.ALARM_HOLD, [self._key], args))
        return end if end >= 0 else None


def _place(name: str) -> Place:
    environment, bucket = name.split(":")
    return Place(int(environment), int(bucket))


def _alarm(place: Place, ms: int) -> tuple[int, str]:
    """Score and member of the alarm for a timer of that time: the next tick."""
    tick = -(-ms // TICK_MS) * TICK_MS
    return tick, f"{place.name}:{tick}"
