"""The audit of counts: it finds what differs from the rows, corrects it by a change of its own, and invents nothing."""

from __future__ import annotations

import asyncio

import pytest

from inbox.errors import Contention
from inbox.ids import SubscriberId
from inbox.service.feed import audit as counts_audit
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.audit import AuditStore, Drift
from inbox.store.changes import INBOX_READ, INBOX_SEEN, INBOX_SNOOZE, V1_MARKS_ALL
from inbox.store.feed import Feed, LogEntry
from inbox.store.keys import BUCKETS
from inbox.store.moment import read_consistently
from inbox.store.publication import MARKED
from inbox.store.rows import FeedCounts, Position, RowId
from tests.support.drift import plant

from .conftest import ENVIRONMENT, Stores

WRONG = FeedCounts(9, 8, 7, 1, 1, 1)


@pytest.fixture
def checked(stores: Stores) -> AuditStore:
    return AuditStore(stores.client, stores.keys)


async def counts_of(stores: Stores, feed: Feed) -> FeedCounts:
    state = await stores.feeds.state(feed)
    assert state is not None
    return state.counts


async def position_of(stores: Stores, feed: Feed) -> Position:
    state = await stores.feeds.state(feed)
    assert state is not None
    return state.position


async def varied(stores: Stores) -> Feed:
    """A feed with messages of every state, the oldest of them trimmed."""
    feed = await stores.feed()
    rows = await stores.fill(feed, 12)
    for severity in ("high", "medium", "low"):
        await stores.append(feed, severity, severity=severity)
    await stores.messages.mark(feed, rows[2:4], INBOX_READ)
    await stores.messages.mark(feed, rows[4:5], INBOX_SEEN)
    await stores.messages.snooze(feed, rows[5], INBOX_SNOOZE, 2**45)
    await stores.messages.delete(feed, rows[6])
    await stores.messages.trim(feed, 2)
    return feed


async def test_right_counts_are_left_alone(stores: Stores, checked: AuditStore) -> None:
    feeds = [await varied(stores), await stores.feed("bob")]
    before = [await position_of(stores, feed) for feed in feeds]
    assert await checked.check(feeds) == []
    assert [await position_of(stores, feed) for feed in feeds] == before
    assert await checked.corrected() == 0


async def test_wrong_counts_are_corrected_at_a_position_of_their_own(stores: Stores, checked: AuditStore) -> None:
    feed, untouched = await varied(stores), await stores.feed("ada-b")
    right, before = await counts_of(stores, feed), await position_of(stores, feed)
    listed = await stores.list(feed)
    for number, name in enumerate(FeedCounts._fields, 1):
        await plant(stores.client, feed, right._replace(**{name: getattr(right, name) + 1}))
        [drift] = await checked.check([untouched, feed] if untouched.bucket == feed.bucket else [feed])
        assert drift == Drift(feed, right._replace(**{name: getattr(right, name) + 1}), right)
        assert await counts_of(stores, feed) == right
        assert await checked.corrected() == number
    state, entries = await stores.feeds.changes_since(feed, before) or (None, None)
    assert state is not None
    assert state.position.counter == before.counter + len(FeedCounts._fields)
    assert entries == [LogEntry(MARKED, 0)] * len(FeedCounts._fields)
    assert await stores.list(feed) == listed, "no message has changed"
    read = await stores.feeds.messages(feed, [0])
    assert read is not None
    assert read[0] == [], "the row that stands for the counts alone"
    assert await checked.check([feed]) == []


async def test_a_feed_without_messages(stores: Stores, checked: AuditStore) -> None:
    feed = await stores.feed()
    await plant(stores.client, feed, WRONG)
    assert await checked.check([feed]) == [Drift(feed, WRONG, FeedCounts())]
    await stores.client.execute("DEL", feed.keys.state)
    assert await checked.check([feed]) == []
    assert await checked.check([]) == []


