"""Messages that take the place of the unread one with the same key: once each, counted exactly, whoever comes when."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from inbox.errors import PayloadTooLarge
from inbox.ids import SubscriberId
from inbox.models.message import Message, StoredMessage, encode_stored
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.service.trigger.dispatches import progress_view
from inbox.services import Services
from inbox.store import changes
from inbox.store.changes import Change
from inbox.store.collapses import Collapse
from inbox.store.feed import Feed
from inbox.store.keys import Keys
from inbox.store.messages import AppendResult, Delivery, MessageStore
from inbox.store.publication import COLLAPSED
from inbox.store.rows import ALL, RowId, count_flags
from inbox.store.timers import EXPIRE, Timer
from tests.conftest import one_server_and_cluster
from tests.support.faults import Killed

from .conftest import ENVIRONMENT, WORKFLOW, Stores
from .rig import Rig as BaseRig
from .rig import in_app, mortal

TRIGGERS = 200
LEASE_SECONDS = 1.0


def content(text: str) -> bytes:
    return encode_stored(StoredMessage(text, WORKFLOW, "workflow", WORKFLOW, "step", content=text))


async def collapse(
    stores: Stores, feed: Feed, transaction: str, key: str = "k", **options: object
) -> AppendResult | None:
    """A message whose content is its transaction and the count."""
    counts = options.pop("counts", True)
    made = Collapse(key, bool(counts), lambda count: content(f"{transaction} {count}"))
    given = {"transaction_id": transaction, "step_id": "step", "workflow_id": WORKFLOW, "collapse": made, **options}
    delivery = Delivery(feed, content(f"{transaction} 1"), **given)  # type: ignore[arg-type]
    return (await stores.messages.append([delivery]))[0]


async def texts(stores: Stores, feed: Feed) -> list[str]:
    """What the feed shows, newest first."""
    return [message.stored.content for message in await stores.list(feed)]


def row_of(feed: Feed, appended: AppendResult | None) -> RowId:
    assert appended is not None
    assert appended.message_id is not None
    row = feed.row_of(appended.message_id)
    assert row is not None
    return row


async def test_the_second_takes_the_place_of_the_first_and_goes_to_the_top(stores: Stores) -> None:
    feed = await stores.feed()
    first = await collapse(stores, feed, "a")
    await stores.append(feed, "between", severity="high")
    state = await stores.feeds.state(feed)
    assert state is not None
    second = await collapse(stores, feed, "b", severity="low")
    assert first is not None
    assert second is not None
    assert (second.outcome, second.message_id, second.row) == ("stored", first.message_id, 3)
    top, below = await stores.list(feed)
    assert (top.stored.content, top.id, top.created_ms) == ("b 2", first.message_id, second.created_ms)
    assert (top.seen, top.read, top.first_seen_ms, top.delivered_before_ms) == (False, False, 0, ())
    assert below.stored.content == "between"
    found = await stores.feeds.changes_since(feed, state.position)
    assert found is not None
    assert [(entry.kind, entry.ref) for entry in found[1] or []] == [(COLLAPSED, 3)], "one position"
    counts = found[0].counts
    assert (counts.unseen, counts.unread, counts.high, counts.low) == (2, 2, 1, 1)
    await stores.check(feed)


async def test_nothing_is_kept_of_what_had_the_place(stores: Stores) -> None:
    feed = await stores.feed()
    first = await collapse(stores, feed, "a", expires_ms=int(time.time() * 1000) + 60_000)
    await stores.messages.mark(feed, [row_of(feed, first)], changes.INBOX_SEEN)
    await collapse(stores, feed, "b")
    assert await stores.client.execute("XLEN", feed.keys.stream) == 1
    assert await stores.client.execute("HKEYS", feed.keys.side) == [b"2", b"o1"]
    assert await stores.client.execute("ZCARD", stores.keys.bucket(ENVIRONMENT, feed.bucket).timers) == 0
    assert await stores.client.execute("TTL", feed.keys.collapses) > 86_400
    [message] = await stores.list(feed)
    assert not message.seen
    subscriber = await stores.subscribers.get_by_oid(ENVIRONMENT, feed.subscriber_oid)
    assert subscriber is not None
    assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert not [key for key in await stores.keys_in_use() if key.startswith(feed.keys.base)]


async def test_a_replacing_one_leaves_the_count_as_it_is(stores: Stores) -> None:
    feed = await stores.feed()
    for number, counts in enumerate([False, False, True, False, True]):
        await collapse(stores, feed, f"m{number}", counts=counts)
    assert await texts(stores, feed) == ["m4 3"]


async def test_keys_feeds_and_plain_messages_do_not_meet(stores: Stores) -> None:
    feed, other = await stores.feed(), await stores.feed("grace")
    for number in range(2):
        for target, key in ((feed, "k"), (feed, "l"), (other, "k")):
            await collapse(stores, target, f"{key}{number}", key)
        await stores.append(feed, f"plain{number}")
    assert await texts(stores, feed) == ["plain1", "l1 2", "k1 2", "plain0"]
    assert await texts(stores, other) == ["k1 2"]


@pytest.mark.parametrize(
    "change", [changes.INBOX_READ, changes.INBOX_ARCHIVE, changes.V1_MARKS["read"], changes.INBOX_SNOOZE]
)
async def test_one_that_is_not_unread_any_more_keeps_its_place(stores: Stores, change: Change) -> None:
    feed = await stores.feed()
    await collapse(stores, feed, "a")
    row = row_of(feed, await collapse(stores, feed, "b"))
    if change is changes.INBOX_SNOOZE:
        await stores.messages.snooze(feed, row, change, int(time.time() * 1000) + 60_000)
    else:
        await stores.messages.mark(feed, [row], change)
    await collapse(stores, feed, "c")
    await collapse(stores, feed, "d")
    assert await texts(stores, feed) == ["d 2", "b 2"]
    await stores.check(feed)


async def test_one_whose_snooze_has_ended_is_found_where_it_is(stores: Stores) -> None:
    feed = await stores.feed()
    row = row_of(feed, await collapse(stores, feed, "a"))
    assert await stores.messages.snooze(feed, row, changes.INBOX_SNOOZE, int(time.time() * 1000) - 1_000)
    assert len(await stores.list(feed)) == 1
    appended = await collapse(stores, feed, "b")
    assert (row_of(feed, appended), await texts(stores, feed)) == (row, ["b 2"])
    await stores.check(feed)


async def test_an_archived_one_that_is_unread_keeps_its_place(stores: Stores) -> None:
    feed = await stores.feed()
    row = row_of(feed, await collapse(stores, feed, "a"))
    await stores.messages.mark(feed, [row], changes.INBOX_ARCHIVE)
    await stores.messages.mark(feed, [row], changes.V1_MARKS["unread"])
    await collapse(stores, feed, "b")
    assert await texts(stores, feed) == ["b 1", "a 1"]


async def test_one_that_is_gone_leaves_an_ordinary_new_message(stores: Stores) -> None:
    feed = await stores.feed()
    row = row_of(feed, await collapse(stores, feed, "a"))
    assert await stores.messages.delete(feed, row)
    await collapse(stores, feed, "b")
    assert await stores.messages.bulk.delete_where(feed) == 1
    await collapse(stores, feed, "c")
    assert await texts(stores, feed) == ["c 1"]
    stores.messages._max_length = 1
    await stores.append(feed, "plain")
    await stores.messages.trim(feed)
    await collapse(stores, feed, "d")
    assert await texts(stores, feed) == ["d 1", "plain"]
    await stores.check(feed)


async def test_keys_of_messages_that_are_gone_do_not_pile_up(stores: Stores) -> None:
    feed = await stores.feed()
    for number in range(150):
        appended = await collapse(stores, feed, f"m{number}", f"k{number}")
        if number % 10:
            assert await stores.messages.delete(feed, row_of(feed, appended))
    assert await stores.client.execute("HLEN", feed.keys.collapses) < 90
    for number in range(0, 150, 10):
        await collapse(stores, feed, f"n{number}", f"k{number}")
    assert len(await stores.list(feed)) == 15, "a live one's is kept"


async def test_the_same_transaction_changes_nothing(stores: Stores) -> None:
    feed = await stores.feed()
    await collapse(stores, feed, "a")
    for _ in range(3):
        appended = await collapse(stores, feed, "b")
    assert appended is not None
    assert (appended.outcome, appended.row) == ("again", 2)
    first = await collapse(stores, feed, "a")
    assert first is not None
    assert first.outcome == "again"
    assert await texts(stores, feed) == ["b 2"]
    state = await stores.feeds.state(feed)
    assert state is not None
    assert state.position.counter == 2


async def test_a_preference_holds_it_back(stores: Stores) -> None:
    feed = await stores.feed()
    await collapse(stores, feed, "a")
    for preference, outcome, shown in (("0", "suppressed", "a 1"), ("1", "stored", "b 2"), ("c", "again", "b 2")):
        appended = await collapse(stores, feed, "b", preference=preference)
        assert appended is not None
        assert (appended.outcome, await texts(stores, feed)) == (outcome, [shown])


async def test_content_that_cannot_be_made_with_the_count_leaves_all_as_it_was(stores: Stores) -> None:
    feed = await stores.feed()
    await collapse(stores, feed, "a")

    def refuse(_: int) -> bytes:
        raise PayloadTooLarge("too large now")

    made = Collapse("k", True, refuse)
    deliveries = [
        Delivery(feed, content("b"), "b", "step", WORKFLOW, collapse=made),
        Delivery(feed, content("c"), "c", "step", WORKFLOW),
    ]
    failed, stored = await stores.messages.append(deliveries)
    assert failed is not None
    assert stored is not None
    assert (failed.outcome, failed.reason, stored.outcome) == ("failed", "too large now", "stored")
    assert await texts(stores, feed) == ["c", "a 1"]


async def test_a_later_end_stands_over_a_timer_that_is_being_carried_out(stores: Stores) -> None:
    feed = await stores.feed()
    due = int(time.time() * 1000) - 1_000
    row = row_of(feed, await collapse(stores, feed, "a", expires_ms=due))
    about = feed.number.to_bytes(4, "big") + row.row.to_bytes(4, "big") + row.check
    timer = Timer(EXPIRE, about, due)
    await collapse(stores, feed, "b", expires_ms=due + 3_600_000)
    assert not await stores.messages.delete(feed, row, timer)
    await collapse(stores, feed, "c")
    assert not await stores.messages.delete(feed, row, timer), "it never expires now"
    await collapse(stores, feed, "d", expires_ms=due)
    assert await texts(stores, feed) == ["d 4"]
    assert await stores.messages.delete(feed, row, timer)
    assert await texts(stores, feed) == []
    await stores.check(feed)


# -- triggers of several processes --------------------------------------------------------------------------------


class Rig(BaseRig):
    """With a feed in which messages take each other's place."""

    async def workflow(self, **controls: object) -> None:
        step = in_app("{{collapse.count}}", "s", **controls)
        await self.make_workflow("w", {**step, "stepId": "s"})

    async def trigger(self, services: Services, transaction: str, to: str = "ada", key: str = "k") -> None:
        request = TriggerRequest(name="w", to=to, transaction_id=transaction, collapse_key=key, collapse_mode="count")
        outcome = await services.triggers.trigger(self.environment, request)
        assert outcome.status == "processed"

    async def feed(self, name: str = "ada") -> Feed:
        return await self.first.feed_store.open(self.environment.number, SubscriberId(name))

    async def messages(self, name: str = "ada") -> list[Message]:
        page = await self.first.feed_store.page(await self.feed(name), ALL, 10_000)
        assert page is not None
        return page.messages

    async def check(self, name: str = "ada") -> None:
        """The counts equal a recount, and nothing is kept but of what is listed."""
        feed = await self.feed(name)
        snapshot = await self.first.feed_store.snapshot(feed)
        assert snapshot is not None
        assert snapshot.state.counts == count_flags(snapshot.flags)
        listed = await self.messages(name)
        assert snapshot.state.counts.unread == sum(not one.read for one in listed)
        assert snapshot.state.counts.unseen == sum(not one.seen for one in listed)
        assert await self.first.client.execute("XLEN", feed.keys.stream) == len(listed)


