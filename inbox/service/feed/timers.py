"""What feeds have timers for: snoozes that end, messages that expire."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from inbox.store.alarms import Place
from inbox.store.feeds import FeedStore
from inbox.store.messages import MessageStore
from inbox.store.rows import RowId
from inbox.store.timers import Timer

_EXPIRING = struct.Struct(">II3s")


class FeedTimers:
    """Carries out the timers of feeds; a feed or message that is gone needs nothing."""

    def __init__(self, feeds: FeedStore, messages: MessageStore) -> None:
        self._feeds = feeds
        self._messages = messages

    async def wake(self, place: Place, timers: Sequence[Timer]) -> None:
        """Ends the snoozes of these feeds whose time has come; the script sets the timer of the next one."""
        numbers = {int(timer.about) for timer in timers}
        wanted = {(place.bucket, number) for number in numbers}
        for feed in (await self._feeds.find_numbered(place.environment, wanted)).values():
            while await self._feeds.wake(feed):
                pass

    async def expire(self, place: Place, timers: Sequence[Timer]) -> None:
        """Deletes these messages, but for one that was given another end meanwhile."""
        named = [(*_EXPIRING.unpack(timer.about), timer) for timer in timers]
        feeds = await self._feeds.find_numbered(place.environment, {(place.bucket, number) for number, *_ in named})
        for number, row, check, timer in named:
            if feed := feeds.get((place.bucket, number)):
                await self._messages.expire(feed, RowId(place.bucket, number, row, check), timer)
