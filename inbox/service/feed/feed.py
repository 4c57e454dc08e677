"""Pages and counts of feeds, and the payload filter of the v1 feed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from inbox.errors import BadRequest, SubscriberGone
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.message import Message, decode_payload
from inbox.models.subscriber import Subscriber
from inbox.service.feed.content_counts import ContentCounter
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store import rows
from inbox.store.client import Command
from inbox.store.feed import Feed, Matcher, MessagePage, Scan
from inbox.store.feeds import FeedStore
from inbox.store.rows import ORIGIN, FeedCounts, Position
from inbox.store.snapshots import PendingPositions

FILTER_LEVELS = 3
COUNT_CAP = 100
"""Where the counts of clients end."""
MAX_CONTENT_COUNT = 101
ContentTest = Callable[[bytes], bool]
_RESERVED = frozenset({"__proto__", "constructor", "prototype"})


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Messages, newest first, and whether older matching ones exist.

    They are those of these positions of the feeds, or partly of later ones.
    """

    messages: list[Message]
    has_more: bool
    positions: Sequence[Position]


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Counts in the order in which they were requested, of these positions of the feeds, or partly of later ones."""

    counts: list[int]
    positions: Sequence[Position]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of a message, perhaps a deleted one, among those of several feeds."""

    feed: Feed
    row: int
    created_ms: int


class FeedService:
    """Pages and counts of a subscriber's feeds.

    A subscriber has one feed for each set of context keys it is addressed with, usually only the empty set. Callers
    that name a set read that feed; others read all feeds merged by time.
    """

    def __init__(self, feeds: FeedStore) -> None:
        self._feeds = feeds
        self._counter = ContentCounter(feeds)

    async def feed_of(self, environment: Environment, subscriber: Subscriber, contexts: str = "") -> Feed:
        """Return the subscriber's feed for a set of context keys (sorted, joined by commas). Raise SubscriberGone."""
        return await self._feeds.open_for(environment.number, subscriber, contexts)

    async def feeds_of(
        self, environment: Environment, subscriber: Subscriber, contexts: str | None = None
    ) -> list[Feed]:
        """Return the feed for a set of context keys, if anything was sent to it; return all feeds without a set."""
        if contexts is None:
            names = sorted(subscriber.feeds) or [""]
        else:
            names = [contexts] if contexts == "" or contexts in subscriber.feeds else []
        known = [self._feeds.existing(environment.number, subscriber, name) for name in names]
        return [
            feed or await self.feed_of(environment, subscriber, name) for feed, name in zip(known, names, strict=True)
        ]

    async def page(
        self,
        feeds: Sequence[Feed],
        filter_: NotificationFilter,
        limit: int,
        *,
        skip: int = 0,
        after: str | None = None,
        content_test: ContentTest | None = None,
    ) -> FeedPage:
        """Return the newest `limit` messages that match the filter and `content_test`, after the first `skip`.

        With `after`, return only those older than the message with this id, which may be deleted. Raise BadRequest if
        it never was in one of these feeds.
        """
        if after is None and not filter_.by_time:
            return await self._newest(feeds, filter_, limit, None, skip, content_test)
        with self.begin_positions(feeds) as before:  # before the rows are read where the page begins and ends
            cursor = await self._cursor(feeds, after) if after is not None else None
            page = await self._newest(feeds, filter_, limit, cursor, skip, content_test)
            return replace(page, positions=await before.all())

    async def _newest(
        self,
        feeds: Sequence[Feed],
        filter_: NotificationFilter,
        limit: int,
        cursor: Cursor | None,
        skip: int,
        content_test: ContentTest | None,
    ) -> FeedPage:
        if len(feeds) == 1:
            page = await self._page(feeds[0], filter_, limit, cursor, skip, content_test)
            return FeedPage(page.messages, page.has_more, [page.state.position])
        parts = [await self._page(feed, filter_, skip + limit, cursor, 0, content_test) for feed in feeds]
        messages = [message for part in parts for message in part.messages]
        messages.sort(key=lambda message: (message.created_ms, message.id), reverse=True)
        has_more = len(messages) > skip + limit or any(part.has_more for part in parts)
        return FeedPage(messages[skip : skip + limit], has_more, [part.state.position for part in parts])

    async def page_of(
        self, feed: Feed, filter_: NotificationFilter, limit: int, *, after: str | None = None
    ) -> MessagePage:
        """Return a page of one feed as `page` does, with the state of the feed at that moment."""
        cursor = await self._cursor([feed], after) if after is not None else None
        return await self._page(feed, filter_, limit, cursor, 0, None)

    async def counts(self, environment: Environment, subscriber: Subscriber, contexts: str = "") -> FeedCounts:
        """Return the counts of one feed with one command."""
        state = await self._feeds.state(await self.feed_of(environment, subscriber, contexts))
        return state.counts if state else FeedCounts()

    def begin_positions(self, feeds: Sequence[Feed]) -> PendingPositions:
        """Begin to read the positions of a subscriber's feeds, in one round trip with what the caller sends next."""
        return self._feeds.begin_positions(feeds)

    def position_commands(self, feeds: Sequence[Feed]) -> list[Command]:
        """Return the commands that read these positions; `are_settled_at` of the store takes the replies."""
        return self._feeds.position_commands(feeds)

    async def unseen(self, feeds: Sequence[Feed]) -> MessageCounts:
        """Return the exact number of unseen messages with one command a feed."""
        states = [await self._feeds.state(feeds[0])] if len(feeds) == 1 else await self._feeds.states(feeds)
        unseen = sum(state.counts.unseen for state in states if state)
        return MessageCounts([unseen], [state.position if state else ORIGIN for state in states])

    async def count_each(
        self, feeds: Sequence[Feed], filters: Sequence[NotificationFilter], limit: int = MAX_CONTENT_COUNT
    ) -> MessageCounts:
        """Return how many messages match each filter; counting may stop at `limit` in each feed."""
        if any(item.by_content for item in filters):
            return await self._count_by_content(feeds, filters, limit)
        selects = {item.select for item in filters}
        read = [await self._feeds.count(feed, selects, limit) for feed in feeds]
        counts = [sum(one.counts[item.select] for one in read) for item in filters]
        return MessageCounts(counts, [one.position for one in read])

    async def _count_by_content(
        self, feeds: Sequence[Feed], filters: Sequence[NotificationFilter], limit: int
    ) -> MessageCounts:
        distinct = {item.key: item for item in filters}
        by_content = {key: item for key, item in distinct.items() if item.by_content}
        totals, positions = dict.fromkeys(distinct, 0), []
        for feed in feeds:
            snapshot = await self._feeds.snapshot(feed)
            positions.append(snapshot.state.position if snapshot else ORIGIN)
            if snapshot:
                counts = {key: rows.count_rows(snapshot.flags, item.select) for key, item in distinct.items()}
                counts |= await self._counter.count(feed, snapshot, by_content, limit)
                totals = {key: total + counts[key] for key, total in totals.items()}
        return MessageCounts([totals[item.key] for item in filters], positions)

    async def _cursor(self, feeds: Sequence[Feed], after: str) -> Cursor:
        for feed in feeds:
            if found := await self._feeds.find_row(feed, after):
                return Cursor(feed, *found)
        raise BadRequest("after must be the id of a notification of this subscriber")

    async def _row_before(self, feed: Feed, cursor: Cursor) -> int:
        """Return the row below which a feed is older than the cursor; at equal times the ids of messages decide."""
        if feed == cursor.feed:
            return cursor.row
        is_after = feed.number < cursor.feed.number
        return await self._feeds.seek(feed, cursor.created_ms if is_after else cursor.created_ms - 1) + 1

    async def _page(
        self,
        feed: Feed,
        filter_: NotificationFilter,
        limit: int,
        cursor: Cursor | None,
        skip: int,
        content_test: ContentTest | None,
    ) -> MessagePage:
        before = [await self._row_before(feed, cursor)] if cursor else []
        if filter_.created_lte is not None:
            before.append(await self._feeds.seek(feed, filter_.created_lte) + 1)
        above = 0 if filter_.created_gte is None else await self._feeds.seek(feed, filter_.created_gte - 1)
        scan = Scan(_matcher(filter_, content_test)) if filter_.by_content or content_test else None
        page = await self._feeds.page(
            feed, filter_.select, limit, before=min(before, default=None), skip=skip, above=above, scan=scan
        )
        if page is None:  # deleted since the subscriber was read
            self._feeds.forget(feed)
            raise SubscriberGone
        return page


