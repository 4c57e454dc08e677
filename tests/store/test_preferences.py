"""What a subscriber chose: kept once, known to every feed in the same step, and obeyed by the append itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from inbox.ids import SubscriberId
from inbox.models.preference import GLOBAL, Choice, Preferences
from inbox.models.subscriber import Subscriber
from inbox.store.preferences import PreferenceStore

from .conftest import ENVIRONMENT, WORKFLOW, Stores

ADA = SubscriberId("ada")


def store_of(stores: Stores) -> PreferenceStore:
    return PreferenceStore(stores.client, stores.keys, stores.subscribers)


async def ada(stores: Stores) -> Subscriber:
    written = await stores.subscribers.write(ENVIRONMENT, ADA, {})
    assert written is not None
    return written[0]


async def choose(stores: Stores, subscriber: Subscriber, **channels: bool | None) -> Preferences:
    """In-app on, off or not chosen, by workflow (`w` the usual one, `all` the global level)."""
    names = {"w": WORKFLOW, "all": GLOBAL}
    changed: Mapping[str, Choice | None] = {
        names[name]: None if on is None else Choice({"in_app": on}, None, 1) for name, on in channels.items()
    }
    after = await store_of(stores).change(ENVIRONMENT, subscriber, lambda _: changed)
    assert after is not None
    return after


async def outcome(stores: Stores, transaction: str, preference: str = "1", contexts: str = "") -> str:
    feed = await stores.feeds.open(ENVIRONMENT, ADA, contexts)
    appended = await stores.append(feed, transaction, preference=preference)
    assert appended is not None
    return appended.outcome


async def test_the_closest_choice_wins(stores: Stores) -> None:
    subscriber = await ada(stores)
    assert await outcome(stores, "t0") == "stored"
    await choose(stores, subscriber, all=False)
    assert await outcome(stores, "t1") == "suppressed"
    assert await outcome(stores, "t2", "c") == "stored", "a critical workflow knows no choice"
    await choose(stores, subscriber, w=True)
    assert await outcome(stores, "t3") == "stored"
    assert await outcome(stores, "t4", "0") == "stored", "a subscriber may switch on what is off"
    await choose(stores, subscriber, w=None)
    assert await outcome(stores, "t5") == "suppressed"
    await choose(stores, subscriber, all=None)
    assert await outcome(stores, "t6") == "stored"
    assert await outcome(stores, "t7", "0") == "suppressed"


async def test_every_feed_knows_those_opened_later_too(stores: Stores) -> None:
    subscriber = await ada(stores)
    assert await outcome(stores, "t0", contexts="tenant:a") == "stored"
    await choose(stores, subscriber, w=False)
    assert await outcome(stores, "t1", contexts="tenant:a") == "suppressed"
    assert await outcome(stores, "t2", contexts="tenant:b") == "suppressed"
    assert await outcome(stores, "t3") == "suppressed"
    other = await stores.feeds.open(ENVIRONMENT, SubscriberId("bob"))
    appended = await stores.append(other, "t4")
    assert appended is not None
    assert appended.outcome == "stored"


async def test_feeds_opened_while_choices_are_written_agree_with_them(stores: Stores) -> None:
    subscriber = await ada(stores)
    feeds = [stores.feeds.open(ENVIRONMENT, ADA, f"tenant:{number}") for number in range(15)]
    await asyncio.gather(choose(stores, subscriber, all=False), *feeds)
    outcomes = [await outcome(stores, f"t{number}", contexts=f"tenant:{number}") for number in range(15)]
    assert outcomes == ["suppressed"] * 15


async def test_concurrent_changes_are_all_kept(stores: Stores, other_stores: Stores) -> None:
    subscriber = await ada(stores)

    async def add(each: Stores, number: int) -> None:
        name = f"{number:024x}"
        assert await store_of(each).change(ENVIRONMENT, subscriber, lambda _: {name: Choice({"in_app": True}, None, 1)})

    await asyncio.gather(*(add(stores if number % 2 else other_stores, number) for number in range(12)))
    kept = await store_of(stores).read(ENVIRONMENT, subscriber.oid)
    assert (len(kept.choices), kept.revision) == (12, 12)


async def test_what_is_kept_is_what_was_chosen(stores: Stores) -> None:
    subscriber = await ada(stores)
    schedule = {"isEnabled": True, "weeklySchedule": {"monday": {"isEnabled": True}}}
    changed = {GLOBAL: Choice({"email": False}, schedule, 5), WORKFLOW: Choice({"in_app": False, "sms": True}, None, 6)}
    await store_of(stores).change(ENVIRONMENT, subscriber, lambda _: changed)
    assert (await store_of(stores).read(ENVIRONMENT, subscriber.oid)).choices == changed
    assert await outcome(stores, "t0") == "suppressed"


async def test_choices_end_with_their_subscriber(stores: Stores) -> None:
    subscriber = await ada(stores)
    await choose(stores, subscriber, all=False)
    await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert await store_of(stores).change(ENVIRONMENT, subscriber, lambda _: {GLOBAL: Choice({"in_app": False})}) is None
    again = await ada(stores)
    assert (await store_of(stores).read(ENVIRONMENT, again.oid)).choices == {}
    assert await outcome(stores, "t0") == "stored"
