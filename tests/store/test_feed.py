"""Reading feeds whose subscriber is deleted meanwhile, by this process or another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from inbox.errors import SubscriberGone
from inbox.ids import SubscriberId
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.store.rows import ALL

from .rig import Rig

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
