"""Feeds that are too long or too old: what goes, what stays, what is told, and that counts follow."""

from __future__ import annotations

import random
import time

import pytest

from inbox.service.environments.retention import DAY_MS, RetentionSweep
from inbox.store import messages
from inbox.store.changes import INBOX_ARCHIVE, INBOX_READ, INBOX_SNOOZE, INBOX_UNREAD, V1_MARKS_ALL
from inbox.store.collapses import Collapse
from inbox.store.feed import Feed
from inbox.store.messages import TRIM_SLACK, MessageStore
from inbox.store.publication import TRIMMED
from inbox.store.retention import RetentionStore
from inbox.store.rows import RowId

from .conftest import ENVIRONMENT, Stores

LENGTH = 20
AGE_DAYS = 90


def with_length(stores: Stores, length: int = LENGTH) -> None:
    stores.messages = MessageStore(stores.client, stores.keys, stores.feeds, length)


async def contents(stores: Stores, feed: Feed) -> list[str]:
    return [message.stored.content for message in await stores.list(feed)]


class OneEnvironment:
    """What the sweep knows of environments."""

    number = ENVIRONMENT
    max_age_days = AGE_DAYS

    async def fresh(self) -> list[OneEnvironment]:
        return [self]


async def sweep(stores: Stores, days: float) -> int:
    """A sweep as it would be so many days from now."""
    sweeping = RetentionSweep(
        RetentionStore(stores.client, stores.keys),
        stores.feeds,
        stores.messages,
        OneEnvironment(),  # type: ignore[arg-type]
    )
    return await sweeping.sweep(int(time.time() * 1000 + days * DAY_MS))


async def test_a_feed_keeps_its_newest_messages(stores: Stores) -> None:
    with_length(stores)
    feed = await stores.feed()
    await stores.fill(feed, LENGTH + TRIM_SLACK)
    assert len(await stores.list(feed)) == LENGTH + TRIM_SLACK
    await stores.append(feed, "last")
    kept = await contents(stores, feed)
    assert kept == ["last", *(f"m{number}" for number in range(LENGTH + TRIM_SLACK - 1, TRIM_SLACK, -1))]
    assert len(kept) == LENGTH
    assert await stores.client.execute("XLEN", feed.keys.stream) == LENGTH
    assert await stores.client.execute("STRLEN", feed.keys.rows) == 4 * LENGTH
    await stores.check(feed)


async def test_a_much_too_long_feed_is_trimmed_in_lots(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 300)
    with_length(stores)
    assert await stores.messages.trim(feed) == 300 - LENGTH
    assert await contents(stores, feed) == [f"m{number}" for number in range(299, 299 - LENGTH, -1)]
    await stores.check(feed)


async def test_marks_and_moves_follow_a_trim(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 30)
    await stores.messages.mark(feed, rows[:5], INBOX_READ)
    assert await stores.messages.snooze(feed, rows[0], INBOX_SNOOZE, 1_000)
    await stores.list(feed)  # the first message is on top now, in a new row
    await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL["seen"])
    with_length(stores, 10)
    await stores.messages.trim(feed)
    assert (await contents(stores, feed))[:2] == ["m0", "m29"]
    assert await stores.messages.mark(feed, [rows[0]], INBOX_ARCHIVE) == [31]
    assert await stores.messages.mark(feed, [rows[1], rows[20]], INBOX_ARCHIVE) == [], "they are gone"
    with_length(stores, 1)
    await stores.messages.trim(feed)
    assert await contents(stores, feed) == ["m0"]
    for number in range(3):
        await stores.append(feed, f"after {number}")
    with_length(stores, 2)
    await stores.messages.trim(feed)
    assert await stores.messages.mark(feed, [rows[0]], INBOX_READ) == []
    assert await stores.client.execute("HLEN", feed.keys.side) == 0
    await stores.check(feed)


async def test_moves_to_the_top_push_no_message_out(stores: Stores) -> None:
    """A message that takes another's place leaves a row behind, but is no further message."""
    with_length(stores)
    feed = await stores.feed()
    await stores.fill(feed, LENGTH - 1)
    for number in range(2 * TRIM_SLACK):
        await stores.append(feed, f"c{number}", collapse=Collapse("k"))
    assert await contents(stores, feed) == [f"c{2 * TRIM_SLACK - 1}", *(f"m{n}" for n in range(LENGTH - 2, -1, -1))]
    await stores.append(feed, "one more")
    assert (await contents(stores, feed))[-1] == "m1", "now there are too many"
    await stores.check(feed)


