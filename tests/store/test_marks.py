"""Changing messages: flags, dates and counts, by id and in bulk, under contention."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from inbox.models.message import ButtonPress
from inbox.store.bulk import MAX_STAMPS
from inbox.store.changes import (
    INBOX_READ,
    INBOX_SEEN,
    INBOX_UNREAD,
    NOTHING,
    V1_MARKS,
    V1_MARKS_ALL,
    V1_READ,
    V1_SEEN,
    Change,
)
from inbox.store.feed import Feed, Snapshot
from inbox.store.messages import MAX_MARKED_AT_ONCE
from inbox.store.publication import BULK
from inbox.store.rows import Position
from tests.conftest import every_store
from tests.support.waiting import until

from .conftest import ENVIRONMENT, Stores


async def test_a_mark_touches_only_the_named(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 4)
    assert await stores.messages.mark(feed, [rows[1], rows[3]], V1_READ) == [2, 4]
    assert [message.read for message in await stores.list(feed)] == [True, False, True, False]
    await stores.check(feed)


async def test_ids_that_do_not_exist_are_passed_over(stores: Stores) -> None:
    feed = await stores.feed()
    [row] = await stores.fill(feed, 1)
    before = await stores.feeds.state(feed)
    wrong = [row._replace(check=b"???"), row._replace(row=9), row._replace(row=0)]
    assert await stores.messages.mark(feed, wrong, V1_READ) == []
    assert await stores.feeds.state(feed) == before, "nothing changed, so there is no position for it"


async def test_many_named_are_one_bulk_change(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, MAX_MARKED_AT_ONCE + 5)
    named = rows[: MAX_MARKED_AT_ONCE + 1]
    state = await stores.feeds.state(feed)
    assert state is not None
    assert await stores.messages.mark(feed, named, V1_READ) == [row.row for row in named]
    found = await stores.feeds.changes_since(feed, state.position)
    assert found is not None
    assert found[1] is not None
    assert [entry.kind for entry in found[1]] == [BULK]
    assert sum(message.read for message in await stores.list(feed)) == len(named)
    await stores.check(feed)


async def test_bulk_changes_of_a_feed_that_never_holds_still_go_message_by_message(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, MAX_MARKED_AT_ONCE + 5)
    snapshot, turns = stores.feeds.snapshot, itertools.cycle((INBOX_SEEN, V1_MARKS["unseen"]))

    async def and_then_it_moves_on(feed: Feed) -> Snapshot | None:
        before = await snapshot(feed)
        await stores.messages.mark(feed, rows[:1], next(turns))
        return before

    async def even(snapshot: Snapshot, rows: list[int]) -> list[int]:
        return [row for row in rows if row % 2 == 0]

    monkeypatch.setattr(stores.feeds, "snapshot", and_then_it_moves_on)
    assert await stores.messages.bulk.mark_where(feed, INBOX_READ, even) == len(rows) // 2
    assert await stores.messages.mark(feed, rows[:-1], V1_READ) == [row.row for row in rows[:-1]]
    assert await stores.messages.bulk.delete_where(feed, even) == len(rows) // 2
    monkeypatch.undo()
    assert [message.read for message in await stores.list(feed)] == [False] + [True] * (len(rows) // 2)
    await stores.check(feed)


@pytest.mark.parametrize("mark", V1_MARKS_ALL)
async def test_mark_where_counts_what_it_changed(stores: Stores, mark: str) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 6)
    await stores.messages.mark(feed, rows[:2], V1_READ)
    expected = {"read": 4, "unread": 2, "seen": 4, "unseen": 2}[mark]
    assert await stores.messages.bulk.mark_where(feed, V1_MARKS_ALL[mark]) == expected
    assert await stores.messages.bulk.mark_where(feed, V1_MARKS_ALL[mark]) == 0
    assert await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL[mark])
    assert await stores.messages.bulk.mark_all(feed, INBOX_SEEN), "there is a feed, however few messages change"
    await stores.check(feed)


async def test_a_button_pressed_is_kept_with_its_payload(stores: Stores) -> None:
    feed = await stores.feed()
    [row] = await stores.fill(feed, 1)
    assert await stores.messages.act(feed, row, ButtonPress("primary", "done", {"by": "ada"}))
    assert await stores.messages.act(feed, row, ButtonPress("secondary", "pending"))
    [message] = await stores.list(feed)
    assert message.action == ButtonPress("secondary", "pending", {"by": "ada"})
    assert (message.seen, message.read) == (False, False)
    assert not await stores.messages.act(feed, row._replace(row=7), ButtonPress("primary", "done"))


async def test_dates_survive_folding(stores: Stores) -> None:
    """More bulk changes than a feed keeps stamps for: folding them into the rows changes nothing that is read."""
    feed = await stores.feed()
    rows = await stores.fill(feed, 130)
    for turn in range(MAX_STAMPS):
        await stores.messages.bulk.mark_all(feed, (INBOX_SEEN, INBOX_READ)[turn % 2])
        await stores.messages.mark(feed, rows[turn::40], INBOX_UNREAD)
    before = await stores.list(feed)
    await stores.feeds.fold(feed, 0)
    snapshot = await stores.feeds.snapshot(feed)
    assert snapshot is not None
    assert snapshot.stamps == []
    assert await stores.list(feed) == before


async def test_too_many_stamps_are_folded_by_themselves(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 60)
    for _ in range(3 * MAX_STAMPS):
        await stores.messages.bulk.mark_all(feed, INBOX_SEEN)

    async def is_folded() -> bool:
        snapshot = await stores.feeds.snapshot(feed)
        return snapshot is not None and len(snapshot.stamps) <= MAX_STAMPS

    await until(is_folded)


async def test_a_feed_is_folded_by_one_at_a_time(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 60)
    folding, most = 0, 0
    fold = stores.feeds.fold

    async def counted(feed: Feed, keep: int) -> None:
        nonlocal folding, most
        folding += 1
        most = max(most, folding)
        await fold(feed, keep)
        folding -= 1

    stores.feeds.fold = counted  # type: ignore[method-assign]
    await asyncio.gather(*(stores.messages.bulk.mark_all(feed, INBOX_SEEN) for _ in range(5 * MAX_STAMPS)))
    await until(lambda: asyncio.sleep(0, folding == 0))
    assert most == 1


async def test_a_deleted_message_leaves_the_counts(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 3)
    assert await stores.messages.delete(feed, rows[1])
    assert not await stores.messages.delete(feed, rows[1])
    assert await stores.messages.mark(feed, [rows[1]], V1_READ) == []
    assert [message.stored.transaction_id for message in await stores.list(feed)] == ["m2", "m0"]
    await stores.check(feed)


async def test_a_change_to_a_feed_that_is_gone_tells(stores: Stores) -> None:
    feed = await stores.feed()
    [row] = await stores.fill(feed, 1)
    subscriber = await stores.subscribers.get(ENVIRONMENT, feed.subscriber_id)
    assert subscriber is not None
    await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert await stores.messages.mark(feed, [row], V1_READ) is None
    assert not await stores.messages.bulk.mark_all(feed, INBOX_READ)
    assert not await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL["read"])
    assert await stores.messages.bulk.mark_where(feed, INBOX_READ) is None


@pytest.mark.parametrize("mark", ["seen", "unseen"])
async def test_a_bulk_change_loses_nothing_that_happens_beside_it(stores: Stores, mark: str) -> None:
    """Bulk changes compute their rows beforehand; what others do meanwhile has to survive."""
    feed = await stores.feed()
    rows = await stores.fill(feed, 30)
    await stores.messages.mark(feed, rows[::2], V1_SEEN)

    async def mark_all() -> None:
        for turn in range(30):
            await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL[("seen", "unseen", mark)[turn % 3]])

    async def append() -> None:
        for number in range(30):
            await stores.append(feed, f"beside{number}")

    async def read() -> None:
        for row in rows:
            await stores.messages.mark(feed, [row], V1_READ)

    await asyncio.gather(mark_all(), append(), read(), mark_all(), append())
    listed = {message.stored.transaction_id: message for message in await stores.list(feed)}
    assert set(listed) == {f"m{number}" for number in range(30)} | {f"beside{number}" for number in range(30)}
    assert all(listed[f"m{number}"].read for number in range(30))
    await stores.check(feed)


CHANGES: list[Change] = [INBOX_SEEN, INBOX_READ, INBOX_UNREAD, NOTHING, *V1_MARKS.values()]


@every_store
async def test_counts_hold_under_contention(stores: Stores) -> None:
    """Writers of every kind at once on one feed: no count drifts, no position is given twice, no change is unlogged."""
    feed = await stores.feed()
    rows = await stores.fill(feed, 40)
    start = await stores.feeds.state(feed)
    assert start is not None
    chance = random.Random(7)

    async def writer(number: int) -> None:
        for turn in range(15):
            kind = chance.randrange(6)
            if kind == 0:
                await stores.append(feed, f"w{number}-{turn}")
            elif kind == 1:
                change = chance.choice([*V1_MARKS_ALL.values(), INBOX_READ, INBOX_SEEN])
                await stores.messages.bulk.mark_all(feed, change)
            elif kind == 2:
                await stores.messages.mark(feed, chance.sample(rows, 25), chance.choice((V1_READ, V1_SEEN)))
            elif kind == 3:
                press = ButtonPress("primary", "done")
                await stores.messages.act(feed, chance.choice(rows), press, chance.choice(CHANGES))
            else:
                await stores.messages.mark(feed, chance.sample(rows, chance.randint(1, 8)), chance.choice(CHANGES))

    await asyncio.gather(*map(writer, range(8)))
    await stores.check(feed)
    end = await stores.feeds.state(feed)
    log = await stores.client.execute("LRANGE", feed.keys.log, 0, -1)
    assert end is not None
    assert len(log) == min(end.position.counter, len(log))
    assert Position(int(log[-1][:13]), end.position.counter) == end.position
