"""Subscribers: written as merges, made once, deleted with all that is theirs."""

from __future__ import annotations

import asyncio

import pytest

from inbox.errors import Conflict, ValidationFailed
from inbox.ids import SubscriberId
from inbox.store import feeds
from inbox.store.collapses import Collapse
from inbox.store.keys import bucket_of, bucket_of_oid
from inbox.store.rows import Position
from inbox.store.subscribers import new_subscriber_oid

from .conftest import ENVIRONMENT, Stores
from .hearing import hearing

ADA = SubscriberId("ada")


async def test_concurrent_writes_make_one_subscriber(stores: Stores) -> None:
    written = await asyncio.gather(
        *(stores.subscribers.write(ENVIRONMENT, ADA, {"firstName": f"A{number}"}) for number in range(50))
    )
    subscribers = [one for one in written if one]
    assert len({subscriber.oid for subscriber, _ in subscribers}) == 1
    assert sum(is_new for _, is_new in subscribers) == 1


async def test_concurrent_openings_make_one_feed(stores: Stores) -> None:
    subscriber = await stores.subscribers.write(ENVIRONMENT, ADA, {})
    assert subscriber is not None
    feeds = await asyncio.gather(*(stores.feeds.open_for(ENVIRONMENT, subscriber[0]) for _ in range(50)))
    assert len({feed.number for feed in feeds}) == 1


async def test_a_write_merges_and_null_clears(stores: Stores) -> None:
    await stores.subscribers.write(ENVIRONMENT, ADA, {"firstName": "A", "data": {"k": [1]}, "email": "a@example.org"})
    await stores.subscribers.write(ENVIRONMENT, ADA, {"firstName": "B", "email": None})
    subscriber = await stores.subscribers.get(ENVIRONMENT, ADA)
    assert subscriber is not None
    assert subscriber.profile == {"firstName": "B", "data": {"k": [1]}}


async def test_create_and_update_mind_what_is_there(stores: Stores) -> None:
    assert await stores.subscribers.update(ENVIRONMENT, ADA, {}) is None
    assert await stores.subscribers.get(ENVIRONMENT, ADA) is None
    await stores.subscribers.write(ENVIRONMENT, ADA, {}, may_exist=False)
    with pytest.raises(Conflict):
        await stores.subscribers.write(ENVIRONMENT, ADA, {}, may_exist=False)


async def test_environments_are_apart(stores: Stores) -> None:
    await stores.subscribers.write(1, ADA, {"firstName": "one"})
    assert await stores.subscribers.get(2, ADA) is None
    await stores.subscribers.write(2, ADA, {"firstName": "two"})
    first = await stores.subscribers.get(1, ADA)
    assert first is not None
    assert first.profile == {"firstName": "one"}


@pytest.mark.parametrize("subscriber_id", ["a:b{c}*", "a/b", "ä 💥", "#", "@x", "*"])
async def test_any_id_is_found_again_and_shows_in_no_key(stores: Stores, subscriber_id: str) -> None:
    feed = await stores.feed(subscriber_id)
    await stores.append(feed, f"transaction of {subscriber_id}")
    subscriber = await stores.subscribers.get(ENVIRONMENT, SubscriberId(subscriber_id))
    assert subscriber is not None
    assert subscriber.subscriber_id == subscriber_id
    assert bucket_of_oid(subscriber.oid) == bucket_of(subscriber_id)
    if len(subscriber_id) > 1:
        assert [key for key in await stores.keys_in_use() if subscriber_id in key] == []


async def test_a_deleted_subscriber_leaves_nothing_of_its_own(stores: Stores) -> None:
    feed = await stores.feed()
    rows = await stores.fill(feed, 3)
    await stores.messages.delete(feed, rows[0])
    subscriber = await stores.subscribers.get(ENVIRONMENT, ADA)
    assert subscriber is not None
    assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert not await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert await stores.subscribers.get(ENVIRONMENT, ADA) is None
    bucket = stores.keys.bucket(ENVIRONMENT, feed.bucket)
    assert {*feed.keys.all(), bucket.subscriber(subscriber.oid)} & await stores.keys_in_use() == set()


