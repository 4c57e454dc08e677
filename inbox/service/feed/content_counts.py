"""Counts of messages by content filters: each message is read and decoded once for all filters."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field

from inbox.service.feed.content_match import Slice, mask_of
from inbox.service.feed.match_cache import FeedMatches, Mask, MatchCache
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store import rows
from inbox.store.feed import Feed, Snapshot
from inbox.store.feed_reader import slices
from inbox.store.feeds import FeedStore


@dataclass(slots=True)
class FilterCount:
    """A count by one filter; `flagged` are the rows of the snapshot whose flags the filter accepts."""

    filter: NotificationFilter
    content: Hashable
    flagged: Mask

    def value(self, matches: FeedMatches) -> int:
        """Return how many tested rows match."""
        return (matches.of(self.content)[1] & self.flagged).bit_count()


@dataclass(eq=False)
class ContentCounter:
    """Counts messages by content filters and caches which messages match."""

    _feeds: FeedStore
    _cache: MatchCache = field(init=False, default_factory=MatchCache)

    async def count(
        self, feed: Feed, snapshot: Snapshot, filters: Mapping[bytes, NotificationFilter], limit: int
    ) -> dict[bytes, int]:
        """Return the counts by the filters' keys, each at most `limit`. Read no further than they need."""
        matches = self._cache.of(feed, snapshot)
        flagged = {item.select: mask_of(rows.matches(snapshot.flags, item.select)) for item in filters.values()}
        pending = {key: FilterCount(item, item.content, flagged[item.select]) for key, item in filters.items()}
        counts: dict[bytes, int] = dict.fromkeys(filters, 0)
        length = len(snapshot.flags)
        for older, newer in slices(length):
            await self._test(feed, snapshot, matches, pending.values(), range(length - newer, length - older))
            counts |= {key: count.value(matches) for key, count in pending.items()}
            pending = {key: count for key, count in pending.items() if counts[key] < limit}
            if not pending:
                break
        self._cache.keep(feed, matches)
        return {key: min(count, limit) for key, count in counts.items()}

    async def _test(
        self, feed: Feed, snapshot: Snapshot, matches: FeedMatches, counts: Collection[FilterCount], window: range
    ) -> None:
        """Test the untested flagged rows of a window of offsets from the base."""
        start, end = window.start, window.stop
        untested = 0
        for count in counts:
            untested |= count.flagged & ~matches.of(count.content)[0]
        flags = (untested >> 8 * start).to_bytes(len(snapshot.flags), "little")[: end - start]
        if 1 not in flags:
            return
        first = snapshot.state.base + 1 + start
        contents = await self._feeds.contents(
            feed, snapshot, [first + offset for offset, flag in enumerate(flags) if flag]
        )
        part = Slice(contents.get(row) for row in range(first, first + end - start))
        for count in counts:
            matches.add(count.content, part.present << 8 * start, count.filter.matching(part) << 8 * start)
