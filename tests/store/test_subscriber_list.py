"""The environment's list of subscribers: in order, a page at a time, repaired where it disagrees with the records."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from inbox.errors import ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.cursor_page import CursorQuery, Order
from inbox.models.environment import Environment
from inbox.service.subscribers.listing import Page, SubscriberFilter, SubscriberList
from inbox.store.keys import bucket_of
from inbox.store.listing import ListCursor
from inbox.store.presence import Held
from inbox.store.subscribers import SubscriberOrder, new_subscriber_oid

from .conftest import ENVIRONMENT, Stores

SHOWN = Environment(ENVIRONMENT, "", "", "", "", 0)
ONLINE = SubscriberFilter(is_online=True)


async def make(stores: Stores, count: int) -> list[str]:
    """Subscribers s0, s1, …, each at a later millisecond; their oids in that order."""
    oids = []
    for number in range(count):
        written = await stores.subscribers.write(ENVIRONMENT, SubscriberId(f"s{number}"), {})
        assert written is not None
        oids.append(written[0].oid)
        await asyncio.sleep(0.002)
    return oids


async def listed(
    stores: Stores,
    order_by: SubscriberOrder = "_id",
    order: Order = "desc",
    limit: int = 100,
    cursor: ListCursor | None = None,
) -> list[str]:
    page = await stores.subscribers.page(ENVIRONMENT, order_by, order, limit, cursor)
    assert page is not None
    return [subscriber.oid for subscriber in page.records]


async def test_pages_beside_a_cursor(stores: Stores) -> None:
    oids = await make(stores, 7)
    newest = oids[::-1]
    assert await listed(stores) == newest
    assert await listed(stores, order="asc") == oids
    at = bytes.fromhex(newest[2])
    assert await listed(stores, limit=2, cursor=ListCursor(at)) == newest[3:5]
    assert await listed(stores, limit=2, cursor=ListCursor(at, "from")) == newest[2:4]
    assert await listed(stores, limit=2, cursor=ListCursor(at, "before")) == newest[0:2]
    assert await listed(stores, limit=2, cursor=ListCursor(at, "upto")) == newest[1:3]
    assert await listed(stores, limit=5, cursor=ListCursor(at, "before")) == newest[0:2]
    page = await stores.subscribers.page(ENVIRONMENT, "_id", "desc", 2, ListCursor(at))
    assert page is not None
    assert (page.total, page.has_next, page.has_previous) == (7, True, True)
    assert await stores.subscribers.page(ENVIRONMENT, "_id", "desc", 2, ListCursor(b"\0" * 12)) is None


async def test_a_change_moves_a_subscriber_only_in_the_list_by_change(stores: Stores) -> None:
    oids = await make(stores, 3)
    await stores.subscribers.write(ENVIRONMENT, SubscriberId("s0"), {"firstName": "A"})
    assert await listed(stores, "updatedAt") == [oids[0], oids[2], oids[1]]
    assert await listed(stores) == oids[::-1]
    await asyncio.sleep(0.002)
    await stores.subscribers.write(ENVIRONMENT, SubscriberId("s1"), {})
    await stores.subscribers.write(ENVIRONMENT, SubscriberId("s2"), {"firstName": None})
    assert await listed(stores, "updatedAt") == [oids[0], oids[2], oids[1]], "what changes nothing is no change"


async def test_the_deleted_are_not_listed(stores: Stores) -> None:
    oids = await make(stores, 3)
    subscriber = await stores.subscribers.get(ENVIRONMENT, SubscriberId("s1"))
    assert subscriber is not None
    await stores.subscribers.delete(ENVIRONMENT, subscriber)
    for order_by in ("_id", "updatedAt"):
        page = await stores.subscribers.page(ENVIRONMENT, order_by, "desc", 10)
        assert page is not None
        assert [one.oid for one in page.records] == [oids[2], oids[0]]
        assert page.total == 2


async def test_concurrent_creations_are_listed_once(stores: Stores, other_stores: Stores) -> None:
    await asyncio.gather(
        *(each.subscribers.write(ENVIRONMENT, SubscriberId("ada"), {}) for each in [stores, other_stores] * 20)
    )
    page = await stores.subscribers.page(ENVIRONMENT, "_id", "desc", 100)
    assert page is not None
    assert (len(page.records), page.total) == (1, 1)


async def test_entries_without_a_subscriber_go_once_they_are_old(stores: Stores) -> None:
    [oid] = await make(stores, 1)
    young = new_subscriber_oid(bucket_of("nobody"))
    old = f"{int(time.time()) - 120:08x}{young[8:]}"
    key = stores.keys.subscribers(ENVIRONMENT)
    now = time.time_ns() // 1_000_000
    for orphan in (young, old):
        await stores.client.execute("ZADD", key, now, bytes.fromhex(orphan))
    assert await listed(stores) == [oid]
    kept = await stores.client.execute("ZRANGE", key, 0, -1)
    assert sorted(member.hex() for member in kept) == sorted([oid, young])


async def test_a_sweep_enters_what_is_missing(stores: Stores) -> None:
    written = await stores.subscribers.write(ENVIRONMENT, SubscriberId("ada"), {})
    assert written is not None
    oid, bucket = written[0].oid, bucket_of("ada")
    assert await stores.subscribers.sweep(ENVIRONMENT, bucket) == 0
    await stores.client.execute("ZREM", stores.keys.subscribers(ENVIRONMENT), bytes.fromhex(oid))
    assert await listed(stores) == []
    assert await stores.subscribers.sweep(ENVIRONMENT, bucket) == 1
    assert await listed(stores) == [oid]


async def test_one_sweeper_at_a_time(stores: Stores, other_stores: Stores) -> None:
    claims = [await each.subscribers.claim_sweep(ENVIRONMENT, 60) for each in (stores, other_stores, stores)]
    assert claims == [True, False, False]
    assert await stores.subscribers.claim_sweep(ENVIRONMENT + 1, 60)
    await stores.subscribers.note_sweep(ENVIRONMENT, 86_400)
    assert not await other_stores.subscribers.claim_sweep(ENVIRONMENT, 60)
    assert await stores.client.execute("TTL", stores.keys.subscribers_swept(ENVIRONMENT)) > 80_000


async def online(listing: SubscriberList, filter_: SubscriberFilter, **query: Any) -> Page:
    return await listing.find(SHOWN, CursorQuery(**query), filter_)


async def test_who_is_online_is_listed_from_presence(stores: Stores) -> None:
    oids = await make(stores, 9)
    for number, oid in enumerate(oids[:7]):
        assert await stores.presence.join(f"process-{number % 2}", Held(ENVIRONMENT, oid))
        await stores.presence.renew(f"process-{number % 2}", 60_000)
    gone = await stores.subscribers.get(ENVIRONMENT, SubscriberId("s3"))
    assert gone is not None
    await stores.subscribers.delete(ENVIRONMENT, gone)
    listing = SubscriberList(stores.subscribers, stores.presence)
    there = sorted({*oids[:7]} - {gone.oid}, reverse=True)
    for order in ("desc", "asc"):
        expected, walked, cursor = there if order == "desc" else there[::-1], list[str](), None
        while page := await online(listing, ONLINE, order=order, limit=2, cursor=cursor):
            walked += [one.oid for one in page.rows]
            cursor = page.next
            if cursor is None:
                break
        assert walked == expected
        back = await online(listing, ONLINE, order=order, limit=2, cursor=expected[4], side="before")
        assert [one.oid for one in back.rows] == expected[2:4]
        upto = await online(listing, ONLINE, order=order, limit=2, cursor=expected[4], side="upto")
        assert [one.oid for one in upto.rows] == expected[3:5]
        own = await online(listing, ONLINE, order=order, limit=2, cursor=expected[4], side="from")
        assert [one.oid for one in own.rows] == expected[4:6]
    await stores.presence.leave("process-0", [Held(ENVIRONMENT, oids[0])])
    left = await online(listing, ONLINE, cursor=oids[0], limit=9, order="asc")
    assert {one.oid for one in left.rows} == {oid for oid in there if oid > oids[0]}, "its cursor still leads on"
    away = await online(listing, SubscriberFilter(is_online=False), limit=9)
    assert {one.oid for one in away.rows} == {oids[0], *oids[7:]}


async def test_a_search_among_those_who_are_online(stores: Stores) -> None:
    oids = await make(stores, 4)
    for oid in oids[:3]:
        await stores.presence.renew("process", 60_000)
        await stores.presence.join("process", Held(ENVIRONMENT, oid))
    for number in (1, 3):
        await stores.subscribers.write(ENVIRONMENT, SubscriberId(f"s{number}"), {"firstName": "Ada"})
    listing = SubscriberList(stores.subscribers, stores.presence)
    named = await online(listing, SubscriberFilter(is_online=True, name="ada"))
    assert ([one.oid for one in named.rows], named.total) == ([oids[1]], 1)
    for subscriber_id, count in (("s1", 1), ("s3", 0)):
        one = await online(listing, SubscriberFilter(is_online=True, subscriber_id=SubscriberId(subscriber_id)))
        assert len(one.rows) == count
    with pytest.raises(ValidationFailed):
        await online(listing, SubscriberFilter("updatedAt", is_online=True))
    everyone = await online(listing, ONLINE, limit=2)
    assert (len(everyone.rows), everyone.total, everyone.capped) == (2, 3, False)


async def test_sockets_decide_who_is_online_and_not_the_flag_of_the_api(stores: Stores) -> None:
    oids = await make(stores, 5)
    await stores.presence.renew("process", 60_000)
    for oid in oids[:3]:
        await stores.presence.join("process", Held(ENVIRONMENT, oid))
    for number, flag in ((0, False), (4, True)):
        subscriber = await stores.subscribers.get(ENVIRONMENT, SubscriberId(f"s{number}"))
        assert subscriber is not None
        await stores.subscribers.set_online(ENVIRONMENT, subscriber, flag)
    listing = SubscriberList(stores.subscribers, stores.presence)
    for is_online, expected in ((True, oids[:3]), (False, oids[3:])):
        walked, cursor = list[str](), None
        for _ in expected:
            page = await online(listing, SubscriberFilter(is_online=is_online), order="asc", limit=1, cursor=cursor)
            assert (page.total, page.capped) == (len(expected), False)
            walked += [one.oid for one in page.rows]
            cursor = page.next
        assert (sorted(walked), cursor) == (sorted(expected), None)
        for number, oid in enumerate(oids):
            filter_ = SubscriberFilter(is_online=is_online, subscriber_id=SubscriberId(f"s{number}"))
            assert bool((await online(listing, filter_)).rows) is (oid in expected)
