"""How many requests a caller made in the current window of time; shared by all processes."""

from __future__ import annotations

from inbox.store.client import Client
from inbox.store.keys import Keys, bucket_of


class RequestCounts:
    """One counter per caller and window, which ends with its window."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def add(self, environment: int, caller: str, window: str, ttl_seconds: int) -> int:
        """Counts one more request and returns how many there are now."""
        key = self._keys.bucket(environment, bucket_of(caller)).spent(caller, window)
        count, _ = await self._client.transaction([("INCR", key), ("EXPIRE", key, ttl_seconds, "NX")])
        return int(count)
