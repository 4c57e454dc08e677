"""Timers: set by the step they belong to, fired once in effect, by whoever is alive."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Sequence

import pytest

from inbox.errors import StoreUnavailable
from inbox.service.feed.timers import FeedTimers
from inbox.service.timers import MAX_AT_ONCE, POSTPONED_MS, TimerHandler, TimerWorker
from inbox.store.changes import INBOX_SNOOZE
from inbox.store.due_buckets import AcquiredBuckets, BucketKey
from inbox.store.feed import Feed
from inbox.store.timers import EXPIRE, WAKE, Timer, TimerStore
from tests.support.faults import Killed, MortalClient
from tests.support.waiting import until

from .conftest import ENVIRONMENT, Stores

LEASE_SECONDS = 0.5
KIND = b"z"


class NoEnvironments:
    """The worker's environments: the one of these tests."""

    number = ENVIRONMENT

    async def fresh(self) -> list[NoEnvironments]:
        return [self]


def now_ms() -> int:
    return int(time.time() * 1000)


def worker_of(stores: Stores, lease_seconds: float = LEASE_SECONDS, **handlers: TimerHandler) -> TimerWorker:
    """A worker of one process, with what feeds have timers for, and others by kind."""
    of_feeds = FeedTimers(stores.feeds, stores.messages)
    named = {kind.encode(): handler for kind, handler in handlers.items()}
    return TimerWorker(
        TimerStore(stores.client, stores.keys),
        NoEnvironments(),  # type: ignore[arg-type]
        {WAKE: of_feeds.wake, EXPIRE: of_feeds.expire, **named},
        int(lease_seconds * 1_000),
    )


async def set_timer(stores: Stores, about: bytes, at_ms: int, bucket: int = 7, scheduled: bool = True) -> None:
    place = BucketKey(ENVIRONMENT, bucket)
    if scheduled:
        await TimerStore(stores.client, stores.keys).schedule(place, at_ms)
    await stores.client.execute("ZADD", stores.keys.bucket(ENVIRONMENT, bucket).timers, at_ms, KIND + about)


async def pending(stores: Stores, bucket: int = 7) -> list[bytes]:
    names: list[bytes] = await stores.client.execute("ZRANGE", stores.keys.bucket(ENVIRONMENT, bucket).timers, 0, -1)
    return names


class Noting:
    """A handler that notes what it was given; `fails` names what it cannot carry out."""

    def __init__(self, *fails: bytes) -> None:
        self.fired: list[bytes] = []
        self.fails = fails

    async def __call__(self, _: BucketKey, timers: Sequence[Timer]) -> None:
        if any(timer.about in self.fails for timer in timers):
            raise ValueError("cannot")
        self.fired += [timer.about for timer in timers]


async def test_a_timer_fires_when_its_time_has_come_and_not_before(stores: Stores) -> None:
    noting = Noting()
    worker = worker_of(stores, z=noting)
    await set_timer(stores, b"due", now_ms() - 1_000)
    await set_timer(stores, b"later", now_ms() + 60_000)
    assert await worker.fire_due() is not None
    assert noting.fired == [b"due"]
    assert await pending(stores) == [KIND + b"later"]
    await worker.fire_due()
    assert noting.fired == [b"due"]


async def test_a_worker_says_when_the_next_timer_is_due(stores: Stores) -> None:
    worker = worker_of(stores, z=Noting())
    assert await worker.fire_due() is None
    await set_timer(stores, b"soon", now_ms() + 30_000)
    assert 0 < (await worker.fire_due() or 0) <= 30.1


async def test_a_bucket_that_no_process_takes_is_late(stores: Stores) -> None:
    worker = worker_of(stores, z=Noting())
    assert await worker.lag_seconds() == 0
    await set_timer(stores, b"later", now_ms() + 600_000, bucket=8)
    assert await worker.lag_seconds() == 0
    await set_timer(stores, b"due", now_ms() - 90_000)
    assert 80 < await worker.lag_seconds() < 600
    await worker.fire_due()
    assert await worker.lag_seconds() == 0


async def test_all_of_many_due_timers_fire_the_earliest_first(stores: Stores) -> None:
    noting = Noting()
    since = now_ms() - 3_600_000
    names = [str(number).encode() for number in range(2 * MAX_AT_ONCE + 10)]
    for number, name in enumerate(names):
        await set_timer(stores, name, since + number, scheduled=number == 0)
    await worker_of(stores, z=noting).fire_due()
    assert noting.fired == names
    assert await pending(stores) == []


