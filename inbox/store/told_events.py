"""What events have told of a subscriber, or are about to: for an erasure, which leaves none of it."""

from __future__ import annotations

from collections.abc import Callable

from inbox.store.alarms import Place
from inbox.store.client import Argument, Client
from inbox.store.keys import Keys

SLICE = 200


class ToldEvents:
    """The event stream of an environment, its failed events, and the outboxes of its buckets."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def erase(self, place: Place, oid: str, names: Callable[[bytes], object]) -> int:
        """Removes what tells of a subscriber of that bucket: events that `names` takes, presence not told yet.

        Gives how many there were. What its messages wait to be told by names none of them, so it is told no more.
        """
        stream = self._keys.events(place.environment)[0]
        removed = await self._sift(stream, lambda fields: names(b" ".join(fields)))
        outbox = self._keys.bucket(place.environment, place.bucket).outbox
        removed += await self._sift(outbox, lambda fields: fields[0] == b"p" and fields[1].endswith(oid.encode()))
        return removed + await self._sift_failed(place.environment, names)

    async def _sift(self, stream: str, takes: Callable[[list[bytes]], object]) -> int:
        start: Argument = "-"
        removed = 0
        while entries := await self._client.execute("XRANGE", stream, start, "+", "COUNT", SLICE):
            taken = [entry_id for entry_id, fields in entries if takes(fields)]
            if taken:
                await self._client.execute("XDEL", stream, *taken)
            removed += len(taken)
            start = "(" + entries[-1][0].decode()
        return removed

    async def _sift_failed(self, environment: int, names: Callable[[bytes], object]) -> int:
        failed, order = self._keys.failed(environment)
        cursor, removed = 0, 0
        while True:
            cursor, flat = await self._client.execute("HSCAN", failed, cursor, "COUNT", SLICE)
            pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
            taken = [event_id for event_id, raw in pairs if names(raw)]
            if taken:
                await self._client.transaction([("HDEL", failed, *taken), ("ZREM", order, *taken)])
            removed += len(taken)
            if int(cursor) == 0:
                return removed
