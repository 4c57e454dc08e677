"""The connected feeds of this process. A feed is subscribed to from its first socket to its last."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from inbox import metrics
from inbox.errors import InboxError
from inbox.models.environment import Environment
from inbox.realtime.cards import FeedCards
from inbox.realtime.connected_feed import ConnectedFeed
from inbox.realtime.connection import Connection
from inbox.service.feed.cards import CardService
from inbox.service.subscribers.preferences import PreferenceService
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore

log = logging.getLogger(__name__)


class Hub:
    """Every connected feed of this process, by channel."""

    def __init__(self, feeds: FeedStore, cards: CardService, preferences: PreferenceService) -> None:
        self._feeds = feeds
        self._cards = cards
        self._preferences = preferences
        self._connected: dict[str, ConnectedFeed] = {}
        self._subscribe: Callable[[str], None]
        self._acknowledged: Callable[[str], Awaitable[None]]
        self._unsubscribe: Callable[[str], None]

    def listen_with(
        self,
        subscribe: Callable[[str], None],
        acknowledged: Callable[[str], Awaitable[None]],
        unsubscribe: Callable[[str], None],
    ) -> None:
        """Set the functions of the listener."""
        self._subscribe, self._acknowledged, self._unsubscribe = subscribe, acknowledged, unsubscribe

    @property
    def size(self) -> int:
        """Return the number of connected feeds."""
        return len(self._connected)

    def sockets_of(self, feed: Feed) -> int:
        """Return the number of sockets of a feed in this process, those in their handshake included."""
        connected = self._connected.get(feed.keys.channel)
        return connected.sockets if connected else 0

    def enter(self, feed: Feed, environment: Environment) -> ConnectedFeed:
        """Return the connected feed for one more socket; subscribe to it if it is the first. It must `leave`.

        Raise StoreUnavailable.
        """
        channel = feed.keys.channel
        connected = self._connected.get(channel)
        if connected is None:
            self._subscribe(channel)
            cards = FeedCards(feed, environment, self._cards, self._preferences)
            connected = self._connected[channel] = ConnectedFeed(feed, channel, self._feeds, cards)
        connected.sockets += 1
        return connected

    async def join(self, connected: ConnectedFeed, connection: Connection) -> None:
        """Deliver every event of the feed to the connection from now on, first both counts.

        Raise StoreUnavailable, and NotFound if the feed no longer exists.
        """
        if not connected.has_started:
            await connected.start(self._acknowledged)
        connected.join(connection)

    def leave(self, connected: ConnectedFeed, connection: Connection) -> None:
        """Remove a socket that has closed or was refused; the last one ends the subscription."""
        connected.sockets -= 1
        connected.drop(connection)
        if not connected.sockets:
            del self._connected[connected.channel]
            connected.stop()
            self._unsubscribe(connected.channel)

    def receive(self, channel: str, payload: bytes) -> None:
        if connected := self._connected.get(channel):
            metrics.PUBLICATIONS.add()
            try:
                connected.receive(payload)
            except (ValueError, InboxError):
                log.exception("unreadable publication", extra={"action": "publication_refused"})
                connected.on_resubscribed()

    def restored(self, channels: Collection[str]) -> None:
        """Repair the feeds whose subscription was interrupted."""
        for channel in channels:
            if connected := self._connected.get(channel):
                connected.on_resubscribed()
