"""The timers of feeds: snoozes that end and messages that expire."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from inbox.store.due_buckets import BucketKey
from inbox.store.feeds import FeedStore
from inbox.store.messages import MessageStore
from inbox.store.rows import RowId
from inbox.store.timers import Timer

_EXPIRING = struct.Struct(">II3s")


@dataclass(eq=False)
class FeedTimers:
    """Fires the timers of feeds; deleted feeds and messages are ignored."""

    _feeds: FeedStore
    _messages: MessageStore

    async def wake(self, key: BucketKey, timers: Sequence[Timer]) -> None:
        """End the snoozes that are due in these feeds; the script sets the timer of the next one."""
        feed_refs = {(key.bucket, int(timer.about)) for timer in timers}
        for feed in (await self._feeds.find_numbered(key.environment, feed_refs)).values():
            while await self._feeds.wake(feed):
                pass

    async def expire(self, key: BucketKey, timers: Sequence[Timer]) -> None:
        """Delete these messages, except one whose expiry has changed since the timer was set."""
        rows = [(*_EXPIRING.unpack(timer.about), timer) for timer in timers]
        feeds = await self._feeds.find_numbered(key.environment, {(key.bucket, number) for number, *_ in rows})
        for number, row, check, timer in rows:
            if feed := feeds.get((key.bucket, number)):
                await self._messages.delete(feed, RowId(key.bucket, number, row, check), timer)
