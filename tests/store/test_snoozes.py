"""Snoozes: left out of the badge, ended by whatever looks first, once, and told as one event in the feed's order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from inbox.models.message import ButtonPress
from inbox.store.changes import INBOX_ARCHIVE, INBOX_READ, INBOX_SNOOZE, INBOX_UNSNOOZE, V1_READ
from inbox.store.feed import Feed
from inbox.store.rows import ALL, SNOOZED, parse_state

from .conftest import Stores
from .hearing import hearing

LONG_AGO = 1_000_000
HOUR_MS = 3_600_000
MANY = 45


def in_an_hour() -> int:
    return int(time.time() * 1000) + HOUR_MS


async def next_end(stores: Stores, feed: Feed) -> int:
    """The end of the next snooze as the state has it; a look that ends none."""
    return int(await stores.client.execute("HGET", feed.keys.state, "u") or 0)


async def test_a_snoozed_message_leaves_the_badge_and_comes_back_by_hand(stores: Stores) -> None:
    feed = await stores.feed()
    first, second = await stores.fill(feed, 2)
    until = in_an_hour()
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, until)
    state = await stores.feeds.state(feed)
    assert state is not None
    assert (state.counts.unseen, state.counts.unread, state.counts.badge) == (1, 2, 1)
    assert (state.wake_ms, await next_end(stores, feed)) == (until, until)
    snoozed = (await stores.list(feed))[1]
    assert (snoozed.snoozed_until_ms, snoozed.seen, snoozed.read) == (until, True, False)
    assert await stores.messages.mark(feed, [second], INBOX_UNSNOOZE) == [], "it was not snoozed"
    assert await stores.messages.mark(feed, [first], INBOX_UNSNOOZE) == [1]
    back = (await stores.list(feed))[1]
    assert (back.id, back.created_ms, back.snoozed_until_ms) == (snoozed.id, snoozed.created_ms, 0)
    assert await stores.messages.mark(feed, [first], INBOX_UNSNOOZE) == []
    await stores.check(feed)


async def test_the_end_of_a_snooze_is_a_fresh_delivery(stores: Stores) -> None:
    feed = await stores.feed()
    first, *_ = await stores.fill(feed, 3)
    await stores.messages.mark(feed, [first], INBOX_READ)
    before = (await stores.list(feed))[2]
    await stores.messages.act(feed, first, ButtonPress("primary", "done", {"by": "ada"}))
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, LONG_AGO)
    top = (await stores.list(feed))[0]
    assert (top.id, top.stored) == (before.id, before.stored)
    assert top.created_ms >= before.created_ms
    assert top.delivered_before_ms == (before.created_ms,)
    assert (top.read, top.seen, top.snoozed_until_ms, top.last_read_ms) == (False, True, 0, 0)
    assert top.first_seen_ms == before.first_seen_ms
    assert top.action == ButtonPress("primary", "done", {"by": "ada"})
    assert await next_end(stores, feed) == 0
    await stores.check(feed)


@pytest.mark.parametrize("turns", [2, 60])
async def test_its_id_stays_however_often_it_moves(stores: Stores, turns: int) -> None:
    feed = await stores.feed()
    first, _ = await stores.fill(feed, 2)
    for _ in range(turns):
        assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, LONG_AGO)
        assert await stores.feeds.wake(feed) == 1
    found = await stores.feeds.find(feed, feed.message_id(first.row, first.check))
    assert found is not None
    message, row = found
    assert row == 2 + turns
    assert len(message.delivered_before_ms) == min(turns, 49), "fifty deliveries are remembered, the newest"
    assert await stores.messages.mark(feed, [first], V1_READ) == [row]
    moved = first._replace(row=row)
    assert await stores.messages.delete(feed, first)
    assert not await stores.messages.delete(feed, moved)
    assert [message.stored.content for message in await stores.list(feed)] == ["m1"]
    assert await stores.client.execute("HLEN", feed.keys.side) == 0
    await stores.check(feed)


async def look(stores: Stores, feed: Feed, name: str) -> Any:
    first = (await stores.client.execute("GET", feed.keys.rows))[1:4]
    row = feed.row_of(feed.message_id(1, first))
    assert row is not None
    match name:
        case "state":
            await stores.feeds.state(feed)
        case "page":
            await stores.feeds.page(feed, ALL, 10)
        case "trigger":
            await stores.append(feed, "later")
        case "mark":
            assert await stores.messages.mark(feed, [row], V1_READ) == [3]
        case "mark all":
            await stores.messages.bulk.mark_all(feed, INBOX_READ)
        case "bulk":
            await stores.messages.bulk.mark_all(feed, INBOX_ARCHIVE)
        case "snooze":
            assert await stores.messages.snooze(feed, row, INBOX_SNOOZE, in_an_hour())


@pytest.mark.parametrize("name", ["state", "page", "trigger", "mark", "mark all", "bulk", "snooze"])
async def test_whatever_looks_first_ends_it(stores: Stores, name: str) -> None:
    feed = await stores.feed()
    first, _ = await stores.fill(feed, 2)
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, LONG_AGO)
    await look(stores, feed, name)
    rows = await stores.client.execute("GET", feed.keys.rows)
    assert rows[0] == 0, "it has left its row"
    found = await stores.feeds.find(feed, feed.message_id(first.row, first.check))
    assert found is not None
    message, row = found
    assert row == (4 if name == "trigger" else 3)
    assert message.read == (name in ("mark", "mark all", "bulk")), "a change is made to it as it is after its snooze"
    assert bool(message.snoozed_until_ms) == (name == "snooze")
    await stores.check(feed)


async def test_many_looks_at_once_end_it_once(stores: Stores, other_stores: Stores) -> None:
    feed, other = await stores.feed(), await other_stores.feed()
    rows = await stores.fill(feed, MANY + 3)
    later = in_an_hour()
    for number, row in enumerate(rows[:MANY]):
        assert await stores.messages.mark(feed, [row], INBOX_READ) == [row.row]
        assert await stores.messages.snooze(feed, row, INBOX_SNOOZE, later + number)
    # all of them end at once, as time alone would make them: their ends are set back behind the scripts' back
    for row in rows[:MANY]:
        raw = await stores.client.execute("HGET", feed.keys.side, row.row)
        early = (LONG_AGO + MANY - row.row).to_bytes(6, "big")
        await stores.client.execute("HSET", feed.keys.side, row.row, raw[:29] + early + raw[35:])
    await stores.client.execute("HSET", feed.keys.state, "u", LONG_AGO)
    both = [(stores, feed), (other_stores, other)]
    pages = await asyncio.gather(*(one.list(at) for one, at in both for _ in range(8)))
    assert len({tuple(message.id for message in page) for page in pages}) == 1
    listed = pages[0]
    assert len(listed) == MANY + 3
    assert [message.stored.content for message in listed[:MANY]] == [f"m{number}" for number in range(MANY)]
    assert all(len(message.delivered_before_ms) == 1 for message in listed[:MANY])
    state = await stores.feeds.state(feed)
    assert state is not None
    assert (state.last, state.counts.badge, state.wake_ms) == (2 * MANY + 3, MANY + 3, 0)
    await stores.check(feed)


async def test_the_next_end_is_the_earliest_left(stores: Stores) -> None:
    feed = await stores.feed()
    first, second, third = await stores.fill(feed, 3)
    later = in_an_hour()
    await stores.messages.snooze(feed, first, INBOX_SNOOZE, later + 2)
    await stores.messages.snooze(feed, second, INBOX_SNOOZE, later + 1)
    assert await next_end(stores, feed) == later + 1
    await stores.messages.mark(feed, [second], INBOX_UNSNOOZE)
    await stores.messages.snooze(feed, third, INBOX_SNOOZE, LONG_AGO)
    page = await stores.feeds.page(feed, ALL.where(SNOOZED, True), 10)
    assert page is not None
    assert [message.stored.content for message in page.messages] == ["m0"]
    assert await next_end(stores, feed) == later + 2


async def test_a_stale_end_costs_one_look(stores: Stores) -> None:
    """What was un-snoozed by hand leaves its end in the state until it passes; then it is dropped."""
    feed = await stores.feed()
    [row] = await stores.fill(feed, 1)
    await stores.messages.snooze(feed, row, INBOX_SNOOZE, in_an_hour())
    await stores.messages.mark(feed, [row], INBOX_UNSNOOZE)
    await stores.client.execute("HSET", feed.keys.state, "u", LONG_AGO)
    before = parse_state(await stores.client.execute("HGET", feed.keys.state, "p"))
    assert await stores.messages.mark(feed, [row], V1_READ) == [1]
    assert await next_end(stores, feed) == 0
    after = await stores.feeds.state(feed)
    assert after is not None
    assert after.position.counter == before.position.counter + 1


async def test_ends_and_deletions_are_published_in_order(stores: Stores) -> None:
    feed = await stores.feed()
    async with hearing(stores) as heard:
        rows = await stores.fill(feed, 25)
        await stores.messages.snooze(feed, rows[0], INBOX_SNOOZE, LONG_AGO)
        start = parse_state(await stores.client.execute("HGET", feed.keys.state, "p")).position
        await heard.subscribe(feed.keys.channel)
        await stores.list(feed)

        async def chosen(_: Any, live: list[int]) -> list[int]:
            return [row for row in live if row in (2, 26)]

        assert await stores.messages.bulk.delete_where(feed, chosen) == 2
        assert await stores.messages.bulk.delete_where(feed) == 23
        told = [await heard.publication() for _ in range(3)]
    assert [(one.kind, one.rows) for one in told[:2]] == [("v", [26]), ("x", [2, 1])]
    assert told[1].body == rows[1].check + rows[0].check, "the moved one goes by the name that it has"
    assert (told[2].kind, len(told[2].removed or ())) == ("d", 23), "however many, each is named"
    counters = [start.counter, *(one.position.counter for one in told)]
    assert [one.first for one in told] == [counter + 1 for counter in counters[:-1]]
    assert told[2].counts == (0, 0, 0, 0, 0, 0)
    assert await stores.list(feed) == []
    assert await stores.client.batch([("XLEN", feed.keys.stream), ("HLEN", feed.keys.side)]) == [0, 0]
    assert await stores.client.execute("EXISTS", feed.keys.purge) == 0
