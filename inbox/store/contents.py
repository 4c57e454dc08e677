"""Contents that a bucket stores once for many messages; their stream entries hold only the name."""

from __future__ import annotations

from collections.abc import Iterable

from inbox.errors import StoreUnavailable
from inbox.lru_cache import LruCache
from inbox.store.client import Client
from inbox.store.keys import BucketKeys

MAX_CACHED_BYTES = 16 * 1024 * 1024
Fields = list[bytes]


class Contents:
    """Reads shared contents and caches the latest: they never change."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cache: LruCache[bytes, bytes] = LruCache(MAX_CACHED_BYTES, len)

    async def fill_in(self, bucket: BucketKeys, entries: Iterable[Fields]) -> None:
        """Replace names by contents in entries (`c`, ms, `d` content or `r` name, …), in place.

        Reads names that are not cached in one batch. Raise StoreUnavailable if the store has lost a content.
        """
        named = [fields for fields in entries if fields[2] == b"r"]
        names = {fields[3] for fields in named}
        contents = {name: content for name in names if (content := self._cache.get(name)) is not None}
        missing = names.difference(contents)
        if missing:
            keys = [bucket.content(name.decode()) for name in missing]
            for name, content in zip(missing, await self._client.batch([("GET", key) for key in keys]), strict=True):
                if content is None:
                    raise StoreUnavailable
                contents[name] = content
                self._cache.put(name, content)
        for fields in named:
            fields[2], fields[3] = b"d", contents[fields[3]]
