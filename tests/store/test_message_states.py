"""What later steps of a run see of the messages of earlier ones: as they are then, not as they were."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from inbox.ids import SubscriberId
from inbox.models.message import ButtonPress
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.steps import compile_steps
from inbox.store import changes
from inbox.store.feed import Feed
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS
from inbox.store.messages import MessageStore
from inbox.store.rows import RowId

from .rig import in_app
from .test_dispatches import Rig, rig, until_done
from .test_runs import DELAY, digest, left_over, make, pass_and_fire, trigger

__all__ = ["rig"]

SHOWN = (
    "{{steps.first.seen}} {{steps.first.read}} {{steps.first.archived}} {{steps.first.snoozed}}"
    " {{steps.first.action.status}}/{{steps.first.action.type}}"
)
FIRST = in_app("first", "first")
REMINDER = in_app("reminder", "reminder", skip={"==": [{"var": "steps.first.read"}, False]})
Changing = Callable[[MessageStore, Feed, RowId], Awaitable[Any]]


def store_of(rig: Rig) -> MessageStore:
    return MessageStore(rig.first.client, rig.first.keys, rig.first.feed_store)


async def feed_of(rig: Rig, name: str) -> Feed:
    return await rig.first.feed_store.open(rig.environment.number, SubscriberId(name))


async def row_of(rig: Rig, feed: Feed, content: str = "first") -> RowId:
    """The message with this content."""
    found = await rig.first.feed_store.messages(feed, range(1, 20))
    assert found is not None
    [message_id] = [one.id for one in found[0] if one.stored.content == content]
    row = feed.row_of(message_id)
    assert row is not None
    return row


async def mark(rig: Rig, name: str, change: changes.Change, content: str = "first") -> None:
    feed = await feed_of(rig, name)
    assert await store_of(rig).mark(feed, [await row_of(rig, feed, content)], change)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lambda store, feed, row: store.mark(feed, [row], changes.V1_SEEN), "true false false false /"),
        (lambda store, feed, row: store.mark(feed, [row], changes.INBOX_READ), "true true false false /"),
        (lambda store, feed, _: store.bulk.mark_all(feed, changes.INBOX_READ), "true true false false /"),
        (lambda store, feed, row: store.mark(feed, [row], changes.INBOX_ARCHIVE), "true true true false /"),
        (
            lambda store, feed, row: store.snooze(feed, row, changes.INBOX_SNOOZE, 4_000_000_000_000),
            "true false false true /",
        ),
        (
            lambda store, feed, row: store.act(feed, row, ButtonPress("primary", "done")),
            "false false false false done/primary",
        ),
        (lambda store, feed, row: store.delete(feed, row), "false false false false /"),
    ],
    ids=["seen", "read", "all read", "archived", "snoozed", "pressed", "deleted"],
)
async def test_a_later_step_sees_the_message_as_it_is_when_it_is_carried_out(
    rig: Rig, change: Changing, shown: str
) -> None:
    await make(rig, FIRST, DELAY, in_app(SHOWN))
    await trigger(rig, "t")
    feed = await feed_of(rig, "ada")
    await change(store_of(rig), feed, await row_of(rig, feed))
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == shown
    assert await left_over(rig) == []


@pytest.mark.parametrize("field", ["read", "seen"])
async def test_a_reminder_goes_only_to_those_who_have_not(rig: Rig, field: str) -> None:
    await make(rig, FIRST, DELAY, in_app("reminder", "reminder", skip={"==": [{"var": f"steps.first.{field}"}, False]}))
    await trigger(rig, "t", ["ada", "bob"])
    await mark(rig, "ada", changes.INBOX_READ if field == "read" else changes.V1_SEEN)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"), await rig.contents("bob")) == (["first"], ["first", "reminder"])


async def test_dates_are_those_of_the_message_and_null_before(rig: Rig) -> None:
    body = "{{steps.first.lastSeenDate}}|{{steps.first.lastReadDate}}"
    await make(rig, FIRST, DELAY, in_app(body), DELAY | {"stepId": "second"}, in_app(f"later {body}"))
    await trigger(rig, "t")
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == "|"
    await mark(rig, "ada", changes.INBOX_READ)
    await pass_and_fire(rig)
    seen, read = (await rig.contents("ada"))[-1].removeprefix("later ").split("|")
    assert seen == read > "2020"


async def test_a_step_that_gave_no_message_is_unread(rig: Rig) -> None:
    skipped = in_app("first", "first", skip={"==": [1, 2]})
    await make(rig, skipped, DELAY, in_app(SHOWN))
    await trigger(rig, "t")
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["false false false false /"]


async def test_a_message_that_moved_when_its_snooze_ended_is_found(rig: Rig) -> None:
    await make(rig, FIRST, DELAY, in_app(SHOWN))
    await trigger(rig, "t")
    feed = await feed_of(rig, "ada")
    await store_of(rig).snooze(feed, await row_of(rig, feed), changes.INBOX_SNOOZE, 1)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == "true false false false /"


async def test_a_collapsed_message_is_the_one_that_took_its_place(rig: Rig) -> None:
    keyed = in_app("{{payload.n}}", "first", collapseKey="k")
    await make(rig, keyed, DELAY, in_app("reminder", "reminder", skip={"==": [{"var": "steps.first.read"}, False]}))
    await trigger(rig, "one", n=1)
    await trigger(rig, "two", n=2)
    await mark(rig, "ada", changes.INBOX_READ, "2")
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["2"]


async def test_many_recipients_of_a_broadcast_are_known_one_by_one(rig: Rig) -> None:
    names = await rig.people(120)
    await make(rig, FIRST, DELAY, REMINDER)
    request = BroadcastRequest(name="runs", payload={}, transaction_id="t")
    await rig.first.triggers.trigger(rig.environment, request)
    await until_done(rig, "t")
    await mark(rig, names[3], changes.INBOX_READ)
    await pass_and_fire(rig)
    assert [await rig.contents(name) for name in names[:5]] == [
        ["first"] if name == names[3] else ["first", "reminder"] for name in names[:5]
    ]


async def test_after_a_digest_it_is_the_message_of_the_event_that_opened_it(rig: Rig) -> None:
    await make(rig, in_app("first {{payload.n}}", "first"), digest(), REMINDER)
    await trigger(rig, "one", n=1)
    await trigger(rig, "two", n=2)
    await mark(rig, "ada", changes.INBOX_READ, "first 1")
    await pass_and_fire(rig)
    assert await rig.contents("ada") == ["first 1", "first 2"]


async def test_both_digests_and_messages_before_them_are_seen_after_the_second(rig: Rig) -> None:
    second = digest() | {"stepId": "again", "name": "Again"}
    body = "{{steps.collect.eventCount}}+{{steps.again.eventCount}} {{steps.collect.events[0].payload.n}}"
    body += " {{steps.first.read}}"
    await make(rig, FIRST, digest(), second, in_app(body), DELAY, in_app(f"later {body}"))
    await trigger(rig, "one", n=1)
    await trigger(rig, "two", n=2)
    await pass_and_fire(rig)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == "2+1 1 false"
    await store_of(rig).bulk.mark_all(await feed_of(rig, "ada"), changes.INBOX_READ)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == "later 2+1 1 true"
    assert await left_over(rig) == []


async def test_a_digest_with_nothing_to_wait_for_still_knows_the_messages_before(rig: Rig) -> None:
    looking_back = digest(lookBackWindow={"amount": 1, "unit": "hours"})
    await make(rig, FIRST, DELAY, looking_back, in_app(SHOWN))
    await trigger(rig, "t")
    await mark(rig, "ada", changes.INBOX_READ)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"))[-1] == "true true false false /"


async def test_what_leads_to_a_message_is_kept_while_a_step_may_ask_and_no_longer(rig: Rig) -> None:
    await make(rig, FIRST, DELAY, REMINDER)
    await make(rig, FIRST, DELAY, in_app("reminder"), name="plain")
    feed = await feed_of(rig, "ada")

    async def seconds(transaction: str) -> int:
        bucket = rig.first.keys.bucket(feed.environment, feed.bucket)
        return int(await rig.first.client.execute("TTL", bucket.delivered(transaction, "first", feed.number)))

    await trigger(rig, "t")
    await rig.first.triggers.trigger(rig.environment, TriggerRequest(name="plain", to="ada", transaction_id="u"))
    assert await seconds("u") <= IDEMPOTENCY_TTL_SECONDS < 30 * 86_400 < await seconds("t")
    await pass_and_fire(rig)
    assert await seconds("t") <= IDEMPOTENCY_TTL_SECONDS


async def test_a_run_that_waits_through_the_upgrade_keeps_what_its_rules_meant(rig: Rig) -> None:
    silent = {"skip": {"var": "payload.silent"}}  # stored when a true rule skipped its step
    await make(rig, DELAY, in_app("later", "later", **silent))
    await trigger(rig, "t", "ada", silent=True)
    await trigger(rig, "u", "bob", silent=False)
    await forget_the_meaning(rig)
    await pass_and_fire(rig)
    assert (await rig.contents("ada"), await rig.contents("bob")) == ([], ["later"])


async def forget_the_meaning(rig: Rig) -> None:
    """The plans of all runs become as they were stored before rules said when a step runs."""
    changed = 0
    for key in [one for one in await left_over(rig) if ":n:" in one]:
        for name in await rig.first.client.execute("HKEYS", key):
            if name.startswith(b"="):
                plan = msgspec.msgpack.decode(await rig.first.client.execute("HGET", key, name))
                del plan["workflow"]["conditions"]
                await rig.first.client.execute("HSET", key, name, msgspec.msgpack.encode(plan))
                changed += 1
    assert changed == 2
    compile_steps.cache_clear()  # as in the process that is started then
