"""What a client holds of a feed: each kind of change, pages that overlap events, and random histories."""

from __future__ import annotations

import os
import random
from copy import deepcopy
from typing import Any

import pytest

from inbox.client.events import NotificationCreated, NotificationUpdated, Reset
from inbox.client.filters import matches
from inbox.client.store import HeldFeed, counter_of, with_fields
from tests.support.native_service import COUNTS, Json, catch_up, event, item, snapshot

SEEDS = int(os.environ.get("INBOX_SEEDS", "200"))
STEPS = 60
DATES = {"isRead": "readAt", "isSeen": "firstSeenAt", "isArchived": "archivedAt"}


def store_of(*items: Json, filter: Any = None, max_held: int = 1_000, has_more: bool = False) -> HeldFeed:
    """A store at the position 1-10."""
    store = HeldFeed(filter or {}, max_held)
    newest_first = sorted(items, key=lambda one: -one["sequence"])
    assert store.connected(snapshot(10, list={"data": newest_first, "hasMore": has_more})) == [Reset("connected")]
    return store


def sequences(store: HeldFeed) -> list[int]:
    return [notification["sequence"] for notification in store.notifications]


def tell(store: HeldFeed, *changes: Json, **fields: Any) -> Any:
    """Apply the next event."""
    return store.apply(event(counter_of(store.position) + 1, *changes, **fields)["event"])


def test_a_snapshot_is_held_newest_first() -> None:
    store = store_of(item(1), item(3), item(2))
    assert sequences(store) == [3, 2, 1]
    assert (store.position, store.counts, store.has_more) == ("1-10", COUNTS, False)


def test_a_new_one_is_on_top_and_an_update_stays_where_it_is() -> None:
    store = store_of(item(1), item(2))
    assert tell(store, {"created": item(3)}, {"updated": item(1, isRead=True)}) == [
        NotificationCreated(item(3)),
        NotificationUpdated(item(1, isRead=True)),
    ]
    assert sequences(store) == [3, 2, 1]
    assert store.notifications[2]["isRead"]


def test_a_notification_moves_to_the_top_under_its_id() -> None:
    store = store_of(item(1), item(2))
    tell(store, {"created": {**item(1), "sequence": 3}})
    assert sequences(store) == [3, 2]


def test_removed_ones_are_gone() -> None:
    store = store_of(item(1), item(2), item(3))
    tell(store, {"removed": [item(2)["id"], "unknown"]})
    assert sequences(store) == [3, 1]


@pytest.mark.parametrize("where", [{"upTo": 2}, {"sequences": [[1, 1], [2, 2]]}])
def test_a_bulk_change_concerns_its_sequences(where: Json) -> None:
    store = store_of(item(1), item(2, isRead=True, readAt="then"), item(3))
    tell(store, {"bulk": {"set": {"isRead": True, "readAt": "now"}, **where}})
    assert [*store.notifications] == [item(3), *(item(n, isRead=True, readAt="now") for n in (2, 1))]


def test_fields_that_are_none_are_removed_and_the_first_date_of_seen_stays() -> None:
    read: Any = item(1, isRead=True, readAt="then", firstSeenAt="once")
    assert with_fields(read, {"isRead": False, "readAt": None}) == item(1, firstSeenAt="once")
    assert with_fields(read, {"isSeen": True, "firstSeenAt": "now"}) == {**read, "isSeen": True}
    unseen: Any = item(1)
    assert with_fields(unseen, {"isSeen": True, "firstSeenAt": "now"}) == item(1, isSeen=True, firstSeenAt="now")


def test_what_no_longer_matches_leaves_and_what_matches_again_comes_back() -> None:
    store = store_of(item(1), item(2), filter={"archived": False})
    tell(store, {"updated": item(1, isArchived=True)})
    assert sequences(store) == [2]
    tell(store, {"updated": item(1)})
    assert sequences(store) == [2, 1]
    tell(store, {"bulk": {"set": {"isArchived": True}, "upTo": 2}})
    assert sequences(store) == []
    assert not store.is_stale


