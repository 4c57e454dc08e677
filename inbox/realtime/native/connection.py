"""A connection whose client holds a position: every event that it gets continues the one before."""

from __future__ import annotations

from inbox.realtime.connection import Connection, EncodedDelivery, Queues, Transport
from inbox.realtime.feed_events import Refetch
from inbox.realtime.native.codec import NativeCodec, NativeDelivery
from inbox.store.rows import ORIGIN, FeedCounts, Position


class NativeConnection(Connection):
    """A socket of the native protocol.

    `position` is that of the last event that was sent or waits. Until `begin` it is where the feed was when the socket
    joined, with its `counts`; what is delivered meanwhile waits.
    """

    __slots__ = ("_has_begun", "_has_joined", "counts", "position")

    def __init__(self, connection_id: str, transport: Transport, codec: NativeCodec, queues: Queues) -> None:
        super().__init__(connection_id, transport, codec, queues)
        self.position = ORIGIN
        self.counts = FeedCounts()
        self._has_joined = False
        self._has_begun = False

    def deliver(self, delivery: EncodedDelivery) -> None:
        if not isinstance(delivery, NativeDelivery):
            super().deliver(delivery)
        elif not self._has_joined:
            self.position, self.counts, self._has_joined = delivery.event.position, delivery.event.counts, True
        elif not self._has_begun:
            super().deliver(delivery)
        elif continued := self._continued(delivery):
            super().deliver(continued)

    def begin(self, position: Position) -> None:
        """Send the events behind a position, of which the client holds the state."""
        self.position, self._has_begun = position, True
        for delivery in self._take_waiting():
            self.deliver(delivery)

    def _continued(self, delivery: NativeDelivery) -> NativeDelivery | None:
        """Return what a client gets of an event that may begin before its position; None if it has all of it.

        The answer to `connect` may have been read later than the events behind it were published.
        """
        event = delivery.event
        if event.origin != self.position:
            is_known = event.position.counter <= self.position.counter
            if is_known and not any(isinstance(change, Refetch) for change in event.changes):
                return None
            delivery = delivery.continuing(self.position)
        self.position = event.position
        return delivery
