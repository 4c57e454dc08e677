"""Topics in Redis: an environment's records and their orders, in one slot. Their members: store/subscriptions.py."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from inbox.errors import Conflict
from inbox.ids import new_ordered_id
from inbox.models.topic import Topic
from inbox.store import scripts
from inbox.store.client import Argument, Client
from inbox.store.keys import Keys
from inbox.store.listing import Cursor, Listing, ListPage, Order

Mode = Literal["create", "upsert", "update", "delete"]
OrderBy = Literal["created", "updated"]


class TopicStore:
    """Reads and writes topics; every write is one script."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def get(self, environment: int, key: str) -> Topic | None:
        """The topic with this key, or None."""
        raw = await self._client.execute("HGET", self._keys.topics(environment)[0], key)
        return _parse(key, raw) if raw else None

    async def get_many(self, environment: int, oids: Sequence[str]) -> dict[str, Topic]:
        """The topics with these oids, as far as they exist."""
        if not oids:
            return {}
        records, by_oid, *_ = self._keys.topics(environment)
        keys = [raw.decode() for raw in await self._client.execute("HMGET", by_oid, *oids) if raw]
        found = await self._client.execute("HMGET", records, *keys) if keys else []
        topics = [_parse(key, raw) for key, raw in zip(keys, found, strict=True) if raw]
        return {topic.oid: topic for topic in topics}

    async def write(self, environment: int, key: str, name: str | None, mode: Mode) -> tuple[Topic, bool] | None:
        """Creates, renames or deletes; gives the topic and whether it is new. None when there is none to change.

        Without a name a known topic stays as it is. Mode `create` raises Conflict for a known one.
        """
        args: list[Argument] = [key, new_ordered_id(), mode, int(name is not None), name or ""]
        outcome, *rest = await self._client.run(scripts.TOPIC_WRITE, self._keys.topics(environment), args)
        if outcome < 0:
            raise Conflict(f"Topic exists with key {key} in the environment")
        return (_parse(key, rest[0]), outcome == 1) if rest else None

    async def page(
        self,
        environment: int,
        order_by: OrderBy,
        order: Order,
        limit: int,
        cursor: Cursor | None = None,
        skip: int = 0,
    ) -> ListPage[Topic] | None:
        """Up to `limit` topics beside a cursor (an oid) or after `skip` of them; None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[Topic | None]:
            oids = [member.decode() for member in members]
            known = await self.get_many(environment, oids)
            return [known.get(oid) for oid in oids]

        return await self._listing(environment, order_by).page(order, limit, load, cursor, skip)

    async def named(self, environment: int, name: str, limit: int, skip: int) -> tuple[list[Topic], int]:
        """Up to `limit` topics of exactly this name after `skip` of them, newest first; and how many there are."""
        key, digest = self._keys.topics(environment)[4], hashlib.sha1(name.encode()).hexdigest()  # noqa: S324
        first, behind = f"[{digest}", f"({digest}g"  # an oid is hex: everything of this name lies before the g
        total = await self._client.execute("ZLEXCOUNT", key, first, behind)
        topics: list[Topic] = []
        while missing := limit - len(topics):
            members = await self._client.execute("ZREVRANGEBYLEX", key, behind, first, "LIMIT", skip, missing)
            topics += (await self.get_many(environment, [one.decode()[len(digest) :] for one in members])).values()
            if len(members) < missing:
                break
            behind, skip = f"({members[-1].decode()}", 0  # in place of those that were deleted since
        return topics, total

    async def scan(
        self, environment: int, order_by: OrderBy, order: Order, most: int, slice_size: int = 500
    ) -> AsyncIterator[list[Topic]]:
        """The first `most` topics in this order, in slices."""
        edge: Cursor | None = None
        for _ in range(0, most, slice_size):
            found = await self.page(environment, order_by, order, slice_size, edge)
            if found is None or not found.rows:
                return
            yield found.records
            edge = found.end

    def _listing(self, environment: int, order_by: OrderBy) -> Listing:
        return Listing(self._client, self._keys.topics(environment)[2 if order_by == "created" else 3])


def _parse(key: str, raw: bytes) -> Topic:
    """A topic as `topic_write.lua` keeps it."""
    name = raw[51:].decode() if raw[50:51] == b"1" else None
    return Topic(raw[:24].decode(), key, name, int(raw[24:37]), int(raw[37:50]))
