"""Events are told once in effect and in order, whatever becomes of the receiver, a process or a subscriber."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from inbox.errors import NotFound
from inbox.ids import SubscriberId
from inbox.jobs import background_jobs
from inbox.models.environment import Environment
from inbox.models.event import FailedEvent, WebhookEvent
from inbox.models.webhook import MESSAGE_CREATED
from inbox.service.webhooks import relay as event_relay
from inbox.service.webhooks import sender as event_sender
from inbox.store.changes import INBOX_READ, INBOX_SEEN
from inbox.store.due_buckets import AcquiredBuckets, BucketKey
from inbox.store.outbox import MAX_ENTRIES, OutboxEntry
from tests.conftest import one_server_and_cluster
from tests.support.faults import Killed
from tests.support.waiting import until

from .rig import mortal
from .webhook_rig import WebhookRig, of_message, running_rig


@pytest.fixture
async def rig(store_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebhookRig]:
    async with running_rig(store_url, key_prefix, monkeypatch) as rig:
        yield rig


@pytest.mark.parametrize("illness", ["down", "500", "closes", "slow", "redirects"])
async def test_a_receiver_that_is_ill_for_a_while_misses_nothing(rig: WebhookRig, illness: str) -> None:
    await rig.begin()
    receiver, sender = rig.receiver, rig.first.event_relay._sender
    if illness == "down":
        await receiver.stop()
    receiver.status = {"500": 500, "closes": 0, "redirects": 302}.get(illness, 200)
    if illness == "slow":
        receiver.delay_seconds = 600.0
        sender.timeout_seconds = 0.5
    for number in range(5):
        await rig.trigger("ada", number)
        await rig.trigger("bob", number)
    for _ in range(3):
        await rig.tell()
    assert receiver.events == []
    if illness == "down":
        await receiver.start()
    receiver.status, receiver.delay_seconds = 200, 0.0
    await sender.close()  # its connections have the short time
    sender.timeout_seconds = 20
    await rig.tell_all()
    for name in ("ada", "bob"):
        told = [one for one in receiver.events if one["subscriberId"] == name]
        assert [one["messages"][0]["body"] for one in told] == list("01234")
    ids = [one.event["id"] for one in receiver.received if one.answered == 200]
    assert len(ids) == len(set(ids)) == 10
    assert await rig.first.webhooks.failed(rig.environment) == []


async def test_failing_now_and_then_keeps_the_order_of_each_message(rig: WebhookRig) -> None:
    await rig.begin()
    attempts: dict[str, int] = {}

    def decide(event: dict[str, Any]) -> int:
        attempts[event["id"]] = attempts.get(event["id"], 0) + 1
        return 503 if attempts[event["id"]] <= int(event["id"][-3]) % 3 else 200

    rig.receiver.decide = decide
    names = ["ada", "bob", "cleo", "dan"]
    for name in names:
        for number in range(4):
            await rig.trigger(name, number)
        feed = await rig.feed(name)
        await rig.first.marks.mark([feed], (await rig.ids(name))[:2], INBOX_SEEN)
        await rig.first.marks.mark_all([feed], INBOX_READ)
    await rig.tell_all()
    for name in names:
        events = [one for one in rig.receiver.events if one["subscriberId"] == name]
        for message_id in await rig.ids(name):
            assert of_message(events, message_id) == ["message.created", "message.seen", "message.read"]


async def test_a_receiver_that_failed_is_left_alone_a_while(rig: WebhookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_relay, "FIRST_RETRY_SECONDS", 60.0)
    monkeypatch.setattr(event_relay, "LAST_RETRY_SECONDS", 60.0)
    await rig.begin()
    rig.receiver.status = 500
    for number in range(3):
        await rig.trigger("ada", number)
        await rig.tell()
    assert len(rig.receiver.received) == 1


async def test_an_answer_of_any_length_and_its_connection(rig: WebhookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_sender, "READ_SECONDS", 20.0)
    await rig.begin()
    for answer in (b"", b"x" * 1_000, b"x" * 1_000_000):
        rig.receiver.answer = answer
        await rig.trigger("ada")
        await rig.tell_all()
    await rig.trigger("ada")
    await rig.tell_all()
    assert len(rig.receiver.events) == 4
    assert rig.receiver.connections == 2, "only the endless answer cost its connection"


async def test_one_line_when_a_receiver_begins_to_fail_and_one_when_it_is_well(
    rig: WebhookRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "inbox")
    await rig.begin()
    rig.receiver.status = 500
    for number in range(3):
        await rig.trigger(f"s{number}")
    for _ in range(3):
        await rig.tell()
    rig.receiver.status = 200
    await rig.tell_all()
    told = [line for line in caplog.messages if "webhook" in line]
    assert told == ["the webhook of Production fails", "the webhook of Production is well again"]


async def test_what_is_refused_again_and_again_is_kept_as_failed_and_the_rest_goes_on(rig: WebhookRig) -> None:
    await rig.begin()
    rig.receiver.decide = lambda event: 422 if event["messages"][0].get("body") == "1" else 200
    for number in range(3):
        await rig.trigger("ada", number)
    await rig.tell_all()
    assert [one["messages"][0]["body"] for one in rig.receiver.events] == ["0", "2"]
    (failed,) = await rig.first.webhooks.failed(rig.environment)
    assert (failed.reason, failed.tries) == ("the receiver answered 422", event_relay.MAX_REFUSALS)
    assert json.loads(failed.event.body)["messages"][0]["body"] == "1"


async def test_failed_events_are_sent_again_by_command(rig: WebhookRig) -> None:
    await rig.begin()
    rig.receiver.status = 410
    for number in range(3):
        await rig.trigger("ada", number)
    await rig.tell_all()
    failed = await rig.first.webhooks.failed(rig.environment)
    assert [one.tries for one in failed] == [1, 1, 1], "gone is gone"
    rig.receiver.decide = lambda event: 500 if event["messages"][0]["body"] == "1" else 200
    sent = [sent.status async for _, sent in rig.first.webhooks.replay(rig.environment, [])]
    assert sent == [200, 500, 200]
    left = await rig.first.webhooks.failed(rig.environment)
    assert [one.event.id for one in left] == [failed[1].event.id]
    rig.receiver.decide, rig.receiver.status = None, 200
    assert [one async for one in rig.first.webhooks.replay(rig.environment, [failed[1].event.id])]
    assert await rig.first.webhooks.failed(rig.environment) == []
    assert [one["id"] for one in rig.receiver.events] == [failed[place].event.id for place in (0, 2, 1)]
    with pytest.raises(NotFound):
        [one async for one in rig.first.webhooks.replay(rig.environment, ["evt_unknown"])]


async def test_an_event_that_is_too_old_is_tried_once_more_and_given_up(
    rig: WebhookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.begin()
    monkeypatch.setattr(rig.first.event_relay, "_retry_seconds", -1)
    rig.receiver.status = 500
    await rig.trigger("ada")
    await rig.tell_all()
    (failed,) = await rig.first.webhooks.failed(rig.environment)
    assert failed.tries == 1


async def test_an_event_that_has_no_words_is_given_up_and_holds_up_no_other(
    rig: WebhookRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    event_builder = rig.first.event_relay._event_builder
    tell = event_builder.build

    async def stammer(environment: Environment, place: BucketKey, entry: OutboxEntry, at: int) -> WebhookEvent | None:
        event = await tell(environment, place, entry, at)
        if event and json.loads(event.body)["messages"][0]["body"] == "1":
            raise ValueError("no words")
        return event

    monkeypatch.setattr(event_builder, "build", stammer)
    await rig.begin()
    await rig.first.webhooks.set_stream(rig.environment, True)
    for number in range(3):
        await rig.trigger("ada", number)
    await rig.tell_all()
    assert [one["messages"][0]["body"] for one in rig.receiver.events] == ["0", "2"]
    waiting = await rig.first.webhooks.backlog(rig.environment)
    assert (waiting.failed, waiting.streamed) == (0, 2)
    assert "an event cannot be built" in caplog.messages


async def test_what_was_on_its_way_when_its_subscriber_was_erased_is_not_kept_as_failed(
    rig: WebhookRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.begin()
    rig.receiver.status = 410
    failed = rig.first.event_relay._failed
    add = failed.add

    async def add_after_the_erasure(environment: int, one: FailedEvent) -> None:
        if json.loads(one.event.body)["subscriberId"] == "ada":
            await rig.first.erasure.erase(rig.environment, SubscriberId("ada"))
        await add(environment, one)

    monkeypatch.setattr(failed, "add", add_after_the_erasure)
    await rig.trigger("ada")
    await rig.trigger("bob")
    await rig.tell_all()
    kept = [json.loads(one.event.body)["subscriberId"] for one in await rig.first.webhooks.failed(rig.environment)]
    assert kept == ["bob"]


async def test_what_an_erasure_takes_out_of_an_outbox_does_not_count_as_lost(rig: WebhookRig) -> None:
    await rig.begin()
    feed = await rig.feed("ada")
    outbox = rig.first.keys.bucket(feed.environment, feed.bucket).outbox
    told = ("XADD", outbox, "*", "p", f"1.{feed.subscriber_oid}", "o", 1)
    other = ("XADD", outbox, "*", "p", "1.00000000ff00000000000000", "o", 1)
    await rig.first.client.batch([told, other, told])
    await rig.first.erasure.erase(rig.environment, SubscriberId("ada"))
    waiting = await rig.first.webhooks.backlog(rig.environment)
    assert (waiting.waiting, waiting.dropped) == (1, 0)


async def test_the_newest_thousand_failed_events_are_kept(rig: WebhookRig) -> None:
    await rig.begin()
    store, number = rig.first.webhooks._failed, rig.environment.number
    rig.receiver.status = 410
    await rig.trigger("ada")
    await rig.tell_all()
    (one,) = await store.read(number)
    for at in range(1_001):
        event = msgspec.structs.replace(one.event, id=f"evt_{at}")
        await store.add(number, msgspec.structs.replace(one, event=event, failed_ms=one.failed_ms + 1 + at))
    kept = await store.read(number)
    assert [kept[0].event.id, kept[-1].event.id, len(kept)] == ["evt_1", "evt_1000", 1_000]


async def test_an_outbox_keeps_its_newest_entries_and_tells_how_many_it_lost(
    rig: WebhookRig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.begin()
    feed = await rig.feed("ada")
    outbox = rig.first.keys.bucket(feed.environment, feed.bucket).outbox
    await rig.trigger("ada")
    await rig.tell_all()
    filler = ("XADD", outbox, "*", "p", "1.00000000ff00000000000000", "o", 1)
    await rig.first.client.batch([filler] * MAX_ENTRIES)
    for number in range(3):
        await rig.trigger("ada", number)
    assert await rig.first.client.execute("XLEN", outbox) == MAX_ENTRIES
    waiting = await rig.first.webhooks.backlog(rig.environment)
    assert (waiting.waiting, waiting.dropped) == (MAX_ENTRIES, 3)
    await rig.first.event_relay.sweep()
    assert "events of Production were lost: too many were waiting (3 so far)" in caplog.text


async def test_two_processes_tell_every_event_once(rig: WebhookRig) -> None:
    await rig.begin()
    other = await rig.process()
    for number in range(10):
        await asyncio.gather(*(rig.trigger(f"s{name}", number, (rig.first, other)[name % 2]) for name in range(8)))
        await asyncio.gather(rig.tell(), rig.tell(other))
    await asyncio.gather(rig.tell_all(), rig.tell_all(other))
    ids = [one.event["id"] for one in rig.receiver.received]
    assert len(ids) == len(set(ids)) == 80
    for name in range(8):
        told = [one for one in rig.receiver.events if one["subscriberId"] == f"s{name}"]
        assert [int(one["messages"][0]["body"]) for one in told] == list(range(10))


@one_server_and_cluster
async def test_a_crash_at_any_call_of_the_relay_loses_and_doubles_nothing(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.first.webhooks.set_stream(rig.environment, True)
    crashes = 0
    while True:
        await rig.trigger("ada", crashes)
        feed, ids = await rig.feed("ada"), await rig.ids("ada")
        await rig.first.marks.mark([feed], ids[-1:], INBOX_READ)
        await rig.first.event_relay.announce()
        victim = await rig.process()
        victim.event_relay._lease_ms = 250  # soon taken over
        mortal(victim).calls_left = crashes
        try:
            await victim.event_relay.run_until_idle()
            break
        except Killed:
            crashes += 1
        rig.first.event_relay._outbox.wrote([feed.bucket_key])
        await rig.tell_all()
    assert crashes > 12, "every call was a place to die"
    told = rig.receiver.events
    for message_id in await rig.ids("ada"):
        assert of_message(told, message_id) == ["message.created", "message.seen", "message.read"]
    sent = [one.event["id"] for one in rig.receiver.received]
    assert len(sent) - len(set(sent)) <= crashes, "at most one repetition a crash"
    streamed = await rig.first.client.execute("XRANGE", rig.first.keys.events(rig.environment.number)[0], "-", "+")
    assert [json.loads(fields[5])["id"] for _, fields in streamed] == [one["id"] for one in told]


async def test_a_process_that_died_before_it_scheduled_is_made_up_for_by_the_sweep(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.tell()
    other = await rig.process()
    await rig.trigger("ada", services=other)  # and it dies
    await rig.tell()
    assert rig.receiver.received == []
    await background_jobs(rig.first)["event sweep"].run_once()
    await rig.tell_all()
    assert rig.receiver.types() == [MESSAGE_CREATED]


async def test_a_worker_that_lost_its_lease_does_nothing_more(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.trigger("ada")
    feed = await rig.feed("ada")
    relay, store = rig.first.event_relay, rig.first.event_relay._store
    await relay.announce()
    acquired = await store.acquire(50)
    assert acquired.buckets == [feed.bucket_key]
    other = await rig.process()

    async def taken_over() -> bool:
        await other.event_relay.run_until_idle()
        return len(rig.receiver.events) == 1

    await until(taken_over)
    assert await store.renew(feed.bucket_key, acquired.until_ms, 1_000) is None
    again = await store.acquire(10_000)
    assert again.buckets == [], "nothing is due"


async def test_a_process_that_stops_hands_its_buckets_on(rig: WebhookRig) -> None:
    await rig.begin()
    rig.receiver.delay_seconds = 30.0
    await rig.trigger("ada")
    rig.first.event_relay._lease_ms = 60_000
    rig.first.event_relay._sender.timeout_seconds = 30.0

    async def is_asked() -> bool:
        return bool(rig.receiver.received)

    async with background_jobs(rig.first)["events"]:
        await until(is_asked)
    rig.receiver.delay_seconds = 0.0
    other = await rig.process()
    await rig.tell(other)
    assert len(rig.receiver.events) == 1


async def test_a_process_that_stops_begins_with_no_buckets(rig: WebhookRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cancellation may come with the answer that gives it buckets: their work ends with it all the same."""
    await rig.begin()
    await rig.trigger("ada")
    relay, asking = rig.first.event_relay, asyncio.Event()
    place = (await rig.feed("ada")).bucket_key

    async def acquire_all_the_same(*_: Any) -> AcquiredBuckets:
        asking.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return AcquiredBuckets([place], 1, None)

    async def work_on(_: BucketKey) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(relay._store, "acquire", acquire_all_the_same)
    monkeypatch.setattr(relay, "_work", work_on)
    async with background_jobs(rig.first)["events"]:
        await asking.wait()
    assert relay._tasks == set()