async def test_a_feed_has_no_more_rows_than_can_be_read_at_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MAX_ROWS", 100)
    with_length(stores)
    feed = await stores.feed()
    await stores.append(feed, "old")
    trims, base = 0, 0
    for number in range(3 * TRIM_SLACK):
        await stores.append(feed, f"c{number}", collapse=Collapse("k"))
        state = await stores.feeds.state(feed)
        assert state is not None
        trims, base = trims + (state.base > base), state.base
    assert await contents(stores, feed) == [f"c{3 * TRIM_SLACK - 1}"]
    assert await stores.client.execute("STRLEN", feed.keys.rows) <= 4 * (100 + TRIM_SLACK)
    assert trims == 1, "one for many appends"
    await stores.check(feed)


async def test_a_trim_is_one_position_that_names_what_went(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 12)
    assert await stores.messages.delete(feed, rows[1])
    before = await stores.feeds.state(feed)
    assert before is not None
    with_length(stores, 10)
    await stores.messages.trim(feed)
    changes = await stores.feeds.changes_since(feed, before.position)
    assert changes is not None
    state, entries = changes
    assert state.position.counter == before.position.counter + 1
    assert [(entry.kind, entry.ref) for entry in entries or []] == [(TRIMMED, 2)]
    assert state.counts.unseen == 10


async def test_too_old_messages_go_and_the_index_forgets_them(stores: Stores) -> None:
    feed, other = await stores.feed(), await stores.feed("bob")
    await stores.fill(feed, 70)
    await stores.fill(other, 3)
    assert await sweep(stores, AGE_DAYS - 1) == 0
    assert len(await contents(stores, feed)) == 70
    assert await sweep(stores, AGE_DAYS + 1) >= 2
    assert await contents(stores, feed) == await contents(stores, other) == []
    times = stores.keys.bucket(ENVIRONMENT, feed.bucket).times
    assert await stores.client.execute("XLEN", times) == 0
    await stores.append(feed, "new")
    assert await contents(stores, feed) == ["new"]
    await stores.check(feed)


async def test_a_snoozed_message_is_never_too_old(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 3)
    assert await stores.messages.snooze(feed, rows[1], INBOX_SNOOZE, int(time.time() * 1000) + DAY_MS)
    await sweep(stores, AGE_DAYS + 1)
    assert await contents(stores, feed) == ["m2", "m1"], "what is above it stays with it"
    await stores.check(feed)
    await stores.client.execute("HSET", feed.keys.state, "u", 1)
    timers = stores.keys.bucket(ENVIRONMENT, feed.bucket).timers
    assert await stores.client.execute("ZCARD", timers) == 1


async def test_a_message_that_was_moved_grows_old_anew(stores: Stores) -> None:
    feed = await stores.feed()
    (row,) = await stores.fill(feed, 1)
    assert await stores.messages.snooze(feed, row, INBOX_SNOOZE, 1_000)
    await stores.list(feed)
    await sweep(stores, AGE_DAYS + 1)
    assert await contents(stores, feed) == []


async def test_counts_hold_through_trims_moves_and_bulk_changes(stores: Stores) -> None:
    """A randomized history of a feed at its length and of an environment at its age: every pause recounts."""
    choose = random.Random(20)
    with_length(stores, 40)
    feed = await stores.feed()
    known: list[RowId] = []
    for step in range(400):
        match choose.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                appended = await stores.append(feed, f"t{step}")
                if appended and appended.message_id and (row := feed.row_of(appended.message_id)):
                    known.append(row)
            case 5:
                await stores.messages.mark(feed, choose.sample(known, min(3, len(known))), INBOX_READ)
            case 6:
                await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL[choose.choice(["seen", "read", "unread"])])
            case 7 if known:
                await stores.messages.snooze(feed, choose.choice(known), INBOX_SNOOZE, 1_000)
            case 8 if known:
                await stores.messages.delete(feed, choose.choice(known))
            case 9:
                await stores.messages.bulk.mark_where(feed, INBOX_UNREAD)
                if choose.random() < 0.3:
                    await stores.messages.trim(feed)
                if choose.random() < 0.1:
                    await sweep(stores, AGE_DAYS + 1)
        if step % 20 == 0:
            await stores.check(feed)
    await stores.check(feed)