async def test_a_subscriber_has_only_so_many_feeds(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_FEEDS", 3)
    opened = [await stores.feeds.open(ENVIRONMENT, ADA, f"tenant:{name}") for name in "abc"]
    with pytest.raises(ValidationFailed) as raised:
        await stores.feeds.open(ENVIRONMENT, ADA, "tenant:d")
    assert "at most 3 contexts" in raised.value.fields["context"][0]
    assert (await stores.feeds.open(ENVIRONMENT, ADA, "tenant:c")) == opened[2], "what is there is found as before"
    assert (await stores.feeds.open(ENVIRONMENT, ADA)).contexts == "", "the one without contexts is always there"
    ada = await stores.subscribers.get(ENVIRONMENT, ADA)
    assert ada is not None
    assert await stores.feeds.open_many(ENVIRONMENT, [ada], "tenant:e") == []


async def test_a_feed_that_is_remembered_and_by_now_anothers_takes_nothing(stores: Stores) -> None:
    """As after a failover that lost the newest feed, whose number another subscriber then got."""
    feed = await stores.feed()
    await stores.client.execute("HSET", feed.keys.state, "s", "another's oid")
    assert await stores.append(feed, "for ada") is None
    assert await stores.append(feed, "for ada", collapse=Collapse("k")) is None
    assert await stores.feeds.changes_since(feed, Position(0, 0)) is None
    assert await stores.client.execute("XLEN", feed.keys.stream) == 0


async def test_numbers_of_feeds_begin_elsewhere_in_another_life_of_the_store(stores: Stores) -> None:
    numbers = []
    for _ in range(2):
        feed = await stores.feed()
        numbers.append(feed.number)
        bucket = stores.keys.bucket(ENVIRONMENT, feed.bucket)
        ada = await stores.subscribers.get(ENVIRONMENT, ADA)
        assert ada is not None
        await stores.subscribers.delete(ENVIRONMENT, ada)
        stores.feeds.forget(feed)
        await stores.client.execute("DEL", bucket.feed_counter)
    assert abs(numbers[0] - numbers[1]) > 1_000


async def test_a_subscriber_with_very_many_feeds_is_deleted_as_any(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_FEEDS", 1_100)
    for number in range(1_100):
        feed = await stores.feeds.open(ENVIRONMENT, ADA, f"tenant:{number}")
    await stores.fill(feed, 2)
    ada = await stores.subscribers.get(ENVIRONMENT, ADA)
    assert ada is not None
    assert await stores.subscribers.delete(ENVIRONMENT, ada)
    assert await stores.subscribers.get(ENVIRONMENT, ADA) is None
    assert await stores.feeds.state(feed) is None


async def test_every_feed_of_a_deleted_subscriber_tells_its_sockets(stores: Stores) -> None:
    opened = [await stores.feeds.open(ENVIRONMENT, ADA, contexts) for contexts in ("", "tenant:a", "tenant:b")]
    async with hearing(stores) as heard:
        await heard.subscribe(*(feed.keys.channel for feed in opened))
        subscriber = await stores.subscribers.get(ENVIRONMENT, ADA)
        assert subscriber is not None
        assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
        told = [await heard.next() for _ in opened]
        assert sorted(told) == sorted((feed.keys.channel, b"gone") for feed in opened)


async def test_a_subscriber_made_again_starts_afresh(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 2)
    old = await stores.subscribers.get(ENVIRONMENT, ADA)
    assert old is not None
    await stores.subscribers.delete(ENVIRONMENT, old)
    stores.feeds.forget(feed)
    again = await stores.feed()
    assert (again.subscriber_oid, again.number) != (feed.subscriber_oid, feed.number)
    assert await stores.list(again) == []


def test_an_oid_names_its_bucket() -> None:
    assert all(bucket_of_oid(new_subscriber_oid(bucket)) == bucket for bucket in range(256))


async def test_a_scan_gives_everybody_in_slices(stores: Stores) -> None:
    ids = {f"s{number}" for number in range(130)}
    for one in ids:
        await stores.subscribers.write(ENVIRONMENT, SubscriberId(one), {})
    await stores.subscribers.write(ENVIRONMENT + 1, SubscriberId("other"), {})
    slices = [part async for part in stores.subscribers.scan(ENVIRONMENT, 50)]
    assert {one.subscriber_id for part in slices for one in part} == ids
    assert [len(part) for part in slices] == [50, 50, 30]


async def test_many_are_found_in_the_order_asked(stores: Stores) -> None:
    for one in ("a", "b"):
        await stores.subscribers.write(ENVIRONMENT, SubscriberId(one), {})
    found = await stores.subscribers.find_many(ENVIRONMENT, [SubscriberId(one) for one in ("b", "none", "a", "b")])
    assert [one and one.subscriber_id for one in found] == ["b", None, "a", "b"]
    assert await stores.subscribers.find_many(ENVIRONMENT, []) == []
