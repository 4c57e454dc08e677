"""Events that could not be delivered: kept with the reason, to be sent again by command."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inbox.models.event import Event
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.keys import Keys

MOST_FAILED = 1_000


class FailedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event, why it was not delivered, how often that was tried, and when it was given up (ms since 1970)."""

    event: Event
    reason: str
    tries: int
    failed_ms: int


_decoder = msgspec.msgpack.Decoder(FailedEvent)
_encode = msgspec.msgpack.encode


def decode_failed(raw: bytes) -> FailedEvent:
    """A failed event as it is kept."""
    return _decoder.decode(raw)


class FailedEvents:
    """The newest 1,000 of each environment."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def add(self, environment: int, failed: FailedEvent) -> None:
        """Keeps one; added again it is there once."""
        args: list[Argument] = [failed.event.id, _encode(failed), failed.failed_ms, MOST_FAILED]
        await self._client.run(scripts.FAILED_ADD, self._keys.failed(environment), args)

    async def count(self, environment: int) -> int:
        """How many there are."""
        return int(await self._client.execute("ZCARD", self._keys.failed(environment)[1]))

    async def all(self, environment: int) -> list[FailedEvent]:
        """Every one, in the order they were given up."""
        return await self.find(environment, await self._ids(environment))

    async def find(self, environment: int, ids: Sequence[str]) -> list[FailedEvent]:
        """Those of these ids that are there, in the order given."""
        raw = await self._client.execute("HMGET", self._keys.failed(environment)[0], *ids) if ids else []
        return [_decoder.decode(one) for one in raw if one]

    async def remove(self, environment: int, event_id: str) -> None:
        """Drops one."""
        failed, order = self._keys.failed(environment)
        await self._client.transaction([("HDEL", failed, event_id), ("ZREM", order, event_id)])

    async def _ids(self, environment: int) -> list[str]:
        ids = await self._client.execute("ZRANGE", self._keys.failed(environment)[1], 0, -1)
        return [raw.decode() for raw in ids]
