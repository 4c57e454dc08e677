"""The checker on planted histories: it accepts the right one and names what is wrong with each wrong one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.client import Json
from tests.support.model import DOUBLED, LOST, MISDELIVERED, REORDERED, RETURNED, WRONG_STATE, SubscriberModel

from .checker import FACES_DIFFER, WRONG_COUNT, WRONG_PAGE, View, check_page, check_view
from .feeds import Feed
from .pages import PlainPage, as_message

SIZE = 4


class History:
    """Four messages, the oldest read, and a deleted one; each message's fields as the service would list them."""

    def __init__(self) -> None:
        self.model = SubscriberModel()
        self.messages: list[Json] = []
        for number in range(SIZE):
            self.trigger(f"t{number}")
            self.messages.insert(0, message(number))
        self.trigger("deleted")
        self.model.finish(self.model.begin("inbox.delete", ["deleted"]))
        self.model.finish(self.model.begin("v1.read", ["t0"]))
        mark_read(self.messages[-1])

    def trigger(self, transaction: str) -> None:
        self.model.finish(self.model.begin("trigger", [transaction]))

    def view(self) -> View:
        """The right one."""
        unread = SIZE - 1
        notifications = [notification(one) for one in self.messages]
        return View(copy.deepcopy(self.messages), notifications, [unread, unread, unread, SIZE, 1])


def message(number: int) -> Json:
    date = datetime.fromtimestamp(1_700_000_000 + number, UTC).isoformat(timespec="milliseconds")
    flags = {"seen": False, "read": False, "archived": False, "cta": {"action": {}}}
    return {"_id": f"id{number}", "transactionId": f"t{number}", "content": "Body", "createdAt": date, **flags}


def mark_read(message: Json) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    message.update(seen=True, read=True, lastSeenDate=now, lastReadDate=now)


def notification(message: Json) -> Json:
    same = {name: message[name] for name in ("transactionId", "createdAt")}
    flags = {"isSeen": message["seen"], "isRead": message["read"], "isArchived": message["archived"]}
    return {"id": message["_id"], "body": message["content"], **same, **flags}


class StandingPage(PlainPage):
    """A page that has loaded a view, and hears no more."""

    def __init__(self, view: View) -> None:
        super().__init__(SimpleNamespace(port=0), "ada", "")  # type: ignore[arg-type]
        self.mirror.load(map(as_message, view.notifications))
        self.mirror.unseen = self.mirror.unread = view.counts[0]


@pytest.fixture
def history() -> History:
    return History()


def kinds(history: History, view: View) -> set[str]:
    return {finding.kind for finding in check_view(history.model, view)}


def test_the_right_history_is_accepted(history: History) -> None:
    view = history.view()
    assert kinds(history, view) == set()
    assert [*check_page(StandingPage(view), view)] == []


def swap(messages: list[Json]) -> None:
    messages[0], messages[1] = messages[1], messages[0]


def swap_dates(messages: list[Json]) -> None:
    """Newest first by date, but the dates are not in the order of the triggers."""
    swap(messages)
    messages[0]["createdAt"], messages[1]["createdAt"] = messages[1]["createdAt"], messages[0]["createdAt"]


def return_deleted(messages: list[Json]) -> None:
    messages.insert(0, {**message(9), "transactionId": "deleted"})


def press(messages: list[Json]) -> None:
    messages[0]["cta"] = {"action": {"result": {"type": "primary"}, "status": "done"}}


Plant = Callable[[list[Json]], Any]
PLANTS: dict[str, tuple[Plant, str]] = {
    "a lost message": (lambda messages: messages.pop(1), LOST),
    "a lost newest message": (lambda messages: messages.pop(0), LOST),
    "a doubled message": (lambda messages: messages.insert(1, {**messages[1], "_id": "other"}), DOUBLED),
    "a misdelivered message": (lambda messages: messages[0].update(transactionId="of another"), MISDELIVERED),
    "reordered messages": (swap, REORDERED),
    "reordered messages with dates to match": (swap_dates, REORDERED),
    "a deleted message that is back": (return_deleted, RETURNED),
    "a flag too many": (lambda messages: mark_read(messages[0]), WRONG_STATE),
    "a flag too few": (lambda messages: messages[-1].update(read=False), WRONG_STATE),
    "a button nobody pressed": (press, WRONG_STATE),
}


@pytest.mark.parametrize(("plant", "kind"), PLANTS.values(), ids=PLANTS)
def test_a_planted_fault_is_found(history: History, plant: Plant, kind: str) -> None:
    view = history.view()
    plant(view.messages)
    assert kind in kinds(history, view)


@pytest.mark.parametrize("number", range(5))
def test_a_wrong_count_is_found(history: History, number: int) -> None:
    view = history.view()
    view.counts[number] += 1
    assert kinds(history, view) == {WRONG_COUNT}


def test_a_face_that_lists_something_else_is_found(history: History) -> None:
    view = history.view()
    view.notifications[0]["isSeen"] = True
    assert kinds(history, view) == {FACES_DIFFER}


ON_PAGES = [name for name in PLANTS if name not in ("reordered messages", "a button nobody pressed")]
"""A page sorts by itself, and keeps no button."""


@pytest.mark.parametrize("name", ON_PAGES)
def test_a_page_that_shows_it_is_found(history: History, name: str) -> None:
    view, wrong = history.view(), history.view()
    plant, _ = PLANTS[name]
    plant(wrong.messages)
    wrong.notifications = [notification(one) for one in wrong.messages]
    assert {finding.kind for finding in check_page(StandingPage(wrong), view)} == {WRONG_PAGE}


def test_a_page_with_a_wrong_count_is_found(history: History) -> None:
    view = history.view()
    for name in ("unseen", "unread"):
        page = StandingPage(view)
        setattr(page.mirror, name, 0)
        assert [finding.kind for finding in check_page(page, view)] == [WRONG_COUNT]


def test_a_lost_answer_allows_both(history: History) -> None:
    for operation in (history.model.begin("v1.read", ["t3"]), history.model.begin("trigger", ["maybe"])):
        history.model.lose(operation)
    assert kinds(history, history.view()) == set()
    history = History()
    history.model.lose(history.model.begin("v1.read", ["t3"]))
    mark_read(history.messages[0])
    assert kinds(history, history.view()) == {WRONG_COUNT}  # the view's counts are those of the other outcome


def test_an_answer_that_was_lost_allows_no_second_message(history: History) -> None:
    history.model.lose(history.model.begin("trigger", ["maybe"]))
    history.messages[:0] = [message(number) | {"transactionId": "maybe"} for number in (9, 8)]
    assert DOUBLED in kinds(history, history.view())


def test_what_is_forgiven_may_be_lost_and_nothing_else(history: History) -> None:
    last = history.model.begin("trigger", ["last"])
    history.model.finish(last)
    assert kinds(history, history.view()) == {LOST}
    history = History()
    last = history.model.begin("trigger", ["last"])
    history.model.finish(last)
    history.model.forgive(last.start, last.end)
    assert kinds(history, history.view()) == set()
    assert history.model.count_lost() == 1


def test_a_feed_learns_from_its_page_what_it_may_change(history: History) -> None:
    feed = Feed("ada", "", pages=[StandingPage(history.view())])
    feed.in_doubt, feed.deleted = {"t0"}, {"t1"}
    assert feed.known() == {"t2": "id2", "t3": "id3"}
