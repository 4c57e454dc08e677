"""What travels on a socket: the payloads of each event, and counts as the compatible clients expect them."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from inbox.clock import now_ms
from inbox.realtime import events, plain
from inbox.realtime.compatible import compatible_events
from inbox.realtime.events import SocketEvent
from inbox.realtime.feed_events import FeedEvent, PreferencesChanged
from inbox.store.rows import FeedCounts, Position

from .fake_feed import feed_named


def data(event: SocketEvent) -> Any:
    return orjson.loads(event.data)


def test_a_new_message_is_told_whole() -> None:
    event = events.notification_received({"_id": "m", "content": "ä"})
    assert (event.name, data(event)) == ("notification_received", {"message": {"_id": "m", "content": "ä"}})


def test_an_update_has_one_of_three_forms() -> None:
    forms = [
        events.notification_updated({"_id": "m"}),
        events.notifications_removed(["a", "b"]),
        events.notifications_refetch(),
    ]
    assert {event.name for event in forms} == {"notification_updated"}
    assert [data(event) for event in forms] == [{"message": {"_id": "m"}}, {"removed": ["a", "b"]}, {"refetch": True}]


def test_both_counts_come_unseen_first() -> None:
    unseen, unread = events.count_events(FeedCounts(unseen=3, unread=9, badge=7, high=1, medium=2, low=3))
    assert (unseen.name, data(unseen)) == ("unseen_count_changed", {"unseenCount": 3, "hasMore": False})
    severity = {"high": 1, "medium": 2, "low": 3, "none": 1}
    assert unread.name == "unread_count_changed"
    assert data(unread) == {"unreadCount": 7, "counts": {"total": 7, "severity": severity}, "hasMore": False}


def test_the_badge_leaves_out_what_is_snoozed() -> None:
    _, unread = events.count_events(FeedCounts(unseen=5, unread=5, badge=2))
    assert data(unread)["unreadCount"] == data(unread)["counts"]["total"] == 2


@pytest.mark.parametrize(
    ("count", "shown", "has_more"), [(99, 99, False), (100, 100, False), (101, 100, True), (4_000_000_000, 100, True)]
)
def test_counts_stop_at_a_hundred(count: int, shown: int, has_more: bool) -> None:
    unseen, unread = map(data, events.count_events(FeedCounts(unseen=count, unread=count, badge=count)))
    assert unseen == {"unseenCount": shown, "hasMore": has_more}
    assert (unread["unreadCount"], unread["hasMore"]) == (shown, has_more)


@pytest.mark.parametrize(("count", "total"), [(100, 100), (101, 101), (5_000, 101)])
def test_the_total_stops_one_later(count: int, total: int) -> None:
    _, unread = events.count_events(FeedCounts(badge=count))
    assert data(unread)["counts"]["total"] == total


@pytest.mark.parametrize("severity", ["high", "medium", "low"])
def test_a_severity_stops_at_99(severity: str) -> None:
    _, unread = events.count_events(FeedCounts(badge=150)._replace(**{severity: 100}))
    assert data(unread)["counts"]["severity"] == {"high": 0, "medium": 0, "low": 0, "none": 50} | {severity: 99}


def test_no_severity_stops_at_99_too() -> None:
    _, unread = events.count_events(FeedCounts(badge=150))
    assert data(unread)["counts"]["severity"]["none"] == 99


def test_the_plain_flavour_wraps_an_event() -> None:
    frame = plain.CODEC.frame(events.notifications_refetch(), 1_700_000_000_000)
    wrapped = orjson.loads(frame.removeprefix(bytes([0x81, len(frame) - 2])))
    assert list(wrapped) == ["event", "data", "timestamp"]
    assert (wrapped["event"], wrapped["data"]) == ("notification_updated", {"refetch": True})
    assert wrapped["timestamp"] == 1_700_000_000_000


def test_the_frames_of_a_delivery_have_the_time_at_which_it_is_encoded() -> None:
    before = now_ms()
    delivery = plain.CODEC.encode(FeedEvent(feed_named(1), Position(1, 1), Position(2, 2), FeedCounts()))
    stamped = [int(ms) for ms in re.findall(rb'"timestamp":(\d+)}', delivery.data)]
    assert len(stamped) == 2  # both counts
    assert all(before <= ms <= now_ms() for ms in stamped)


@pytest.mark.parametrize("close", [events.SUBSCRIBER_DELETED, events.SLOW_CONSUMER, events.STORE_LOST])
def test_a_close_code_may_be_sent(close: events.Close) -> None:
    assert close.code == 1013 or 4000 <= close.code <= 4999
    assert len(close.reason.encode()) <= 123  # what a close frame has room for


def test_a_final_close_stops_reconnecting_and_any_other_does_not() -> None:
    closes = {name: close for name, close in vars(events).items() if isinstance(close, events.Close)}
    assert {name for name, close in closes.items() if close.is_final} == {
        *("TOKEN_EXPIRED", "SESSION_REVOKED", "REFUSED", "CONNECT_TIMEOUT", "SUBSCRIBER_DELETED"),
        "INVALID_REQUEST",
    }
    assert {name for name, close in closes.items() if not close.is_final} == {
        *("PING_TIMEOUT", "SLOW_CONSUMER", "TOO_MANY_FRAMES", "CLIENT_LEFT", "MALFORMED_PACKET", "STORE_LOST"),
        *("INVALID_TEXT", "MESSAGE_TOO_LARGE", "UNSUPPORTED_DATA", "TOO_MANY_REQUESTS"),
    }


@pytest.mark.parametrize(("counter", "told"), [(8, []), (9, ["unseen_count_changed", "unread_count_changed"])])
def test_preferences_alone_are_nothing_but_what_came_with_them_may_have_changed_counts(
    counter: int, told: list[str]
) -> None:
    feed: Any = None
    event = FeedEvent(feed, Position(1, 7), Position(1, counter), FeedCounts(), [PreferencesChanged([])])
    changes, counts = compatible_events(event)
    assert (list(changes), [event.name for event in counts]) == ([], told)