def test_a_bulk_change_that_may_bring_others_makes_it_stale() -> None:
    store = store_of(item(2), filter={"archived": False})
    tell(store, {"bulk": {"set": {"isArchived": False}, "upTo": 2}})
    assert store.is_stale


def test_an_event_that_does_not_continue_is_not_applied() -> None:
    store = store_of(item(1))
    assert store.apply(event(12, {"created": item(2)})["event"]) is None
    assert (sequences(store), store.position) == ([1], "1-10")


def test_unknown_changes_and_fields_are_ignored() -> None:
    store = store_of(item(1))
    assert tell(store, {"sung": "loudly"}, unknown=1) == []
    assert store.position == "1-11"


def test_refetch_drops_everything() -> None:
    store = store_of(item(1))
    assert tell(store, {"refetch": True}) == [Reset("refetch")]
    assert store.is_stale
    assert sequences(store) == []


def test_a_catch_up_is_applied_and_a_snapshot_replaces() -> None:
    store = store_of(item(1), item(2))
    store.connected(catch_up(15, {"created": item(3)}, {"removed": [item(1)["id"]]}))
    assert (sequences(store), store.position) == ([3, 2], "1-15")
    assert store.connected(snapshot(2, item(7))) == [Reset("not_recovered")]
    assert (sequences(store), store.position) == ([7], "1-2")


def test_older_ones_than_those_read_wait_for_their_page() -> None:
    store = store_of(item(5), item(6), has_more=True)
    tell(store, {"updated": item(4)})
    assert sequences(store) == [6, 5]
    with store.reading() as reading:
        page = {"data": [item(4), item(3)], "hasMore": False, "position": store.position}
        store.extend(page, reading, 5)
    assert sequences(store) == [6, 5, 4, 3]
    assert not store.has_more


def test_new_ones_push_out_the_oldest() -> None:
    store = store_of(item(1), item(2), max_held=2)
    tell(store, {"created": item(3)})
    assert sequences(store) == [3, 2]
    assert store.has_more
    tell(store, {"updated": item(1)})
    assert sequences(store) == [3, 2]


def test_what_happened_while_a_page_was_read_stands_over_it() -> None:
    store = store_of(item(5), has_more=True)
    with store.reading() as reading:
        tell(store, {"updated": item(4, isRead=True)}, {"removed": [item(3)["id"]]}, {"created": item(6)})
        page = {"data": [item(4), item(3), item(2)], "hasMore": False, "position": "1-10"}
        store.extend(page, reading, 5)
    assert sequences(store) == [6, 5, 4, 2]
    assert store.notifications[2]["isRead"]


def test_a_page_that_is_newer_than_the_position_stands_over_the_events_it_knows() -> None:
    store = store_of(item(4), item(5))
    with store.reading() as reading:
        page = {"data": [item(6), item(5, isRead=True)], "hasMore": False, "position": "1-12"}
        store.reached(store.merge(page, reading, float("inf")))
    tell(store, {"updated": item(5)})
    tell(store, {"updated": item(5, isRead=True)}, {"created": item(6)}, {"removed": [item(4)["id"]]})
    assert [(one["sequence"], one["isRead"]) for one in store.notifications] == [(6, False), (5, True)]


