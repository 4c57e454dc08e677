"""One socket's queue, on a transport and a clock made by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from inbox.realtime import plain
from inbox.realtime.connection import (
    FULL_BUFFER_BYTES,
    WRITE_BYTES,
    Connection,
    EncodedDelivery,
    QueueLimits,
    Queues,
    RequestedAnswer,
)
from inbox.realtime.events import SLOW_CONSUMER, SUBSCRIBER_DELETED, Close

COUNTS = b"<unseen 1><unread 1>"
NEWER = b"<unseen 2><unread 2>"
LIMITS = QueueLimits(frames=4, bytes=1_000, stall_seconds=20.0)


class Wire:
    """A transport that takes data while `is_writable`; every write is one item of `writes`."""

    def __init__(self) -> None:
        self.is_writable = True
        self.has_ended = False
        self.writes: list[bytes] = []
        self.takes = 10_000
        self.closed: list[Close] = []
        self.aborted = 0
        self._callback: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        assert self.is_writable, "written to a wire that takes nothing"
        self.writes.append(data)
        self.takes -= 1
        self.is_writable = self.takes > 0

    def on_writable(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def block(self) -> None:
        self.is_writable = False

    def free(self, writes: int = 10_000) -> None:
        """Takes so many more writes."""
        self.takes = writes
        self.is_writable = True
        self._callback()

    def close(self, close: Close) -> None:
        self.closed.append(close)

    def abort(self) -> None:
        self.aborted += 1

    @property
    def data(self) -> bytes:
        return b"".join(self.writes)


@dataclass
class Timer:
    seconds: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """Stands for the event loop: its timers fire when the test says so."""

    timers: list[Timer] = field(default_factory=list)

    def call_later(self, seconds: float, function: Callable[..., None], *args: Any) -> Timer:
        self.timers.append(Timer(seconds, lambda: function(*args)))
        return self.timers[-1]

    @property
    def running(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.cancelled]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def connection(wire: Wire) -> Connection:
    """Open, and nothing delivered yet."""
    connection = Connection("c1", wire, plain.CODEC, Queues(LIMITS))
    connection.open()
    return connection


def test_nothing_leaves_before_the_handshake_is_done(wire: Wire) -> None:
    connection = Connection("c1", wire, plain.CODEC, Queues(LIMITS))
    connection.deliver(EncodedDelivery(b"early", 1, COUNTS))
    assert wire.writes == []
    connection.open()
    assert wire.writes == [b"early" + COUNTS]


def test_a_delivery_is_one_write(connection: Connection, wire: Wire) -> None:
    connection.deliver(EncodedDelivery(b"onetwo", 2, COUNTS))
    assert wire.writes == [b"onetwo" + COUNTS]


def test_counts_alone_are_a_delivery(connection: Connection, wire: Wire) -> None:
    connection.deliver(EncodedDelivery(b"", 0, COUNTS))
    assert wire.writes == [COUNTS]


def test_what_waits_leaves_in_order_and_in_one_write(connection: Connection, wire: Wire) -> None:
    wire.block()
    for frame in (b"one", b"two", b"three"):
        connection.deliver(EncodedDelivery(frame, 1, b""))
    wire.free()
    assert wire.writes == [b"onetwothree"]


def test_of_the_counts_only_the_latest_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"one", 1, COUNTS))
    connection.deliver(EncodedDelivery(b"two", 1, NEWER))
    wire.free()
    assert wire.writes == [b"onetwo" + NEWER]


def test_counts_do_not_pile_up(connection: Connection, wire: Wire) -> None:
    wire.block()
    for number in range(1_000):
        connection.deliver(EncodedDelivery(b"", 0, b"%d" % number + b"x" * 100))
    assert connection.ended_by is None
    wire.free()
    assert wire.writes == [b"999" + b"x" * 100]


def test_a_delivery_without_counts_keeps_those_that_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"one", 1, COUNTS))
    connection.deliver(EncodedDelivery(b"two", 1, b""))
    wire.free()
    assert wire.data == b"onetwo" + COUNTS


def test_a_large_backlog_leaves_in_bounded_writes(wire: Wire) -> None:
    connection = Connection("c1", wire, plain.CODEC, Queues(QueueLimits(frames=100, bytes=10 * WRITE_BYTES)))
    connection.open()
    wire.block()
    blocks = [bytes([number]) * (WRITE_BYTES // 2) for number in range(5)]
    for block in blocks:
        connection.deliver(EncodedDelivery(block, 1, COUNTS))
    wire.free()
    assert wire.writes == [blocks[0] + blocks[1], blocks[2] + blocks[3], blocks[4] + COUNTS]


def test_an_answer_is_no_backlog_however_large(connection: Connection, wire: Wire) -> None:
    wire.block()
    answers = [bytes([number]) * 2 * LIMITS.bytes for number in range(3)]
    for answer in answers:
        connection.deliver(RequestedAnswer(answer))
    connection.deliver(EncodedDelivery(b"e" * LIMITS.bytes, 1, b""))
    wire.free()
    assert wire.data == b"".join(answers) + b"e" * LIMITS.bytes
    wire.block()
    connection.deliver(RequestedAnswer(answers[0]))
    connection.deliver(EncodedDelivery(b"e" * (LIMITS.bytes + 1), 1, b""))
    assert connection.ended_by == SLOW_CONSUMER


def test_it_stops_writing_when_the_wire_is_full_again(wire: Wire) -> None:
    connection = Connection("c1", wire, plain.CODEC, Queues(QueueLimits(frames=100, bytes=10 * WRITE_BYTES)))
    connection.open()
    wire.block()
    connection.deliver(EncodedDelivery(b"a" * WRITE_BYTES, 1, COUNTS))
    connection.deliver(EncodedDelivery(b"b" * WRITE_BYTES, 1, COUNTS))
    wire.free(writes=1)
    assert wire.writes == [b"a" * WRITE_BYTES]
    wire.free(writes=1)
    assert wire.writes[1:] == [b"b" * WRITE_BYTES + COUNTS]


def test_a_control_frame_goes_first(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"one", 1, COUNTS))
    connection.send(b"pong")
    wire.free()
    assert wire.data == b"pongone" + COUNTS


def test_a_control_frame_leaves_at_once_on_a_free_wire(connection: Connection, wire: Wire) -> None:
    connection.send(b"pong")
    connection.send(b"pong")
    assert wire.writes == [b"pong", b"pong"]


def test_the_same_control_frame_waits_once(connection: Connection, wire: Wire) -> None:
    wire.block()
    for _ in range(1_000):
        connection.send(b"pong")
    wire.free()
    assert wire.data == b"pong"


def test_as_many_frames_as_allowed_may_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"x" * LIMITS.frames, LIMITS.frames, COUNTS))
    assert (connection.ended_by, wire.aborted) == (None, 0)


def test_one_frame_too_many_ends_the_socket(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"x" * LIMITS.frames, LIMITS.frames, COUNTS))
    connection.deliver(EncodedDelivery(b"x", 1, COUNTS))
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)
    assert wire.closed == []  # a close frame would not get through


def test_too_many_bytes_end_the_socket(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"x" * LIMITS.bytes, 1, b""))
    assert wire.aborted == 0
    connection.deliver(EncodedDelivery(b"x", 1, b""))
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)


def test_what_has_left_no_longer_counts(connection: Connection, wire: Wire) -> None:
    for _ in range(50):
        wire.block()
        connection.deliver(EncodedDelivery(b"x" * LIMITS.bytes, 1, COUNTS))
        wire.free()
    assert connection.ended_by is None
    assert len(wire.writes) == 50


def test_what_comes_before_the_handshake_is_bounded_too(wire: Wire) -> None:
    connection = Connection("c1", wire, plain.CODEC, Queues(LIMITS))
    connection.deliver(EncodedDelivery(b"x" * (LIMITS.frames + 1), LIMITS.frames + 1, b""))
    assert connection.ended_by == SLOW_CONSUMER


def test_a_slow_socket_is_named_in_the_log(
    connection: Connection, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.block()
    with caplog.at_level(logging.WARNING, logger="inbox.realtime.connection"):
        connection.deliver(EncodedDelivery(b"x" * 5, 5, b""))
    [record] = caplog.records
    fields = record.__dict__
    named = (fields["action"], fields["connection_id"], fields["reason"], fields["limit"])
    assert named == ("connection_cut_off", "c1", "slow_consumer", "events")
    assert "5 frames" in record.getMessage()


def test_a_socket_that_takes_nothing_for_too_long_is_cut_off(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"x", 1, b""))
    [timer] = clock.running
    assert timer.seconds == LIMITS.stall_seconds
    timer.call()
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)


def test_the_time_runs_from_the_first_frame_that_waits(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    for _ in range(3):
        connection.deliver(EncodedDelivery(b"x", 1, COUNTS))
    assert len(clock.timers) == 1


def test_a_socket_that_caught_up_is_not_timed(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"x", 1, b""))
    wire.free()
    assert clock.running == []


def test_a_socket_that_takes_something_gets_its_time_anew(wire: Wire, clock: Clock) -> None:
    connection = Connection("c1", wire, plain.CODEC, Queues(QueueLimits(frames=100, bytes=10 * WRITE_BYTES)))
    connection.open()
    wire.block()
    connection.deliver(EncodedDelivery(b"a" * WRITE_BYTES, 1, b""))
    connection.deliver(EncodedDelivery(b"b", 1, b""))
    [first] = clock.running
    wire.free(writes=1)
    [second] = clock.running
    assert second is not first


def test_a_free_socket_is_never_timed(connection: Connection, clock: Clock) -> None:
    connection.deliver(EncodedDelivery(b"x", 1, COUNTS))
    assert clock.timers == []


def test_an_end_is_told_with_a_close_frame(connection: Connection, wire: Wire) -> None:
    connection.end(SUBSCRIBER_DELETED)
    assert (wire.closed, wire.aborted, connection.ended_by) == ([SUBSCRIBER_DELETED], 0, SUBSCRIBER_DELETED)


def test_the_first_end_stands(connection: Connection, wire: Wire) -> None:
    connection.end(SUBSCRIBER_DELETED)
    connection.cut_off(SLOW_CONSUMER, "events")
    connection.end(SLOW_CONSUMER)
    connection.closed()
    assert (wire.closed, wire.aborted, connection.ended_by) == ([SUBSCRIBER_DELETED], 0, SUBSCRIBER_DELETED)


@pytest.mark.parametrize("end", [lambda c: c.end(SUBSCRIBER_DELETED), lambda c: c.cut_off(SLOW_CONSUMER, "events")])
def test_after_the_end_nothing_is_sent(
    connection: Connection, wire: Wire, clock: Clock, end: Callable[[Connection], None]
) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"waits", 1, COUNTS))
    end(connection)
    wire.free()
    connection.deliver(EncodedDelivery(b"late", 1, COUNTS))
    connection.send(b"pong")
    assert wire.writes == []
    assert clock.running == []


def test_a_wire_that_went_leaves_nothing_behind(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver(EncodedDelivery(b"waits", 1, COUNTS))
    connection.closed()
    wire.free()
    assert (wire.writes, clock.running, connection.ended_by) == ([], [], Close(1005, ""))


class Stalled:
    """Sockets that share a bound, and take nothing from the start."""

    def __init__(self, count: int, bound: int) -> None:
        self.queues = Queues(QueueLimits(frames=1_000, bytes=bound, total_bytes=bound))
        self.wires = [Wire() for _ in range(count)]
        self.connections = [
            Connection(f"c{number}", wire, plain.CODEC, self.queues) for number, wire in enumerate(self.wires)
        ]
        for connection, wire in zip(self.connections, self.wires, strict=True):
            connection.open()
            wire.block()

    def deliver(self, number: int, size: int) -> None:
        self.connections[number].deliver(EncodedDelivery(b"x" * size, 1, COUNTS))

    @property
    def ended(self) -> list[int]:
        return [number for number, connection in enumerate(self.connections) if connection.ended_by]


def test_all_queues_together_stay_within_their_bound() -> None:
    bound = 10 * FULL_BUFFER_BYTES
    stalled = Stalled(500, bound)
    for turn in range(5):
        for number in range(500):
            stalled.deliver(number, 100 * (turn + 1))
            assert stalled.queues.bytes <= bound
    assert len(stalled.ended) >= 490
    for connection in stalled.connections:
        connection.closed()
    assert stalled.queues.bytes == 0


def test_beyond_it_the_largest_queue_goes_first() -> None:
    stalled = Stalled(4, bound=4 * FULL_BUFFER_BYTES + 1_000)
    for number, size in enumerate([100, 500, 300]):
        stalled.deliver(number, size)
    assert stalled.ended == []
    stalled.deliver(3, 200)  # 1,100 in all
    assert (stalled.ended, stalled.wires[1].aborted) == ([1], 1)
    stalled.deliver(0, 450)
    assert stalled.ended == [1]  # its place is free again
    stalled.deliver(0, FULL_BUFFER_BYTES)
    assert stalled.ended == [0, 1]


def test_a_socket_that_has_caught_up_does_not_count() -> None:
    stalled = Stalled(1, bound=FULL_BUFFER_BYTES + 1_000)
    for _ in range(10):
        stalled.deliver(0, 900)
        stalled.wires[0].free()
        assert stalled.queues.bytes == 0
        stalled.wires[0].block()
    assert stalled.ended == []
