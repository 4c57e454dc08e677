"""Reading a feed: pages and counts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from inbox.errors import BadRequest, SubscriberGone
from inbox.models.environment import Environment
from inbox.models.message import Message, decode_payload
from inbox.models.subscriber import Subscriber
from inbox.service.feed.content_counts import ContentCounter
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store import rows
from inbox.store.feed import Feed, Judge, Page, Scan, Snapshot
from inbox.store.feeds import Deleted, FeedStore
from inbox.store.rows import Counts

FILTER_LEVELS = 3
COUNTED_BY_CONTENT = 101
Holds = Callable[[bytes], bool]
_RESERVED = frozenset({"__proto__", "constructor", "prototype"})


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Messages, newest first, and whether older ones that were asked for exist."""

    messages: list[Message]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of one feed that may be listed: below `before`, above `above`."""

    before: int | None
    above: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a message stands, or stood, among those of several feeds."""

    feed: Feed
    row: int
    created_ms: int


class FeedService:
    """Pages and counts of a subscriber's feeds.

    A subscriber has one feed for each set of context keys it is addressed with, nearly always just the empty set.
    Callers that name a set read that feed; others read all of them as one, by time.
    """

    def __init__(self, feeds: FeedStore) -> None:
        self._feeds = feeds
        self._counter = ContentCounter(feeds)

    async def feed_of(self, environment: Environment, subscriber: Subscriber, contexts: str = "") -> Feed:
        """The subscriber's feed of one set of context keys (sorted, joined by commas). Raises SubscriberGone."""
        try:
            return await self._feeds.open_for(environment.number, subscriber, contexts)
        except Deleted:
            raise SubscriberGone from None

    async def feeds_of(
        self, environment: Environment, subscriber: Subscriber, contexts: str | None = None
    ) -> list[Feed]:
        """The feed of one set of context keys, none when nothing was sent to it yet; without one all feeds."""
        if contexts is None:
            named = sorted(subscriber.feeds) or [""]
        else:
            named = [contexts] if contexts == "" or contexts in subscriber.feeds else []
        return [await self.feed_of(environment, subscriber, one) for one in named]

    async def page(
        self,
        feeds: Sequence[Feed],
        wanted: NotificationFilter,
        limit: int,
        *,
        skip: int = 0,
        after: str | None = None,
        holds: Holds | None = None,
    ) -> FeedPage:
        """The newest `limit` messages that the filter takes, after `skip` of them.

        `holds` is a further test of what messages hold. With `after`, only those older than the message
        of that id, or than it was before its deletion. Raises BadRequest when it never was in one of these feeds.
        """
        windows = await self._windows(feeds, wanted, after)
        if len(feeds) == 1:
            page = await self._page(feeds[0], wanted, limit, windows[0], skip, holds)
            return FeedPage(page.messages, page.has_more)
        parts = [
            await self._page(feed, wanted, skip + limit, window, 0, holds)
            for feed, window in zip(feeds, windows, strict=True)
        ]
        merged = sorted((message for part in parts for message in part.messages), key=_newest_last, reverse=True)
        has_more = len(merged) > skip + limit or any(part.has_more for part in parts)
        return FeedPage(merged[skip : skip + limit], has_more)

    async def counts(self, environment: Environment, subscriber: Subscriber, contexts: str = "") -> Counts:
        """The counts of one feed: one command."""
        state = await self._feeds.state(await self.feed_of(environment, subscriber, contexts))
        return state.counts if state else Counts()

    async def unseen(self, feeds: Sequence[Feed]) -> int:
        """How many messages are unseen, exactly: one command a feed."""
        return sum(state.counts.unseen for state in await self._feeds.states(feeds) if state)

    async def count(self, feeds: Sequence[Feed], wanted: NotificationFilter, most: int = COUNTED_BY_CONTENT) -> int:
        """How many messages the filter takes: exactly, or at least `most` when what they hold decides."""
        return (await self.count_each(feeds, [wanted], most))[0]

    async def count_each(
        self, feeds: Sequence[Feed], filters: Sequence[NotificationFilter], most: int = COUNTED_BY_CONTENT
    ) -> list[int]:
        """How many messages each filter takes, all from one reading of each feed; equal filters are counted once."""
        distinct = {wanted.key: wanted for wanted in filters}
        totals = dict.fromkeys(distinct, 0)
        for feed in feeds:
            snapshot = await self._feeds.snapshot(feed)
            if snapshot:
                counts = await self._counts_of(feed, snapshot, distinct, most)
                totals = {key: total + counts[key] for key, total in totals.items()}
        return [totals[wanted.key] for wanted in filters]

    async def _counts_of(
        self, feed: Feed, snapshot: Snapshot, filters: Mapping[bytes, NotificationFilter], most: int
    ) -> dict[bytes, int]:
        """The counts by the filters' keys: of flags alone exactly, of what messages hold up to `most`."""
        plain = {key: one for key, one in filters.items() if not one.by_content}
        counts = {key: rows.count_rows(snapshot.flags, one.select) for key, one in plain.items()}
        if len(plain) == len(filters):
            return counts
        by_content = {key: one for key, one in filters.items() if one.by_content}
        return counts | await self._counter.count(feed, snapshot, by_content, most)

    async def _windows(
        self, feeds: Sequence[Feed], wanted: NotificationFilter, after: str | None
    ) -> list[Window]:
        cursor = await self._cursor(feeds, after) if after is not None else None
        return [await self._window(feed, wanted, cursor) for feed in feeds]

    async def _cursor(self, feeds: Sequence[Feed], after: str) -> Cursor:
        for feed in feeds:
            if found := await self._feeds.find_place(feed, after):
                return Cursor(feed, *found)
        raise BadRequest("after must be the id of a notification of this subscriber")

    async def _window(
        self, feed: Feed, wanted: NotificationFilter, cursor: Cursor | None
    ) -> Window:
        before: list[int] = []
        if cursor:
            before.append(await self._row_before(feed, cursor))
        if wanted.created_lte is not None:
            before.append(await self._feeds.seek(feed, wanted.created_lte) + 1)
        above = 0 if wanted.created_gte is None else await self._feeds.seek(feed, wanted.created_gte - 1)
        return Window(min(before) if before else None, above)

    async def _row_before(self, feed: Feed, cursor: Cursor) -> int:
        """The row below which everything comes after that message; ids decide between feeds at the same time."""
        if feed == cursor.feed:
            return cursor.row
        is_after = feed.number < cursor.feed.number
        return await self._feeds.seek(feed, cursor.created_ms if is_after else cursor.created_ms - 1) + 1

    async def _page(
        self, feed: Feed, wanted: NotificationFilter, limit: int, window: Window, skip: int, holds: Holds | None
    ) -> Page:
        scan = Scan(_judge(wanted, holds)) if wanted.by_content or holds else None
        page = await self._feeds.page(
            feed, wanted.select, limit, before=window.before, skip=skip, above=window.above, scan=scan
        )
        if page is None:  # deleted between the reading of the subscriber and this
            self._feeds.forget(feed)
            raise SubscriberGone
        return page


def _judge(wanted: NotificationFilter, holds: Holds | None) -> Judge:
    """Whether stored messages pass the filter and the further test."""

    def judge(contents: Sequence[bytes]) -> Sequence[int]:
        taken = wanted.judge(contents) if wanted.by_content else bytes([1]) * len(contents)
        return [one and holds(content) for one, content in zip(taken, contents, strict=True)] if holds else taken

    return judge


def _newest_last(message: Message) -> tuple[int, str]:
    return message.created_ms, message.id


def parse_payload_filter(encoded: str) -> dict[str, Any]:
    """The JSON object behind the `payload` parameter of the feed: base64, padded or not. Raises BadRequest."""
    try:
        wanted = orjson.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, ValueError):
        wanted = None
    if not isinstance(wanted, dict):
        raise BadRequest("Invalid payload, the JSON object should be encoded to base64 string.")
    return _without_operators(wanted, FILTER_LEVELS)


def payload_test(wanted: dict[str, Any]) -> Holds:
    """A test of stored messages: whether the payload holds all of this."""
    return lambda content: holds(decode_payload(content), wanted)


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