class FakeFeed:
    """A feed as the service has it: every change is an event, every state can be listed."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.items: dict[str, Json] = {}
        self.top = 0
        self.counter = 0
        self.events: list[Json] = []
        self.history: list[dict[str, Json]] = [{}]

    def act(self) -> None:
        names = ["create", "create", "update", "lift", "remove", "bulk", "bulk"]
        changes = getattr(self, self.chance.choice(names))()
        self.counter += 1
        self.events.append(event(self.counter, *changes)["event"])
        self.history.append(deepcopy(self.items))

    def create(self) -> list[Json]:
        self.top += 1
        new = item(self.top, tags=self.chance.choice([[], ["a"]]))
        self.items[new["id"]] = new
        return [{"created": new}]

    def some(self) -> list[str]:
        return [one for one in self.items if self.chance.random() < 0.3]

    def update(self) -> list[Json]:
        for one in self.some():
            self.items[one] = {**self.items[one], self.flag(): self.chance.random() < 0.5}
        return [{"updated": one} for one in self.items.values() if one != self.history[-1].get(one["id"])]

    def lift(self) -> list[Json]:
        if not self.items:
            return []
        self.top += 1
        lifted = {**self.items[self.chance.choice([*self.items])], "sequence": self.top, "isRead": False}
        self.items[lifted["id"]] = lifted
        return [{"created": lifted}]

    def remove(self) -> list[Json]:
        gone = self.some()[:2]
        for one in gone:
            del self.items[one]
        return [{"removed": gone}]

    def bulk(self) -> list[Json]:
        flag, is_on = self.flag(), self.chance.random() < 0.6
        fields = {flag: is_on, DATES[flag]: f"at {self.counter}" if is_on else None}
        first, last = sorted([self.chance.randint(0, self.top), self.chance.randint(0, self.top)])
        for one, known in self.items.items():
            if first <= known["sequence"] <= last:
                changed: Any = known
                self.items[one] = with_fields(changed, fields)
        return [{"bulk": {"set": fields, "sequences": [[first, last]]}}]

    def flag(self) -> str:
        return self.chance.choice(["isRead", "isSeen", "isArchived"])

    def page(self, filter: Any, limit: int, below: float, counter: int) -> Json:
        items: Any = self.history[counter].values()
        found = sorted((one for one in items if matches(filter, one)), key=lambda one: -one["sequence"])
        found = [one for one in found if one["sequence"] < below]
        return {"data": found[:limit], "hasMore": len(found) > limit, "position": f"1-{counter}"}


@pytest.mark.parametrize("part", range(4))
def test_random_histories(part: int) -> None:
    """At each position the store holds what a listing at it shows; pages come late, or ahead of their events."""
    for seed in range(part, SEEDS, 4):
        try:
            play(random.Random(seed))
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def play(chance: random.Random) -> None:
    feed = FakeFeed(chance)
    filter: Any = chance.choice([{}, {"archived": False}, {"read": False, "tags": ["a"]}, {"seen": True}])
    for _ in range(10):
        feed.act()
    store = HeldFeed(filter, max_held=chance.choice([6, 1_000]))
    store.connected(snapshot(10, list=feed.page(filter, 5, float("inf"), 10)))
    known = 10  # the newest position of which a page has told
    for _ in range(STEPS):
        step = chance.random()
        if step < 0.4:
            feed.act()
        elif step < 0.8 and counter_of(store.position) < feed.counter:
            assert store.apply(feed.events[counter_of(store.position)]) is not None
        elif step < 0.9:
            known = max(known, read_pages(store, feed, filter, chance))
        if not store.is_stale and counter_of(store.position) >= known:
            check(store, feed, filter)
    while counter_of(store.position) < feed.counter:
        assert store.apply(feed.events[counter_of(store.position)]) is not None
    while store.is_stale:
        read_pages(store, feed, filter, chance)
    check(store, feed, filter)


def read_pages(store: HeldFeed, feed: FakeFeed, filter: Any, chance: random.Random) -> int:
    """Read again if it is stale, else the next page; return the newest position that a page was read at."""
    is_again, store.is_stale = store.is_stale, False
    below = float("inf") if is_again or not store.notifications else store.notifications[-1]["sequence"]
    with store.reading() as reading:
        page = feed.page(
            filter, chance.choice([3, 100]), below, chance.randint(counter_of(store.position), feed.counter)
        )
        for _ in range(chance.choice([0, 1, 5])):
            if chance.random() < 0.5:
                feed.act()
            if counter_of(store.position) < feed.counter:
                store.apply(feed.events[counter_of(store.position)])
        if is_again:
            store.reached(store.merge(page, reading, below))
        else:
            store.extend(page, reading, below)
    return counter_of(page["position"])


def check(store: HeldFeed, feed: FakeFeed, filter: Any) -> None:
    held = len(store.notifications)
    page = feed.page(filter, held, float("inf"), counter_of(store.position))
    assert list(store.notifications) == page["data"]
    assert store.has_more or not page["hasMore"]
