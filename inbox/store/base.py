"""The base of the stores: the client, the keys, and the keys of a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from inbox.store.client import Client
from inbox.store.keys import BucketKeys, Keys, bucket_of, bucket_of_oid


class InBucket(Protocol):
    """A bucket of an environment, or something that is stored in one."""

    @property
    def environment(self) -> int: ...

    @property
    def bucket(self) -> int: ...


@dataclass(eq=False)
class BaseStore:
    """Reads and writes one kind of data."""

    _client: Client
    _keys: Keys

    def _bucket(self, item: InBucket) -> BucketKeys:
        """Return the keys of an item's bucket."""
        return self._keys.bucket(item.environment, item.bucket)

    def _bucket_of(self, environment: int, name: str) -> BucketKeys:
        """Return the keys of the bucket of a subscriberId or of another name."""
        return self._keys.bucket(environment, bucket_of(name))

    def _bucket_of_oid(self, environment: int, oid: str) -> BucketKeys:
        """Return the keys of the bucket of a subscriber's oid."""
        return self._keys.bucket(environment, bucket_of_oid(oid))