async def test_a_bucket_held_by_a_process_that_died_passes_to_another_after_the_lease(
    stores: Stores, other_stores: Stores
) -> None:
    started = asyncio.Event()

    async def dies(place: BucketKey, timers: Sequence[Timer]) -> None:
        started.set()
        await asyncio.Event().wait()

    await set_timer(stores, b"one", now_ms() - 1_000)
    first = asyncio.create_task(worker_of(stores, 60.0, z=dies).fire_due())
    await started.wait()
    first.cancel()
    noting = Noting()
    other = worker_of(other_stores, z=noting)
    await other.fire_due()
    assert noting.fired == [], "the lease stands"
    lease = BucketKey(ENVIRONMENT, 7).name
    await stores.client.execute("ZADD", stores.keys.due_timers, now_ms() - 1, lease)  # now it ends
    await set_timer(stores, b"two", now_ms() - 1_000)

    async def both() -> bool:
        await other.fire_due()
        return noting.fired == [b"one", b"two"]

    await until(both)


async def test_a_worker_that_was_too_slow_leaves_the_bucket_to_whoever_has_it_now(
    stores: Stores, other_stores: Stores
) -> None:
    store = TimerStore(other_stores.client, other_stores.keys)
    taken: list[AcquiredBuckets] = []

    async def slow(place: BucketKey, timers: Sequence[Timer]) -> None:
        async def is_taken_over() -> bool:
            taken[:] = [await store.acquire(60_000)]
            return taken[0].buckets == [place]

        await until(is_taken_over)

    await set_timer(stores, b"one", now_ms() - 1_000)
    await worker_of(stores, z=slow).fire_due()
    (place,) = taken[0].buckets
    assert await store.renew(place, taken[0].until_ms, 60_000) is not None


async def test_a_store_that_fails_in_one_bucket_leaves_no_other_half_way(stores: Stores) -> None:
    failed, fired = asyncio.Event(), []

    async def handler(place: BucketKey, timers: Sequence[Timer]) -> None:
        if place.bucket == 7:
            failed.set()
            raise StoreUnavailable
        await failed.wait()
        await stores.client.execute("GET", "any")
        fired.append(place.bucket)

    for bucket in (7, 8):
        await set_timer(stores, b"one", now_ms() - 1_000, bucket)
    with pytest.raises(StoreUnavailable):
        await worker_of(stores, z=handler).fire_due()
    assert fired == [8]
    assert await pending(stores, 8) == []


