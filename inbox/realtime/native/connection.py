"""A connection whose client holds a position: every event that it gets continues the one before."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.realtime.connection import Connection, EncodedDelivery, Queues, Transport
from inbox.realtime.feed_events import FeedEvent, Refetch
from inbox.realtime.native.codec import NativeCodec, NativeDelivery
from inbox.store.rows import ORIGIN, FeedCounts, Position

MAX_HELD = 64
"""Events that are held back for requests whose replies are late. With more, they leave without naming a request."""


class NativeConnection(Connection):
    """A socket of the native protocol.

    `position` is that of the last event that was sent or waits. Until `begin` it is where the feed was when the socket
    joined, with its `counts`; what is delivered meanwhile waits.
    """

    __slots__ = ("_changing", "_has_begun", "_has_joined", "_held", "_is_direct", "_requests", "counts", "position")

    def __init__(self, connection_id: str, transport: Transport, codec: NativeCodec, queues: Queues) -> None:
        super().__init__(connection_id, transport, codec, queues)
        self.position = ORIGIN
        self.counts = FeedCounts()
        self._has_joined = False
        self._has_begun = False
        self._changing = 0
        """The requests that may change the feed and are not answered."""
        self._held: list[NativeDelivery] = []
        """Events that may be of such a request."""
        self._requests: dict[int, int] = {}
        """Requests by the counters of their changes, whose events are still to come."""
        self._is_direct = False
        """Whether an event that continues the position leaves as it is: it has begun, no request is to be named."""

    def deliver(self, delivery: EncodedDelivery) -> None:
        if not isinstance(delivery, NativeDelivery):
            super().deliver(delivery)
        elif self._is_direct and delivery.event.origin == self.position:
            self.position = delivery.event.position
            super().deliver(delivery)
        elif not self._has_joined:
            self.position, self.counts, self._has_joined = delivery.event.position, delivery.event.counts, True
        elif not self._has_begun:
            super().deliver(delivery)
        elif self._changing and len(self._held) < MAX_HELD:
            self._held.append(delivery)
        else:
            self._release()
            self._send_event(delivery)

    def begin(self, position: Position) -> None:
        """Send the events behind a position, of which the client holds the state."""
        self.position, self._has_begun, self._is_direct = position, True, True
        for delivery in self._take_waiting():
            self.deliver(delivery)

    def hold(self) -> None:
        """Hold back events until `settle`: the change of a request may be published before its reply has come."""
        self._changing += 1
        self._is_direct = False

    def settle(self, request_id: int, positions: Sequence[Position]) -> None:
        """Note the changes that a request has made, and send what was held back for it."""
        self._changing -= 1
        self._requests |= {position.counter: request_id for position in positions}
        # the store answers in the order of the changes, so up to these all requests are known
        self._release(None if not self._changing else max((position.counter for position in positions), default=0))
        self._is_direct = not (self._changing or self._requests)

    def _release(self, up_to: int | None = None) -> None:
        """Send the held events up to a counter, all without one."""
        while self._held and (up_to is None or self._held[0].event.position.counter <= up_to):
            self._send_event(self._held.pop(0))

    def _send_event(self, delivery: NativeDelivery) -> None:
        if continued := self._continued(delivery):
            super().deliver(continued)

    def _request_of(self, event: FeedEvent) -> int | None:
        """Return the request that caused an event, if it is one of this socket; of several the last."""
        counters = [counter for counter in self._requests if counter <= event.position.counter]
        requests = {counter: self._requests.pop(counter) for counter in sorted(counters)}
        self._is_direct = not (self._changing or self._requests)
        return next((requests[one] for one in reversed(requests) if one > event.origin.counter), None)

    def _continued(self, delivery: NativeDelivery) -> NativeDelivery | None:
        """Return what a client gets of an event that may begin before its position; None if it has all of it.

        The answer to `connect` may have been read later than the events behind it were published.
        """
        event = delivery.event
        request_id = self._request_of(event) if self._requests else None
        if event.origin != self.position:
            is_known = event.position.counter <= self.position.counter
            if is_known and not any(isinstance(change, Refetch) for change in event.changes):
                return None
        if event.origin != self.position or request_id is not None:
            delivery = delivery.continuing(self.position, request_id)
        self.position = event.position
        return delivery
