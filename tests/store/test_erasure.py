"""Erasing: nothing of a person is left anywhere, everybody else keeps what they have, whenever it is cut short."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from itertools import count
from typing import Any

import msgspec
import orjson
import pytest

from inbox.errors import NotFound, Unauthorized
from inbox.ids import SubscriberId
from inbox.models.credentials import ChannelCredentials
from inbox.models.event import FailedEvent, WebhookEvent
from inbox.models.message_edit import MessageEdit
from inbox.models.topic import SubscriptionItem
from inbox.models.trigger import BroadcastRequest, TriggerRequest
from inbox.service.activity.activity import ActivityFilter
from inbox.service.subscribers import erasure
from inbox.service.trigger import delivery
from inbox.services import Services
from inbox.settings import Settings
from inbox.store import erasure as erasure_store
from inbox.store.activity import transaction_tag
from inbox.store.changes import INBOX_ARCHIVE, INBOX_READ
from inbox.store.client import open_client
from inbox.store.failed_events import FailedEvents
from inbox.store.idempotent_responses import Answer
from inbox.store.keys import Keys, bucket_of
from inbox.store.runs import RunStore
from inbox.store.subscribers import SubscriberStore
from tests.conftest import binary_of
from tests.support.everything import read_everything, where
from tests.support.faults import Killed
from tests.support.stores import running_store
from tests.support.waiting import until

from .conftest import Stores
from .rig import Rig as BaseRig
from .rig import in_app, mortal

PAYLOAD = "whatwassaid"
TOPICS = ("news", "orders")


class Rig(BaseRig):
    """With people of whom all kinds of things are held."""

    async def process(self) -> Services:
        services = await super().process()
        await services.presence.keep_lease()
        return services

    async def workflow(self, identifier: str, body: str, waits: str | None = None) -> None:
        wait = [{"name": waits, "type": waits, "controlValues": {"amount": 1, "unit": "hours"}}] if waits else []
        await self.make_workflow(identifier, *wait, in_app(body))

    async def trigger(self, name: str, workflow: str = "w", services: Services | None = None, **fields: Any) -> None:
        request = TriggerRequest(name=workflow, to=name, payload={"text": f"{PAYLOAD} {name}"}, **fields)
        outcome = await (services or self.first).triggers.trigger(self.environment, request)
        assert outcome.status == "processed"

    async def person(self, name: str) -> list[bytes]:
        """Somebody of whom every kind of thing is held; gives what must be nowhere once this person is erased."""
        services, environment, target = self.first, self.environment, SubscriberId(name)
        profile = {"firstName": f"first{name}", "email": f"{name}@mail.example", "data": {"own": f"data{name}"}}
        subscriber = await services.subscribers.upsert(environment, target, profile)
        channel = {"providerId": "fcm", "credentials": {"deviceTokens": [f"token{name}"]}}
        await services.subscribers.set_credentials(environment, target, msgspec.convert(channel, ChannelCredentials))
        await services.preferences.choose_everywhere(environment, subscriber, {"email": False})
        await services.preferences.choose(environment, subscriber, [("muted", {"in_app": False})])
        for topic in TOPICS:
            await services.subscriptions.subscribe(environment, topic, [SubscriptionItem(subscriber_id=target)])
        await self._messages(name)
        await services.activity_log.flush()
        answer = Answer(b"print", 200, "application/json", orjson.dumps({"to": {"subscriberId": name}}))
        await services.idempotency.finish(environment, f"key of {name}", answer)
        await services.presence.add_socket(environment, subscriber.oid)
        await services.event_relay.announce()
        await services.event_relay.run_until_idle()
        told = WebhookEvent(f"event of {name}", "message.read", orjson.dumps({"subscriberId": name}))
        await FailedEvents(services.client, services.keys).add(environment.number, FailedEvent(told, "500", 3, 1))
        oid = subscriber.oid
        words = [f"first{name}", f"data{name}", f"token{name}", f"{name}@mail.example", f"{PAYLOAD} {name}", name, oid]
        return [*(word.encode() for word in words), bytes.fromhex(oid)]

    async def _messages(self, name: str) -> None:
        """In two feeds: plain ones, one marked, one snoozed, one archived and edited; one suppressed, one failed."""
        services, environment = self.first, self.environment
        for number in range(4):
            await self.trigger(
                name, transaction_id=f"t{number} of {name}", external_reference=f"order {number} of {name}"
            )
        await self.trigger(name, context={"tenant": "acme"})
        await self.trigger(name, "muted", transaction_id=f"muted of {name}")
        await self.trigger(name, "failing")
        for waiting in ("delayed", "digested"):
            await self.trigger(name, waiting)
        subscriber = await services.subscribers.get(environment, SubscriberId(name))
        feed = await services.feed.feed_of(environment, subscriber)
        ids = [one.id for one in await self.messages(name)]
        await services.marks.mark_one([feed], ids[0], INBOX_READ)
        await services.marks.mark_one([feed], ids[1], INBOX_ARCHIVE)
        await services.revisions.edit(environment, ids[1], MessageEdit(body=f"edited, {PAYLOAD} {name}"))
        await services.marks.snooze([feed], ids[2], int(time.time() * 1_000) + 3_600_000)

    async def messages(self, name: str) -> list[Any]:
        """What is in somebody's first feed, oldest first."""
        feed = await self.first.feed_store.open(self.environment.number, SubscriberId(name))
        found = await self.first.feed_store.messages(feed, range(1, 200))
        assert found is not None
        return found[0]

    async def standing(self, name: str) -> dict[str, Any]:
        """All that somebody has, as others see it; what is kept of it agrees with itself."""
        stores, services = Stores(self.first.client, Keys(self.prefix)), self.first
        subscriber = await services.subscribers.get(self.environment, SubscriberId(name))
        for contexts in subscriber.feeds:
            feed = await services.feed_store.open(self.environment.number, SubscriberId(name), contexts)
            await stores.check(feed)
        document = orjson.loads(b"".join([part async for part in await self.document(name)]))
        wanted = ActivityFilter(subscribers=[subscriber])
        document["page"] = [one.id for one in (await services.activity.page(self.environment, wanted, 0, 50))[0]]
        return {key: value for key, value in document.items() if key != "exportedAt"}

    async def document(self, name: str, services: Services | None = None) -> AsyncIterator[bytes]:
        return await (services or self.first).export.export(self.environment, SubscriberId(name))

    async def erase(self, name: str, services: Services | None = None) -> erasure.Erased:
        return await (services or self.first).erasure.erase(self.environment, SubscriberId(name))

    async def everything(self) -> dict[str, list[bytes]]:
        return await read_everything(self.first.client, Keys(self.prefix))


