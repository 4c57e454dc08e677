"""Reading a feed: pages and counts."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from inbox.errors import BadRequest, StoreUnavailable
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.store import rows
from inbox.store.feeds import Feed, FeedStore, Page
from inbox.store.rows import Counts, Select

SCAN_SLICE = 100
FILTER_LEVELS = 3
_RESERVED = frozenset({"__proto__", "constructor", "prototype"})


class FeedService:
    """Pages and counts of a subscriber's feed."""

    def __init__(self, feeds: FeedStore) -> None:
        self._feeds = feeds

    async def feed_of(self, environment: Environment, subscriber: Subscriber) -> Feed:
        """The subscriber's feed."""
        return await self._feeds.open_for(environment.number, subscriber)

    async def page(
        self, environment: Environment, subscriber: Subscriber, select: Select, limit: int, *, skip: int = 0
    ) -> Page:
        """The newest `limit` messages that the selection takes, after `skip` of them."""
        feed = await self.feed_of(environment, subscriber)
        return await self._page(feed, select, limit, skip=skip)

    async def page_after(
        self, environment: Environment, subscriber: Subscriber, select: Select, limit: int, after: str
    ) -> Page:
        """The messages older than the one with the id `after`. Raises BadRequest when that is not in this feed."""
        feed = await self.feed_of(environment, subscriber)
        cursor = feed.row_of(after)
        found = await self._feeds.messages(feed, [cursor.row]) if cursor else None
        if cursor is None or not found or [message.id for message in found[0]] != [after]:
            raise BadRequest("after must be the id of a notification of this subscriber")
        return await self._page(feed, select, limit, before=cursor.row)

    async def page_with_payload(
        self, environment: Environment, subscriber: Subscriber, select: Select, limit: int, skip: int, wanted: Any
    ) -> tuple[list[Message], int]:
        """The page of messages whose payload holds `wanted`, and how many of its `limit` + 1 exist from there on.

        Read newest first in slices of 100, until the page and one more are found.
        """
        feed = await self.feed_of(environment, subscriber)
        found: list[Message] = []
        before: int | None = None
        while len(found) <= skip + limit:
            page = await self._page(feed, select, SCAN_SLICE, before=before)
            found += [message for message in page.messages if holds(message.stored.payload, wanted)]
            if not page.has_more:
                break
            before = rows.parse_message_id(page.messages[-1].id).row
        rest = found[skip : skip + limit + 1]
        return rest[:limit], len(rest)

    async def counts(self, environment: Environment, subscriber: Subscriber) -> Counts:
        """The feed's counts: one command."""
        state = await self._feeds.state(await self.feed_of(environment, subscriber))
        return state.counts if state else Counts()

    async def count(self, environment: Environment, subscriber: Subscriber, select: Select) -> int:
        """How many messages the selection takes, exactly."""
        return (await self.count_each(environment, subscriber, [select]))[0]

    async def count_each(self, environment: Environment, subscriber: Subscriber, selects: list[Select]) -> list[int]:
        """How many messages each selection takes, all from one reading of the feed."""
        snapshot = await self._feeds.snapshot(await self.feed_of(environment, subscriber))
        if snapshot is None:
            return [0 for _ in selects]
        return [rows.count_rows(snapshot.flags, select) for select in selects]

    async def _page(
        self, feed: Feed, select: Select, limit: int, *, before: int | None = None, skip: int = 0
    ) -> Page:
        page = await self._feeds.page(feed, select, limit, before=before, skip=skip)
        if page is None:  # deleted between the reading of the subscriber and this
            self._feeds.forget(feed)
            raise StoreUnavailable
        return page


def parse_payload_filter(encoded: str) -> dict[str, Any]:
    """The JSON object behind the `payload` parameter of the feed: base64, its padding optional. Raises BadRequest."""
    try:
        wanted = orjson.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, ValueError):
        wanted = None
    if not isinstance(wanted, dict):
        raise BadRequest("Invalid payload, the JSON object should be encoded to base64 string.")
    return _without_operators(wanted, FILTER_LEVELS)


def _without_operators(wanted: dict[str, Any], levels: int) -> dict[str, Any]:
    """The filter without keys that query languages would take for more than names, as in the original."""
    kept = {name: value for name, value in wanted.items() if not name.startswith(("$", ".")) and name not in _RESERVED}
    if levels == 1:
        return kept
    return {
        name: _without_operators(value, levels - 1) if isinstance(value, dict) else value
        for name, value in kept.items()
    }


def holds(value: Any, wanted: Any, levels: int = FILTER_LEVELS) -> bool:
    """Whether `value` holds everything of `wanted`: objects by their keys for three levels, anything else as it is."""
    if levels and isinstance(wanted, dict) and isinstance(value, dict):
        return all(name in value and holds(value[name], wanted[name], levels - 1) for name in wanted)
    return _same(value, wanted)


def _same(value: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1, but 1.0 is."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_same(value[name], other[name]) for name in value)
    return bool(value == other)
