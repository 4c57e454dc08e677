"""Appending: once per transaction, in one order, with counts, log and publication of one piece."""

from __future__ import annotations

import asyncio

from inbox.store.rows import ORIGIN, parse_message_id

from .conftest import ENVIRONMENT, WORKFLOW, Stores

MANY = 100


async def test_concurrent_appends_get_consecutive_rows(stores: Stores) -> None:
    feed = await stores.feed()
    appended = await asyncio.gather(*(stores.append(feed, f"m{number}") for number in range(MANY)))
    rows = {parse_message_id(one.message_id).row for one in appended if one and one.message_id}
    assert rows == set(range(1, MANY + 1))
    state = await stores.feeds.state(feed)
    assert state is not None
    assert (state.last, state.position.counter, state.counts.unseen, state.counts.badge) == (MANY, MANY, MANY, MANY)
    assert len(await stores.list(feed)) == MANY
    await stores.check(feed)


async def test_ids_lead_back_to_the_row(stores: Stores) -> None:
    feed, other = await stores.feed(), await stores.feed("grace")
    appended = await stores.append(feed, "m")
    assert appended is not None
    assert appended.message_id is not None
    row = feed.row_of(appended.message_id)
    assert row is not None
    assert other.row_of(appended.message_id) is None
    [message] = await stores.list(feed)
    assert (message.id, message.stored.transaction_id) == (appended.message_id, "m")


async def test_a_transaction_is_stored_once_however_often_it_comes(stores: Stores) -> None:
    feed = await stores.feed()
    outcomes = await asyncio.gather(*(stores.append(feed, "once") for _ in range(MANY)))
    assert sorted(one.outcome for one in outcomes if one) == ["again"] * (MANY - 1) + ["stored"]
    assert len(await stores.list(feed)) == 1
    await stores.check(feed)


async def test_another_step_or_feed_is_another_message(stores: Stores) -> None:
    feed, other = await stores.feed(), await stores.feed("grace")
    for target, step in ((feed, "one"), (feed, "two"), (other, "one")):
        appended = await stores.append(target, "t", step_id=step)
        assert appended is not None
        assert appended.outcome == "stored"
    assert (len(await stores.list(feed)), len(await stores.list(other))) == (2, 1)


async def test_preferences_are_read_with_the_append(stores: Stores) -> None:
    feed = await stores.feed()
    for transaction, preference, expected in (("a", "0", "suppressed"), ("b", "1", "stored"), ("c", "c", "stored")):
        appended = await stores.append(feed, transaction, preference=preference)
        assert appended is not None
        assert appended.outcome == expected
    await stores.client.execute("HSET", feed.keys.state, "w" + WORKFLOW, "0")
    for transaction, preference, expected in (("d", "1", "suppressed"), ("e", "c", "stored")):
        appended = await stores.append(feed, transaction, preference=preference)
        assert appended is not None
        assert appended.outcome == expected
    again = await stores.append(feed, "d", preference="c")
    assert again is not None
    assert again.outcome == "stored", "what was suppressed has used up no transaction"


async def test_counts_go_by_severity(stores: Stores) -> None:
    feed = await stores.feed()
    for number, severity in enumerate(["high", "low", "medium", "none", "high"]):
        await stores.append(feed, f"m{number}", severity=severity)
    state = await stores.feeds.state(feed)
    assert state is not None
    counts = state.counts
    assert (counts.high, counts.medium, counts.low, counts.none) == (2, 1, 1, 1)


async def test_an_append_to_a_deleted_subscriber_tells(stores: Stores) -> None:
    feed = await stores.feed()
    subscriber = await stores.subscribers.get(ENVIRONMENT, feed.subscriber_id)
    assert subscriber is not None
    assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert await stores.append(feed, "late") is None
    assert await stores.feeds.state(feed) is None


async def test_the_log_reaches_back_to_the_first_change(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 3)
    found = await stores.feeds.changes_since(feed, ORIGIN)
    assert found is not None
    state, entries = found
    assert state.position.counter == 3
    assert entries is not None
    assert [(entry.kind, entry.ref) for entry in entries] == [("new", 1), ("new", 2), ("new", 3)]
    nothing = await stores.feeds.changes_since(feed, state.position)
    assert nothing is not None
    assert nothing[1] == []
    overtaken = await stores.feeds.changes_since(feed, state.position._replace(ms=state.position.ms + 1))
    assert overtaken is not None
    assert overtaken[1] is None, "a position of another history is not continued"


async def test_a_long_log_says_when_it_no_longer_reaches_back(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 1)
    state = await stores.feeds.state(feed)
    assert state is not None
    await stores.client.batch([])
    for number in range(330):
        await stores.append(feed, f"more{number}")
    found = await stores.feeds.changes_since(feed, state.position)
    assert found is not None
    assert found[1] is None