def _matcher(filter_: NotificationFilter, content_test: ContentTest | None) -> Matcher:
    def match(contents: Sequence[bytes]) -> Sequence[int]:
        flags = filter_.match(contents) if filter_.by_content else bytes([1]) * len(contents)
        if content_test is None:
            return flags
        return [flag and content_test(content) for flag, content in zip(flags, contents, strict=True)]

    return match


def parse_payload_filter(encoded: str) -> JsonObject:
    """Decode the feed's `payload` parameter: a JSON object as base64, padded or not. Raise BadRequest."""
    try:
        expected = orjson.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, ValueError):
        expected = None
    if not isinstance(expected, dict):
        raise BadRequest("Invalid payload, the JSON object should be encoded to base64 string.")
    return _without_operators(expected, FILTER_LEVELS)


def payload_test(expected: JsonObject) -> ContentTest:
    """Return a test of stored messages: whether the payload contains everything in `expected`."""
    return lambda content: holds(decode_payload(content), expected)


def _without_operators(expected: JsonObject, levels: int) -> JsonObject:
    """Return the filter without keys that a query language would read as operators, as Novu does."""
    return {
        name: _without_operators(value, levels - 1) if levels > 1 and isinstance(value, dict) else value
        for name, value in expected.items()
        if not name.startswith(("$", ".")) and name not in _RESERVED
    }


def holds(value: Any, expected: Any, levels: int = FILTER_LEVELS) -> bool:
    """Return whether `value` contains `expected`: objects by their keys for three levels, other values by equality."""
    if levels and isinstance(expected, dict) and isinstance(value, dict):
        return all(name in value and holds(value[name], expected[name], levels - 1) for name in expected)
    return _same(value, expected)


def _same(value: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1, but 1.0 is."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_same(value[name], other[name]) for name in value)
    return bool(value == other)
