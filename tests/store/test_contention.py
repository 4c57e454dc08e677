"""A store in which others are always faster is not away: contention has an error of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inbox.errors import Contention, SubscriberGone
from inbox.ids import SubscriberId
from inbox.models.group import Group
from inbox.models.subscriber import Subscriber
from inbox.store import retry
from inbox.store.activity import ActivityStore
from inbox.store.documents import DocumentStore
from inbox.store.preferences import PreferenceStore
from inbox.store.retry import MAX_ATTEMPTS
from inbox.store.scripts import Script

from .conftest import ENVIRONMENT, Stores

ADA = SubscriberId("ada")
GROUP = Group("0123456789abcdef01234567", "A", 0, 0)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0)


async def change_a_document(stores: Stores, subscriber: Subscriber) -> None:
    await DocumentStore(stores.client, Group, stores.keys.groups).add(ENVIRONMENT, GROUP.id, GROUP)


async def change_preferences(stores: Stores, subscriber: Subscriber) -> None:
    await PreferenceStore(stores.client, stores.keys, stores.subscribers).change(
        ENVIRONMENT, subscriber, lambda _: {"all": None}
    )


async def change_channels(stores: Stores, subscriber: Subscriber) -> None:
    await stores.subscribers.change_channels(ENVIRONMENT, ADA, lambda channels: channels)


async def delete_a_subscriber(stores: Stores, subscriber: Subscriber) -> None:
    await stores.subscribers.delete(ENVIRONMENT, subscriber)


async def note_activity(stores: Stores, subscriber: Subscriber) -> None:
    await ActivityStore(stores.client, stores.keys).append(ENVIRONMENT, [])


@pytest.mark.parametrize(
    ("operation", "moved_on"),
    [
        (change_a_document, 0),
        (change_preferences, [0]),
        (change_channels, [-3]),
        (delete_a_subscriber, -1),
        (note_activity, [0, 1]),
    ],
)
async def test_a_write_that_is_always_overtaken(
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
    operation: Callable[[Stores, Subscriber], Awaitable[None]],
    moved_on: Any,
) -> None:
    subscriber, _ = await stores.subscribers.write(ENVIRONMENT, ADA, {})
    failures: list[Exception] = []
    attempts = 0

    async def overtaken(script: Script[Any], *_: Any) -> Any:
        nonlocal attempts
        attempts += 1
        return script.decode(moved_on)

    monkeypatch.setattr(stores.client, "on_failure", failures.append)
    monkeypatch.setattr(stores.client, "run", overtaken)
    with pytest.raises(Contention):
        await operation(stores, subscriber)
    assert attempts == MAX_ATTEMPTS
    assert not failures, "the store is well"


async def test_a_message_of_a_feed_that_never_holds_still(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = await stores.feed("ada")
    await stores.append(feed, "t")
    [message] = await stores.list(feed)

    async def moved_on(*_: Any) -> None:
        return None

    monkeypatch.setattr(stores.feeds, "_load", moved_on)
    with pytest.raises(Contention):
        await stores.feeds.find(feed, message.id)


async def test_a_deletion_is_neither(stores: Stores, other_stores: Stores) -> None:
    subscriber, _ = await stores.subscribers.write(ENVIRONMENT, ADA, {})
    await other_stores.subscribers.delete(ENVIRONMENT, subscriber)
    with pytest.raises(SubscriberGone) as gone:
        await stores.feeds.open_for(ENVIRONMENT, subscriber)
    assert gone.value.status == 404
