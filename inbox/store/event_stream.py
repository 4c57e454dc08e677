"""The event stream of an environment: its webhook events, for teams who read Redis themselves."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.models.event import WebhookEvent
from inbox.store.base import BaseStore
from inbox.store.due_buckets import BucketKey
from inbox.store.scripts import load

MAX_EVENTS = 10_000
"""The newest events that a stream keeps, besides some older ones until a whole block of them can go."""

_EVENTS_APPEND = load("events_append", bool)


class EventStream(BaseStore):
    """Adds the events of each bucket once, in order."""

    def key(self, environment: int) -> str:
        """Return the key of the stream."""
        return self._keys.events(environment)[0]

    async def cursor(self, bucket: BucketKey) -> str:
        """Return the last entry of the bucket's outbox whose events are in the stream; empty at first."""
        raw = await self._client.execute("HGET", self._keys.events(bucket.environment)[1], bucket.bucket)
        return raw.decode() if raw else ""

    async def append(self, bucket: BucketKey, cursor: str, last: str, events: Sequence[WebhookEvent]) -> bool:
        """Add events and move the bucket's cursor to `last`. False if it is no longer at `cursor`."""
        fields = [part for event in events for part in (event.id, event.type, event.body)]
        args = [bucket.bucket, cursor, last, MAX_EVENTS, *fields]
        return await self._client.run(_EVENTS_APPEND, self._keys.events(bucket.environment), args)

    async def size(self, environment: int) -> int:
        """Return the number of events."""
        return int(await self._client.execute("XLEN", self._keys.events(environment)[0]))
