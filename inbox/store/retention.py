"""Finds what is too old: the index of each bucket names every message by time."""

from __future__ import annotations

import struct

from inbox.store.alarms import Place
from inbox.store.client import Client
from inbox.store.keys import Keys

MOST_AT_ONCE = 100
_RECORD = struct.Struct(">II")


class RetentionStore:
    """Reads and cuts the index by time."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def old(self, place: Place, before_ms: int) -> tuple[str, set[int]] | None:
        """The numbers of feeds that have messages of before that time (ms since 1970), from at most a hundred entries
        of the index, and the last of these entries. None when nothing is that old.
        """
        entries = await self._client.execute(
            "XRANGE", self._times(place), "-", before_ms - 1, "COUNT", MOST_AT_ONCE
        )
        if not entries:
            return None
        numbers = {number for _, fields in entries for number, _ in _RECORD.iter_unpack(fields[1])}
        return entries[-1][0].decode(), numbers

    async def forget(self, place: Place, last: str) -> None:
        """Cuts the index up to that entry."""
        ms, sequence = last.split("-")
        await self._client.execute("XTRIM", self._times(place), "MINID", f"{ms}-{int(sequence) + 1}")

    async def look_again(self, place: Place, number: int, row: int) -> None:
        """Enters a message anew, since it stays beyond its age: it is found again after another such time."""
        await self._client.execute("XADD", self._times(place), "*", "w", _RECORD.pack(number, row))

    async def claim(self, seconds: int) -> bool:
        """Whether this process is the one to look for that long."""
        return bool(await self._client.execute("SET", self._keys.retention_swept, 1, "NX", "EX", seconds))

    def _times(self, place: Place) -> str:
        return self._keys.bucket(place.environment, place.bucket).times
