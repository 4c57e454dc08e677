"""A store at its maxmemory: what adds is refused, what frees memory and what only reads goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inbox.clock import now_ms
from inbox.errors import WriteRefused
from inbox.service.environments.retention import DAY_MS, RetentionSweep
from inbox.store.changes import INBOX_READ, INBOX_SNOOZE
from inbox.store.due_buckets import BucketKey, DueBuckets
from inbox.store.presence import Held
from inbox.store.retention import RetentionStore
from inbox.store.rows import ORIGIN
from tests.conftest import binary_of
from tests.support.stores import running_store

from .conftest import ENVIRONMENT, Stores

LONG_AGO = 1_000_000


@pytest.fixture(params=["valkey", "redis-server"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A store of the test's own."""
    with running_store(binary_of(request.param), unix=True) as store:
        yield store.url


async def set_full(stores: Stores, full: bool) -> None:
    await stores.client.execute("CONFIG", "SET", "maxmemory", int(full))


class OneEnvironment:
    """What the sweep knows of environments."""

    number = ENVIRONMENT
    max_age_days = 1

    async def fresh(self) -> list[OneEnvironment]:
        return [self]


async def test_old_messages_are_removed(stores: Stores) -> None:
    feeds = [await stores.feed(name) for name in ("ada", "bob", "cy")]
    for feed in feeds:
        first, *_ = await stores.fill(feed, 70)
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, now_ms() + 30 * DAY_MS)
    await set_full(stores, True)
    retention = RetentionStore(stores.client, stores.keys)
    sweep = RetentionSweep(retention, stores.feeds, stores.messages, OneEnvironment())  # type: ignore[arg-type]
    await sweep.sweep(now_ms() + 2 * DAY_MS)
    for feed in feeds[:2]:
        assert await stores.list(feed) == []
    assert len(await stores.list(feeds[2])) == 70, "it begins with a snoozed one"
    for feed in feeds:
        await stores.check(feed)


async def test_what_adds_is_refused_and_what_reads_is_not(stores: Stores) -> None:
    feed = await stores.feed()
    first, *_ = await stores.fill(feed, 12)
    await set_full(stores, True)
    with pytest.raises(WriteRefused) as refused:
        await stores.append(feed, "more")
    assert refused.value.refusal == "OOM"
    with pytest.raises(WriteRefused):
        await stores.messages.mark(feed, [first], INBOX_READ)
    listed = await stores.list(feed)
    assert [message.stored.content for message in listed] == [f"m{number}" for number in reversed(range(12))]
    state, changes = await stores.feeds.changes_since(feed, ORIGIN) or (None, None)
    assert state is not None
    assert changes is not None
    assert (state.counts.unread, len(changes)) == (12, 12)
    assert await stores.feeds.seek(feed, now_ms() + DAY_MS) == 12


async def test_a_snooze_that_has_ended_shows_later(stores: Stores) -> None:
    feed = await stores.feed()
    first, _ = await stores.fill(feed, 2)
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, LONG_AGO)
    await set_full(stores, True)
    for _ in range(2):
        assert [message.snoozed_until_ms for message in await stores.list(feed)] == [0, LONG_AGO]
        assert (await stores.feeds.state(feed)) is not None
    await set_full(stores, False)
    assert [(message.stored.content, message.snoozed_until_ms) for message in await stores.list(feed)] == [
        ("m0", 0),
        ("m1", 0),
    ]


async def test_leases_are_renewed_and_given_up(stores: Stores) -> None:
    ada, bob = [Held(ENVIRONMENT, (await stores.feed(name)).subscriber_oid) for name in ("ada", "bob")]
    bucket, due = BucketKey(ENVIRONMENT, 7), DueBuckets(stores.client, stores.keys.due_timers)
    await stores.presence.renew("process", 60_000)
    assert await stores.presence.join("process", ada)
    await due.schedule(bucket, LONG_AGO)
    await set_full(stores, True)
    assert (await stores.presence.renew("process", 60_000)).held
    with pytest.raises(WriteRefused):
        await stores.presence.join("process", bob)
    await stores.presence.leave("process", [ada])
    assert await stores.presence.share("process") == []
    acquired = await due.acquire(60_000)
    assert acquired.buckets == [bucket]
    end = await due.renew(bucket, acquired.until_ms, 90_000)
    assert end is not None
    await due.release(bucket, end)
    assert (await due.acquire(60_000)).next_seconds is None
