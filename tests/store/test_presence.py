"""Presence: edges by several processes, leases that lapse, and the flag that the API sets."""

from __future__ import annotations

import asyncio
import time

from inbox.models.subscriber import Subscriber
from inbox.store.presence import Held
from tests.conftest import every_store
from tests.support.waiting import until

from .conftest import ENVIRONMENT, Stores


async def held(stores: Stores, subscriber_id: str = "ada") -> Held:
    feed = await stores.feed(subscriber_id)
    return Held(ENVIRONMENT, feed.subscriber_oid)


async def read(stores: Stores, one: Held) -> Subscriber:
    subscriber = await stores.subscribers.get_by_oid(ENVIRONMENT, one.oid)
    assert subscriber is not None
    return subscriber


@every_store
async def test_the_last_process_to_leave_turns_it_off(stores: Stores) -> None:
    ada = await held(stores)
    for process in ("one", "two"):
        assert await stores.presence.join(process, ada)
    await stores.presence.leave("one", [ada])
    assert ((await read(stores, ada)).is_online, (await read(stores, ada)).last_online_ms) == (True, None)
    before = int(time.time() * 1000)
    await stores.presence.leave("two", [ada])
    offline = await read(stores, ada)
    assert not offline.is_online
    assert offline.last_online_ms is not None
    assert before <= offline.last_online_ms <= time.time() * 1000


async def test_every_join_is_an_edge(stores: Stores) -> None:
    ada = await held(stores)
    for process in ("one", "one", "two"):
        await stores.presence.join(process, ada)
        assert (await read(stores, ada)).is_online
        await stores.subscribers.set_online(ENVIRONMENT, await read(stores, ada), False)
        assert not (await read(stores, ada)).is_online, "the API's word stands until the next edge"
    await stores.presence.leave("one", [ada])
    assert not (await read(stores, ada)).is_online
    await stores.presence.join("one", ada)
    await stores.presence.leave("two", [ada])
    assert (await read(stores, ada)).is_online


async def test_a_join_returns_the_record_that_it_leaves(stores: Stores) -> None:
    ada = await held(stores)
    joined = stores.subscribers.parse(ada.oid, await stores.presence.join("one", ada))
    assert joined is not None
    assert joined.is_online
    assert joined is await read(stores, ada), "a record that is as it was is not parsed again"


async def test_leaving_twice_or_without_having_come_changes_nothing(stores: Stores) -> None:
    ada = await held(stores)
    await stores.subscribers.set_online(ENVIRONMENT, await read(stores, ada), True)
    await stores.presence.leave("one", [ada])
    assert (await read(stores, ada)).is_online


async def test_a_lapsed_lease_is_told_and_swept(stores: Stores) -> None:
    ada, grace = await held(stores), await held(stores, "grace")
    await stores.presence.renew("dead", 50)
    await stores.presence.join("dead", ada)
    await stores.presence.join("dead", grace)
    await stores.presence.join("alive", grace)

    async def has_lapsed() -> bool:
        return "dead" in (await stores.presence.renew("alive", 5_000)).lapsed

    await until(has_lapsed)
    lease = await stores.presence.renew("alive", 5_000)
    assert list(lease.lapsed) == ["dead"]
    share = await stores.presence.share("dead")
    assert {one.oid for one in share} == {ada.oid, grace.oid}
    await stores.presence.leave("dead", share, lease.lapsed["dead"])
    await stores.presence.forget("dead")
    assert (await read(stores, ada)).last_online_ms == lease.lapsed["dead"]
    assert not (await read(stores, ada)).is_online
    assert (await read(stores, grace)).is_online
    assert await stores.presence.share("dead") == []
    assert (await stores.presence.renew("alive", 5_000)).lapsed == {}


async def test_a_lapsed_lease_is_not_revived(stores: Stores) -> None:
    await stores.presence.renew("slow", 1)
    await asyncio.sleep(0.01)
    lease = await stores.presence.renew("slow", 60_000)
    assert not lease.held
    assert "slow" in lease.lapsed


async def test_nobody_is_present_who_does_not_exist(stores: Stores) -> None:
    nobody = Held(ENVIRONMENT, "0" * 24)
    assert not await stores.presence.join("one", nobody)
    await stores.presence.leave("one", [nobody])
    assert await stores.presence.share("one") == []
