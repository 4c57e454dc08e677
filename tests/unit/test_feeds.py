"""What changed since a position, from a feed's log as the store returned it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.store import feeds
from inbox.store.feed import LogEntry
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.publication import MARKED, NEW
from inbox.store.rows import ORIGIN, Position

from .fake_feed import feed_named

KEYS = Keys("t:")
FEED = feed_named(1)
START_MS = 1_700_000_000_000


class History:
    """A feed's changes, one position each. `lost` of the oldest are no longer in the log."""

    def __init__(self, kinds: Sequence[str], lost: int = 0) -> None:
        self.entries = [f"{START_MS + 5 * place}{kind}{place}".encode() for place, kind in enumerate(kinds, 1)]
        self.bodies = {place: b"body %d" % place for place, kind in enumerate(kinds, 1) if kind in "xb"}
        self.lost = lost

    def position(self, counter: int) -> Position:
        return Position(START_MS + 5 * counter, counter) if counter else ORIGIN

    def told(self, since: int) -> list[LogEntry]:
        places = range(since + 1, len(self.entries) + 1)
        return [LogEntry(chr(self.entries[place - 1][13]), place, self.bodies.get(place)) for place in places]

    async def read(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the client answers to the reading of state and log."""
        state_read = ("HMGET", FEED.keys.state)
        lists = [("LRANGE", FEED.keys.log), ("LRANGE", FEED.keys.bodies)]
        assert [command[:2] for command in commands] == [state_read, *lists, state_read]
        ms, counter = self.position(len(self.entries))
        state = [
            bytes(8) + ms.to_bytes(6, "big") + counter.to_bytes(5, "big") + bytes(24),
            FEED.subscriber_oid.encode(),
        ]
        bodies = [place.to_bytes(5, "big") + body for place, body in self.bodies.items()]
        log, newest = self.entries[self.lost :], [int(command[2]) for command in commands[1:3]]
        return [state, log[newest[0] :], bodies[newest[1] :], state]

    async def changes_since(self, position: Position) -> list[LogEntry] | None:
        found = await FeedStore(self, KEYS, None).changes_since(FEED, position)  # type: ignore[arg-type]
        assert found is not None
        state, entries = found
        assert state.position == self.position(len(self.entries))
        return entries


histories = st.lists(st.sampled_from("nmxb"), max_size=12)


@given(histories, st.data())
async def test_what_follows_a_position_is_told_while_the_log_still_holds_that_position(
    kinds: list[str], data: st.DataObject
) -> None:
    lost = data.draw(st.integers(0, len(kinds)))
    since = data.draw(st.integers(0, len(kinds)))
    history = History(kinds, lost)
    entries = await history.changes_since(history.position(since))
    anchored = since == len(kinds) or since > lost or (since == 0 and lost == 0)
    assert entries == (history.told(since) if anchored else None)


@pytest.mark.parametrize("counter", [1, 2, 3])
async def test_a_position_of_another_past_is_not_known(counter: int) -> None:
    """After a lost tail a counter is given out twice; its time tells the two apart."""
    ms, _ = History("nnn").position(counter)
    assert await History("nnn").changes_since(Position(ms + 1, counter)) is None


async def test_a_position_of_the_future_is_not_known() -> None:
    assert await History("nn").changes_since(Position(START_MS + 15, 3)) is None


async def test_the_very_beginning_is_known_while_everything_is() -> None:
    history = History("nm")
    assert await history.changes_since(ORIGIN) == [LogEntry(NEW, 1), LogEntry(MARKED, 2)]
    assert await History("nm", lost=1).changes_since(ORIGIN) is None


async def test_an_untouched_feed_has_no_changes() -> None:
    assert await History("").changes_since(ORIGIN) == []


@pytest.mark.parametrize("state", [[None, None], [bytes(43), b"another's oid"]])
async def test_a_feed_that_is_gone_or_anothers_has_no_answer(state: list[Any]) -> None:
    class Nothing:
        async def read(self, _: object) -> list[Any]:
            return [state, [], [], state]

    store = FeedStore(Nothing(), KEYS, None)  # type: ignore[arg-type]
    assert await store.changes_since(FEED, ORIGIN) is None


def test_an_id_of_another_feed_names_no_row() -> None:
    message_id = FEED.message_id(7, b"abc")
    assert FEED.row_of(message_id) == (FEED.bucket, FEED.number, 7, b"abc")
    assert feed_named(2).row_of(message_id) is None


async def test_the_feed_that_was_used_last_is_not_the_first_to_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feeds are cached by use: of many subscribers, those that get messages all the time stay."""
    monkeypatch.setattr(feeds, "CACHED_FEEDS", 2)
    store = FeedStore(None, KEYS, None)  # type: ignore[arg-type]
    busy, quiet, new = (Subscriber(f"{n:024x}", SubscriberId(f"s{n}"), 0, 0, feeds={"": n}) for n in (1, 2, 3))
    opened = [await store.open_for(1, subscriber) for subscriber in (busy, quiet)]
    assert await store.open(1, busy.subscriber_id) is opened[0]
    await store.open_for(1, new)
    assert await store.open(1, busy.subscriber_id) is opened[0]
    with pytest.raises(AttributeError):  # it would be read, and there is no store to read it from
        await store.open(1, quiet.subscriber_id)
