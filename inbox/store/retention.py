"""The index of each bucket: it names every message by time, so that retention finds the old ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from inbox.store.base import BaseStore
from inbox.store.due_buckets import BucketKey

MAX_AT_ONCE = 100
_RECORD = struct.Struct(">II")


class RetentionStore(BaseStore):
    """Reads and cuts the index by time."""

    async def buckets_with_old(self, environment: int, buckets: Sequence[int], before_ms: int) -> list[int]:
        """Return those of these buckets whose index has an entry older than `before_ms` (ms since 1970)."""
        indexes = [self._keys.bucket(environment, bucket).times for bucket in buckets]
        found = await self._client.batch([("XRANGE", times, "-", before_ms - 1, "COUNT", 1) for times in indexes])
        return [bucket for bucket, entries in zip(buckets, found, strict=True) if entries]

    async def old(self, bucket_key: BucketKey, before_ms: int) -> tuple[str, set[int]] | None:
        """Return the last of at most 100 index entries older than `before_ms` (ms since 1970), and the numbers of their
        feeds. None if there is no such entry.
        """
        times = self._bucket(bucket_key).times
        entries = await self._client.execute("XRANGE", times, "-", before_ms - 1, "COUNT", MAX_AT_ONCE)
        if not entries:
            return None
        numbers = {number for _, fields in entries for number, _ in _RECORD.iter_unpack(fields[1])}
        return entries[-1][0].decode(), numbers

    async def forget(self, bucket_key: BucketKey, last: str) -> None:
        """Remove the index entries up to this one."""
        ms, sequence = last.split("-")
        await self._client.execute("XTRIM", self._bucket(bucket_key).times, "MINID", f"{ms}-{int(sequence) + 1}")

    async def look_again(self, bucket_key: BucketKey, number: int, row: int) -> None:
        """Enter a message that outlives its age anew, so that it is checked again after another retention period."""
        await self._client.execute("XADD", self._bucket(bucket_key).times, "*", "w", _RECORD.pack(number, row))
