"""The event stream of an environment: what was told, for teams who read Redis themselves."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.models.event import Event
from inbox.store import scripts
from inbox.store.alarms import Place
from inbox.store.client import Client
from inbox.store.keys import Keys

MOST_EVENTS = 10_000
"""So many events a stream keeps, the newest, and some more until a whole block of them can go."""


class EventStream:
    """Adds the events of each bucket once, in their order."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def cursor(self, place: Place) -> str:
        """The last entry of the bucket's outbox whose events are there; empty at first."""
        raw = await self._client.execute("HGET", self._keys.events(place.environment)[1], place.bucket)
        return raw.decode() if raw else ""

    async def append(self, place: Place, cursor: str, last: str, events: Sequence[Event]) -> bool:
        """Adds events and moves the bucket's cursor to `last`; False when it is not at `cursor` any more."""
        told = [part for event in events for part in (event.id, event.type, event.body)]
        args = [place.bucket, cursor, last, MOST_EVENTS, *told]
        return bool(await self._client.run(scripts.EVENTS_APPEND, self._keys.events(place.environment), args))

    async def size(self, environment: int) -> int:
        """How many events are there."""
        return int(await self._client.execute("XLEN", self._keys.events(environment)[0]))