@pytest.fixture
async def rig(store_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    rig = Rig(store_url, key_prefix, {"work_lease_seconds": LEASE_SECONDS})
    for _ in range(2):
        await rig.process()
    await rig.workflow()
    yield rig
    await rig.close()


async def test_two_hundred_triggers_from_two_processes_are_one_message(rig: Rig) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(TRIGGERS):
            tasks.create_task(rig.trigger(rig.processes[number % 2], f"t{number}"))
    [message] = await rig.messages()
    assert message.stored.content == str(TRIGGERS)
    state = await rig.first.feed_store.state(await rig.feed())
    assert state is not None
    assert (state.counts.unread, state.position.counter, state.last) == (1, TRIGGERS, TRIGGERS)
    await rig.check()


async def test_a_burst_of_the_same_transactions_counts_each_once(rig: Rig) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(TRIGGERS):
            tasks.create_task(rig.trigger(rig.processes[number % 2], f"t{number % 20}"))
    [message] = await rig.messages()
    assert message.stored.content == "20"


async def test_triggers_amid_reads_deletes_and_snoozes(rig: Rig) -> None:
    """Every trigger is counted in exactly one message, whatever becomes of these meanwhile."""
    chance = random.Random(7)
    feed = await rig.feed()
    counted: dict[str, int] = {}  # what is deleted, by its last content read under the deletion
    done = asyncio.Event()

    async def triggers(services: Services, numbers: Sequence[int]) -> None:
        for number in numbers:
            await rig.trigger(services, f"t{number}", key=f"k{number % 3}")

    async def disturb(services: Services) -> None:
        store = MessageStore(services.client, Keys(rig.prefix), services.feed_store)
        while not done.is_set():
            for message in await rig.messages():
                row = feed.row_of(message.id)
                assert row is not None
                what = chance.random()
                if what < 0.2:
                    await store.mark(feed, [row], changes.INBOX_READ)
                elif what < 0.3:
                    await store.mark(feed, [row], changes.INBOX_UNREAD)
                elif what < 0.4:
                    await store.snooze(
                        feed, row, changes.INBOX_SNOOZE, int(time.time() * 1000) + chance.choice((1, 9_000))
                    )
                elif what < 0.45 and message.read and not message.snoozed_until_ms and await store.delete(feed, row):
                    # read, and no snooze to end: nothing was counted in it since
                    counted[message.id] = int(message.stored.content)
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)

    disturbing = asyncio.create_task(disturb(rig.processes[1]))
    async with asyncio.TaskGroup() as tasks:
        for place in range(8):
            tasks.create_task(triggers(rig.processes[place % 2], range(place, 240, 8)))
    done.set()
    await disturbing
    left = {message.id: int(message.stored.content) for message in await rig.messages()}
    assert not left.keys() & counted.keys()
    assert sum(left.values()) + sum(counted.values()) == 240
    await rig.check()


