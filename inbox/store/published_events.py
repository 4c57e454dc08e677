"""Events about a subscriber, published or pending, which an erasure removes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from inbox.ids import SubscriberId
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.due_buckets import BucketKey
from inbox.store.failed_events import FAILED_REMOVE, decode_failed
from inbox.store.scripts import load

SLICE = 200
_OUTBOX_ERASE = load("outbox_erase", int)


class _About(msgspec.Struct, rename="camel"):
    """The subscriber of an event."""

    subscriber_id: str | None = None


_about = msgspec.json.Decoder(_About)


class PublishedEvents(BaseStore):
    """The event stream of an environment, its failed events, and the outboxes of its buckets."""

    async def erase(self, bucket_key: BucketKey, oid: str, subscriber_id: SubscriberId) -> int:
        """Remove events about a subscriber of this bucket and its pending presence changes; return their number.

        Pending entries about its messages stay: they name no subscriber, and no event comes of them once its feeds are
        gone.
        """

        def is_about(body: bytes) -> bool:
            return _about.decode(body).subscriber_id == subscriber_id

        stream, bucket = self._keys.events(bucket_key.environment)[0], self._bucket(bucket_key)

        async def remove_published(ids: Sequence[bytes]) -> int:
            return int(await self._client.execute("XDEL", stream, *ids))

        async def remove_pending(ids: Sequence[bytes]) -> int:
            return await self._client.run(_OUTBOX_ERASE, [bucket.outbox, bucket.outbox_progress], ids)

        def is_presence(fields: list[bytes]) -> bool:
            return fields[0] == b"p" and fields[1].endswith(oid.encode())

        removed = await self._sift(stream, lambda fields: is_about(fields[5]), remove_published)
        removed += await self._sift(bucket.outbox, is_presence, remove_pending)
        return removed + await self._sift_failed(bucket_key.environment, is_about)

    async def _sift(
        self,
        stream: str,
        takes: Callable[[list[bytes]], object],
        remove: Callable[[Sequence[bytes]], Awaitable[int]],
    ) -> int:
        """Remove the entries of a stream that `takes` picks by their fields; return their number."""
        start: Argument = "-"
        removed = 0
        while entries := await self._client.execute("XRANGE", stream, start, "+", "COUNT", SLICE):
            ids = [entry_id for entry_id, fields in entries if takes(fields)]
            if ids:
                removed += await remove(ids)
            start = "(" + entries[-1][0].decode()
        return removed

    async def _sift_failed(self, environment: int, is_about: Callable[[bytes], bool]) -> int:
        keys, removed = self._keys.failed(environment), 0
        async for fields in self._client.scan_hash(keys[0], SLICE):
            ids = [event_id for event_id, raw in fields if is_about(decode_failed(raw).event.body)]
            if ids:
                removed += await self._client.run(FAILED_REMOVE, keys, ids)
        return removed
