"""Topics in Redis: an environment's records and their orders, in one slot. See store/subscriptions.py for members."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from inbox.clock import now_ms
from inbox.errors import Conflict
from inbox.ids import new_ordered_id
from inbox.models.cursor_page import Order
from inbox.models.topic import Topic
from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.keys import ACTIVITY_TTL_SECONDS
from inbox.store.listing import ListCursor, Listing, ListPage
from inbox.store.scripts import load

TopicWriteMode = Literal["create", "upsert", "update", "delete"]
TopicOrder = Literal["created", "updated"]

MAX_TRIGGERS = 100
"""What a topic keeps of its triggers, for the activity."""
_EXISTS, _CREATED = -1, 1

_TOPIC_WRITE = load("topic_write", list[Any])
"""Returns -1 (exists already) or 0 (unknown); or 1 (created), 2 (changed or unchanged), 3 (deleted) and the topic."""


class TopicStore(BaseStore):
    """Reads and writes topics; every write is one script."""

    async def get(self, environment: int, key: str) -> Topic | None:
        raw = await self._client.execute("HGET", self._keys.topics(environment)[0], key)
        return _parse(key, raw) if raw else None

    async def get_many(self, environment: int, oids: Sequence[str]) -> dict[str, Topic]:
        """Return by oid the topics with these oids that exist."""
        if not oids:
            return {}
        records, by_oid, *_ = self._keys.topics(environment)
        keys = [raw.decode() for raw in await self._client.execute("HMGET", by_oid, *oids) if raw]
        stored = await self._client.execute("HMGET", records, *keys) if keys else []
        topics = [_parse(key, raw) for key, raw in zip(keys, stored, strict=True) if raw]
        return {topic.oid: topic for topic in topics}

    async def write(
        self, environment: int, key: str, name: str | None, mode: TopicWriteMode
    ) -> tuple[Topic, bool] | None:
        """Create, rename or delete a topic; return it and whether it is new. None if there is none to change.

        An existing topic does not change without a name. Mode `create` raises Conflict for an existing one.
        """
        args: list[Argument] = [key, new_ordered_id(), mode, int(name is not None), name or ""]
        status, *stored = await self._client.run(_TOPIC_WRITE, self._keys.topics(environment), args)
        if status == _EXISTS:
            raise Conflict(f"Topic exists with key {key} in the environment")
        return (_parse(key, stored[0]), status == _CREATED) if stored else None

    async def note_trigger(self, environment: int, topic_oid: str, transaction_id: str, *, is_alone: bool) -> None:
        """Note a trigger to the topic; `is_alone`: it has no further recipients. Safe to repeat."""
        key = self._keys.topic(environment, topic_oid).triggers
        await self._client.batch(
            [
                ("ZADD", key, "NX", now_ms(), f"{is_alone:d}{transaction_id}"),
                ("ZREMRANGEBYRANK", key, 0, -MAX_TRIGGERS - 1),
                ("EXPIRE", key, ACTIVITY_TTL_SECONDS),
            ]
        )

    async def triggers(self, environment: int, topic_oid: str) -> dict[str, bool]:
        """Return the transactions of the newest triggers to the topic, and whether each went to it alone."""
        members = await self._client.execute("ZRANGE", self._keys.topic(environment, topic_oid).triggers, 0, -1)
        return {member[1:].decode(): member[:1] == b"1" for member in members}

    async def page(
        self,
        environment: int,
        order_by: TopicOrder,
        order: Order,
        limit: int,
        cursor: ListCursor | None = None,
        skip: int = 0,
    ) -> ListPage[Topic] | None:
        """Return up to `limit` topics beside a cursor (an oid) or after `skip` of them; None for an unknown cursor."""

        async def load(members: list[bytes]) -> list[Topic | None]:
            oids = [member.decode() for member in members]
            topics = await self.get_many(environment, oids)
            return [topics.get(oid) for oid in oids]

        key = self._keys.topics(environment)[2 if order_by == "created" else 3]
        return await Listing(self._client, key).page(order, limit, load, cursor, skip)

    async def named(self, environment: int, name: str, limit: int, skip: int) -> tuple[list[Topic], int]:
        """Return up to `limit` topics of exactly this name after `skip` of them, newest first, and their total."""
        key, digest = self._keys.topics(environment)[4], hashlib.sha1(name.encode()).hexdigest()  # noqa: S324
        first, behind = f"[{digest}", f"({digest}g"  # an oid is hex: everything of this name lies before the g
        total = await self._client.execute("ZLEXCOUNT", key, first, behind)
        topics: list[Topic] = []
        while missing := limit - len(topics):
            members = await self._client.execute("ZREVRANGEBYLEX", key, behind, first, "LIMIT", skip, missing)
            topics += (
                await self.get_many(environment, [member.decode()[len(digest) :] for member in members])
            ).values()
            if len(members) < missing:
                break
            behind, skip = f"({members[-1].decode()}", 0  # to replace those that were deleted meanwhile
        return topics, total

    async def scan(
        self, environment: int, order_by: TopicOrder, order: Order, max_topics: int, slice_size: int = 500
    ) -> AsyncIterator[list[Topic]]:
        """Iterate over the first `max_topics` topics in this order, in slices."""
        edge: ListCursor | None = None
        for _ in range(0, max_topics, slice_size):
            page = await self.page(environment, order_by, order, slice_size, edge)
            if page is None or not page.rows:
                return
            yield page.records
            edge = page.end


def _parse(key: str, raw: bytes) -> Topic:
    """Decode a topic as `topic_write.lua` stores it."""
    name = raw[51:].decode() if raw[50:51] == b"1" else None
    return Topic(raw[:24].decode(), key, name, int(raw[24:37]), int(raw[37:50]))