async def test_what_cannot_be_carried_out_is_put_off_and_holds_up_no_other(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    noting = Noting(b"bad")
    for name in (b"a", b"bad", b"c"):
        await set_timer(stores, name, now_ms() - 1_000)
    await worker_of(stores, z=noting).fire_due()
    assert noting.fired == [b"a", b"c"]
    assert "a timer is postponed" in caplog.text
    at = await stores.client.execute("ZSCORE", stores.keys.bucket(ENVIRONMENT, 7).timers, KIND + b"bad")
    assert float(at) > now_ms() + POSTPONED_MS / 2


async def test_a_timer_set_anew_while_it_fires_stays(stores: Stores) -> None:
    later = now_ms() + 60_000

    async def again(place: BucketKey, timers: Sequence[Timer]) -> None:
        await set_timer(stores, timers[0].about, later)

    await set_timer(stores, b"one", now_ms() - 1_000)
    await worker_of(stores, z=again).fire_due()
    assert await pending(stores) == [KIND + b"one"]


async def test_a_timer_without_an_entry_is_found_by_the_sweep(stores: Stores) -> None:
    noting = Noting()
    await set_timer(stores, b"lost", now_ms() - 1_000, scheduled=False)
    worker = worker_of(stores, z=noting)
    await worker.fire_due()
    assert noting.fired == []
    await worker.sweep()
    await worker.fire_due()
    assert noting.fired == [b"lost"]


async def test_the_end_of_a_snooze_fires_without_a_reader(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed()
    first, second = await stores.fill(feed, 2)
    assert await stores.messages.snooze(feed, first, INBOX_SNOOZE, now_ms() + 60_000)
    assert await stores.messages.snooze(feed, second, INBOX_SNOOZE, now_ms() + 300)
    worker = worker_of(other_stores)

    async def woken() -> bool:
        await worker.fire_due()
        return bool(await stores.client.execute("XLEN", feed.keys.stream) == 2 and await top(stores, feed) == "m1")

    await until(woken)
    assert await stores.client.execute("HGET", feed.keys.state, "u") is not None
    assert len(await pending(stores, feed.bucket)) == 1, "the other snooze's"
    await stores.check(feed)


async def top(stores: Stores, feed: Feed) -> str:
    """The newest entry of the stream, read beside the feed: a reading through it would end the snooze itself."""
    (entry_id, _), *_ = await stores.client.execute("XREVRANGE", feed.keys.stream, "+", "-", "COUNT", 1)
    return "m1" if entry_id == b"3-0" else ""


async def test_a_message_expires(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.append(feed, "stays")
    await stores.append(feed, "goes", expires_ms=now_ms() + 200)
    await stores.append(feed, "later", expires_ms=now_ms() + 60_000)
    worker = worker_of(stores)

    async def gone() -> bool:
        await worker.fire_due()
        return [one.stored.content for one in await stores.list(feed)] == ["later", "stays"]

    await until(gone)
    assert len(await pending(stores, feed.bucket)) == 1
    await stores.check(feed)


async def test_a_message_expires_where_a_snooze_has_moved_it(stores: Stores) -> None:
    feed = await stores.feed()
    appended = await stores.append(feed, "goes", expires_ms=now_ms() + 60_000)
    (row,) = [feed.row_of(appended.message_id)] if appended and appended.message_id else []
    assert row is not None
    assert await stores.messages.snooze(feed, row, INBOX_SNOOZE, now_ms() - 1_000)
    await stores.list(feed)
    timers = stores.keys.bucket(ENVIRONMENT, feed.bucket).timers
    (member,) = await pending(stores, feed.bucket)
    await stores.client.execute("ZADD", timers, now_ms() - 1_000, member)
    worker = worker_of(stores)
    await worker.sweep()
    await worker.fire_due()
    assert await stores.list(feed) == []
    assert await pending(stores, feed.bucket) == []


async def test_timers_of_a_feed_that_is_gone_end(stores: Stores) -> None:
    feed = await stores.feed()
    (row,) = await stores.fill(feed, 1)
    await stores.append(feed, "goes", expires_ms=now_ms() + 100)
    assert await stores.messages.snooze(feed, row, INBOX_SNOOZE, now_ms() + 100)
    subscriber = await stores.subscribers.get_by_oid(ENVIRONMENT, feed.subscriber_oid)
    assert subscriber is not None
    assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
    worker = worker_of(stores)

    async def ended() -> bool:
        await worker.fire_due()
        return await pending(stores, feed.bucket) == []

    await until(ended)


async def test_a_crash_at_any_step_of_a_snooze_leaves_it_undone_or_ended_once(
    stores: Stores, other_stores: Stores
) -> None:
    """Each call to the store in turn is the last of a process; then another one goes on."""
    outcomes: set[str] = set()
    for calls in itertools.count():
        mortal = MortalClient(stores.client.topology)
        doomed = Stores(mortal, stores.keys)
        feed = await stores.feed(f"s{calls}")
        (row,) = await stores.fill(feed, 1)
        place = BucketKey(ENVIRONMENT, feed.bucket)
        expiring = await stores.append(feed, "expires", expires_ms=now_ms() - 1_000)
        assert expiring is not None
        await doomed.feeds.open(ENVIRONMENT, feed.subscriber_id)  # what a request does before
        mortal.calls_left = calls
        with contextlib.suppress(Killed):
            await doomed.messages.snooze(feed, row, INBOX_SNOOZE, now_ms() - 1_000)
            await worker_of(doomed).fire_due()
        is_over = mortal.calls_left > 0
        mortal.calls_left = 0

        survivor = worker_of(other_stores)
        await TimerStore(other_stores.client, other_stores.keys).sweep(ENVIRONMENT)

        async def settled(survivor: TimerWorker = survivor, place: BucketKey = place) -> bool:
            await survivor.fire_due()
            return await pending(stores, place.bucket) == []

        await until(settled)
        (message,) = await other_stores.list(feed)
        assert len(message.delivered_before_ms) <= 1, "it ended once"
        assert message.snoozed_until_ms == 0
        outcomes.add("ended" if message.delivered_before_ms else "undone")
        await other_stores.check(feed)
        if is_over:
            break
    assert outcomes == {"ended", "undone"}
    assert calls > 6