@one_server_and_cluster
async def test_a_process_may_die_at_any_call_of_a_trigger(rig: Rig) -> None:
    """The trigger comes again, as its client does that got no answer; each counts once."""
    lived = False
    calls = 0
    while not lived:
        services = await rig.process()
        await services.workflows.find(rig.environment, "w")
        mortal(services).calls_left = calls
        try:
            await rig.trigger(services, f"t{calls}")
            lived = True
        except Killed:
            await rig.trigger(rig.first, f"t{calls}")
        calls += 1
    assert calls > 3
    [message] = await rig.messages()
    assert message.stored.content == str(calls)
    await rig.check()


PEOPLE = 130


async def broadcast(rig: Rig, transaction: str) -> None:
    request = BroadcastRequest(
        name="w", payload={}, transaction_id=transaction, collapse_key="k", collapse_mode="count"
    )
    await rig.first.triggers.trigger(rig.environment, request)


async def people(rig: Rig) -> list[str]:
    names = [f"s{number}" for number in range(PEOPLE)]
    for name in names:
        await rig.first.subscribers.create(rig.environment, SubscriberId(name), {})
    return names


async def test_broadcasts_collapse_for_each_recipient(rig: Rig) -> None:
    names = await people(rig)
    await rig.trigger(rig.first, "single", names[0])
    await rig.first.feed_store.open(rig.environment.number, SubscriberId(names[1]))
    await rig.first.client.execute("HSET", (await rig.feed(names[1])).keys.state, "w*", "0")
    for number in range(2):
        await broadcast(rig, f"b{number}")
        await asyncio.gather(*(services.dispatch_worker.run_until_idle() for services in rig.processes))
        found = await rig.first.dispatches.progress(rig.environment, f"b{number}")
        assert found is not None
        view = progress_view(found)
        assert (view["status"], view["delivered"], view["suppressed"], view["failed"]) == ("done", PEOPLE - 1, 1, 0)
    contents = [[one.stored.content for one in await rig.messages(name)] for name in names]
    assert contents == [["3"], [], *[["2"]] * (PEOPLE - 2)]
    for name in names[::10]:
        await rig.check(name)


@one_server_and_cluster
async def test_a_broadcast_outlives_workers_that_die_anywhere(rig: Rig) -> None:
    names = await people(rig)
    await broadcast(rig, "b0")
    await rig.first.dispatch_worker.run_until_idle()
    await broadcast(rig, "b1")
    for calls in range(5, 200, 7):
        services = await rig.process()
        mortal(services).calls_left = calls
        with pytest.raises(Killed):
            await services.dispatch_worker.run_until_idle()
        if calls % 3 == 0:
            break
    await rig.end_leases()
    async with asyncio.timeout(60):
        while (found := await rig.first.dispatches.progress(rig.environment, "b1")) is None or found.state == "running":
            await rig.first.dispatch_worker.run_until_idle()
            await asyncio.sleep(0.1)
    view = progress_view(found)
    assert (view["delivered"], view["failed"], view["skipped"]) == (PEOPLE, 0, 0)
    assert [[one.stored.content for one in await rig.messages(name)] for name in names] == [["2"]] * PEOPLE
