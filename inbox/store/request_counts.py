"""Counters of a caller's requests in the current window of time, shared by all processes."""

from __future__ import annotations

from inbox.store.base import BaseStore


class RequestCounts(BaseStore):
    """Stores one counter per caller and window, until the window ends."""

    async def add(self, environment: int, caller: str, window: str, ttl_seconds: int) -> int:
        """Count a request and return the number of requests in the window."""
        key = self._bucket_of(environment, caller).spent(caller, window)
        count, _ = await self._client.transaction([("INCR", key), ("EXPIRE", key, ttl_seconds, "NX")])
        return int(count)
