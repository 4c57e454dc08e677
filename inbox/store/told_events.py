"""What events have told of a subscriber, or are about to: for an erasure, which leaves none of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from inbox.ids import SubscriberId
from inbox.store.alarms import Place
from inbox.store.client import Argument, Client
from inbox.store.failed_events import decode_failed
from inbox.store.keys import Keys

SLICE = 200


class _About(msgspec.Struct, rename="camel"):
    """Whom an event is about."""

    subscriber_id: str | None = None


_about = msgspec.json.Decoder(_About)


class ToldEvents:
    """The event stream of an environment, its failed events, and the outboxes of its buckets."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def erase(self, place: Place, oid: str, subscriber_id: SubscriberId) -> int:
        """Removes what tells of a subscriber of that bucket: events about it, and presence that is not told yet.

        Gives how many there were. What its messages wait to be told by names none of them, so it is told no more.
        """

        def is_about(body: bytes) -> bool:
            return _about.decode(body).subscriber_id == subscriber_id

        removed = await self._sift(self._keys.events(place.environment)[0], lambda fields: is_about(fields[5]))
        bucket = self._keys.bucket(place.environment, place.bucket)

        def is_presence(fields: list[bytes]) -> bool:
            return fields[0] == b"p" and fields[1].endswith(oid.encode())

        removed += await self._sift(bucket.outbox, is_presence, bucket.outbox_progress)
        return removed + await self._sift_failed(place.environment, is_about)

    async def _sift(self, stream: str, takes: Callable[[list[bytes]], object], progress: str = "") -> int:
        """Removes entries; `progress` of an outbox learns how many, so that none counts as lost."""
        start: Argument = "-"
        removed = 0
        while entries := await self._client.execute("XRANGE", stream, start, "+", "COUNT", SLICE):
            taken = [entry_id for entry_id, fields in entries if takes(fields)]
            if taken:
                gone = int(await self._client.execute("XDEL", stream, *taken))
                if progress:
                    await self._client.execute("HINCRBY", progress, "removed", gone)
                removed += gone
            start = "(" + entries[-1][0].decode()
        return removed

    async def _sift_failed(self, environment: int, is_about: Callable[[bytes], bool]) -> int:
        failed, order = self._keys.failed(environment)
        cursor, removed = 0, 0
        while True:
            cursor, flat = await self._client.execute("HSCAN", failed, cursor, "COUNT", SLICE)
            pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
            taken = [event_id for event_id, raw in pairs if is_about(decode_failed(raw).event.body)]
            if taken:
                await self._client.transaction([("HDEL", failed, *taken), ("ZREM", order, *taken)])
            removed += len(taken)
            if int(cursor) == 0:
                return removed
