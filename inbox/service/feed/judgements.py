"""What is known of which messages filters by content take: judged once, since what a message holds never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from inbox.store import rows
from inbox.store.feed import Feed, Snapshot

MOST_BYTES = 16 * 1024 * 1024
BYTES_OF_A_FEED = 1_024
"""What remembering a feed takes by itself, roughly."""

Place = tuple[int, int, int]

Mask = int
"""One byte a row of the feed, the oldest lowest: 0 or 1."""


class Judged:
    """Of one feed, as rows above one base: for each filter the rows that are known, and of these those it takes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._base = snapshot.state.base
        self._checks = rows.checks_of(snapshot.rows)
        self._known: dict[Hashable, tuple[Mask, Mask]] = {}

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return BYTES_OF_A_FEED + len(self._checks[0]) * (2 * len(self._known) + rows.CHECK_BYTES)

    def followed_to(self, snapshot: Snapshot) -> Judged:
        """What is known of the feed as it stands now: this, while its base stays, else a new one.

        Old rows go as the base moves; whoever still reads the feed as it was keeps what was known of that. After a loss
        of the store's newest writes rows are given out again: their check bytes tell, and nothing is known of them.
        """
        now, gone = Judged(snapshot), snapshot.state.base - self._base
        if gone < 0 or not all(
            new.startswith(old[gone:]) for old, new in zip(self._checks, now._checks, strict=True)
        ):
            return now
        if gone == 0:
            self._checks = now._checks
            return self
        now._known = {key: (known >> 8 * gone, taken >> 8 * gone) for key, (known, taken) in self._known.items()}
        return now

    def of(self, key: Hashable) -> tuple[Mask, Mask]:
        """The rows that are known and those that the filter takes."""
        return self._known.get(key, (0, 0))

    def learn(self, key: Hashable, known: Mask, taken: Mask) -> None:
        """Adds to what is known."""
        known_before, taken_before = self.of(key)
        self._known[key] = known_before | known, taken_before | taken


class Judgements:
    """The feeds last asked of, 16 MiB of them at most."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._feeds: OrderedDict[Place, tuple[Judged, int]] = OrderedDict()
        self._size = 0

    def of(self, feed: Feed, snapshot: Snapshot) -> Judged:
        """What is known of a feed as it stands now."""
        before = self._feeds.get(_place(feed))
        return before[0].followed_to(snapshot) if before else Judged(snapshot)

    def keep(self, feed: Feed, judged: Judged) -> None:
        """Remembers what is known of a feed, and forgets those that were not asked of for longest."""
        _, before = self._feeds.pop(_place(feed), (None, 0))
        self._feeds[_place(feed)] = (judged, judged.size)
        self._size += judged.size - before
        while self._size > self._most_bytes:
            _, (_, size) = self._feeds.popitem(last=False)
            self._size -= size


def _place(feed: Feed) -> Place:
    return feed.environment, feed.bucket, feed.number
