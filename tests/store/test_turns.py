"""However long it takes to render for many, others have their turn in between."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.models.topic import SubscriptionItem
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.service.trigger import delivery
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.store.feed import Feed
from inbox.store.keys import bucket_of
from inbox.tasks import MAX_CONCURRENT_CALLS, TURN_SECONDS, in_turn

from .rig import Rig, in_app

NAMES = [f"person{number}" for number in range(4_000) if bucket_of(f"person{number}") == 7][:8]


class Ticker:
    """Counts the rounds of the loop."""

    def __init__(self) -> None:
        self.rounds = 0

    async def run(self) -> None:
        while True:
            self.rounds += 1
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    ticker = Ticker()
    task = asyncio.create_task(ticker.run())
    try:
        yield ticker
    finally:
        task.cancel()


def work(seconds: float = 2 * TURN_SECONDS) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@pytest.fixture
async def rig(store_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    rig = Rig(store_url, key_prefix)
    await rig.process()
    await rig.make_workflow("w", in_app("{{subscriber.firstName}} {{payload.text}}"))
    for name in NAMES:
        await rig.first.subscribers.upsert(rig.environment, SubscriberId(name), {"firstName": name})
    yield rig
    await rig.close()


@pytest.fixture
async def began(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[int]]:
    """In which round of the loop the rendering for each recipient began; each takes some time."""
    rounds: list[int] = []
    render = Plan.render

    async with ticking() as ticker:

        def slow(plan: Plan, feed: Feed, subscriber: Mapping[str, Any] | None, *rest: Any) -> RenderedSteps:
            rounds.append(ticker.rounds)
            work()
            return render(plan, feed, subscriber, *rest)

        monkeypatch.setattr(Plan, "render", slow)
        yield rounds


def check(began: list[int]) -> None:
    assert len(began) == len(NAMES)
    assert len(set(began)) == len(NAMES)


async def trigger(rig: Rig, to: Any) -> None:
    await rig.first.triggers.trigger(rig.environment, TriggerRequest(name="w", to=to, payload={"text": "x"}))


async def test_between_the_recipients_that_a_trigger_names(rig: Rig, began: list[int]) -> None:
    await trigger(rig, NAMES)
    check(began)


async def test_between_the_members_of_a_topic(rig: Rig, began: list[int]) -> None:
    items = [SubscriptionItem(subscriber_id=SubscriberId(name)) for name in NAMES]
    await rig.first.subscriptions.subscribe(rig.environment, "t", items)
    await trigger(rig, {"type": "Topic", "topicKey": "t"})
    check(began)


async def test_between_the_recipients_of_a_share(rig: Rig, began: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_IN_REQUEST", 1)
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(name="w", payload={"text": "x"}))
    await rig.first.dispatch_worker.run_until_idle()
    check(began)


async def test_between_calls_that_wait_for_nothing() -> None:
    rounds: list[int] = []
    async with ticking() as ticker:

        async def call(item: int) -> int:
            rounds.append(ticker.rounds)
            work(TURN_SECONDS / 10)
            return item

        assert await in_turn(call, range(200)) == list(range(200))
    assert max(rounds.count(one) for one in rounds) <= 10 + MAX_CONCURRENT_CALLS


async def test_the_first_failure_is_raised_once_all_have_ended() -> None:
    ended: list[int] = []

    async def call(item: int) -> int:
        await asyncio.sleep(0)
        if item % 10 == 3:
            raise ValueError(item)
        ended.append(item)
        return item

    with pytest.raises(ValueError, match=r"^3$"):
        await in_turn(call, range(50))
    assert len(ended) == 45
    assert await in_turn(call, []) == []
