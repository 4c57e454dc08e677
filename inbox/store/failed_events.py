"""Events that could not be delivered, stored with the reason, so that they can be sent again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inbox.models.event import FailedEvent
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.scripts import load

MAX_FAILED = 1_000

_FAILED_ADD = load("failed_add", int)
FAILED_REMOVE = load("failed_remove", int)


decode_failed = msgspec.msgpack.Decoder(FailedEvent).decode
_encode = msgspec.msgpack.encode


class FailedEvents(BaseStore):
    """Stores the newest 1,000 of each environment."""

    async def add(self, environment: int, failed: FailedEvent) -> None:
        """Store an event; an event that is added twice is stored once."""
        args: list[Argument] = [failed.event.id, _encode(failed), failed.failed_ms, MAX_FAILED]
        await self._client.run(_FAILED_ADD, self._keys.failed(environment), args)

    async def count(self, environment: int) -> int:
        return int(await self._client.execute("ZCARD", self._keys.failed(environment)[1]))

    async def read(self, environment: int, offset: int = 0, limit: int = MAX_FAILED) -> list[FailedEvent]:
        """Return failed events after the first `offset`, in the order of `failed_ms`."""
        ids = await self._client.execute("ZRANGE", self._keys.failed(environment)[1], offset, offset + limit - 1)
        return await self.find(environment, ids)

    async def find(self, environment: int, ids: Sequence[str | bytes]) -> list[FailedEvent]:
        """Return the failed events with these ids that exist, in the order of the ids."""
        raw = await self._client.execute("HMGET", self._keys.failed(environment)[0], *ids) if ids else []
        return [decode_failed(one) for one in raw if one]

    async def remove(self, environment: int, event_id: str) -> None:
        await self._client.run(FAILED_REMOVE, self._keys.failed(environment), [event_id])
