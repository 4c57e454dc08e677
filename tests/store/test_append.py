"""Appending: once per transaction, in one order, with counts, log and publication of one piece."""

from __future__ import annotations

import asyncio

from inbox.clock import now_ms
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.workflow import Severity
from inbox.store.feed import Feed
from inbox.store.messages import Delivery, PreferenceDefault
from inbox.store.publication import NEW
from inbox.store.rows import ORIGIN, parse_message_id
from tests.conftest import every_store

from .conftest import ENVIRONMENT, WORKFLOW, Stores

MANY = 100


@every_store
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


@every_store
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


def mixed(feeds: list[Feed], calls: str) -> list[Delivery]:
    """Forty messages of four contents for these feeds: some twice, some for a feed that does not want them."""
    delivered = []
    for number in range(40):
        content = StoredMessage("t", WORKFLOW, "workflow", WORKFLOW, "step", content=f"c{number % 4}")
        severity: Severity = "high" if number % 4 == 1 else "none"
        transaction = f"{calls}{number % 24}"
        preference: PreferenceDefault = "0" if number % 10 == 3 else "1"
        delivered.append(
            Delivery(
                feeds[number % len(feeds)],
                encode_stored(content),
                transaction,
                "step",
                WORKFLOW,
                preference,
                severity,
                expires_ms=now_ms() + 3_600_000 if number % 4 == 2 else 0,
            )
        )
    return delivered


@every_store
async def test_messages_appended_together_are_those_appended_one_by_one(stores: Stores) -> None:
    both = []
    for calls in ("together", "single"):
        feeds = [await stores.feed(f"{calls}{number}") for number in range(8)]
        gone = await stores.subscribers.get(ENVIRONMENT, feeds[5].subscriber_id)
        assert gone is not None
        assert await stores.subscribers.delete(ENVIRONMENT, gone)
        deliveries = mixed(feeds, calls)
        if calls == "together":
            appended = await stores.messages.append(deliveries)
        else:
            appended = [one for each in deliveries for one in await stores.messages.append([each])]
        listed = []
        for feed in feeds:
            if feed is not feeds[5]:
                await stores.check(feed)
                state = await stores.feeds.state(feed)
                assert state is not None
                messages = [(one.stored.content, one.stored.severity) for one in await stores.list(feed)]
                listed.append((messages, state.counts, state.position.counter))
        both.append(([(one.outcome, one.row) if one else None for one in appended], listed))
        ids = {one.message_id for one in appended if one and one.message_id}
        assert ids == {message.id for feed in feeds if feed is not feeds[5] for message in await stores.list(feed)}
    assert both[0] == both[1]
    assert {one and one[0] for one in both[0][0]} == {"stored", "again", "suppressed", None}


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
    assert [(entry.kind, entry.ref) for entry in entries] == [(NEW, 1), (NEW, 2), (NEW, 3)]
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
