"""Dispatches: once in effect, in order, by several workers, whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from inbox.errors import StoreUnavailable, ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.topic import SubscriptionItem
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.service.trigger import delivery
from inbox.service.trigger.audience import SHARE_SLICE
from inbox.service.trigger.dispatches import progress_view
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.store import feeds
from inbox.store.dispatches import MAX_SHARES_AT_ONCE, Batch, DispatchShare
from inbox.store.keys import BUCKETS, SHARE_TTL_SECONDS
from inbox.store.messages import AppendResult
from tests.conftest import one_server_and_cluster
from tests.support.faults import Killed

from .rig import Rig as BaseRig
from .rig import in_app, mortal

PEOPLE = 240
LEASE_SECONDS = 1.0


class Rig(BaseRig):
    """With many people, and broadcasts to them."""

    async def people(self, count: int = PEOPLE, prefix: str = "s") -> list[str]:
        names = [f"{prefix}{number}" for number in range(count)]
        for start in range(0, count, 40):
            part = names[start : start + 40]
            made = [self.first.subscribers.create(self.environment, SubscriberId(one), {}) for one in part]
            await asyncio.gather(*made)
        return names

    async def workflow(self, identifier: str = "w", *bodies: str) -> None:
        steps = [in_app(body, f"step {place}") for place, body in enumerate(bodies or ("{{payload.text}}",))]
        await self.make_workflow(identifier, *steps)

    async def broadcast(self, transaction_id: str = "t", text: str = "hello") -> None:
        request = BroadcastRequest(name="w", payload={"text": text}, transaction_id=transaction_id)
        assert (await self.first.triggers.trigger(self.environment, request)).status == "processed"

    async def contents(self, name: str, contexts: str = "") -> list[str]:
        """What somebody has, oldest first."""
        feed = await self.first.feed_store.open(self.environment.number, SubscriberId(name), contexts)
        snapshot = await self.first.feed_store.snapshot(feed)
        assert snapshot is not None
        found = await self.first.feed_store.messages(feed, range(1, len(snapshot.flags) + 1))
        assert found is not None
        return [message.stored.content for message in found[0]]

    async def progress(self, transaction_id: str = "t") -> dict[str, object]:
        found = await self.first.dispatches.progress(self.environment, transaction_id)
        assert found is not None
        return progress_view(found)


@pytest.fixture
async def rig(store_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    rig = Rig(store_url, key_prefix, {"work_lease_seconds": LEASE_SECONDS})
    await rig.process()
    await rig.workflow()
    yield rig
    await rig.close()


def item(name: str) -> SubscriptionItem:
    return SubscriptionItem(subscriber_id=SubscriberId(name))


@pytest.mark.parametrize("behind_the_request", [False, True])
async def test_whoever_has_messages_in_too_many_contexts_is_passed_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, behind_the_request: bool
) -> None:
    monkeypatch.setattr(feeds, "MAX_FEEDS", 2)
    monkeypatch.setattr(delivery, "MAX_IN_REQUEST", 1 if behind_the_request else 100)
    full, *others = await rig.people(3)
    for contexts in ("", "tenant:a"):
        await rig.first.feed_store.open(rig.environment.number, SubscriberId(full), contexts)
    said: dict[str, Any] = {"name": "w", "payload": {"text": "hello"}, "context": {"tenant": "b"}}
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(transaction_id="t", **said))
    if behind_the_request:
        await until_done(rig)
    assert [await rig.contents(name, "tenant:b") for name in others] == [["hello"]] * 2
    with pytest.raises(ValidationFailed):
        await rig.first.triggers.trigger(rig.environment, TriggerRequest(to=full, **said))
    known = await rig.first.subscribers.get(rig.environment, SubscriberId(full))
    assert list(known.feeds) == ["", "tenant:a"]


async def test_everybody_gets_it_once_and_the_progress_tells(rig: Rig) -> None:
    names = await rig.people()
    for _ in range(2):
        await rig.broadcast()
    assert await rig.progress() == {
        **{"status": "running", "total": PEOPLE, "delivered": 0},
        **{"suppressed": 0, "failed": 0, "skipped": 0, "waiting": 0},
    }
    assert await rig.contents(names[0]) == []
    await rig.first.dispatch_worker.run_until_idle()
    assert {name: await rig.contents(name) for name in names} == {name: ["hello"] for name in names}
    done = await rig.progress()
    assert (done["status"], done["delivered"]) == ("done", PEOPLE)
    await rig.broadcast()
    await rig.first.dispatch_worker.run_until_idle()
    assert await rig.contents(names[0]) == ["hello"]


async def test_a_content_that_names_nobody_is_kept_once_in_a_bucket(rig: Rig) -> None:
    names = await rig.people()
    text = "long " * 200
    await rig.broadcast(text=text)
    await rig.first.dispatch_worker.run_until_idle()
    feed = await rig.first.feed_store.open(rig.environment.number, SubscriberId(names[0]))
    [[_, fields]] = await rig.first.client.execute("XRANGE", feed.keys.stream, "-", "+")
    assert sum(map(len, fields)) < 60
    snapshot = await rig.first.feed_store.snapshot(feed)
    assert snapshot is not None
    found = await rig.first.feed_store.contents(feed, snapshot, [1])
    assert text.encode() in found[1]
    other = await rig.process()
    page = await other.feed_store.messages(feed, [1])
    assert page is not None
    assert page[0][0].stored.content == text


async def test_what_names_the_subscriber_is_rendered_for_each(rig: Rig) -> None:
    names = await rig.people()
    await rig.workflow("named", "for {{subscriber.subscriberId}}", "again")
    request = BroadcastRequest(name="named", payload={}, transaction_id="n")
    await rig.first.triggers.trigger(rig.environment, request)
    await rig.first.dispatch_worker.run_until_idle()
    for name in names:
        assert await rig.contents(name) == [f"for {name}", "again"]
    assert (await rig.progress("n"))["delivered"] == 2 * PEOPLE


async def test_two_workers_share_it(rig: Rig) -> None:
    names = await rig.people()
    other = await rig.process()
    await rig.broadcast()
    await asyncio.gather(rig.first.dispatch_worker.run_until_idle(), other.dispatch_worker.run_until_idle())
    assert {len(await rig.contents(name)) for name in names} == {1}
    assert (await rig.progress())["status"] == "done"


async def test_two_dispatches_reach_each_feed_in_their_order(rig: Rig) -> None:
    names = await rig.people()
    other = await rig.process()
    for number in range(3):
        await rig.broadcast(f"t{number}", f"{number}")
    await asyncio.gather(rig.first.dispatch_worker.run_until_idle(), other.dispatch_worker.run_until_idle())
    for services in (rig.first, other):  # the one that ended first found what the other held
        await services.dispatch_worker.run_until_idle()
    assert {tuple(await rig.contents(name)) for name in names} == {("0", "1", "2")}


async def test_dispatches_keep_their_order_within_a_millisecond_and_when_the_clock_is_put_back(rig: Rig) -> None:
    store = rig.first.dispatch_worker._store
    number = rig.environment.number
    key = rig.first.keys.dispatches(number)
    assert await store.accept(number, "f", b"", 0)
    ahead = float(await rig.first.client.execute("ZSCORE", key, "f")) + 3_600_000
    await rig.first.client.execute("ZADD", key, int(ahead), "f")
    for dispatch_id in "edcba":
        assert await store.accept(number, dispatch_id, b"", 0)
    assert (await store.running([number], 16))[number] == list("fedcba")
    hashes = [rig.first.keys.dispatch(number, one)[0] for one in "fa"]
    accepted = [await rig.first.client.execute("HGET", key, "accepted") for key in hashes]
    assert int(accepted[0]) <= int(accepted[1]) < ahead


@pytest.mark.parametrize(
    ("total", "at_once"),
    [
        (0, MAX_SHARES_AT_ONCE),
        (PEOPLE, MAX_SHARES_AT_ONCE),
        (SHARE_SLICE * BUCKETS // 3, 3),
        (SHARE_SLICE * BUCKETS, 1),
        (10**7, 1),
    ],
)
async def test_small_shares_are_acquired_several_at_a_time(rig: Rig, total: int, at_once: int) -> None:
    store, number = rig.first.dispatch_worker._store, rig.environment.number
    assert await store.accept(number, "d", b"", total)
    first, second = [await store.acquire(number, "d", 60_000, SHARE_SLICE) for _ in range(2)]
    assert len(first) == len(second) == at_once
    assert not set(first) & set(second)
    free = BUCKETS - 2 * at_once
    assert await store.accept(number, "later", b"", 0)
    assert await store.acquire(number, "later", 60_000, SHARE_SLICE, ["d"]) == []
    rest = []
    while shares := await store.acquire(number, "d", 60_000, SHARE_SLICE):
        rest += shares
    assert len(set(rest)) == free
    assert await store.renew(first[0], 60_000)


async def test_shares_that_are_finished_together_are_counted_once(rig: Rig) -> None:
    await rig.people()
    await rig.broadcast()
    store, number = rig.first.dispatch_worker._store, rig.environment.number
    [dispatch_id] = (await store.running([number], 5))[number]
    first = await store.acquire(number, dispatch_id, 60_000, SHARE_SLICE)
    for share in first:
        assert await rig.first.dispatch_worker._carry_out(share)
    stored = sum([len(await rig.contents(f"s{index}")) for index in range(PEOPLE)])
    assert stored > 0
    assert (await rig.progress())["delivered"] == 0
    for again in (first[:2], first, first):
        assert not await store.finish(again)
    assert (await rig.progress())["delivered"] == stored
    assert not any([await store.renew(share, 60_000) for share in first])
    await rig.first.dispatch_worker.run_until_idle()
    assert (await rig.progress())["delivered"] == PEOPLE
    assert not await store.finish([DispatchShare(number, dispatch_id, 0)])


@one_server_and_cluster
@pytest.mark.parametrize("start", range(0, 64, 8))
async def test_a_worker_that_dies_at_any_call_is_gone_on_for(rig: Rig, start: int) -> None:
    names = await rig.people()
    await rig.broadcast()
    for calls in range(start, start + 8):
        doomed = await rig.process()
        mortal(doomed).calls_left = calls
        with pytest.raises(Killed):
            await doomed.dispatch_worker.run_until_idle()
    await rig.end_leases()
    await until_done(rig)
    assert {name: await rig.contents(name) for name in names} == {name: ["hello"] for name in names}
    assert (await rig.progress())["delivered"] == PEOPLE


async def until_done(rig: Rig, transaction_id: str = "t") -> None:
    """Works on until the leases of the dead have lapsed and everything is done."""
    async with asyncio.timeout(60):
        while (await rig.progress(transaction_id))["status"] == "running":
            await rig.first.dispatch_worker.run_until_idle()
            await asyncio.sleep(0.05)


async def test_a_slow_worker_whose_share_was_taken_over_changes_nothing(rig: Rig) -> None:
    names = await rig.people()
    await rig.broadcast()
    store = rig.first.dispatch_worker._store
    [dispatch_id] = (await store.running([rig.environment.number], 5))[rig.environment.number]
    slow, *_ = await store.acquire(rig.environment.number, dispatch_id, 1, SHARE_SLICE)
    await asyncio.sleep(0.02)
    await rig.first.dispatch_worker.run_until_idle()
    assert not await store.renew(slow, 1000)
    await rig.first.dispatch_worker._carry_out(slow)
    assert {len(await rig.contents(name)) for name in names} == {1}
    assert (await rig.progress())["delivered"] == PEOPLE


async def test_preferences_conditions_and_failures_are_counted(rig: Rig) -> None:
    names = await rig.people()
    await rig.workflow("mixed", "{{subscriber.data.missing | append: '%' | url_decode}}", "fine")
    muted = await rig.first.subscribers.get(rig.environment, SubscriberId(names[0]))
    await rig.first.preferences.choose(rig.environment, muted, [("mixed", {"in_app": False})])
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(name="mixed", payload={}, transaction_id="m"))
    await rig.first.dispatch_worker.run_until_idle()
    found = await rig.progress("m")
    assert (found["delivered"], found["suppressed"], found["failed"]) == (PEOPLE - 1, 1, PEOPLE)
    assert await rig.contents(names[0]) == []
    assert await rig.contents(names[1]) == ["fine"]


async def test_a_large_topic_leaves_out_whom_it_should(rig: Rig) -> None:
    names = await rig.people()
    service = rig.first.subscriptions
    await service.subscribe(rig.environment, "team", [item(name) for name in names])
    topic = {"type": "Topic", "topicKey": "team", "exclude": [names[1]]}
    request = TriggerRequest(
        name="w", payload={"text": "x"}, transaction_id="t", to=[names[0], topic], actor={"subscriberId": names[2]}
    )
    await rig.first.triggers.trigger(rig.environment, request)
    assert await rig.contents(names[0]) == ["x"]  # named directly: in the request
    await service.unsubscribe(rig.environment, "team", [item(names[3])])
    await rig.first.subscribers.delete(rig.environment, SubscriberId(names[4]))
    await rig.first.dispatch_worker.run_until_idle()
    for place, name in enumerate(names):
        if place != 4:
            assert await rig.contents(name) == ([] if place in (1, 2, 3) else ["x"]), name
    assert (await rig.progress())["status"] == "done"


async def test_cancelling_stops_what_is_left(rig: Rig) -> None:
    names = await rig.people()
    await rig.broadcast()
    doomed = await rig.process()
    mortal(doomed).calls_left = 60
    with pytest.raises(Killed):
        await doomed.dispatch_worker.run_until_idle()
    assert await rig.first.dispatches.cancel(rig.environment, "t")
    assert not await rig.first.dispatches.cancel(rig.environment, "t")
    await rig.first.dispatch_worker.run_until_idle()
    reached = [name for name in names if await rig.contents(name)]
    assert 0 < len(reached) < PEOPLE
    assert (await rig.progress())["status"] == "cancelled"
    await rig.broadcast()
    await rig.first.dispatch_worker.run_until_idle()
    assert [name for name in names if await rig.contents(name)] == reached


@pytest.mark.parametrize("error", [StoreUnavailable, asyncio.CancelledError])
async def test_an_error_leaves_no_share_of_those_acquired_together_to_its_lease(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    names = await rig.people()
    await rig.broadcast()
    worker = rig.first.dispatch_worker
    acquire, append = worker._store.acquire, worker._store.append
    reached: list[DispatchShare] = []

    async def acquire_next(*args: Any) -> list[DispatchShare]:
        reached.clear()
        return await acquire(*args)

    async def append_or_fail(share: DispatchShare, cursor: str, batch: Batch) -> list[AppendResult | None] | None:
        if batch.deliveries:
            reached.append(share)
            if len(set(reached)) == 2:
                monkeypatch.undo()
                raise error
        return await append(share, cursor, batch)

    worker._lease_ms = 600_000
    monkeypatch.setattr(worker._store, "acquire", acquire_next)
    monkeypatch.setattr(worker._store, "append", append_or_fail)
    with pytest.raises(error):
        await worker.run_until_idle()
    stored = sum([len(await rig.contents(name)) for name in names])
    assert (await rig.progress())["delivered"] == stored > 0
    await worker.run_until_idle()
    assert {name: await rig.contents(name) for name in names} == {name: ["hello"] for name in names}
    assert (await rig.progress())["status"] == "done"


async def test_after_cancelling_no_other_share_is_begun(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    names = await rig.people()
    await rig.broadcast()
    store = rig.first.dispatch_worker._store
    append, appended = store.append, list[DispatchShare]()

    async def append_and_cancel(share: DispatchShare, *args: Any) -> list[AppendResult | None] | None:
        appended.append(share)
        results = await append(share, *args)
        if len(appended) == 1:
            assert await rig.first.dispatches.cancel(rig.environment, "t")
        return results

    monkeypatch.setattr(store, "append", append_and_cancel)
    await rig.first.dispatch_worker.run_until_idle()
    assert len(set(appended)) == 1
    found = await rig.progress()
    assert found["status"] == "cancelled"
    assert found["delivered"] == sum([len(await rig.contents(name)) for name in names])


async def test_a_share_that_failed_before_its_first_append_is_not_kept_for_ever(rig: Rig) -> None:
    store, number = rig.first.dispatch_worker._store, rig.environment.number
    assert await store.accept(number, "d", b"", 0)
    [share, *_] = await store.acquire(number, "d", 60_000, SHARE_SLICE)
    assert [await store.postpone(share, 60_000) for _ in range(2)] == [1, 2]
    assert await store.cancel(number, "d")
    key = rig.first.keys.bucket(number, share.bucket).share("d")
    assert 0 < await rig.first.client.execute("TTL", key) <= SHARE_TTL_SECONDS


async def test_environments_take_turns(rig: Rig) -> None:
    await rig.people()
    other = await rig.first.environments.create("Other")
    [mine, theirs] = [rig.environment, other]
    await rig.broadcast()
    steps = [{"name": "s", "type": "in_app", "controlValues": {"body": "x"}}]
    body = msgspec.convert({"name": "w", "workflowId": "w", "steps": steps}, WorkflowCreate)
    await rig.first.workflows.create(theirs, body)
    for number in range(120):
        await rig.first.subscribers.create(theirs, SubscriberId(f"o{number}"), {})
    await rig.first.triggers.trigger(theirs, BroadcastRequest(name="w", payload={}, transaction_id="t"))
    for _ in range(20):
        await rig.first.dispatch_worker._turn()
    store = rig.first.dispatch_worker._store
    left = []
    for environment in (mine, theirs):
        [one] = (await store.running([environment.number], 5))[environment.number]
        key = rig.first.keys.dispatch(environment.number, one)[1]
        left.append(await rig.first.client.execute("ZCARD", key))
    assert left == [BUCKETS - 20 * MAX_SHARES_AT_ONCE] * 2
