"""Due buckets: the time of the next work in each bucket, and the lease of the process that works on it.

All due buckets of one kind of work are one sorted set. The end of a lease identifies its holder: no other process can
have a lease of that bucket that ends in the same millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inbox.clock import now_ms
from inbox.store.client import Client
from inbox.store.scripts import load

TICK_MS = 100
"""Buckets are due at multiples of it, so that many timers of one moment share an entry."""
MAX_ACQUIRED = 16


@dataclass(frozen=True, slots=True)
class BucketKey:
    """A bucket of an environment."""

    environment: int
    bucket: int

    @property
    def name(self) -> str:
        """Return the bucket's lease in the sorted set; entries have their time appended."""
        return f"{self.environment}:{self.bucket}"


@dataclass(frozen=True, slots=True)
class AcquiredBuckets:
    """The buckets that are due and the end of their leases (ms since 1970, by the store's clock).

    `next_seconds` is the time until the next bucket is due, None if there is none.
    """

    buckets: list[BucketKey]
    until_ms: int
    next_seconds: float | None


def _acquired(raw: list[Any]) -> AcquiredBuckets:
    next_ms, until_ms, *names = raw
    buckets = [BucketKey(*map(int, name.split(b":"))) for name in names]
    return AcquiredBuckets(buckets, until_ms, next_ms / 1_000 if next_ms >= 0 else None)


_ACQUIRE = load("due_buckets_acquire", _acquired)
_RENEW = load("due_bucket_renew", lambda end: end if end >= 0 else None)


class DueBuckets:
    """The due buckets of one kind of work."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key

    async def schedule(self, bucket: BucketKey, ms: int) -> None:
        """Make a bucket due at a time (ms since 1970); call this before a timer of that time is set."""
        await self.schedule_all({bucket: ms})

    async def schedule_all(self, times: Mapping[BucketKey, int]) -> None:
        """Make each bucket due at its time (ms since 1970)."""
        if times:
            flat = [part for bucket, ms in times.items() for part in _entry(bucket, ms)]
            await self._client.execute("ZADD", self._key, *flat)

    async def acquire(self, lease_ms: int, max_buckets: int = MAX_ACQUIRED) -> AcquiredBuckets:
        """Acquire buckets that are due and that no process holds, for the time of the lease."""
        return await self._client.run(_ACQUIRE, [self._key], [lease_ms, max_buckets, TICK_MS])

    async def lag_seconds(self) -> float:
        """Return how long the oldest due bucket has waited for a process; 0 if none waits."""
        first = await self._client.execute("ZRANGE", self._key, 0, 0, "WITHSCORES")
        return max(0, now_ms() - int(float(first[1]))) / 1_000 if first else 0

    async def renew(self, bucket: BucketKey, until_ms: int, lease_ms: int) -> int | None:
        """Renew a lease that ends at `until_ms`, or release the bucket as due with 0 ms.

        Return the new end, or None if another process has acquired the bucket.
        """
        return await self._client.run(_RENEW, [self._key], [bucket.name, until_ms, lease_ms])

    async def release(self, bucket: BucketKey, until_ms: int) -> None:
        """End a lease that ends at `until_ms`, unless another process has acquired the bucket."""
        await self._client.run(_RENEW, [self._key], [bucket.name, until_ms, ""])


def _entry(bucket: BucketKey, ms: int) -> tuple[int, str]:
    """Return score and member of the entry for that time: the next tick."""
    tick = -(-ms // TICK_MS) * TICK_MS
    return tick, f"{bucket.name}:{tick}"
