"""Events: written with the change and told once, by what became different; the stream, and what a webhook is set to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from inbox.errors import NotFound, ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.trigger import BroadcastRequest
from inbox.models.webhook import EVENT_TYPES, MESSAGE_ACTIONED, MESSAGE_CREATED, MESSAGE_READ, MESSAGE_SEEN
from inbox.store.changes import INBOX_READ, INBOX_SEEN, INBOX_SNOOZE
from inbox.store.due_buckets import BucketKey
from inbox.tracing import traceparent
from tests.support.waiting import until

from .webhook_rig import WebhookRig, running_rig


@pytest.fixture
async def rig(store_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebhookRig]:
    async with running_rig(store_url, key_prefix, monkeypatch) as rig:
        yield rig


async def test_without_a_webhook_nothing_is_written(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.first.webhooks.remove(rig.environment)
    await rig.trigger("ada")
    feed = await rig.feed("ada")
    await rig.first.marks.mark_all([feed], INBOX_READ)
    assert await rig.first.event_relay.send_due() is None
    keys = [key async for keys in rig.first.client.scan(f"{rig.prefix}*outbox*", 1_000) for key in keys]
    assert keys == []
    assert rig.receiver.received == []


async def test_an_event_says_what_happened_to_whom_and_is_signed(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.trigger("ada", 7)
    await rig.tell()
    (request,) = rig.receiver.received
    event = request.event
    (message_id,) = await rig.ids("ada")
    assert event["id"].startswith("evt_")
    assert (event["type"], event["subscriberId"]) == (MESSAGE_CREATED, "ada")
    assert event["environmentId"] == rig.environment.id
    (message,) = event["messages"]
    assert (message["id"], message["workflow"], message["body"]) == (message_id, "w", "7")
    assert message["payload"] == {"n": 7}
    assert (message["isSeen"], message["isRead"]) == (False, False)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == event["id"]
    assert request.is_signed_with(rig.secret)
    assert not request.is_signed_with("whsec_" + "A" * 44)


async def test_a_trigger_hands_its_trace_on_and_other_causes_have_none(rig: WebhookRig) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await rig.begin()
    token = traceparent.set(parent)
    try:
        await rig.trigger("ada", transactionId="traced")
    finally:
        traceparent.reset(token)
    await rig.trigger("bob", transactionId="not traced")
    await rig.first.marks.mark_all([await rig.feed("ada")], INBOX_READ)
    await rig.tell_all()
    sent = [
        (one.event["type"], one.event["subscriberId"], one.headers.get("traceparent")) for one in rig.receiver.received
    ]
    assert (MESSAGE_CREATED, "ada", parent) in sent
    assert (MESSAGE_CREATED, "bob", None) in sent
    assert (MESSAGE_READ, "ada", None) in sent


async def test_each_change_is_told_once_by_what_became_different(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.trigger("ada")
    feed = await rig.feed("ada")
    (message_id,) = await rig.ids("ada")
    for change in (INBOX_SEEN, INBOX_SEEN, INBOX_READ, INBOX_READ):
        await rig.first.marks.mark([feed], [message_id], change)
    await rig.first.marks.act([feed], message_id, "primary", "done", {"choice": [1, None]})
    await rig.first.marks.snooze([feed], message_id, 4_000_000_000_000)
    await rig.first.marks.snooze([feed], message_id, 4_100_000_000_000)
    await rig.first.marks.delete([feed], message_id)
    await rig.tell_all()
    assert rig.receiver.types() == [
        *("message.created", "message.seen", "message.read", "message.actioned"),
        *("message.snoozed", "message.snoozed", "message.deleted"),
    ]
    (actioned,) = (one for one in rig.receiver.events if one["type"] == MESSAGE_ACTIONED)
    assert actioned["action"] == {"type": "primary", "status": "done", "payload": {"choice": [1, None]}}
    assert rig.receiver.events[-1]["messages"] == [{"id": message_id}]


async def test_a_bulk_change_names_only_what_it_changed_in_parts_of_a_hundred(rig: WebhookRig) -> None:
    await rig.begin(MESSAGE_SEEN, MESSAGE_READ)
    for number in range(230):
        await rig.trigger("ada", number)
    ids, feed = await rig.ids("ada"), await rig.feed("ada")
    await rig.first.marks.mark([feed], ids[:20], INBOX_SEEN)
    await rig.first.marks.mark([feed], ids[20:25], INBOX_READ)
    await rig.first.marks.mark_all([feed], INBOX_READ)
    await rig.tell_all()
    told = [(one["type"], [message["id"] for message in one["messages"]]) for one in rig.receiver.events]
    unseen, unread = ids[25:], [*ids[:20], *ids[25:]]
    assert told == [
        (MESSAGE_SEEN, ids[:20]),
        (MESSAGE_SEEN, ids[20:25]),
        (MESSAGE_READ, ids[20:25]),
        *[(MESSAGE_SEEN, unseen[start : start + 100]) for start in (0, 100, 200)],
        *[(MESSAGE_READ, unread[start : start + 100]) for start in (0, 100, 200)],
    ]
    assert all(message["isRead"] for one in rig.receiver.events for message in one["messages"])


async def test_deleted_trimmed_and_moved_messages_are_named_by_their_ids(rig: WebhookRig) -> None:
    await rig.begin("message.deleted", MESSAGE_READ)
    for number in range(30):
        await rig.trigger("ada", number)
    ids, feed = await rig.ids("ada"), await rig.feed("ada")
    moved = feed.row_of(ids[0])
    assert moved is not None
    assert await rig.first.feed_store.snapshot(feed)
    store = rig.first.marks._messages
    assert await store.snooze(feed, moved, INBOX_SNOOZE, 1_000)
    assert await rig.ids("ada") == [*ids[1:], ids[0]], "its snooze has ended: it is on top"
    await store.trim(feed, 4)
    await rig.first.marks.mark([feed], [ids[0]], INBOX_READ)
    assert await rig.first.marks.delete_all([feed]) == 27
    await rig.tell_all()
    told = [[message["id"] for message in one["messages"]] for one in rig.receiver.events]
    assert told == [ids[1:4], [ids[0]], [*ids[4:], ids[0]]]


async def test_a_message_is_found_wherever_a_snooze_has_moved_it(rig: WebhookRig) -> None:
    await rig.begin(MESSAGE_READ)
    for number in range(3):
        await rig.trigger("ada", number)
    ids, feed = await rig.ids("ada"), await rig.feed("ada")
    moved = feed.row_of(ids[0])
    assert moved is not None
    store = rig.first.marks._messages
    assert await store.snooze(feed, moved, INBOX_SNOOZE, 1_000)
    assert await rig.ids("ada") == [*ids[1:], ids[0]]
    await store.trim(feed, 2)
    await rig.first.marks.mark([feed], [ids[0]], INBOX_READ)
    await rig.tell_all()
    (message,) = rig.receiver.events[0]["messages"]
    assert (message["id"], message["isRead"]) == (ids[0], True)


async def test_a_broadcast_is_told_for_each_recipient(rig: WebhookRig) -> None:
    await rig.begin()
    names = [f"s{number}" for number in range(120)]
    for name in names:
        await rig.first.subscribers.create(rig.environment, SubscriberId(name), {})
    request = BroadcastRequest(name="w", payload={"n": 1}, transaction_id="t")
    await rig.first.triggers.trigger(rig.environment, request)
    await rig.first.dispatch_worker.run_until_idle()
    await rig.tell_all()
    assert sorted(one["subscriberId"] for one in rig.receiver.events) == sorted(names)
    assert {one["messages"][0]["transactionId"] for one in rig.receiver.events} == {"t"}


async def test_a_message_that_takes_the_place_of_another_is_told_under_the_same_id(rig: WebhookRig) -> None:
    await rig.begin()
    for number in range(3):
        await rig.trigger("ada", number, collapseKey="thread")
        await rig.tell_all()
    (message_id,) = await rig.ids("ada")
    told = [(one["type"], message["id"], message["body"]) for one in rig.receiver.events for message in one["messages"]]
    assert told == [(MESSAGE_CREATED, message_id, str(number)) for number in range(3)]


async def test_presence_is_told_at_its_edges(rig: WebhookRig) -> None:
    await rig.begin("presence.changed")
    ada = await rig.first.subscribers.create(rig.environment, SubscriberId("ada"), {})
    oid = (ada[0] if isinstance(ada, tuple) else ada).oid
    presence = rig.first.presence
    for _ in range(2):
        await presence.add_socket(rig.environment, oid)
    other = (await rig.process()).presence
    await other.add_socket(rig.environment, oid)
    for service in (presence, other):
        service._grace_seconds = 0.0
    presence.remove_socket(rig.environment, oid)
    presence.remove_socket(rig.environment, oid)
    other.remove_socket(rig.environment, oid)

    async def is_offline() -> bool:
        found = await rig.first.subscribers.get(rig.environment, SubscriberId("ada"))
        return not found.is_online

    await until(is_offline)
    for online in (True, True, False, False):
        await rig.first.subscribers.set_online(rig.environment, SubscriberId("ada"), online)
    await rig.tell_all()
    assert [one["isOnline"] for one in rig.receiver.events] == [True, False, True, False]
    assert all(one["subscriberId"] == "ada" for one in rig.receiver.events)
    assert ["lastOnlineAt" in one for one in rig.receiver.events] == [False, True, True, True]


async def test_events_of_a_subscriber_that_is_gone_are_not_told(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.trigger("ada")
    await rig.first.subscribers.delete(rig.environment, SubscriberId("ada"))
    await rig.trigger("bob")
    await rig.tell_all()
    assert [one["subscriberId"] for one in rig.receiver.events] == ["bob"]


async def test_the_stream_has_every_event_once_though_the_receiver_is_down(rig: WebhookRig) -> None:
    await rig.begin(MESSAGE_READ)
    await rig.first.webhooks.set_stream(rig.environment, True)
    await rig.receiver.stop()
    for number in range(3):
        await rig.trigger("ada", number)
        await rig.tell()
    feed = await rig.feed("ada")
    await rig.first.marks.mark_all([feed], INBOX_READ)
    await rig.tell()
    key = rig.first.keys.events(rig.environment.number)[0]
    told = [fields for _, fields in await rig.first.client.execute("XRANGE", key, "-", "+")]
    assert [fields[3].decode() for fields in told] == [*[MESSAGE_CREATED] * 3, MESSAGE_SEEN, MESSAGE_READ]
    assert all(json.loads(fields[5])["id"] == fields[1].decode() for fields in told)
    await rig.receiver.start()
    await rig.tell_all()
    assert rig.receiver.types() == [MESSAGE_READ]
    assert rig.receiver.events[0]["id"] == told[-1][1].decode()
    assert (await rig.first.webhooks.backlog(rig.environment)).streamed == 5


async def test_a_stream_alone_empties_the_outboxes(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.first.webhooks.remove(rig.environment)
    await rig.first.webhooks.set_stream(rig.environment, True)
    for number in range(3):
        await rig.trigger("ada", number)
    await rig.tell()
    waiting = await rig.first.webhooks.backlog(rig.environment)
    assert (waiting.waiting, waiting.streamed) == (0, 3)
    await rig.first.webhooks.set_stream(rig.environment, False)
    await rig.trigger("ada")
    await rig.tell()
    assert (await rig.first.webhooks.backlog(rig.environment)).streamed == 3


async def test_another_process_soon_knows_of_a_webhook(rig: WebhookRig) -> None:
    other = await rig.process()
    await rig.begin()

    async def told() -> bool:
        await other.environments.fresh()
        await rig.trigger("ada", services=other)
        await rig.tell(other)
        return bool(rig.receiver.events)

    await until(told)


async def test_settings_of_a_webhook(rig: WebhookRig) -> None:
    webhooks = rig.first.webhooks
    for url in ("ftp://example.com", "https://", "nowhere", "http://exa mple.com", "http://a/#b", "http://[::1"):
        with pytest.raises(ValidationFailed):
            await webhooks.set(rig.environment, url, [])
    with pytest.raises(ValidationFailed):
        await webhooks.set(rig.environment, rig.receiver.url, ["message.eaten"])
    for call in (webhooks.remove, webhooks.rotate_secret, webhooks.test):
        with pytest.raises(NotFound):
            await call(rig.environment)
    await rig.begin(MESSAGE_READ)
    assert await webhooks.set(rig.environment, rig.receiver.url, []) is None, "the secret stays"
    assert rig.environment.webhook is not None
    assert rig.environment.webhook.events == EVENT_TYPES
    rotated = await webhooks.rotate_secret(rig.environment)
    assert (await webhooks.test(rig.environment)).status == 200
    (request,) = rig.receiver.received
    assert request.event["type"] == "webhook.test"
    assert request.is_signed_with(rig.secret)
    assert request.is_signed_with(rotated)
    await webhooks.rotate_secret(rig.environment)
    await webhooks.test(rig.environment)
    assert not rig.receiver.received[-1].is_signed_with(rig.secret)


async def test_what_waited_when_a_webhook_was_removed_is_not_told_to_the_next(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.receiver.stop()
    await rig.trigger("ada")
    await rig.tell()
    await rig.first.webhooks.remove(rig.environment)
    await rig.receiver.start()
    await rig.first.webhooks.set(rig.environment, rig.receiver.url, [])
    await rig.trigger("ada", 1)
    await rig.tell_all()
    assert [one["messages"][0]["body"] for one in rig.receiver.events] == ["1"]


async def test_leases_end_with_the_work(rig: WebhookRig) -> None:
    await rig.begin()
    await rig.trigger("ada")
    await rig.tell_all()
    await rig.tell()
    assert await rig.first.client.execute("ZCARD", rig.first.keys.due_outboxes) == 0
    assert BucketKey(1, 2).name == "1:2"
