"""Throttles: the number of events at a step for a feed and key within a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inbox.store.base import BaseStore
from inbox.store.client import Argument
from inbox.store.feed import Feed
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, digest
from inbox.store.scripts import load


class ThrottledEvent(NamedTuple):
    """An event at a throttle; the first of a window opens it for `window_ms`."""

    feed: Feed
    transaction_id: str
    workflow_id: str
    step_id: str
    key: str
    threshold: int
    window_ms: int


class ThrottleCount(NamedTuple):
    """Whether an event passes, its number within its window, and when that opened (ms since 1970)."""

    passes: bool
    event_count: int
    opened_ms: int


def _parse(reply: bytes | int) -> ThrottleCount | None:
    if isinstance(reply, int):
        return None
    passes, event_count, opened_ms = map(int, reply.split())
    return ThrottleCount(bool(passes), event_count, opened_ms)


_THROTTLE_COUNT = load("throttle_count", _parse)


class ThrottleStore(BaseStore):
    """Counts events; each is one script in the bucket of its feed."""

    async def count(self, events: Sequence[ThrottledEvent]) -> list[ThrottleCount | None]:
        """Count events, each once per transaction, step and feed; None where the feed is gone.

        A repeated event has the same result as before. Raise StoreUnavailable.
        """
        return await self._client.run_many(_THROTTLE_COUNT, [self._call(event) for event in events])

    def _call(self, event: ThrottledEvent) -> tuple[list[str], list[Argument]]:
        """Return KEYS and ARGV of `throttle_count.lua`."""
        feed = event.feed
        bucket = self._bucket(feed)
        keys = [
            bucket.throttle(feed.number, digest(event.workflow_id, event.step_id, event.key)),
            # another name than a message's or a wait's: the step may be of another type in the workflow's next revision
            bucket.delivered(event.transaction_id, f"\2{event.step_id}", feed.number),
            feed.keys.state,
        ]
        return keys, [event.threshold, event.window_ms, IDEMPOTENCY_TTL_SECONDS, feed.subscriber_oid]
