"""What stream entries hold: their content, or the name of one that a bucket keeps once for many messages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.store.keys import BucketKeys

MOST_CACHED_BYTES = 16 * 1024 * 1024
Fields = list[bytes]


class Contents:
    """Reads contents that are stored once, and remembers the latest: they never change."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    async def fill_in(self, bucket: BucketKeys, entries: Iterable[Fields]) -> None:
        """Puts the content in place of its name in entries (`c`, ms, `d` content or `r` name, …). One more batch, only
        for names that are not remembered. Raises StoreUnavailable for one that the store has lost.
        """
        named = [fields for fields in entries if fields[2] == b"r"]
        found = dict(self._remembered(fields[3] for fields in named))
        missing = [name for name in dict.fromkeys(fields[3] for fields in named) if name not in found]
        if missing:
            keys = [bucket.content(name.decode()) for name in missing]
            for name, content in zip(missing, await self._client.batch([("GET", key) for key in keys]), strict=True):
                if content is None:
                    raise StoreUnavailable
                found[name] = content
                self._remember(name, content)
        for fields in named:
            fields[2], fields[3] = b"d", found[fields[3]]

    def _remembered(self, names: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for name in names:
            if content := self._cache.get(name):
                self._cache.move_to_end(name)
                yield name, content

    def _remember(self, name: bytes, content: bytes) -> None:
        self._cache[name] = content
        self._size += len(content)
        while self._size > MOST_CACHED_BYTES:
            self._size -= len(self._cache.popitem(last=False)[1])
