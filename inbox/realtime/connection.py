"""One open socket with its bounded queue. It never blocks the hub.

While the transport is writable, a delivery leaves at once, in one write. Otherwise it waits here (of the counts only
the latest), and a socket that does not catch up is cut off as a `slow_consumer`: its client reconnects and reads what
it missed. A socket for which nothing waits has no queue. All queues have a bound together; beyond it the largest goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inbox import metrics
from inbox.realtime.events import SLOW_CONSUMER, Close
from inbox.realtime.feed_events import FeedEvent

log = logging.getLogger(__name__)

WRITE_BYTES = 16 * 1024
"""How much of a queue is written at once. A transport that takes no more has this much beyond its write buffer."""
FULL_BUFFER_BYTES = 64 * 1024
"""What a queue counts for by itself: something waits because the write buffer of the transport is full."""


class Codec(Protocol):
    """How a flavour of socket encodes a change of a feed and a close. All its sockets share one object."""

    flavour: str
    """Its name in metrics."""

    def encode(self, event: FeedEvent) -> EncodedDelivery:
        """Return what is sent of a change. One without changes says where a socket begins."""

    def close_packets(self, close: Close) -> bytes:
        """Return the frames to send before the close frame, joined."""


class Transport(Protocol):
    """What a connection needs of the WebSocket beneath it."""

    @property
    def has_ended(self) -> bool:
        """Whether the connection has ended, even during the handshake."""

    @property
    def is_writable(self) -> bool: ...

    def write(self, data: bytes) -> None:
        """Send whole frames in one write."""

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call back whenever the transport becomes writable."""

    def close(self, close: Close) -> None:
        """End the socket with a close frame."""

    def abort(self) -> None:
        """End the socket at once and drop what is buffered."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How far a socket may fall behind: frames and bytes that wait, and seconds without progress; and all together."""

    frames: int = 256
    bytes: int = 1024 * 1024
    total_bytes: int = 64 * 1024 * 1024
    stall_seconds: float = 20.0


class EncodedDelivery:
    """The frames of a change, then those of its counts that only the latest matter of; one object for all sockets of a
    feed and flavour.
    """

    __slots__ = ("block", "counts", "data", "frames")

    def __init__(self, block: bytes, frames: int, counts: bytes) -> None:
        self.block = block
        self.frames = frames
        self.counts = counts
        self.data = block + counts


class RequestedAnswer(EncodedDelivery):
    """The answer to a request of the client. Its size is no sign of one that does not read: it asked for it."""

    __slots__ = ()

    def __init__(self, frame: bytes) -> None:
        super().__init__(frame, 1, b"")


class _Queue:
    """What waits for one socket: control frames, then deliveries, then the latest counts."""

    __slots__ = ("_queues", "answer_bytes", "bytes", "control", "counts", "deliveries", "frames", "stall")

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self.control: list[bytes] = []
        self.deliveries: deque[EncodedDelivery] = deque()
        self.counts = b""
        self.frames = 0
        self.bytes = 0
        self.answer_bytes = 0
        self.stall: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self.control or self.deliveries or self.counts)

    def add(self, delivery: EncodedDelivery) -> None:
        if delivery.frames:
            self.deliveries.append(delivery)
            self._grow(delivery, 1)
        self.counts = delivery.counts or self.counts

    def take(self) -> bytes:
        """Remove and return what the next write sends; the counts go with the last delivery."""
        blocks, self.control = self.control, []
        size = 0
        while self.deliveries and size < WRITE_BYTES:
            delivery = self.deliveries.popleft()
            blocks.append(delivery.block)
            size += len(delivery.block)
            self._grow(delivery, -1)
        if not self.deliveries:
            blocks.append(self.counts)
            self.counts = b""
        return b"".join(blocks)

    def take_all(self) -> list[EncodedDelivery]:
        """Remove and return the deliveries."""
        deliveries = list(self.deliveries)
        self.deliveries.clear()
        for delivery in deliveries:
            self._grow(delivery, -1)
        return deliveries

    def _grow(self, delivery: EncodedDelivery, sign: int) -> None:
        size = sign * len(delivery.block)
        self.frames += sign * delivery.frames
        self.bytes += size
        if isinstance(delivery, RequestedAnswer):
            self.answer_bytes += size
        self._queues.bytes += size

    def stop_timer(self) -> None:
        if self.stall is not None:
            self.stall.cancel()
            self.stall = None


