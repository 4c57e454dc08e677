"""Throttles: exactly as many events go on as a window lets through, whoever asks, repeats or dies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.models.topic import SubscriptionItem
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.services import Services
from inbox.store.feed import Feed
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS
from inbox.store.throttles import ThrottleCount, ThrottledEvent, ThrottleStore
from tests.support.faults import Killed

from .conftest import WORKFLOW, Stores
from .rig import in_app, mortal
from .test_dispatches import Rig, rig, until_done
from .test_runs import DELAY, digest, left_over, pass_and_fire, timers

__all__ = ["rig"]

HOUR_MS = 3_600_000


def event(feed: Feed, transaction: str, key: str = "", threshold: int = 3, window_ms: int = HOUR_MS) -> ThrottledEvent:
    return ThrottledEvent(feed, transaction, WORKFLOW, "throttle", key, threshold, window_ms)


def passed(counts: Sequence[ThrottleCount | None]) -> list[bool | None]:
    return [one.passes if one else None for one in counts]


async def test_exactly_as_many_as_the_threshold_pass_however_many_ask_at_once(
    stores: Stores, other_stores: Stores
) -> None:
    feed = await stores.feed()
    throttles = [ThrottleStore(one.client, one.keys) for one in (stores, other_stores)]

    async def ask(caller: int) -> list[ThrottleCount | None]:
        events = [event(feed, f"t{caller}-{number}", threshold=7) for number in range(10)]
        return await throttles[caller % 2].count(events)

    counts = [one for counted in await asyncio.gather(*map(ask, range(10))) for one in counted if one]
    assert sorted(one.event_count for one in counts) == list(range(1, 101))
    assert {one.event_count for one in counts if one.passes} == set(range(1, 8))
    assert len({one.opened_ms for one in counts}) == 1


async def test_a_transaction_counts_once_and_its_decision_stands(stores: Stores) -> None:
    feed, throttles = await stores.feed(), ThrottleStore(stores.client, stores.keys)
    events = [event(feed, name, threshold=1) for name in ("a", "b", "a", "b", "b")]
    first = await throttles.count(events)
    assert passed(first) == [True, False, True, False, False]
    assert [one.event_count for one in first if one] == [1, 2, 1, 2, 2]
    assert await throttles.count([one._replace(threshold=9) for one in events]) == first


async def test_keys_steps_workflows_and_feeds_have_windows_of_their_own(stores: Stores) -> None:
    ada, bob = await stores.feed(), await stores.feed("bob")
    throttles = ThrottleStore(stores.client, stores.keys)
    one = event(ada, "a", threshold=1)
    others = [
        one._replace(transaction_id="b", key="k"),
        one._replace(transaction_id="c", step_id="other"),
        one._replace(transaction_id="d", workflow_id="f" * 24),
        one._replace(transaction_id="e", feed=bob),
        one._replace(step_id="second"),
    ]
    assert passed(await throttles.count([one, *others])) == [True] * 6
    assert passed(await throttles.count([one._replace(transaction_id=f"{name}2") for name in "ab"])) == [False] * 2


async def test_a_window_ends_and_its_key_with_it(stores: Stores) -> None:
    feed, throttles = await stores.feed(), ThrottleStore(stores.client, stores.keys)
    before = await stores.keys_in_use()
    await throttles.count([event(feed, "a", threshold=1), event(feed, "b", threshold=1)])
    added = await stores.keys_in_use() - before
    lifetimes = sorted([await stores.client.execute("PTTL", key) for key in added])
    assert HOUR_MS - 60_000 < lifetimes[0] <= HOUR_MS
    assert all(
        IDEMPOTENCY_TTL_SECONDS * 1_000 - 60_000 < one <= IDEMPOTENCY_TTL_SECONDS * 1_000 for one in lifetimes[1:]
    )
    [window] = [key for key in added if ":v:" in key]
    await stores.client.execute("PEXPIRE", window, 0)
    assert passed(await throttles.count([event(feed, "c", threshold=1)])) == [True]


async def test_a_feed_that_is_gone_has_no_decision(stores: Stores) -> None:
    feed, throttles = await stores.feed(), ThrottleStore(stores.client, stores.keys)
    assert passed(await throttles.count([event(replace(feed, subscriber_oid="f" * 24), "a")])) == [None]


def throttle(**controls: Any) -> dict[str, Any]:
    values = {"amount": 1, "unit": "hours", **controls}
    return {"name": "Throttle", "stepId": "throttle", "type": "throttle", "controlValues": values}


async def trigger(
    rig: Rig, transaction: str, to: Any = "ada", services: Services | None = None, **payload: Any
) -> None:
    request = TriggerRequest(name="throttled", to=to, payload=payload, transaction_id=transaction)
    await (services or rig.first).triggers.trigger(rig.environment, request)


async def close_windows(rig: Rig) -> None:
    """The windows of all throttles end."""
    async for keys in rig.first.client.scan(f"{rig.prefix}*:v:*", 1_000):
        await rig.first.client.batch([("UNLINK", key) for key in keys])


async def test_the_steps_behind_a_throttle_are_carried_out_for_as_many_events(rig: Rig) -> None:
    said = "{{payload.n}}: {{steps.throttle.throttled}} {{steps.throttle.executionCount}}/{{steps.throttle.threshold}}"
    await rig.make_workflow("throttled", in_app("all {{payload.n}}"), throttle(threshold=2), in_app(said, "behind"))
    for number in range(4):
        for _ in range(2):
            await trigger(rig, f"t{number}", n=number)
    assert await rig.contents("ada") == ["all 0", "0: false 1/2", "all 1", "1: false 2/2", "all 2", "all 3"]
    await close_windows(rig)
    await trigger(rig, "t3", n=3)
    await trigger(rig, "t4", n=4)
    assert (await rig.contents("ada"))[6:] == ["all 4", "4: false 1/2"], "what was throttled stays so"


async def test_a_key_is_a_template_and_a_condition_passes_the_throttle_by(rig: Rig) -> None:
    step = throttle(throttleKey="payload.post", skip={"!=": [{"var": "payload.urgent"}, True]})
    await rig.make_workflow("throttled", step, in_app("{{payload.n}} {{steps.throttle.throttled}}"))
    for number, (post, urgent) in enumerate([("a", False), ("b", False), ("a", False), ("a", True), ("a", True)]):
        await trigger(rig, f"t{number}", n=number, post=post, urgent=urgent)
    assert await rig.contents("ada") == ["0 false", "1 false", "3 false", "4 false"]


async def test_throttles_follow_each_other_and_what_waits(rig: Rig) -> None:
    second = throttle(threshold=1) | {"stepId": "second"}
    await rig.make_workflow(
        "throttled", DELAY, throttle(threshold=2), second, DELAY | {"stepId": "more"}, in_app("{{payload.n}}")
    )
    for number in range(3):
        await trigger(rig, f"t{number}", n=number)
    assert await rig.contents("ada") == []
    for _ in range(2):
        await pass_and_fire(rig)
    assert len(await rig.contents("ada")) == 1
    assert (await left_over(rig), await timers(rig)) == ([], {})


async def test_a_digest_is_throttled_as_one_event(rig: Rig) -> None:
    await rig.make_workflow(
        "throttled", digest(), throttle(), in_app("{{steps.collect.count}} {{steps.throttle.throttled}}")
    )
    for window in range(2):
        for number in range(3):
            await trigger(rig, f"t{window}{number}", n=number)
        await pass_and_fire(rig)
    assert await rig.contents("ada") == ["3 false"]


@pytest.mark.parametrize("by_topic", [False, True])
async def test_a_dispatch_is_throttled_for_each_subscriber(rig: Rig, by_topic: bool) -> None:
    names = await rig.people(120)
    await rig.make_workflow("throttled", throttle(threshold=2), in_app("{{payload.n}} {{subscriber.subscriberId}}"))
    items = [SubscriptionItem(subscriber_id=SubscriberId(name)) for name in names]
    for start in range(0, len(items), 100):
        await rig.first.subscriptions.subscribe(rig.environment, "news", items[start : start + 100])
    for number in range(3):
        if by_topic:
            await trigger(rig, f"t{number}", [{"type": "Topic", "topicKey": "news"}], n=number)
        else:
            request = BroadcastRequest(name="throttled", payload={"n": number}, transaction_id=f"t{number}")
            await rig.first.triggers.trigger(rig.environment, request)
        await rig.first.dispatch_worker.run_until_idle()
    assert {name: await rig.contents(name) for name in names} == {name: [f"0 {name}", f"1 {name}"] for name in names}


async def test_a_dispatch_whose_worker_dies_counts_every_event_once(rig: Rig) -> None:
    names = await rig.people(120)
    await rig.make_workflow("throttled", throttle(threshold=2), in_app("{{payload.n}}"))
    for number in range(2):
        request = BroadcastRequest(name="throttled", payload={"n": number}, transaction_id=f"t{number}")
        await rig.first.triggers.trigger(rig.environment, request)
    for calls in range(0, 60, 3):
        doomed = await rig.process()
        mortal(doomed).calls_left = calls
        with pytest.raises(Killed):
            await doomed.dispatch_worker.run_until_idle()
    for number in range(2):
        await until_done(rig, f"t{number}")
    assert {tuple(sorted(await rig.contents(name))) for name in names} == {("0", "1")}


async def test_erasing_somebody_ends_the_windows(rig: Rig) -> None:
    await rig.make_workflow("throttled", throttle(), in_app("{{payload.n}}"))
    for name in ("ada", "bob"):
        await trigger(rig, f"t-{name}", name)

    async def windows() -> int:
        return len([key async for keys in rig.first.client.scan(f"{rig.prefix}*:v:*", 1_000) for key in keys])

    assert await windows() == 2
    await rig.first.erasure.erase(rig.environment, SubscriberId("ada"))
    assert await windows() == 1
    await trigger(rig, "again", "ada", n=1)
    assert await rig.contents("ada") == ["1"]