@pytest.fixture
async def rig(store_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(erasure, "SETTLE_SECONDS", 0)  # no other process notes anything here
    monkeypatch.setattr(erasure_store, "REWRITE_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(erasure_store, "REWRITE_ATTEMPTS", 1_000)
    rig = Rig(store_url, key_prefix, {"presence_lease_seconds": 86_400})  # nobody here renews it
    await rig.process()
    await rig.workflow("w", "{{payload.text}}")
    await rig.workflow("muted", "{{payload.text}}")
    await rig.workflow("delayed", "{{payload.text}}", "delay")
    await rig.workflow("digested", "{{payload.text}}", "digest")
    await rig.workflow("failing", "{{ payload.text | append: '%' | url_decode }}")
    for topic in TOPICS:
        await rig.first.topics.upsert(rig.environment, topic, None)
    await rig.first.webhooks.set_stream(rig.environment, True)
    await rig.first.event_relay.announce()
    yield rig
    for services in rig.processes:
        mortal(services).calls_left = None
        await services.presence.close()
    await rig.close()


async def test_nothing_of_somebody_erased_is_left_and_nobody_else_is_touched(rig: Rig) -> None:
    traces = await rig.person("adalovelace")
    await rig.person("bobross")
    assert {needle for _, needle in where(await rig.everything(), traces)} == set(traces)
    before = await rig.standing("bobross")
    erased = await rig.erase("adalovelace")
    assert where(await rig.everything(), traces) == set()
    assert not [key for key in await rig.everything() if key.endswith("erasing")]
    assert await rig.standing("bobross") == before
    assert erased.append_only_file == "requested"
    removed = msgspec.to_builtins(erased.removed)
    assert removed.pop("events") > 5
    assert removed == {
        **{"subscribers": 1, "feeds": 2, "messages": 5, "preferences": 2, "subscriptions": 2},
        **{"activities": 10, "transactions": 10, "answers": 1, "timers": 3},
    }
    for call in (rig.erase, rig.document):
        with pytest.raises(NotFound):
            await call("adalovelace")


async def test_the_environments_activity_goes_on_without_the_one_erased(rig: Rig) -> None:
    await rig.person("adalovelace")
    await rig.person("bobross")
    everybody = ActivityFilter()
    before, _ = await rig.first.activity.page(rig.environment, everybody, 0, 50)
    await rig.erase("adalovelace")
    after, _ = await rig.first.activity.page(rig.environment, everybody, 0, 50)
    assert [one.id for one in after] == [one.id for one in before if one.name == "bobross"]
    assert len(after) == 9
    number = rig.environment.number
    assert await rig.first.activity_log.repair(number, int(time.time() * 1_000) + 20_000) == 0
    tag = transaction_tag("t0 of adalovelace")
    assert all(tag not in part for parts in (await rig.everything()).values() for part in parts)
    listed, _ = await rig.first.activity.messages(rig.environment, [], 0, 50)
    assert {feed.subscriber_id for feed, _ in listed} == {"bobross"}


async def test_an_erasure_cut_short_at_any_call_is_finished_by_the_next(rig: Rig) -> None:
    await rig.person("bobross")
    before = await rig.standing("bobross")
    traces: list[bytes] = []
    for place in count():
        name = f"cutshort{place}x"
        traces += await rig.person(name)
        dying = await rig.process()
        mortal(dying).calls_left = place
        if not await _is_cut_short(rig.erase(name, dying)):
            break
        with contextlib.suppress(NotFound):  # done but for the files, which are not asked to be written anew then
            await rig.erase(name)
    assert place > 30
    everything = await rig.everything()
    assert where(everything, traces) == set()
    assert not [key for key in everything if key.endswith("erasing")]
    assert await rig.standing("bobross") == before


async def _is_cut_short(erasing: Awaitable[object]) -> bool:
    try:
        await erasing
    except Killed:
        return True
    return False


async def test_who_comes_back_between_two_calls_is_erased_as_well(rig: Rig) -> None:
    traces = await rig.person("adalovelace")
    dying = await rig.process()
    mortal(dying).calls_left = 12
    with pytest.raises(Killed):
        await rig.erase("adalovelace", dying)
    with pytest.raises(NotFound):
        await rig.first.subscribers.get(rig.environment, SubscriberId("adalovelace"))
    traces += await rig.person("adalovelace")
    erased = await rig.erase("adalovelace")
    assert erased.removed["subscribers"] == 2
    assert where(await rig.everything(), traces) == set()


async def test_other_processes_let_go_of_what_they_remember(rig: Rig) -> None:
    await rig.person("adalovelace")
    other = await rig.process()
    await rig.trigger("adalovelace", services=other)
    old = await rig.first.subscribers.get(rig.environment, SubscriberId("adalovelace"))
    token = await other.sessions.issue_token(rig.environment, "adalovelace")
    await other.activity_log.flush()
    await rig.erase("adalovelace")
    with pytest.raises(Unauthorized):
        await other.sessions.verify(token)
    await rig.trigger("adalovelace", services=other)
    new = await rig.first.subscribers.get(rig.environment, SubscriberId("adalovelace"))
    assert new.oid != old.oid
    assert len(await rig.messages("adalovelace")) == 1


async def test_triggers_meanwhile_leave_a_whole_subscriber_or_none(rig: Rig) -> None:
    old = await rig.person("adalovelace")
    other = await rig.process()
    stop = asyncio.Event()

    async def go_on() -> None:
        while not stop.is_set():
            await rig.trigger("adalovelace", services=other)

    task = asyncio.create_task(go_on())
    await rig.erase("adalovelace")
    stop.set()
    await task
    await other.activity_log.flush()
    oid = old[-2:]
    assert where(await rig.everything(), oid) == set()
    await rig.standing("adalovelace")
    await rig.erase("adalovelace")
    assert where(await rig.everything(), old) == set()


async def test_a_broadcast_goes_on_where_it_was(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share names the last one it is done with; once that one is erased it names another and misses nobody."""
    monkeypatch.setattr(delivery, "MAX_IN_REQUEST", 1)
    names = [f"person{number}" for number in range(2_000) if bucket_of(f"person{number}") == 7][:6]
    for name in names:
        await rig.first.subscribers.upsert(rig.environment, SubscriberId(name), {})
    by_oid = {(await rig.first.subscribers.get(rig.environment, SubscriberId(name))).oid: name for name in names}
    request = BroadcastRequest(name="w", payload={"text": "hello"}, transaction_id="t")
    await rig.first.triggers.trigger(rig.environment, request)
    share_key = await _share_at(rig, sorted(by_oid)[3])
    await rig.erase(by_oid[sorted(by_oid)[3]])
    assert await rig.first.client.execute("HGET", share_key, "cursor") == sorted(by_oid)[2].encode()
    await rig.first.dispatch_worker.run_until_idle()
    got = {by_oid[oid]: len(await rig.messages(by_oid[oid])) for oid in sorted(by_oid) if oid != sorted(by_oid)[3]}
    assert list(got.values()) == [0, 0, 0, 1, 1]


async def _share_at(rig: Rig, oid: str) -> str:
    """Puts the dispatch's share of the bucket behind this subscriber; gives its key."""
    number = rig.environment.number
    keys = Keys(rig.prefix)
    [dispatch_id] = await rig.first.client.execute("ZRANGE", keys.dispatches(number), 0, -1)
    key = keys.bucket(number, 7).share(dispatch_id.decode())
    await rig.first.client.execute("HSET", key, "cursor", oid)
    return key


async def test_answers_that_name_others_are_kept(rig: Rig) -> None:
    await rig.first.subscribers.upsert(rig.environment, SubscriberId("ada"), {})
    bodies = {
        "gone": [{"subscriberId": "ada"}, {"path": "/v2/subscribers/ada/preferences?x=1"}, {"m": "ada was not found"}],
        "kept": [{"subscriberId": "adam"}, {"subscriberId": "xada"}, {"n": 1}],
    }
    for kind, listed in bodies.items():
        for place, body in enumerate(listed):
            answer = Answer(b"print", 200, "application/json", orjson.dumps(body))
            await rig.first.idempotency.finish(rig.environment, f"{kind} {place}", answer)
    assert (await rig.erase("ada")).removed["answers"] == 3
    for kind, listed in bodies.items():
        for place in range(len(listed)):
            known = await rig.first.idempotency.begin(rig.environment, f"{kind} {place}", b"print")
            assert (known is not None) == (kind == "kept")


@pytest.mark.parametrize("name", ["a:b{c}*", "a/b c", "ä 💥", '"quoted\\', "a@b+c"])
async def test_any_id_is_found_in_answers(rig: Rig, name: str) -> None:
    await rig.first.subscribers.upsert(rig.environment, SubscriberId(name), {})
    answer = Answer(b"print", 200, "application/json", orjson.dumps({"subscriberId": name}))
    await rig.first.idempotency.finish(rig.environment, "key", answer)
    assert (await rig.erase(name)).removed["answers"] == 1


async def rewritten(services: Services) -> list[int]:
    """How often each primary has written its file anew, none of them doing so now."""
    await until(lambda: _is_calm(services), 60)
    return [int(info["aof_rewrites"]) for info in await _infos(services)]


async def _is_calm(services: Services) -> bool:
    infos = await _infos(services)
    return all(info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == "0" for info in infos)


async def _infos(services: Services) -> list[dict[str, str]]:
    return [await services.client.info(primary, "persistence") for primary in services.client.primaries]


async def test_every_primary_is_asked_to_write_its_file_anew(rig: Rig) -> None:
    client, keys = rig.first.client, rig.first.keys
    store = erasure_store.ErasureStore(client, keys, SubscriberStore(client, keys), RunStore(client, keys))
    before = await rewritten(rig.first)
    assert await asyncio.gather(store.rewrite_files(), store.rewrite_files()) == ["requested", "requested"]
    after = await rewritten(rig.first)
    assert len(after) == len(rig.first.client.primaries)
    assert all(now >= then + 2 for then, now in zip(before, after, strict=True))


@pytest.mark.needs("valkey")
@pytest.mark.parametrize(
    ("options", "told"),
    [(["--rename-command", "BGREWRITEAOF", ""], "refused"), (["--appendonly", "no"], "off"), ([], "requested")],
    ids=["refused", "off", "requested"],
)
async def test_what_the_file_of_the_store_holds_afterwards(options: list[str], told: str) -> None:
    readable = ["--aof-use-rdb-preamble", "no", *options]
    with running_store(binary_of("valkey"), options=readable) as server:
        client = await open_client(server.url)
        services = Services(Settings(redis_url=server.url), client)
        await services.environments.load()
        environment, target = services.environments.current, SubscriberId("adalovelace")
        await services.subscribers.create(environment, target, {"firstName": "Augusta"})
        erased = await services.erasure.erase(environment, target)
        assert erased.append_only_file == told
        await until(lambda: _is_calm(services), 60)
        held = b"".join(path.read_bytes() for path in server.directory.rglob("*.aof"))
        assert (b"Augusta" in held) == (told == "refused")
        assert (environment.id.encode() in held) == (told != "off")
        await client.close()


async def test_a_prefix_is_no_pattern(rig: Rig) -> None:
    """Signs that a glob knows stand for themselves: the answers of this installation are found, no other's."""
    for prefix in (rig.prefix + "[ab]*?^\\:", rig.prefix + "azz?^\\:"):
        other = Rig(rig.url, prefix)
        await other.process()
        rig.processes.append(other.first)
        await other.first.subscribers.create(other.environment, SubscriberId("ada"), {})
        answer = Answer(b"print", 200, "application/json", orjson.dumps({"subscriberId": "ada"}))
        await other.first.idempotency.finish(other.environment, "key", answer)
    first, second = rig.processes[-2:]
    erased = await first.erasure.erase(first.environments.current, SubscriberId("ada"))
    assert erased.removed["answers"] == 1
    assert await second.idempotency.begin(second.environments.current, "key", b"print") is not None


async def test_a_rewrite_that_began_too_early_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    client, keys = rig.first.client, rig.first.keys
    store = erasure_store.ErasureStore(client, keys, SubscriberStore(client, keys), RunStore(client, keys))
    monkeypatch.setattr(erasure_store, "REWRITE_ATTEMPTS", 1)
    await until(lambda: _is_calm(rig.first), 60)
    assert sorted(await asyncio.gather(store.rewrite_files(), store.rewrite_files())) == ["busy", "requested"]


async def test_events_of_others_stay_whatever_the_name(rig: Rig) -> None:
    """A subscriberId may be a number that stands in every event's id."""
    store = FailedEvents(rig.first.client, rig.first.keys)
    number = rig.environment.number
    for name in ("2", "read", "bobross"):
        await rig.trigger(name)
        event = WebhookEvent(f"evt_2_0_{name}", "message.read", orjson.dumps({"id": "evt_2_0", "subscriberId": name}))
        await store.add(number, FailedEvent(event, "500", 3, 1))
    for name in ("2", "read"):
        await rig.erase(name)
    assert [one.event.id for one in await store.read(number)] == ["evt_2_0_bobross"]
