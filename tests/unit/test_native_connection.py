"""What a native client gets: each event continues the position that it holds, and names the request that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from inbox.realtime.connection import QueueLimits, Queues
from inbox.realtime.events import Close
from inbox.realtime.feed_events import FeedChange, FeedEvent, MessagesRemoved, Refetch
from inbox.realtime.native import connection
from inbox.realtime.native.codec import CODEC, NativeDelivery
from inbox.realtime.native.connection import NativeConnection
from inbox.store.rows import FeedCounts, Position

from .fake_feed import feed_named

FEED = feed_named(7)


class Wire:
    """A transport that takes everything, and reads it as a client does."""

    has_ended = False
    is_writable = True

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def write(self, data: bytes) -> None:
        while data:
            short = data[1] & 0x7F
            head = 4 if short == 126 else 2
            size = int.from_bytes(data[2:4], "big") if short == 126 else short
            self.frames.append(orjson.loads(data[head : head + size]))
            data = data[head + size :]

    def on_writable(self, _: Any) -> None: ...

    def close(self, _: Close) -> None: ...

    def abort(self) -> None: ...


def at(counter: int) -> Position:
    return Position(1_000 + counter, counter)


def text(counter: int) -> str:
    return f"{1_000 + counter}.7-{counter}"


def event(origin: int, position: int, changes: Sequence[FeedChange] = (MessagesRemoved(["m"]),)) -> NativeDelivery:
    return CODEC.encode(FeedEvent(FEED, at(origin), at(position), FeedCounts(position), changes))


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def joined(wire: Wire) -> NativeConnection:
    """It has joined the feed at 5 and not begun."""
    connection = NativeConnection("c", wire, CODEC, Queues(QueueLimits()))
    connection.deliver(event(5, 5, []))
    return connection


@pytest.fixture
def begun(joined: NativeConnection) -> NativeConnection:
    joined.begin(at(5))
    joined.open()
    return joined


def told(wire: Wire) -> list[tuple[str, str, int | None]]:
    """From, to and request of every event."""
    events = [frame["event"] for frame in wire.frames]
    return [(one["from"], one["position"], one.get("request")) for one in events]


def test_the_first_delivery_says_where_the_feed_is(joined: NativeConnection, wire: Wire) -> None:
    assert (joined.position, joined.counts) == (at(5), FeedCounts(5))
    joined.begin(at(5))
    joined.open()
    assert wire.frames == []


def test_what_comes_before_the_answer_follows_it(joined: NativeConnection, wire: Wire) -> None:
    joined.deliver(event(5, 6))
    joined.deliver(event(6, 8))
    joined.begin(at(5))
    joined.open()
    assert told(wire) == [(text(5), text(6), None), (text(6), text(8), None)]
    assert joined.position == at(8)


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_what_the_answer_has_already_is_left_out(joined: NativeConnection, wire: Wire, before: int) -> None:
    """Whether it was published before the answer was read or after."""
    events = [event(5, 6), event(6, 7), event(7, 8)]
    for one in events[:before]:
        joined.deliver(one)
    joined.begin(at(7))
    joined.open()
    for one in events[before:]:
        joined.deliver(one)
    assert told(wire) == [(text(7), text(8), None)]


def test_an_event_that_reaches_beyond_the_answer_begins_there(joined: NativeConnection, wire: Wire) -> None:
    """A repair covers many positions at once."""
    joined.begin(at(7))
    joined.open()
    joined.deliver(event(5, 9))
    joined.deliver(event(9, 10))
    assert told(wire) == [(text(7), text(9), None), (text(9), text(10), None)]


def test_a_store_that_went_back_is_told(begun: NativeConnection, wire: Wire) -> None:
    begun.deliver(event(5, 3, [Refetch()]))
    begun.deliver(event(3, 4))
    assert told(wire) == [(text(5), text(3), None), (text(3), text(4), None)]


def test_it_is_told_even_to_one_whose_answer_was_newer(joined: NativeConnection, wire: Wire) -> None:
    joined.begin(at(7))
    joined.open()
    joined.deliver(event(5, 3, [Refetch()]))
    assert told(wire) == [(text(7), text(3), None)]


@pytest.mark.parametrize("is_reply_first", [True, False])
def test_an_event_names_its_request(begun: NativeConnection, wire: Wire, is_reply_first: bool) -> None:
    begun.hold()
    begun.deliver(event(5, 6))  # of somebody else
    if is_reply_first:
        begun.settle(12, [at(8)])
        begun.deliver(event(6, 8))
    else:
        begun.deliver(event(6, 8))
        assert wire.frames == []
        begun.settle(12, [at(8)])
    begun.deliver(event(8, 9))
    assert told(wire) == [(text(5), text(6), None), (text(6), text(8), 12), (text(8), text(9), None)]


def test_requests_at_once_are_kept_apart(begun: NativeConnection, wire: Wire) -> None:
    begun.hold()
    begun.hold()
    begun.deliver(event(5, 6))
    begun.deliver(event(6, 7))
    begun.deliver(event(7, 8))
    begun.settle(1, [at(6)])
    assert told(wire) == [(text(5), text(6), 1)], "the second may be of the other"
    begun.settle(2, [at(7)])
    assert told(wire)[1:] == [(text(6), text(7), 2), (text(7), text(8), None)]


def test_a_request_with_several_changes_or_none(begun: NativeConnection, wire: Wire) -> None:
    begun.hold()
    begun.hold()
    begun.settle(1, [])
    begun.settle(2, [at(6), at(8)])
    for origin, position in ((5, 6), (6, 7), (7, 8), (8, 9)):
        begun.deliver(event(origin, position))
    assert [request for _, _, request in told(wire)] == [2, None, 2, None]


def test_a_repair_names_the_last_request_that_it_covers(begun: NativeConnection, wire: Wire) -> None:
    begun.hold()
    begun.settle(1, [at(6), at(7)])
    begun.deliver(event(5, 9))
    begun.deliver(event(9, 10))
    assert told(wire) == [(text(5), text(9), 1), (text(9), text(10), None)]


def test_a_late_reply_does_not_hold_events_for_ever(
    begun: NativeConnection, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_HELD", 3)
    begun.hold()
    for counter in range(5, 9):
        begun.deliver(event(counter, counter + 1))
    assert [position for _, position, _ in told(wire)] == [text(counter) for counter in range(6, 10)]
