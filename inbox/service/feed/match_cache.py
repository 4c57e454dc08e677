"""A cache of which messages content filters match, so that each message is tested once, and an edited one each time."""

from __future__ import annotations

from collections.abc import Hashable

from inbox.lru_cache import LruCache
from inbox.store import rows
from inbox.store.feed import Feed, Snapshot

MAX_BYTES = 16 * 1024 * 1024
FEED_OVERHEAD_BYTES = 1_024
"""What remembering a feed takes by itself, roughly."""

_EDITED = rows.Select(rows.EDITED, rows.EDITED)

FeedKey = tuple[int, int, int]

Mask = int
"""One byte a row of the feed, the oldest lowest: 0 or 1."""


class FeedMatches:
    """For each filter, the rows of one feed that were tested and those that match, as masks that begin at its base."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._base = snapshot.state.base
        self._checks = rows.checks_of(snapshot.rows)
        self._masks: dict[Hashable, tuple[Mask, Mask]] = {}

    @property
    def size(self) -> int:
        """Return the approximate size in bytes."""
        return FEED_OVERHEAD_BYTES + len(self._checks[0]) * (2 * len(self._masks) + rows.CHECK_BYTES)

    def advance_to(self, snapshot: Snapshot) -> FeedMatches:
        """Return the matches for a newer snapshot: this object while the base stays, else or after an edit a new one.

        The old object stays valid for readers of the older snapshot. A message that was edited may be edited again, so
        it counts as untested. After a loss of the store's newest writes the store assigns rows again; their check bytes
        differ, and then nothing is kept.
        """
        newer, removed = FeedMatches(snapshot), snapshot.state.base - self._base
        pairs = zip(self._checks, newer._checks, strict=True)
        if removed < 0 or not all(new.startswith(old[removed:]) for old, new in pairs):
            return newer
        edited = rows.matches(snapshot.flags, _EDITED)
        if removed == 0 and 1 not in edited:
            self._checks = newer._checks
            return self
        shift, kept = 8 * removed, ~int.from_bytes(edited, "little")
        newer._masks = {
            key: (tested >> shift & kept, matching >> shift & kept) for key, (tested, matching) in self._masks.items()
        }
        return newer

    def of(self, key: Hashable) -> tuple[Mask, Mask]:
        """Return the tested rows and the matching rows of a filter."""
        return self._masks.get(key, (0, 0))

    def add(self, key: Hashable, tested: Mask, matching: Mask) -> None:
        tested_before, matching_before = self.of(key)
        self._masks[key] = tested_before | tested, matching_before | matching


class MatchCache:
    """The matches of the most recently filtered feeds."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._feeds: LruCache[FeedKey, FeedMatches] = LruCache(max_bytes, lambda matches: matches.size)

    def of(self, feed: Feed, snapshot: Snapshot) -> FeedMatches:
        """Return the cached matches of a feed, advanced to this snapshot, or empty ones."""
        cached = self._feeds.get(_key(feed))
        return cached.advance_to(snapshot) if cached else FeedMatches(snapshot)

    def keep(self, feed: Feed, matches: FeedMatches) -> None:
        """Cache the matches of a feed under their present size."""
        self._feeds.put(_key(feed), matches)


def _key(feed: Feed) -> FeedKey:
    return feed.environment, feed.bucket, feed.number
