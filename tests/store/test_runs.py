"""Delays and digests: once in effect, in the right groups, whoever dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.jobs import background_jobs
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.services import Services
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import BUCKETS
from inbox.store.timers import TimerStore
from tests.conftest import one_server_and_cluster
from tests.support.faults import Killed

from .rig import in_app, mortal
from .test_dispatches import Rig, rig, until_done

__all__ = ["rig"]

HOUR = {"amount": 1, "unit": "hours"}
DELAY = {"name": "Wait", "stepId": "wait", "type": "delay", "controlValues": HOUR}
THROTTLE = {"name": "Limit", "stepId": "limit", "type": "throttle", "controlValues": {**HOUR, "threshold": 2}}
COLLECTED = "{{steps.collect.count}}: {% for e in steps.collect.events %}{{e.payload.n}},{% endfor %} {{payload.n}}"


def digest(**controls: Any) -> dict[str, Any]:
    values = {"amount": 1, "unit": "hours", **controls}
    return {"name": "Collect", "stepId": "collect", "type": "digest", "controlValues": values}


async def make(rig: Rig, *steps: dict[str, Any], name: str = "runs") -> None:
    await rig.make_workflow(name, *steps)


async def trigger(
    rig: Rig, transaction: str, to: Any = "ada", services: Services | None = None, **payload: Any
) -> None:
    request = TriggerRequest(name="runs", to=to, payload=payload, transaction_id=transaction)
    await (services or rig.first).triggers.trigger(rig.environment, request)


async def timers(rig: Rig) -> dict[int, list[bytes]]:
    """The timers that are set, by bucket."""
    keys = [rig.first.keys.bucket(rig.environment.number, bucket).timers for bucket in range(BUCKETS)]
    found = await rig.first.client.batch([("ZRANGE", key, 0, -1) for key in keys])
    return {bucket: names for bucket, names in enumerate(found) if names}


async def let_time_pass(rig: Rig, kind: bytes = b"") -> None:
    """All that waits, or has timers of that kind, became due an hour ago."""
    store = TimerStore(rig.first.client, rig.first.keys)
    due = int(time.time() * 1_000) - 3_600_000
    for bucket, names in (await timers(rig)).items():
        place = BucketKey(rig.environment.number, bucket)
        await store.schedule(place, due)
        key = rig.first.keys.bucket(place.environment, place.bucket).timers
        scores = [part for name in names if name.startswith(kind) for part in (due, name)]
        if scores:
            await rig.first.client.execute("ZADD", key, *scores)


async def pass_and_fire(rig: Rig, services: Services | None = None) -> None:
    await let_time_pass(rig)
    await (services or rig.first).timer_worker.fire_due()


async def left_over(rig: Rig) -> list[str]:
    """Keys of runs and windows that are still there."""
    kinds = ("n:", "w:", "c:")
    found = [key async for keys in rig.first.client.scan(f"{rig.prefix}*", 1_000) for key in keys]
    return [key for key in found if key.rpartition("}")[2].partition(":")[2].startswith(kinds)]


async def test_what_comes_before_a_delay_is_delivered_at_once_and_the_rest_when_its_time_has_come(rig: Rig) -> None:
    await make(rig, in_app("now"), DELAY, in_app("later {{payload.n}} {{subscriber.firstName}}"))
    for _ in range(2):
        await trigger(rig, "t", n=1)
    assert await rig.contents("ada") == ["now"]
    await rig.first.timer_worker.fire_due()
    assert await rig.contents("ada") == ["now"], "its time has not come"
    await rig.first.subscribers.update(rig.environment, SubscriberId("ada"), {"firstName": "Ada"})
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["now", "later 1 Ada"]
    await trigger(rig, "t", n=1)
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["now", "later 1 Ada"]
    assert (await left_over(rig), await timers(rig)) == ([], {})


async def test_a_delay_of_a_second_ends_by_itself_and_not_before(rig: Rig) -> None:
    await make(rig, {**DELAY, "controlValues": {"amount": 1, "unit": "seconds"}}, in_app("later"))
    began = time.time()
    async with background_jobs(rig.first)["timers"], asyncio.timeout(20):
        await trigger(rig, "t")
        while not await rig.contents("ada"):
            await asyncio.sleep(0.02)
        assert time.time() - began >= 1


async def test_delays_follow_each_other_and_what_is_skipped_is_passed_over(rig: Rig) -> None:
    skipped = {"skip": {"!=": [{"var": "payload.n"}, 1]}}
    first = {**DELAY, "controlValues": {"amount": 1, "unit": "hours", **skipped}}
    await make(rig, first, in_app("a"), DELAY | {"stepId": "second"}, in_app("b"))
    await trigger(rig, "one", n=1)
    await trigger(rig, "two", "bob", n=2)
    assert (await rig.contents("ada"), await rig.contents("bob")) == (["a"], [])
    await pass_and_fire(rig)
    assert (await rig.contents("ada"), await rig.contents("bob")) == (["a", "b"], ["a"])
    await pass_and_fire(rig)
    assert await rig.contents("bob") == ["a", "b"]
    assert await left_over(rig) == []


async def test_a_worker_that_comes_late_begins_nothing_early(rig: Rig) -> None:
    """It has read the timers, then lost its lease; meanwhile another one fired them, and the runs wait again."""
    await make(rig, digest(), DELAY, in_app("b"))
    await make(rig, DELAY, DELAY | {"stepId": "second"}, in_app("b"), name="delays")
    await trigger(rig, "t", n=1)
    await rig.first.triggers.trigger(rig.environment, TriggerRequest(name="delays", to="ada", transaction_id="u"))
    await let_time_pass(rig)
    [bucket] = await timers(rig)
    place, store = BucketKey(rig.environment.number, bucket), TimerStore(rig.first.client, rig.first.keys)
    stale = await store.due(place, 10)
    assert sorted(timer.kind for timer in stale) == [b"d", b"r"]
    await rig.first.timer_worker.fire_due()
    late = await rig.process()
    for timer in stale:
        await late.timer_worker._handlers[timer.kind](place, [timer])
    assert await rig.contents("ada") == []
    assert await rig.first.triggers.cancel(rig.environment, "t"), "it waits still"
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["b"]
    await trigger(rig, "another", n=2)
    for timer in stale:
        await late.timer_worker._handlers[timer.kind](place, [timer])
    assert [name[:1] for names in (await timers(rig)).values() for name in names] == [b"d"], "its window is open still"


async def test_a_cancellation_that_answers_true_has_cancelled(rig: Rig) -> None:
    """And one that answers false has not, wherever the process that carried the run out has died."""
    await make(rig, DELAY, in_app("{{payload.n}}"))
    answers, delivered = [], []
    for calls in range(10):
        await trigger(rig, f"t{calls}", n=calls)
        await let_time_pass(rig)
        doomed = await rig.process()
        mortal(doomed).calls_left = calls
        with pytest.raises(Killed):
            await fire(rig, doomed)
        answers.append(await rig.first.triggers.cancel(rig.environment, f"t{calls}"))
        await fire(rig, rig.first)
        delivered.append(str(calls) in await rig.contents("ada"))
    assert delivered == [not answer for answer in answers]
    assert set(answers) == {True, False}


async def test_a_delay_until_a_time_of_the_payload(rig: Rig) -> None:
    await make(rig, {**DELAY, "controlValues": {"until": "{{payload.at}}"}}, in_app("b"))
    await trigger(rig, "past", "past", at="2020-01-01T00:00:00Z")
    assert await rig.contents("past") == ["b"]
    await trigger(rig, "none", "none", at="soon")
    await trigger(rig, "far", "far", at="2999-01-01T00:00:00Z")
    assert await timers(rig) == {}
    await trigger(rig, "future", "future", at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7_200)))
    assert await rig.contents("future") == []
    await pass_and_fire(rig)
    assert [await rig.contents(name) for name in ("future", "none", "far")] == [["b"], [], []]


async def test_preferences_count_when_the_message_comes(rig: Rig) -> None:
    await make(rig, DELAY, in_app("b"))
    await trigger(rig, "t")
    ada = await rig.first.subscribers.get(rig.environment, SubscriberId("ada"))
    await rig.first.preferences.choose(rig.environment, ada, [("runs", {"in_app": False})])
    await pass_and_fire(rig)
    assert await rig.contents("ada") == []


async def test_the_runs_of_a_subscriber_that_is_gone_end_silently(rig: Rig) -> None:
    await make(rig, digest(), DELAY, in_app("b"))
    await make(rig, DELAY, in_app("b"), name="w2")
    await trigger(rig, "t")
    await rig.first.triggers.trigger(rig.environment, TriggerRequest(name="w2", to="ada", transaction_id="u"))
    await rig.first.subscribers.delete(rig.environment, SubscriberId("ada"))
    await pass_and_fire(rig)
    assert (await left_over(rig), await timers(rig)) == ([], {})
    assert await rig.first.subscribers.find_many(rig.environment, [SubscriberId("ada")]) == []


async def test_events_of_a_window_become_one_message_and_the_next_opens_another(rig: Rig) -> None:
    await make(rig, digest(), in_app(COLLECTED))
    for number in range(3):
        for _ in range(2):
            await trigger(rig, f"t{number}", n=number)
    await trigger(rig, "other", "bob", n=9)
    assert await rig.contents("ada") == []
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["3: 0,1,2, 2"]
    assert await rig.contents("bob") == ["1: 9, 9"]
    await trigger(rig, "t3", n=3)
    await trigger(rig, "t1", n=1)
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["3: 0,1,2, 2", "1: 3, 3"]
    assert (await left_over(rig), await timers(rig)) == ([], {})


async def test_a_digest_key_makes_groups(rig: Rig) -> None:
    await make(rig, digest(digestKey="{{payload.post}}"), in_app(COLLECTED))
    for number in range(6):
        await trigger(rig, f"t{number}", n=number, post=number % 2)
    await pass_and_fire(rig)
    assert sorted(await rig.contents("ada")) == ["3: 0,2,4, 4", "3: 1,3,5, 5"]


async def test_a_look_back_delivers_the_first_event_at_once(rig: Rig) -> None:
    await make(rig, digest(lookBackWindow={"amount": 5, "unit": "minutes"}), in_app(COLLECTED))
    for number in range(3):
        for _ in range(2):
            await trigger(rig, f"t{number}", n=number)
    assert await rig.contents("ada") == ["1: 0, 0"]
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["1: 0, 0", "2: 1,2, 2"]


async def test_a_digest_between_delays_keeps_its_events(rig: Rig) -> None:
    await make(rig, DELAY, digest(), DELAY | {"stepId": "second"}, in_app(COLLECTED))
    await trigger(rig, "a", n=1)
    await trigger(rig, "b", n=2)
    await pass_and_fire(rig)
    await trigger(rig, "c", n=3)
    await pass_and_fire(rig)
    assert await rig.contents("ada") == []
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["2: 1,2, 2"]
    for _ in range(2):
        await pass_and_fire(rig)
    assert await rig.contents("ada") == ["2: 1,2, 2", "1: 3, 3"]
    assert (await left_over(rig), await timers(rig)) == ([], {})


async def test_a_window_keeps_some_events_and_counts_all(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbox.store.runs.MAX_EVENTS", 3)
    await make(rig, digest(), in_app(COLLECTED))
    for number in range(8):
        await trigger(rig, f"t{number}", n=number)
    assert await rig.first.triggers.cancel(rig.environment, "t5"), "counted, not kept"
    assert not await rig.first.triggers.cancel(rig.environment, "t5")
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["7: 0,1,2,7, 7"]


@one_server_and_cluster
async def test_a_dispatch_waits_and_digests_for_everybody(rig: Rig) -> None:
    names = await rig.people(240)
    await make(rig, in_app("now"), DELAY, in_app("later"))
    await make(rig, digest(lookBackWindow={"amount": 5, "unit": "minutes"}), in_app(COLLECTED), name="digest")
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(name="runs", payload={}, transaction_id="t"))
    await rig.first.dispatch_worker.run_until_idle()
    assert {tuple(await rig.contents(name)) for name in names} == {("now",)}
    progress = await rig.progress()
    assert (progress["delivered"], progress["waiting"]) == (240, 240)
    await pass_and_fire(rig)
    assert {tuple(await rig.contents(name)) for name in names} == {("now", "later")}
    for number in range(3):
        request = BroadcastRequest(name="digest", payload={"n": number}, transaction_id=f"d{number}")
        await rig.first.triggers.trigger(rig.environment, request)
        await rig.first.dispatch_worker.run_until_idle()
    assert {tuple(await rig.contents(name)) for name in names} == {("now", "later", "1: 0, 0")}
    assert (await rig.progress("d0"))["delivered"] == 240
    await pass_and_fire(rig)
    assert {tuple(await rig.contents(name)) for name in names} == {("now", "later", "1: 0, 0", "2: 1,2, 2")}
    assert (await left_over(rig), await timers(rig)) == ([], {})


@one_server_and_cluster
async def test_the_plan_of_a_delayed_dispatch_is_kept_once_in_each_bucket(rig: Rig) -> None:
    await rig.people(600)
    await make(rig, DELAY, in_app("later"))
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(name="runs", payload={}, transaction_id="t"))
    await rig.first.dispatch_worker.run_until_idle()
    kept = await left_over(rig)
    sizes = [await rig.first.client.execute("HLEN", key) for key in kept]
    assert sum(sizes) == 600 + 2 * len(kept)


async def test_cancelling_ends_what_waits_and_nothing_else(rig: Rig) -> None:
    await make(rig, in_app("now"), DELAY, in_app("later"))
    cancel = rig.first.triggers.cancel
    await trigger(rig, "t", ["ada", "bob"])
    await trigger(rig, "u")
    assert not await cancel(rig.environment, "unknown")
    assert await cancel(rig.environment, "t")
    assert not await cancel(rig.environment, "t")
    await pass_and_fire(rig)
    assert (await rig.contents("ada"), await rig.contents("bob")) == (["now", "now", "later"], ["now"])
    assert not await cancel(rig.environment, "u")
    await trigger(rig, "t", ["ada", "bob"])
    assert await timers(rig) == {}, "a cancelled transaction is not begun again"
    assert await left_over(rig) == []


async def test_a_cancelled_event_leaves_its_window(rig: Rig) -> None:
    await make(rig, digest(), in_app(COLLECTED))
    cancel = rig.first.triggers.cancel
    for number in range(4):
        await trigger(rig, f"t{number}", n=number)
    for number in (0, 3):
        assert await cancel(rig.environment, f"t{number}")
        assert not await cancel(rig.environment, f"t{number}")
    await trigger(rig, "alone", "bob", n=1)
    assert await cancel(rig.environment, "alone")
    await pass_and_fire(rig)
    assert (await rig.contents("ada"), await rig.contents("bob")) == (["2: 1,2, 2"], [])
    assert not await cancel(rig.environment, "t1")
    assert (await left_over(rig), await timers(rig)) == ([], {})


@one_server_and_cluster
async def test_a_cancelled_dispatch_ends_the_runs_that_it_began(rig: Rig) -> None:
    names = await rig.people(240)
    await make(rig, DELAY, in_app("later"))
    await rig.first.triggers.trigger(rig.environment, BroadcastRequest(name="runs", payload={}, transaction_id="t"))
    await rig.first.dispatch_worker.run_until_idle()
    assert await rig.first.triggers.cancel(rig.environment, "t")
    await pass_and_fire(rig)
    assert {tuple(await rig.contents(name)) for name in names} == {()}
    assert (await left_over(rig), await timers(rig)) == ([], {})


CRASHES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "delay": ([in_app("now"), DELAY, in_app("later")], ["now", "now", "later", "later"]),
    "digest": ([digest(), in_app(COLLECTED)], ["2: 0,1, 1"]),
    "look-back": (
        [digest(lookBackWindow={"amount": 5, "unit": "minutes"}), in_app(COLLECTED)],
        ["1: 0, 0", "1: 1, 1"],
    ),
    "throttle": (
        [DELAY, THROTTLE, in_app("middle", "middle"), DELAY | {"stepId": "second"}, in_app("last", "last")],
        ["middle", "middle", "last", "last"],
    ),
    "both": ([DELAY, digest(), DELAY | {"stepId": "second"}, in_app("{{steps.collect.eventCount}}")], ["2"]),
}


async def dies(rig: Rig, calls: int, action: Callable[[Services], Awaitable[None]]) -> bool:
    """Whether a process that dies before that call of the action dies at all."""
    doomed = await rig.process()
    mortal(doomed).calls_left = calls
    try:
        await action(doomed)
    except Killed:
        return True
    finally:
        rig.processes.remove(doomed)
        await doomed.client.close()
    return False


@one_server_and_cluster
@pytest.mark.parametrize("kind", CRASHES)
async def test_a_process_that_dies_at_any_call_of_beginning_is_repeated(rig: Rig, kind: str) -> None:
    """Each call by itself, on a subscriber of its own: what one left undone would change the calls of the next."""
    steps, expected = CRASHES[kind]
    await make(rig, *steps)
    people: list[str] = []
    died = True
    while died:
        calls, person = len(people), f"p{len(people)}"
        people.append(person)
        died = False
        for number in range(2):

            async def begin(services: Services, to: str = person, n: int = number) -> None:
                await trigger(rig, f"{to}-{n}", to, services, n=n)

            died |= await dies(rig, calls, begin)
            await begin(rig.first)
    assert len(people) > 5
    for _ in range(3):
        await pass_and_fire(rig)
    assert {person: await rig.contents(person) for person in people} == dict.fromkeys(people, expected)
    assert (await left_over(rig), await timers(rig)) == ([], {})


@one_server_and_cluster
@pytest.mark.parametrize("kind", CRASHES)
async def test_a_process_that_dies_at_any_call_of_firing_is_gone_on_for(rig: Rig, kind: str) -> None:
    steps, expected = CRASHES[kind]
    await make(rig, *steps)
    people: list[str] = []
    died = {True}
    while True in died:
        calls, person = len(people), f"p{len(people)}"
        people.append(person)
        for number in range(2):
            await trigger(rig, f"{person}-{number}", person, n=number)
        died = set()
        while await timers(rig):
            await let_time_pass(rig)
            died.add(await dies(rig, calls, lambda doomed: fire(rig, doomed)))
            await fire(rig, rig.first)
    assert len(people) > 5
    assert {person: await rig.contents(person) for person in people} == dict.fromkeys(people, expected)
    assert await left_over(rig) == []


async def test_a_run_that_dies_as_it_joins_a_window_leaves_nothing(rig: Rig) -> None:
    """It is not the one that opened it, whose run its end would cover."""
    no_delay = {**HOUR, "skip": {"!=": [{"var": "payload.n"}, 0]}}
    await make(rig, {**DELAY, "controlValues": no_delay}, digest(), in_app(COLLECTED))
    for calls in range(20):
        await trigger(rig, f"{calls}-0", n=0)
        await trigger(rig, f"{calls}-1", n=1)
        await let_time_pass(rig, b"r")
        await dies(rig, calls, lambda doomed: fire(rig, doomed))
        await fire(rig, rig.first)
        assert [key.rpartition("}")[2].split(":")[1] for key in await left_over(rig)] == ["w"]
        await pass_and_fire(rig)
    assert await rig.contents("ada") == ["2: 0,1, 1"] * 20


async def fire(rig: Rig, services: Services) -> None:
    """As the worker does when the leases of the dead have lapsed."""
    await rig.first.client.execute("DEL", rig.first.keys.due_timers)
    store = TimerStore(rig.first.client, rig.first.keys)
    for bucket in await timers(rig):
        await store.schedule(BucketKey(rig.environment.number, bucket), int(time.time() * 1_000) - 1_000)
    await services.timer_worker.fire_due()


async def test_a_dispatch_whose_worker_dies_begins_every_run_once(rig: Rig) -> None:
    names = await rig.people(120)
    await make(rig, digest(), in_app(COLLECTED))
    for number in range(2):
        request = BroadcastRequest(name="runs", payload={"n": number}, transaction_id=f"t{number}")
        await rig.first.triggers.trigger(rig.environment, request)
    for calls in range(0, 60, 3):
        doomed = await rig.process()
        mortal(doomed).calls_left = calls
        with pytest.raises(Killed):
            await doomed.dispatch_worker.run_until_idle()
    await rig.end_leases()
    for number in range(2):
        await until_done(rig, f"t{number}")
    await pass_and_fire(rig)
    assert {tuple(await rig.contents(name)) for name in names} == {("2: 0,1, 1",)}


async def test_a_thousand_events_from_two_processes_end_in_exactly_the_right_groups(rig: Rig) -> None:
    """Windows of 50 subscribers and two keys open and close while events come from both."""
    other = await rig.process()
    body = "{% for e in steps.collect.events %}{{e.payload.n}},{% endfor %}|{{steps.collect.eventCount}}|{{payload.k}}"
    await make(rig, digest(amount=1, unit="seconds", digestKey="{{payload.k}}"), in_app(body))

    async def client(which: int) -> None:
        services = (rig.first, other)[which % 2]
        for number in range(which, 1_000, 8):
            to = f"s{number % 50}"
            await trigger(rig, f"t{number}", to, services, n=number, k=number // 50 % 2)
            await asyncio.sleep(0.01)

    async with background_jobs(rig.first)["timers"], background_jobs(other)["timers"]:
        await asyncio.gather(*(client(which) for which in range(8)))
        async with asyncio.timeout(60):
            while await timers(rig):
                await asyncio.sleep(0.1)
    seen: list[int] = []
    for subscriber in range(50):
        for content in await rig.contents(f"s{subscriber}"):
            listed, count, key = content.split("|")
            numbers = [int(one) for one in listed.split(",") if one]
            assert len(numbers) == int(count) > 0
            assert all(one % 50 == subscriber and one // 50 % 2 == int(key) for one in numbers), content
            seen += numbers
    assert sorted(seen) == list(range(1_000))
    assert await left_over(rig) == []
