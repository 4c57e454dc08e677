"""Filters by content over many messages at once say what each says of each message; what is known is kept rightly."""

from __future__ import annotations

import random
from typing import Any

import pytest

from inbox.models.message import StoredMessage, encode_stored
from inbox.service.feed.content_match import Slice
from inbox.service.feed.match_cache import FEED_OVERHEAD_BYTES, FeedMatches, MatchCache
from inbox.service.feed.notification_filter import NotificationFilter, parse_filter
from inbox.store.feed import Snapshot
from inbox.store.feed_reader import slices
from inbox.store.rows import EDITED, LIVE, ROW_BYTES, FeedCounts, FeedState, Position

from .fake_feed import feed_named

VALUES: list[Any] = [None, True, False, 0, 1, 1.0, "1", "", "x", [1], {"k": 1}, {}]
SEED = 5


def random_message(dice: random.Random) -> dict[str, Any]:
    data = {name: dice.choice(VALUES) for name in "ab" if dice.random() < 0.8}
    return {"tags": dice.sample("tuv", dice.randint(0, 3)), "data": data if dice.random() < 0.9 else None}


def random_filter(dice: random.Random) -> dict[str, Any]:
    scalars = [value for value in VALUES if not isinstance(value, list | dict)]
    wanted = {name: dice.choice(scalars) for name in ("a", "b", "a.k") if dice.random() < 0.4}
    groups = [dice.sample("tuvw", dice.randint(1, 2)) for _ in range(dice.randint(0, 2))]
    return {"data": wanted, "tags": groups}


def plainly(message: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """The same in the plainest words: JSON's equality, null for nothing there."""

    def at(path: str) -> Any:
        value = message["data"]
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def same(value: Any, other: Any) -> bool:
        return value == other and isinstance(value, bool) == isinstance(other, bool)

    by_tags = all(set(group) & set(message["tags"]) for group in wanted["tags"])
    return by_tags and all(same(at(path), value) for path, value in wanted["data"].items())


def test_many_filters_over_many_messages() -> None:
    dice = random.Random(SEED)
    messages = [random_message(dice) for _ in range(60)]
    contents = [encode_stored(StoredMessage("t", "w", "i", "m", "s", **message)) for message in messages]
    part = Slice([*contents, None])
    for _ in range(300):
        wanted = random_filter(dice)
        matching = parse_filter(wanted).matching(part).to_bytes(len(messages) + 1, "little")
        assert list(map(bool, matching)) == [plainly(message, wanted) for message in messages] + [False], wanted
        assert parse_filter(wanted).match(contents) == matching[:-1]


def test_filters_that_ask_the_same_of_content_are_one() -> None:
    flagged = parse_filter({"read": False, "data": {"a": 1}})
    assert flagged.content == parse_filter({"data": {"a": 1}}).content
    assert len({parse_filter({"data": {"a": value}}).content for value in (1, True, "1", None)}) == 4
    assert NotificationFilter(feed_ids=frozenset({"f"})).content != NotificationFilter().content


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 499, 500, 501, 2_000])
def test_slices_cover_everything_once(length: int) -> None:
    assert [row for start, end in slices(length) for row in range(start, end)] == list(range(length))


def snapshot(base: int, *checks: int) -> Snapshot:
    cells = b"".join(bytes([1, check, check, check]) for check in checks)
    assert len(cells) == ROW_BYTES * len(checks)
    return Snapshot(FeedState(base + len(checks), base, Position(1, 1), FeedCounts()), cells, [])


def test_what_is_known_stays_as_rows_come_and_go() -> None:
    matches = FeedMatches(snapshot(0, 1, 2, 3))
    matches.add("key", 0x010101, 0x010001)
    assert matches.advance_to(snapshot(0, 1, 2, 3, 4)) is matches
    assert matches.of("key") == (0x010101, 0x010001)
    moved = matches.advance_to(snapshot(2, 3, 4, 5))
    assert moved.of("key") == (0x01, 0x01)
    assert matches.of("key") == (0x010101, 0x010001), "for whoever still reads the feed as it was"


@pytest.mark.parametrize("other", [snapshot(0, 1, 2, 9), snapshot(0, 1, 2), snapshot(1, 9, 3)])
def test_nothing_is_known_of_rows_given_out_again(other: Snapshot) -> None:
    matches = FeedMatches(snapshot(0, 1, 2, 3))
    matches.add("key", 0x010101, 0x010001)
    assert matches.advance_to(other).of("key") == (0, 0)


def test_an_edited_message_is_tested_each_time() -> None:
    calm, edited = snapshot(0, 1, 2, 3), snapshot(0, 1, 2, 3)
    edited = edited._replace(rows=edited.rows[:4] + bytes([LIVE | EDITED]) + edited.rows[5:])
    matches = FeedMatches(calm)
    matches.add("key", 0x010101, 0x010101)
    newer = matches
    for _ in range(2):
        newer = newer.advance_to(edited)
        assert newer.of("key") == (0x010001, 0x010001)
        newer.add("key", 0x000100, 0)
        assert newer.of("key") == (0x010101, 0x010001)
    assert matches.of("key") == (0x010101, 0x010101), "readers of the older snapshot go on with it"


def test_the_feeds_last_asked_of_are_remembered() -> None:
    match_cache, now = MatchCache(max_bytes=2 * FEED_OVERHEAD_BYTES + 200), snapshot(0, 1, 2, 3)
    for number in (1, 2, 1, 3):
        matches = match_cache.of(feed_named(number), now)
        matches.add("key", 1, 1)
        match_cache.keep(feed_named(number), matches)
    known = {number: match_cache.of(feed_named(number), now).of("key") for number in (1, 2, 3)}
    assert known == {1: (1, 1), 2: (0, 0), 3: (1, 1)}
