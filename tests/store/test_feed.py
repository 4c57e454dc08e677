"""Reading feeds whose subscriber is deleted meanwhile, by this process or another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from inbox.errors import SubscriberGone
from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store.rows import ALL

from .rig import Rig, in_app

ADA = SubscriberId("ada")


@pytest.fixture
async def rig(store_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    rig = Rig(store_url, key_prefix)
    await rig.process()
    await rig.process()
    yield rig
    await rig.close()


async def test_a_page_of_a_subscriber_that_is_deleted_meanwhile(rig: Rig) -> None:
    reader, other = rig.processes
    subscriber = await reader.subscribers.create(rig.environment, ADA, {})
    feeds = await reader.feed.feeds_of(rig.environment, subscriber)
    assert (await reader.feed.page(feeds, NotificationFilter(ALL), 10)).messages == []
    await other.subscribers.delete(rig.environment, ADA)
    with pytest.raises(SubscriberGone):
        await reader.feed.page(feeds, NotificationFilter(ALL), 10)


async def test_a_first_feed_of_a_subscriber_that_is_deleted_meanwhile(rig: Rig) -> None:
    reader, other = rig.processes
    subscriber = await reader.subscribers.create(rig.environment, ADA, {})
    await other.subscribers.delete(rig.environment, ADA)
    with pytest.raises(SubscriberGone):
        await reader.feed.feeds_of(rig.environment, subscriber, "")


@pytest.mark.parametrize("profile", [{}, {"firstName": "Ada"}])
async def test_a_trigger_makes_a_subscriber_again_that_is_deleted_meanwhile(rig: Rig, profile: dict[str, str]) -> None:
    sender, other = rig.processes
    await rig.make_workflow("news", in_app("Hello"))
    create, left = sender.feed_store._create, 2

    async def create_late(environment: int, subscriber: Subscriber, contexts: str) -> int:
        nonlocal left
        if left:
            left -= 1
            await other.subscribers.delete(rig.environment, ADA)
        return await create(environment, subscriber, contexts)

    sender.feed_store._create = create_late  # type: ignore[method-assign]
    request = TriggerRequest(name="news", to={"subscriberId": ADA, **profile}, transaction_id="once")
    await sender.triggers.trigger(rig.environment, request)
    assert not left
    found = await other.subscribers.get(rig.environment, ADA)
    assert found.profile.get("firstName") == profile.get("firstName")
    page = await other.feed.page(await other.feed.feeds_of(rig.environment, found), NotificationFilter(ALL), 10)
    assert [message.stored.transaction_id for message in page.messages] == ["once"]


async def test_a_broadcast_leaves_out_who_is_deleted_meanwhile(rig: Rig) -> None:
    sender, other = rig.processes
    await rig.make_workflow("news", in_app("Hello"))
    for one in ("ada", "bob"):
        await other.subscribers.create(rig.environment, SubscriberId(one), {})
    create = sender.feed_store._create

    async def create_late(environment: int, subscriber: Subscriber, contexts: str) -> int:
        if subscriber.subscriber_id == ADA:
            await other.subscribers.delete(rig.environment, ADA)
        return await create(environment, subscriber, contexts)

    sender.feed_store._create = create_late  # type: ignore[method-assign]
    await sender.triggers.trigger(rig.environment, BroadcastRequest(name="news", payload={}))
    assert await other.subscribers.find_many(rig.environment, [ADA]) == []
    bob = await other.subscribers.get(rig.environment, SubscriberId("bob"))
    page = await other.feed.page(await other.feed.feeds_of(rig.environment, bob), NotificationFilter(ALL), 10)
    assert len(page.messages) == 1
