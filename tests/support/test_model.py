"""The model itself: transitions as Novu has them, and which orders of overlapping operations it allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from .model import TRANSITIONS, Operation, State, SubscriberModel, final_states


def run(*kinds: str, state: State | None = None) -> State:
    state = state or State()
    for number, kind in enumerate(kinds, 1):
        state = TRANSITIONS[kind](state, number)
    return state


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["inbox.seen", "inbox.seen"], State(seen=True, first_seen=1, last_seen=2)),
        (["inbox.read", "inbox.unread"], State(seen=True, first_seen=1, last_seen=2)),
        (["inbox.archive", "inbox.unarchive"], State(seen=True, read=True, first_seen=1, last_seen=2, last_read=2)),
        (["v1.read", "v1.unread"], State(seen=True, last_seen=2, last_read=2)),
        (["v1.read", "v1.unseen"], State(seen=False, read=True, last_seen=2, last_read=1)),
        (["v1.all.read", "v1.all.read"], State(seen=True, read=True, last_seen=1, last_read=1)),
        (["v1.primary.done"], State(button="primary", status="done")),
        (
            ["inbox.primary.complete", "inbox.secondary.revert"],
            State(seen=True, read=True, last_seen=1, last_read=1, button="secondary", status="pending"),
        ),
    ],
)
def test_transitions(kinds: list[str], expected: State) -> None:
    assert run(*kinds) == expected


def operation(number: int, kind: str, start: float, end: float) -> Operation:
    return Operation(number, kind, None, start, end)


def test_operations_one_after_the_other_have_one_outcome() -> None:
    history = [operation(0, "v1.read", 0, 1), operation(1, "v1.unread", 2, 3)]
    assert final_states([State()], history) == {run("v1.read", "v1.unread").with_(last_seen=1, last_read=1)}


def test_overlapping_operations_may_go_either_way() -> None:
    history = [operation(0, "v1.read", 0, 3), operation(1, "v1.unread", 2, 5)]
    assert {state.read for state in final_states([State()], history) if state} == {True, False}


def test_a_bulk_change_may_miss_a_message_that_was_being_made() -> None:
    history = [operation(0, "trigger", 0, 3), operation(1, "inbox.read", 2, 5)]
    assert {state.read for state in final_states([None], history) if state} == {True, False}
    later = [operation(0, "trigger", 0, 1), operation(1, "inbox.read", 2, 5)]
    assert {state.read for state in final_states([None], later) if state} == {True}


def listed(transaction_id: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    date = datetime.fromtimestamp(1_700_000_000 + number, UTC).isoformat(timespec="milliseconds")
    flags = {"content": "", "seen": False, "read": False, "cta": {"action": {"buttons": []}}, "createdAt": date}
    return {"_id": f"id of {transaction_id}", "transactionId": transaction_id, **flags, **changes}


@pytest.fixture
def model() -> SubscriberModel:
    """Two messages, a then b."""
    model = SubscriberModel()
    for transaction_id in "ab":
        model.finish(model.begin("trigger", [transaction_id]))
    return model


def test_the_right_feed_is_accepted(model: SubscriberModel) -> None:
    model.check([listed("b", 1), listed("a")])
    reading = model.begin("v1.read", ["a"])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    model.finish(reading)
    model.check([listed("b", 1), listed("a", seen=True, read=True, lastSeenDate=now, lastReadDate=now)])


@pytest.mark.parametrize(
    "feed",
    [
        [listed("a")],
        [listed("b", 1), listed("b", 1), listed("a")],
        [listed("a"), listed("b", 1)],
        [listed("b", 1, read=True), listed("a")],
        [listed("b", 1), listed("a", lastSeenDate="2026-01-01T00:00:00.000Z")],
    ],
    ids=["lost", "twice", "out of order", "wrong state", "a date out of nowhere"],
)
def test_a_wrong_feed_is_refused(model: SubscriberModel, feed: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError):
        model.check(feed)


def test_a_date_before_its_operation_is_refused(model: SubscriberModel) -> None:
    model.finish(model.begin("v1.seen", ["a"]))
    with pytest.raises(AssertionError):
        model.check([listed("b", 1), listed("a", seen=True, lastSeenDate="2020-01-01T00:00:00.000Z")])


def test_an_order_once_listed_is_kept(model: SubscriberModel) -> None:
    model.check([listed("b"), listed("a")])
    with pytest.raises(AssertionError, match="places"):
        model.check([listed("a"), listed("b")])