async def test_a_change_before_the_correction_is_counted(
    stores: Stores, checked: AuditStore, other_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed changes after it was read: the counts of what was read must not be written over those of the change."""
    feed = await varied(stores)
    right = await counts_of(stores, feed)
    await plant(stores.client, feed, WRONG)
    reads = 0

    async def read_then_append(*args: object) -> object:
        nonlocal reads
        reads += 1
        found = await read_consistently(*args)  # type: ignore[arg-type]
        if reads == 1:
            await other_stores.append(feed, "meanwhile")
        return found

    monkeypatch.setattr("inbox.store.audit.read_consistently", read_then_append)
    [drift] = await checked.check([feed])
    assert reads == 2
    one_more = right._replace(unseen=right.unseen + 1, unread=right.unread + 1, badge=right.badge + 1)
    assert (drift.counted, await counts_of(stores, feed)) == (one_more, one_more)


async def test_a_feed_that_keeps_changing_is_left_for_the_next_audit(
    stores: Stores, checked: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = await varied(stores)
    await plant(stores.client, feed, WRONG)

    async def read(*_: object) -> None:
        raise Contention

    with monkeypatch.context() as patch:
        patch.setattr("inbox.store.audit.read_consistently", read)
        assert await checked.check([feed]) == []
    assert len(await checked.check([feed])) == 1


async def test_changes_meanwhile_are_no_drift(stores: Stores, other_stores: Stores, checked: AuditStore) -> None:
    feeds = [feed for name in ("ada", "bob", "cyd") for feed in [await stores.feed(name)]]
    names = [await stores.fill(feed, 30) for feed in feeds]

    async def change(feed: Feed, rows: list[RowId]) -> None:
        for number, row in enumerate(rows):
            await other_stores.append(feed, f"n{number}")
            await other_stores.messages.mark(feed, [row], INBOX_READ)
            await other_stores.messages.bulk.mark_all(feed, V1_MARKS_ALL["unseen"])
            await other_stores.messages.delete(feed, row)

    changing = [asyncio.create_task(change(*one)) for one in zip(feeds, names, strict=True)]
    audits = 0
    while not all(task.done() for task in changing):
        found = [drift for feed in feeds for drift in await checked.check([feed])]
        assert found == []
        audits += 1
    await asyncio.gather(*changing)
    assert audits > 1
    assert [await checked.check([feed]) for feed in feeds] == [[], [], []]


@pytest.fixture
async def services(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(counts_audit, "PAUSE_SECONDS", 0)
    services = Services(Settings(key_prefix=stores.keys.prefix), stores.client)
    await services.environments.load()
    return services


async def test_an_audit_goes_through_all_contexts_and_environments(services: Services, stores: Stores) -> None:
    feeds = [
        await stores.feeds.open(environment.number, SubscriberId(f"p{number}"), contexts)
        for environment in services.environments.all()
        for number in range(counts_audit.AT_ONCE + 1)
        for contexts in ("", "tenant:acme")
    ]
    for feed in feeds[::5]:
        await plant(stores.client, feed, WRONG)
    found: list[Drift] = []
    for environment in services.environments.all():
        bites = [bite async for bite in services.counts_audit.audit(environment)]
        assert sum(bite.subscribers for bite in bites) == counts_audit.AT_ONCE + 1
        assert sum(bite.feeds for bite in bites) == 2 * (counts_audit.AT_ONCE + 1)
        found += [drift for bite in bites for drift in bite.drifts]
    assert sorted(drift.feed.keys.state for drift in found) == sorted(feed.keys.state for feed in feeds[::5])
    assert await services.counts_audit.corrected() == len(found)


async def test_the_background_audit_takes_one_bucket_after_the_other(
    services: Services, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    feed = await stores.feed()
    assert feed.environment == ENVIRONMENT
    await plant(stores.client, feed, WRONG)
    for _ in range(feed.bucket):
        await services.counts_audit.run()
    assert await counts_of(stores, feed) == WRONG
    await services.counts_audit.run()
    assert await counts_of(stores, feed) == FeedCounts()
    [line] = [record for record in caplog.records if getattr(record, "action", "") == "counts_drift"]
    assert (line.subscriber_id, line.stored, line.counted) == ("ada", "9,8,7,1,1,1", "0,0,0,0,0,0")  # type: ignore[attr-defined]
    assert [await AuditStore(stores.client, stores.keys).next_bucket() for _ in range(BUCKETS)] == [
        (feed.bucket + 1 + number) % BUCKETS for number in range(BUCKETS)
    ]