class Queues:
    """The queues of all sockets of a process. Beyond their bound together, the sockets with the largest ones are ended.

    Each counts for FULL_BUFFER_BYTES and what waits in it. A delivery that waits for several sockets counts for each.
    """

    __slots__ = ("_queues", "bytes", "limits")

    def __init__(self, limits: QueueLimits) -> None:
        self.limits = limits
        self.bytes = 0
        self._queues: dict[Connection, _Queue] = {}

    def open(self, connection: Connection) -> _Queue:
        """Return a new queue of a connection."""
        queue = self._queues[connection] = _Queue(self)
        self.bytes += FULL_BUFFER_BYTES
        return queue

    def close(self, connection: Connection) -> None:
        """Drop the queue of a connection."""
        queue = self._queues.pop(connection)
        queue.stop_timer()
        self.bytes -= FULL_BUFFER_BYTES + queue.bytes

    def shrink(self) -> None:
        """End the sockets with the largest queues until the others are within the bound."""
        while self.bytes > self.limits.total_bytes:
            largest = max(self._queues, key=lambda connection: self._queues[connection].bytes)
            largest.cut_off(SLOW_CONSUMER, "bytes of all sockets")


class Connection:
    """A socket of one subscriber's feed."""

    __slots__ = ("_is_open", "_queue", "_queues", "_transport", "codec", "ended_by", "id")

    def __init__(self, connection_id: str, transport: Transport, codec: Codec, queues: Queues) -> None:
        self.id = connection_id
        self.codec = codec
        self.ended_by: Close | None = None
        self._transport = transport
        self._queues = queues
        self._queue: _Queue | None = None
        self._is_open = False
        transport.on_writable(self._flush)

    def open(self) -> None:
        """Send what was delivered during the handshake, which has ended."""
        self._is_open = self.ended_by is None
        self._flush()

    def deliver(self, delivery: EncodedDelivery) -> None:
        """Send a delivery. Never wait; end a socket that is too far behind."""
        if self._is_open and self._queue is None and self._transport.is_writable:
            self._transport.write(delivery.data)
        elif self.ended_by is None:
            queue = self._wait()
            queue.add(delivery)
            self._flush()
            limits = self._queues.limits
            if queue.frames > limits.frames or queue.bytes - queue.answer_bytes > limits.bytes:
                self.cut_off(SLOW_CONSUMER, "events" if queue.frames > limits.frames else "bytes")
            self._queues.shrink()

    def send(self, frame: bytes) -> None:
        """Send one control frame ahead of everything that waits, unless the same frame is waiting already."""
        if self._is_open and self._queue is None and self._transport.is_writable:
            self._transport.write(frame)
        elif self.ended_by is None:
            queue = self._wait()
            if frame not in queue.control:
                queue.control.append(frame)
            self._flush()

    def end(self, close: Close) -> None:
        """End the socket with a close frame that says why."""
        if self.ended_by is None:
            self._drop(close)
            if close_packets := self.codec.close_packets(close):
                self._transport.write(close_packets)  # a few bytes, once: the write buffer may be full
            self._transport.close(close)

    def cut_off(self, close: Close, limit: str) -> None:
        """End a socket whose peer reads nothing; a close frame would not get through. `limit` is for the log."""
        if self.ended_by is None:
            fields = {"action": "connection_cut_off", "connection_id": self.id, "reason": close.reason, "limit": limit}
            frames = self._queue.frames if self._queue else 0
            log.warning("connection cut off: %s (%d frames waiting)", close.reason, frames, extra=fields)
            metrics.SLOW_CONSUMERS.add((limit,))
            self._drop(close)
            self._transport.abort()

    def closed(self) -> None:
        """Drop what waits: the socket has closed."""
        self._drop(self.ended_by or Close(1005, ""))

    def _take_waiting(self) -> list[EncodedDelivery]:
        """Remove and return the deliveries that wait."""
        return self._queue.take_all() if self._queue else []

    def _drop(self, close: Close) -> None:
        self.ended_by = close
        self._is_open = False
        self._end_queue()

    def _wait(self) -> _Queue:
        """Return the queue, made if nothing waited."""
        if self._queue is None:
            self._queue = self._queues.open(self)
        return self._queue

    def _flush(self) -> None:
        queue = self._queue
        if queue is None or not self._is_open:
            return
        while queue and self._transport.is_writable:
            self._transport.write(queue.take())
            queue.stop_timer()  # progress: the time starts again
        if not queue:
            self._end_queue()
        elif queue.stall is None:
            loop = asyncio.get_running_loop()
            queue.stall = loop.call_later(self._queues.limits.stall_seconds, self.cut_off, SLOW_CONSUMER, "time")

    def _end_queue(self) -> None:
        if self._queue is not None:
            self._queues.close(self)
            self._queue = None
