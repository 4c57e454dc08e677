"""One socket's queue, on a transport and a clock made by hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from inbox.events import SLOW_CONSUMER, SUBSCRIBER_GONE, Close
from inbox.fanout.codecs import PLAIN
from inbox.fanout.connection import WRITE_BYTES, Connection, Limits

COUNTS = (b"unseen", b"unread")
NEWER = (b"unseen 2", b"unread 2")
LIMITS = Limits(frames=4, bytes=1_000, stall_seconds=20.0)


class Wire:
    """A transport that takes frames while `is_writable`; every write is one item of `writes`."""

    def __init__(self) -> None:
        self.is_writable = True
        self.writes: list[list[bytes]] = []
        self.takes = 10_000
        self.closed: list[Close] = []
        self.aborted = 0
        self._callback: Callable[[], None] = lambda: None

    def write(self, frames: list[bytes]) -> None:
        assert self.is_writable, "written to a wire that takes nothing"
        self.writes.append(list(frames))
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
    def frames(self) -> list[bytes]:
        return [frame for write in self.writes for frame in write]


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
    connection = Connection("c1", wire, PLAIN, LIMITS)
    connection.open()
    return connection


def test_nothing_leaves_before_the_handshake_is_done(wire: Wire) -> None:
    connection = Connection("c1", wire, PLAIN, LIMITS)
    connection.deliver([b"early"], COUNTS)
    assert wire.writes == []
    connection.open()
    assert wire.writes == [[b"early", *COUNTS]]


def test_a_delivery_is_one_write(connection: Connection, wire: Wire) -> None:
    connection.deliver([b"one", b"two"], COUNTS)
    assert wire.writes == [[b"one", b"two", *COUNTS]]


def test_counts_alone_are_a_delivery(connection: Connection, wire: Wire) -> None:
    connection.deliver([], COUNTS)
    assert wire.writes == [[*COUNTS]]


def test_what_waits_leaves_in_order_and_in_one_write(connection: Connection, wire: Wire) -> None:
    wire.block()
    for frame in (b"one", b"two", b"three"):
        connection.deliver([frame], ())
    wire.free()
    assert wire.writes == [[b"one", b"two", b"three"]]


def test_of_the_counts_only_the_latest_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"one"], COUNTS)
    connection.deliver([b"two"], NEWER)
    wire.free()
    assert wire.writes == [[b"one", b"two", *NEWER]]


def test_counts_do_not_pile_up(connection: Connection, wire: Wire) -> None:
    wire.block()
    for number in range(1_000):
        connection.deliver([], (b"%d" % number, b"x" * 100))
    assert connection.ended_by is None
    wire.free()
    assert wire.writes == [[b"999", b"x" * 100]]


def test_a_delivery_without_counts_keeps_those_that_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"one"], COUNTS)
    connection.deliver([b"two"], ())
    wire.free()
    assert wire.frames == [b"one", b"two", *COUNTS]


def test_a_large_backlog_leaves_in_bounded_writes(wire: Wire) -> None:
    connection = Connection("c1", wire, PLAIN, Limits(frames=100, bytes=10 * WRITE_BYTES))
    connection.open()
    wire.block()
    frames = [bytes([number]) * (WRITE_BYTES // 2) for number in range(5)]
    connection.deliver(frames, COUNTS)
    wire.free()
    assert [len(write) for write in wire.writes] == [2, 2, 3]
    assert wire.frames == [*frames, *COUNTS]


def test_it_stops_writing_when_the_wire_is_full_again(wire: Wire) -> None:
    connection = Connection("c1", wire, PLAIN, Limits(frames=100, bytes=10 * WRITE_BYTES))
    connection.open()
    wire.block()
    connection.deliver([b"a" * WRITE_BYTES, b"b" * WRITE_BYTES], COUNTS)
    wire.free(writes=1)
    assert wire.writes == [[b"a" * WRITE_BYTES]]
    wire.free(writes=1)
    assert wire.writes[1:] == [[b"b" * WRITE_BYTES, *COUNTS]]


def test_a_control_frame_goes_first(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"one"], COUNTS)
    connection.send(b"pong")
    wire.free()
    assert wire.frames == [b"pong", b"one", *COUNTS]


def test_a_control_frame_leaves_at_once_on_a_free_wire(connection: Connection, wire: Wire) -> None:
    connection.send(b"pong")
    connection.send(b"pong")
    assert wire.writes == [[b"pong"], [b"pong"]]


def test_the_same_control_frame_waits_once(connection: Connection, wire: Wire) -> None:
    wire.block()
    for _ in range(1_000):
        connection.send(b"pong")
    wire.free()
    assert wire.frames == [b"pong"]


def test_as_many_frames_as_allowed_may_wait(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"x"] * LIMITS.frames, COUNTS)
    assert (connection.ended_by, wire.aborted) == (None, 0)


def test_one_frame_too_many_ends_the_socket(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"x"] * LIMITS.frames, COUNTS)
    connection.deliver([b"x"], COUNTS)
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)
    assert wire.closed == []  # a close frame would not get through


def test_too_many_bytes_end_the_socket(connection: Connection, wire: Wire) -> None:
    wire.block()
    connection.deliver([b"x" * LIMITS.bytes], ())
    assert wire.aborted == 0
    connection.deliver([b"x"], ())
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)


def test_what_has_left_no_longer_counts(connection: Connection, wire: Wire) -> None:
    for _ in range(50):
        wire.block()
        connection.deliver([b"x" * LIMITS.bytes], COUNTS)
        wire.free()
    assert connection.ended_by is None
    assert len(wire.writes) == 50


def test_what_comes_before_the_handshake_is_bounded_too(wire: Wire) -> None:
    connection = Connection("c1", wire, PLAIN, LIMITS)
    connection.deliver([b"x"] * (LIMITS.frames + 1), ())
    assert connection.ended_by == SLOW_CONSUMER


def test_a_slow_socket_is_named_in_the_log(
    connection: Connection, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.block()
    with caplog.at_level(logging.WARNING, logger="inbox.fanout.connection"):
        connection.deliver([b"x"] * 5, ())
    [record] = caplog.records
    fields = record.__dict__
    named = (fields["action"], fields["connection_id"], fields["reason"])
    assert named == ("connection_cut_off", "c1", "slow_consumer")
    assert "5 frames" in record.getMessage()


def test_a_socket_that_takes_nothing_for_too_long_is_cut_off(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver([b"x"], ())
    [timer] = clock.running
    assert timer.seconds == LIMITS.stall_seconds
    timer.call()
    assert (connection.ended_by, wire.aborted) == (SLOW_CONSUMER, 1)


def test_the_time_runs_from_the_first_frame_that_waits(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    for _ in range(3):
        connection.deliver([b"x"], COUNTS)
    assert len(clock.timers) == 1


def test_a_socket_that_caught_up_is_not_timed(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver([b"x"], ())
    wire.free()
    assert clock.running == []


def test_a_socket_that_takes_something_gets_its_time_anew(wire: Wire, clock: Clock) -> None:
    connection = Connection("c1", wire, PLAIN, Limits(frames=100, bytes=10 * WRITE_BYTES))
    connection.open()
    wire.block()
    connection.deliver([b"a" * WRITE_BYTES, b"b"], ())
    [first] = clock.running
    wire.free(writes=1)
    [second] = clock.running
    assert second is not first


def test_a_free_socket_is_never_timed(connection: Connection, clock: Clock) -> None:
    connection.deliver([b"x"], COUNTS)
    assert clock.timers == []


def test_an_end_is_told_with_a_close_frame(connection: Connection, wire: Wire) -> None:
    connection.end(SUBSCRIBER_GONE)
    assert (wire.closed, wire.aborted, connection.ended_by) == ([SUBSCRIBER_GONE], 0, SUBSCRIBER_GONE)


def test_the_first_end_stands(connection: Connection, wire: Wire) -> None:
    connection.end(SUBSCRIBER_GONE)
    connection.cut_off(SLOW_CONSUMER)
    connection.end(SLOW_CONSUMER)
    connection.closed()
    assert (wire.closed, wire.aborted, connection.ended_by) == ([SUBSCRIBER_GONE], 0, SUBSCRIBER_GONE)


@pytest.mark.parametrize("end", [lambda c: c.end(SUBSCRIBER_GONE), lambda c: c.cut_off(SLOW_CONSUMER)])
def test_after_the_end_nothing_is_sent(
    connection: Connection, wire: Wire, clock: Clock, end: Callable[[Connection], None]
) -> None:
    wire.block()
    connection.deliver([b"waits"], COUNTS)
    end(connection)
    wire.free()
    connection.deliver([b"late"], COUNTS)
    connection.send(b"pong")
    assert wire.writes == []
    assert clock.running == []


def test_a_wire_that_went_leaves_nothing_behind(connection: Connection, wire: Wire, clock: Clock) -> None:
    wire.block()
    connection.deliver([b"waits"], COUNTS)
    connection.closed()
    wire.free()
    assert (wire.writes, clock.running, connection.ended_by) == ([], [], Close(1005, ""))
