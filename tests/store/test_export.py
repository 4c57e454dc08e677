"""Exporting: one document with everything of a person, made in small parts, whole though the feed moves meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import orjson
import pytest

from inbox.errors import NotFound
from inbox.ids import SubscriberId
from inbox.models.credentials import ChannelCredentials
from inbox.models.environment import Environment
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.topic import SubscriptionItem
from inbox.models.trigger import TriggerRequest
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.changes import INBOX_ARCHIVE, INBOX_READ, INBOX_SNOOZE
from inbox.store.client import open_client
from inbox.store.feed import Feed
from inbox.store.keys import Keys
from inbox.store.messages import Delivery, MessageStore
from inbox.store.rows import parse_message_id

ADA = SubscriberId("ada")
WORKFLOW = "0123456789abcdef01234567"


@pytest.fixture
async def services(store_url: str, key_prefix: str) -> AsyncIterator[Services]:
    client = await open_client(store_url)
    services = Services(Settings(redis_url=store_url, key_prefix=key_prefix, max_feed_length=10_000), client)
    await services.environments.load()
    for identifier, body in (("w", "{{payload.text}}"), ("muted", "x"), ("failing", "{{ '%' | url_decode }}")):
        steps = [{"name": "step", "type": "in_app", "controlValues": {"body": body}}]
        made = msgspec.convert({"name": identifier, "workflowId": identifier, "steps": steps}, WorkflowCreate)
        await services.workflows.create(services.environments.current, made)
    yield services
    await client.close()


@pytest.fixture
def environment(services: Services) -> Environment:
    return services.environments.current


async def fill(services: Services, environment: Environment, count: int, content: str = "") -> Feed:
    """So many messages, named by their places from 1; they are stored a hundred at a time."""
    keys = Keys(services.settings.key_prefix)
    feed = await services.feed_store.open(environment.number, ADA)
    store = MessageStore(services.client, keys, services.feed_store, 10_000)
    for start in range(1, count + 1, 100):
        named = [f"m{place}" for place in range(start, min(start + 100, count + 1))]
        stored = [StoredMessage(name, WORKFLOW, "w", WORKFLOW, "step", content=name + content) for name in named]
        await store.append([Delivery(feed, encode_stored(one), one.transaction_id, "step", "w") for one in stored])
    return feed


async def parts_of(services: Services, environment: Environment) -> list[bytes]:
    return [part async for part in await services.export.export(environment, ADA)]


async def read(services: Services, environment: Environment) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(b"".join(await parts_of(services, environment)))
    return document


async def test_a_bare_subscriber_has_a_whole_document(services: Services, environment: Environment) -> None:
    subscriber = await services.subscribers.create(environment, ADA, {})
    document = await read(services, environment)
    assert document["format"] == "inbox.subscriber/1"
    assert document["environment"] == {"_id": environment.id, "name": environment.name}
    assert (document["subscriber"]["_id"], document["subscriber"]["subscriberId"]) == (subscriber.oid, ADA)
    assert document["preferences"] == {"global": {"channels": {}}, "workflows": []}
    assert [document[name] for name in ("subscriptions", "feeds", "messages", "activity")] == [[], [], [], []]


async def test_an_unknown_one_is_told_before_the_first_part(services: Services, environment: Environment) -> None:
    with pytest.raises(NotFound):
        await services.export.export(environment, ADA)


async def test_it_holds_the_person(services: Services, environment: Environment) -> None:
    profile = {"firstName": "Ada", "email": "ada@example.org", "data": {"k": [1]}}
    subscriber = await services.subscribers.create(environment, ADA, profile)
    channel = {"providerId": "fcm", "credentials": {"deviceTokens": ["token"]}}
    await services.subscribers.set_credentials(environment, ADA, msgspec.convert(channel, ChannelCredentials))
    await services.subscribers.set_online(environment, ADA, False)
    muted = await services.workflows.get(environment, "muted")
    await services.preferences.choose_everywhere(environment, subscriber, {"email": False}, {"isEnabled": False})
    await services.preferences.choose(environment, subscriber, [("muted", {"in_app": False})])
    await services.topics.upsert(environment, "news", "News")
    item, context = SubscriptionItem(subscriber_id=ADA), ["tenant:acme"]
    await services.subscriptions.subscribe(environment, "news", [item], name="mine", context_keys=context)
    document = await read(services, environment)
    shown = document["subscriber"]
    assert {name: shown[name] for name in profile} == profile
    assert shown["channels"][0]["credentials"] == {"deviceTokens": ["token"]}
    assert not shown["isOnline"]
    assert "lastOnlineAt" in shown
    chosen = document["preferences"]
    assert (chosen["global"]["channels"], chosen["global"]["schedule"]) == ({"email": False}, {"isEnabled": False})
    [choice] = chosen["workflows"]
    assert (choice["_workflowId"], choice["workflowId"], choice["channels"]) == (muted.id, "muted", {"in_app": False})
    [subscription] = document["subscriptions"]
    assert subscription["topic"] | {"_id": ""} == {"_id": "", "key": "news", "name": "News"}
    assert (subscription["name"], subscription["contextKeys"]) == ("mine", context)
    assert subscription["identifier"] == "tk_news:si_ada:ctx_tenant:acme"


async def test_it_holds_every_message_and_what_came_of_every_trigger(
    services: Services, environment: Environment
) -> None:
    async def trigger(workflow: str, **fields: Any) -> None:
        await services.triggers.trigger(environment, TriggerRequest(name=workflow, to="ada", **fields))

    subscriber = await services.subscribers.create(environment, ADA, {})
    await services.preferences.choose(environment, subscriber, [("muted", {"in_app": False})])
    for number in range(4):
        await trigger("w", transaction_id=f"t{number}", payload={"text": f"text {number}"}, external_reference="ref")
    await trigger("w", transaction_id="other", payload={"text": "of acme"}, context={"tenant": "acme"})
    await trigger("muted", transaction_id="suppressed")
    await trigger("failing", transaction_id="failed", payload={"n": 1})
    subscriber = await services.subscribers.get(environment, ADA)
    feed = await services.feed.feed_of(environment, subscriber)
    ids = [one["_id"] for one in (await read(services, environment))["messages"][:4]]
    until = int(time.time() * 1_000) + 3_600_000
    await services.marks.mark_one([feed], ids[0], INBOX_READ)
    await services.marks.mark_one([feed], ids[1], INBOX_ARCHIVE)
    await services.marks.snooze([feed], ids[2], until)
    await services.marks.delete([feed], ids[3])
    document = await read(services, environment)
    assert [feed["contextKeys"] for feed in document["feeds"]] == [[], ["tenant:acme"]]
    assert [(feed["unseen"], feed["unread"]) for feed in document["feeds"]] == [(0, 1), (1, 1)]
    read_one, archived, snoozed, other = document["messages"]
    assert [one["content"] for one in document["messages"]] == ["text 0", "text 1", "text 2", "of acme"]
    assert (read_one["read"], read_one["archived"], read_one["externalReference"]) == (True, False, "ref")
    assert archived["archived"]
    assert "archivedAt" in archived
    assert "snoozedUntil" in snoozed
    assert (other["seen"], other["contextKeys"]) == (False, ["tenant:acme"])
    told = [(row.get("transactionId"), row["outcome"]) for row in document["activity"]]
    assert told == [
        *(("failed", "failed"), ("suppressed", "suppressed"), ("other", "delivered"), (None, "delivered")),
        *((f"t{number}", "delivered") for number in (2, 1, 0)),
    ]
    assert document["activity"][1]["reason"] == "the subscriber's preferences"
    assert document["activity"][-1]["_messageId"] == ids[0]


async def test_what_comes_and_moves_meanwhile_is_in_it_once(services: Services, environment: Environment) -> None:
    """Rows 3 and 100 are snoozed to the past once the first messages were given: one was read before it moves."""
    feed = await fill(services, environment, 120)
    found = await services.feed_store.messages(feed, [3, 100])
    assert found is not None
    given: list[bytes] = []
    async for part in await services.export.export(environment, ADA):
        given.append(part)
        if b'"m50"' in part:
            for message in found[0]:
                store = MessageStore(services.client, services.keys, services.feed_store, 10_000)
                await store.snooze(feed, parse_message_id(message.id), INBOX_SNOOZE, 1)
            await fill(services, environment, 130)
    contents = [message["content"] for message in orjson.loads(b"".join(given))["messages"]]
    expected = [f"m{place}" for place in range(1, 121)]
    assert sorted(set(contents)) == sorted(contents), "nobody is given twice"
    assert set(expected) <= set(contents)
    assert contents.index("m100") > contents.index("m120"), "it has moved"


async def test_one_erased_meanwhile_gives_no_whole_document(services: Services, environment: Environment) -> None:
    async def erase_in_the_middle() -> None:
        async for part in await services.export.export(environment, ADA):
            if b'"m50"' in part:
                await services.erasure.erase(environment, ADA)

    await fill(services, environment, 120)
    with pytest.raises(NotFound, match="while it was exported"):
        await erase_in_the_middle()


async def test_ten_thousand_messages_leave_others_their_turn(services: Services, environment: Environment) -> None:
    """It is given in parts of some fifty messages, and whoever else waits has a turn between any two of them."""
    await fill(services, environment, 10_000, "x" * 1_000)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(take_turns())
    sizes, before, messages = [], 0, 0
    async for part in await services.export.export(environment, ADA):
        sizes.append(len(part))
        if part.count(b'"content"') > 1:
            messages += part.count(b'"content"')
            assert turns > before
            before = turns
    task.cancel()
    assert messages == 10_000
    assert max(sizes) < 50 * 2_500
    assert sum(sizes) > 10_000 * 1_000
