"""Subscribers in Redis: one record each, found through the bucket's index."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from inbox.errors import Conflict, StoreUnavailable
from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber, parse_record
from inbox.store import scripts
from inbox.store.client import Client
from inbox.store.keys import BucketKeys, Keys, bucket_of

Mode = Literal["upsert", "create", "update"]
_ATTEMPTS = 5


def new_subscriber_oid(bucket: int) -> str:
    """A subscriber's 24-hex id: seconds since 1970 (8), bucket (2), random (14)."""
    return f"{int(time.time()):08x}{bucket:02x}{secrets.token_hex(7)}"


def bucket_of_oid(oid: str) -> int:
    """The bucket that a subscriber's id names."""
    return int(oid[8:10], 16)


class SubscriberStore:
    """Reads and writes subscribers; every write is one script."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def find_oid(self, environment: int, subscriber_id: SubscriberId) -> str | None:
        """The oid behind a subscriberId, or None."""
        bucket = self._bucket(environment, subscriber_id)
        oid = await self._client.execute("HGET", bucket.subscribers, subscriber_id)
        return oid.decode() if oid else None

    async def get(self, environment: int, subscriber_id: SubscriberId) -> Subscriber | None:
        """The subscriber, or None."""
        oid = await self.find_oid(environment, subscriber_id)
        return await self.get_by_oid(environment, oid) if oid else None

    async def get_by_oid(self, environment: int, oid: str) -> Subscriber | None:
        """The subscriber with this oid, or None; a deleted and re-created one has another oid."""
        key = self._keys.bucket(environment, bucket_of_oid(oid)).subscriber(oid)
        record = await self._client.execute("HGETALL", key)
        return parse_record(oid, _pairs(record)) if record else None

    async def write(
        self, environment: int, subscriber_id: SubscriberId, profile: Mapping[str, Any], mode: Mode = "upsert"
    ) -> tuple[Subscriber, bool] | None:
        """Sets the given profile fields (None clears one). Gives the subscriber and whether it is new.

        Mode `update` gives None for an unknown subscriber; mode `create` raises Conflict for a known one.
        """
        fields = {name: orjson.dumps(value) for name, value in profile.items() if value is not None}
        cleared = [name for name, value in profile.items() if value is None]
        pairs = [item for pair in fields.items() for item in pair]
        bucket = self._bucket(environment, subscriber_id)
        oid = await self.find_oid(environment, subscriber_id)
        for _ in range(_ATTEMPTS):
            oid = oid or new_subscriber_oid(bucket_of(subscriber_id))
            args = [subscriber_id, oid, mode, len(fields), *pairs, *cleared]
            outcome, *rest = await self._client.run(
                scripts.SUBSCRIBER_WRITE, [bucket.subscribers, bucket.subscriber(oid)], args
            )
            if outcome == 0:
                return None
            if outcome == -2:
                raise Conflict(f"Subscriber {subscriber_id} exists already")
            if outcome > 0:
                return parse_record(oid, _pairs(rest[0])), outcome == 1
            oid = rest[0].decode()  # created by another request meanwhile
        raise StoreUnavailable

    async def delete(self, environment: int, subscriber: Subscriber) -> bool:
        """Deletes the subscriber with its feeds and closes its sockets. False when it is gone already."""
        bucket = self._bucket(environment, subscriber.subscriber_id)
        found: Subscriber | None = subscriber
        for _ in range(_ATTEMPTS):
            if found is None:
                return False
            feeds = [key for number in found.feeds.values() for key in bucket.feed(number).all()]
            outcome = await self._client.run(
                scripts.SUBSCRIBER_DELETE,
                [bucket.subscribers, bucket.subscriber(found.oid), *feeds],
                [found.subscriber_id, found.oid, len(found.feeds)],
            )
            if outcome >= 0:
                return bool(outcome)
            found = await self.get_by_oid(environment, found.oid)
        raise StoreUnavailable

    async def set_online(self, environment: int, subscriber: Subscriber, online: bool) -> Subscriber | None:
        """Sets the presence flag by hand; the next edge of a socket overwrites it."""
        fields: dict[str, Any] = {"online": int(online)}
        if not online:
            fields["last_online"] = int(time.time() * 1000)
        written = await self.write(environment, subscriber.subscriber_id, fields, "update")
        return written[0] if written else None

    def _bucket(self, environment: int, subscriber_id: str) -> BucketKeys:
        return self._keys.bucket(environment, bucket_of(subscriber_id))


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
