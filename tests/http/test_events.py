"""`/v1/events`: recipients, actor, tenant, context, payload schema, bulk, broadcast, cancel."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, Json, create_session, subscriber_hash
from tests.support.server import Server
from tests.support.sockets import PlainSocket

from .hostile import check_error

TRIGGER, BULK, BROADCAST = "/v1/events/trigger", "/v1/events/trigger/bulk", "/v1/events/trigger/broadcast"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
async def name(api: Api) -> str:
    """A workflow, and the beginning of every id, of this test only: the service is shared."""
    name = f"e-{secrets.token_hex(5)}"
    body = "Body {{payload.n}} by {{actor.firstName}} at {{tenant.name}} {{context.app.id}}"
    await api.create_workflow(name, body=body)
    return name


async def payloads(api: Api, subscriber: str) -> list[Any]:
    """What the subscriber got, oldest first."""
    return [message["payload"].get("n") for message in reversed(await api.feed(subscriber))]


async def subscribe(api: Api, topic: str, *subscribers: str) -> None:
    for subscriber in subscribers:
        await api.create_subscriber(subscriber)
    body = {"subscriptions": [*subscribers]}
    await api.call("POST", f"/v2/topics/{topic}/subscriptions", 201, body)


async def test_a_topic_reaches_its_members_once(api: Api, name: str) -> None:
    """Direct recipients first; then the topics' members but for the excluded and the actor, each once."""
    ids = {short: f"{name}-{short}" for short in ("ada", "bob", "cy", "dan", "eve")}
    await subscribe(api, f"{name}-t", *ids.values())
    await subscribe(api, f"{name}-u", ids["bob"], ids["cy"])
    to = [
        {"type": "Topic", "topicKey": f"{name}-t", "exclude": [ids["cy"]]},
        {"type": "Topic", "topicKey": f"{name}-u"},
        {"type": "Topic", "topicKey": f"{name}-unknown"},
        {"subscriberId": ids["ada"], "firstName": "Ada"},
    ]
    reply = await api.trigger(to, {"n": 1}, workflow=name, actor={"subscriberId": ids["dan"], "firstName": "Dan"})
    assert reply["status"] == "processed"
    got = {short: await payloads(api, one) for short, one in ids.items()}
    assert got == {"ada": [1], "bob": [1], "cy": [1], "dan": [], "eve": [1]}
    dan = await api.subscriber(ids["dan"])
    [message] = await api.feed(ids["eve"])
    assert (message["_actorId"], message["content"]) == (dan["_id"], "Body 1 by Dan at  ")
    await api.trigger([ids["dan"], {"topicKey": f"{name}-t"}], {"n": 2}, workflow=name, actor=ids["dan"])
    assert await payloads(api, ids["dan"]) == [2]


async def test_a_topic_of_a_thousand_is_delivered_once_and_in_order(api: Api, name: str) -> None:
    topic, ids = f"{name}-t", [f"{name}-{number}" for number in range(1_000)]
    for place in range(0, 1_000, 500):
        part = [{"subscriberId": one} for one in ids[place : place + 500]]
        await api.call("POST", "/v1/subscribers/bulk", 201, {"subscribers": part})
    for place in range(0, 1_000, 100):
        await api.call("POST", f"/v2/topics/{topic}/subscriptions", 201, {"subscriptions": ids[place : place + 100]})
    to = {"type": "Topic", "topicKey": topic}
    for number, transaction in ((0, "0"), (1, "1"), (2, "2"), (7, "2")):
        await api.trigger(to, {"n": number}, workflow=name, transactionId=name + transaction)
    without = [ids[1], {**to, "exclude": ids[2:102]}]  # the actor, one named by itself, a hundred excluded
    await api.trigger(without, {"n": 3}, workflow=name, transactionId=name + "3", actor=ids[0])
    for transaction, delivered in (("0", 1_000), ("1", 1_000), ("2", 1_000), ("3", 898)):
        done = await api.dispatched(name + transaction)
        assert (done["status"], done["total"], done["delivered"]) == ("done", 1_000, delivered)
    got: dict[str, list[int]] = {}
    limit = asyncio.Semaphore(8)

    async def look(one: str) -> None:
        async with limit:
            got[one] = await payloads(api, one)

    await asyncio.gather(*map(look, ids))
    left_out = {ids[0], *ids[2:102]}
    # who is named beside a topic is served in the request, before what is carried out behind it
    assert sorted(got.pop(ids[1])) == [0, 1, 2, 3]
    assert got == {one: [0, 1, 2] if one in left_out else [0, 1, 2, 3] for one in got}


async def test_a_hundred_recipients_in_one_trigger(api: Api, name: str) -> None:
    ids = [f"{name}-{number}" for number in range(100)]
    await api.trigger(ids, {"n": 1}, workflow=name)
    await api.trigger(ids[::-1], {"n": 2}, workflow=name)
    assert {tuple(await payloads(api, one)) for one in ids} == {(1, 2)}


async def test_a_transaction_is_of_its_recipients(api: Api, name: str) -> None:
    await subscribe(api, f"{name}-t", f"{name}-a")
    topic = {"type": "Topic", "topicKey": f"{name}-t"}
    for to in (topic, topic, [topic, f"{name}-b"], f"{name}-a", {**topic, "exclude": ["x"]}):
        reply = await api.trigger(to, {"n": 1}, workflow=name, transactionId=name)
        assert (reply["status"], reply["transactionId"]) == ("processed", name)
    assert await payloads(api, f"{name}-a") == [1]
    check_error(await api.client.get(f"/v1/subscribers/{name}-b"), 404)
    await subscribe(api, f"{name}-t", f"{name}-c")
    await api.trigger(topic, {"n": 1}, workflow=name, transactionId=name)
    assert (await payloads(api, f"{name}-a"), await payloads(api, f"{name}-c")) == ([1], [1])


async def test_a_preference_of_a_subscription_decides(api: Api, name: str) -> None:
    await api.create_subscriber(f"{name}-a")
    path = f"/v2/topics/{name}-t/subscriptions"
    body = {"subscriptions": [f"{name}-a"], "preferences": [{"workflowId": name, "enabled": False}]}
    [made] = (await api.call("POST", path, 201, body))["data"]
    topic = {"type": "Topic", "topicKey": f"{name}-t"}
    await api.trigger(topic, {"n": 1}, workflow=name)
    await api.call("PATCH", f"{path}/{made['identifier']}", 200, {"preferences": [name]})
    await api.trigger(topic, {"n": 2}, workflow=name)
    assert await payloads(api, f"{name}-a") == [2]


@pytest.mark.parametrize(
    "fields",
    [
        {"to": {"topicKey": "t", "exclude": [str(number) for number in range(101)]}},
        {"to": ["a", {"topicKey": "t", "exclude": [str(number) for number in range(101)]}]},
        {"actor": 7},
        {"actor": {}},
        {"actor": {"subscriberId": "a", "email": "none"}},
        {"tenant": 7},
        {"tenant": {}},
        {"context": {str(number): "x" for number in range(6)}},
        {"context": {"a": "x,y"}},
        {"context": "a"},
        {"externalReference": "x" * 256},
        {"overrides": {"severity": "grave"}},
        {"overrides": {"severity": ["low"]}},
        {"name": "unknown-workflow"},
    ],
)
async def test_what_is_wrong_is_422_and_nobody_gets_anything(api: Api, name: str, fields: Json) -> None:
    body = {"name": name, "to": f"{name}-a", "payload": {}, **fields}
    check_error(await api.client.post(TRIGGER, json=body), 422)
    check_error(await api.client.get(f"/v1/subscribers/{name}-a"), 404)


async def test_severity_and_external_reference_are_on_the_message(api: Api, name: str) -> None:
    await api.trigger(f"{name}-a", workflow=name, overrides={"severity": "high"}, externalReference="order-1")
    await api.trigger(f"{name}-a", workflow=name, overrides={"severity": None})
    newer, older = await api.feed(f"{name}-a")
    assert (older["severity"], newer["severity"]) == ("high", "none")


async def test_attachments_are_not_kept(api: Api, name: str) -> None:
    await api.trigger(f"{name}-a", {"n": 1, "attachments": [{"file": "x"}]}, workflow=name)
    assert [message["payload"] for message in await api.feed(f"{name}-a")] == [{"n": 1}]


async def test_an_unknown_tenant_sends_nothing(api: Api, name: str) -> None:
    for tenant in (name, {"identifier": name, "name": "Acme"}):
        reply = await api.trigger(f"{name}-a", {"n": 1}, workflow=name, tenant=tenant)
        assert (reply["acknowledged"], reply["status"]) == (True, "no_tenant_found")
    check_error(await api.client.get(f"/v1/subscribers/{name}-a"), 404)
    await api.data("POST", "/v1/tenants", 201, {"identifier": name, "name": "Acme"})
    await api.trigger(f"{name}-a", {"n": 1}, workflow=name, tenant=name)
    await api.trigger(f"{name}-a", {"n": 2}, workflow=name, tenant={"identifier": name, "name": "Acme Ltd"})
    assert [message["content"].strip() for message in await api.feed(f"{name}-a")] == [
        "Body 2 by  at Acme Ltd",
        "Body 1 by  at Acme",
    ]
    assert (await api.data("GET", f"/v1/tenants/{name}", 200))["name"] == "Acme Ltd"


async def test_another_context_is_another_feed(api: Api, name: str, shared_server: Server) -> None:
    """A page gets what its session's exact context got: messages, events and counts; a backend sees all."""
    subscriber, context = f"{name}-a", {"tenant": "t1", "app": {"id": "web"}}
    await api.create_subscriber(subscriber)
    hashed = subscriber_hash(shared_server.api_key, '{"app":{"id":"web"},"tenant":"t1"}')
    session = await create_session(shared_server, subscriber, context=context, contextHash=hashed)
    assert session["contextKeys"] == ["app:web", "tenant:t1"]
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(InboxApi.open(shared_server, subscriber))
        scoped = await stack.enter_async_context(InboxApi.open(shared_server, subscriber, session["token"]))
        plain_socket, scoped_socket = [
            await stack.enter_async_context(PlainSocket.open(shared_server, subscriber, inbox.token))
            for inbox in (plain, scoped)
        ]
        await api.trigger(subscriber, {"n": 1}, workflow=name, context=context, transactionId="in")
        await api.trigger(subscriber, {"n": 2}, workflow=name, context={"app": "web"}, transactionId="part")
        await api.trigger(subscriber, {"n": 3}, workflow=name, transactionId="out")
        for inbox, socket, expected in ((plain, plain_socket, "out"), (scoped, scoped_socket, "in")):
            await socket.reach(expected)
            assert socket.received() == [expected]
            assert [one["transactionId"] for one in await inbox.notifications()] == [expected]
            assert await inbox.count('{"read": false}') == [1]
    again = await create_session(shared_server, subscriber, context=context, contextHash=hashed)
    assert again["unreadCount"]["total"] == 1
    keys = {message["transactionId"]: message["contextKeys"] for message in await api.feed(subscriber)}
    assert keys == {"in": ["app:web", "tenant:t1"], "part": ["app:web"], "out": []}
    [message] = [one for one in await api.feed(subscriber) if one["transactionId"] == "in"]
    assert message["content"].endswith(" web")


async def test_a_context_needs_its_hash_where_hashes_are_needed(api: Api, name: str, shared_server: Server) -> None:
    body = {
        "applicationIdentifier": shared_server.application_identifier,
        "subscriberId": name,
        "subscriberHash": subscriber_hash(shared_server.api_key, name),
        "context": {"tenant": "t1"},
    }
    wrong = subscriber_hash(shared_server.api_key, '{"tenant":"t2"}')
    for fields in ({}, {"contextHash": wrong}, {"contextHash": wrong, "context": {}}):
        check_error(await api.client.post("/v1/inbox/session", json={**body, **fields}), 400)
    check_error(await api.client.post("/v1/inbox/session", json={**body, "context": {"a": "x,y"}}), 422)
    right = subscriber_hash(shared_server.api_key, '{"tenant":"t1"}')
    assert (await api.client.post("/v1/inbox/session", json={**body, "contextHash": right})).status_code == 201


async def test_a_payload_that_does_not_fit_is_400(api: Api, name: str) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "place": {"type": "string", "default": "home"}},
        "required": ["n"],
    }
    workflow = f"{name}-schema"
    steps = [{"name": "S", "type": "in_app", "controlValues": {"body": "{{payload.place}}"}}]
    body = {"name": "W", "workflowId": workflow, "steps": steps, "validatePayload": True, "payloadSchema": schema}
    await api.data("POST", "/v2/workflows", 201, body)
    answer = await api.client.post(TRIGGER, json={"name": workflow, "to": f"{name}-a", "payload": {"n": "x"}})
    error = answer.json()
    assert (answer.status_code, error["statusCode"], error["type"]) == (400, 400, "PAYLOAD_VALIDATION_ERROR")
    [problem] = error["errors"]
    assert (problem["field"], problem["value"], problem["schemaPath"]) == ("n", "x", "#/properties/n/type")
    assert problem["message"]
    assert error["schema"] == schema
    await api.trigger(f"{name}-a", {"n": 1}, workflow=workflow)
    [message] = await api.feed(f"{name}-a")
    assert (message["content"], message["payload"]) == ("home", {"n": 1, "place": "home"})
    bulk = await api.data("POST", BULK, 201, {"events": [{"name": workflow, "to": f"{name}-a", "payload": {}}]})
    assert (bulk[0]["status"], len(bulk[0]["error"])) == ("error", 1)


async def test_a_schema_that_is_none_is_422(api: Api, name: str) -> None:
    body = {"name": "W", "workflowId": f"{name}-s", "steps": [], "payloadSchema": {"type": "strange"}}
    answer = await api.client.post("/v2/workflows", json=body)
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["payloadSchema"]


async def test_a_payload_that_takes_too_long_to_check_is_422(api: Api, name: str) -> None:
    schema = {"properties": {"list": {"items": {"not": {"pattern": "^(a|aa)+$"}}}}}
    steps = [{"name": "S", "type": "in_app", "controlValues": {"body": "x"}}]
    body = {"name": "W", "workflowId": f"{name}-s", "steps": steps, "validatePayload": True, "payloadSchema": schema}
    await api.data("POST", "/v2/workflows", 201, body)
    payload = {"list": ["a" * 25 + "b"] * 500}
    answer = await api.client.post(TRIGGER, json={"name": f"{name}-s", "to": f"{name}-a", "payload": payload})
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["payload"]


async def test_bulk_answers_in_order_and_one_bad_event_harms_no_other(api: Api, name: str) -> None:
    subscriber = f"{name}-a"
    good = [{"name": name, "to": subscriber, "payload": {"n": number}} for number in range(3)]
    events = [
        good[0],
        {"name": "unknown", "to": subscriber, "transactionId": "mine"},
        good[1],
        {"to": subscriber},
        7,
        {"name": name, "to": {"firstName": "nobody"}},
        {**good[2], "transactionId": f"{name}-2"},
    ]
    replies = await api.data("POST", BULK, 201, {"events": events})
    statuses = [reply["status"] for reply in replies]
    assert statuses == ["processed", "error", "processed", "error", "error", "error", "processed"]
    assert all(reply["acknowledged"] is True for reply in replies)
    assert (replies[1]["error"], replies[1]["transactionId"]) == (["workflow_not_found: unknown"], "mine")
    assert all(reply["error"][0] for reply in replies if reply["status"] == "error")
    assert "transactionId" not in replies[3]
    assert replies[6]["transactionId"] == f"{name}-2"
    assert await payloads(api, subscriber) == [0, 1, 2]


async def test_bulk_limits(api: Api, name: str) -> None:
    event = {"name": name, "to": f"{name}-a", "payload": {}}
    assert await api.data("POST", BULK, 201, {"events": []}) == []
    assert len(await api.data("POST", BULK, 201, {"events": [event] * 100})) == 100
    assert len(await api.feed(f"{name}-a")) == 100
    answer = await api.client.post(BULK, json={"events": [event] * 101})
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["events"]
    for wrong in ({}, {"events": {}}, {"events": None}):
        check_error(await api.client.post(BULK, json=wrong), 422)
    assert len(await api.feed(f"{name}-a")) == 100


async def test_a_bulk_of_a_hundred_is_delivered_once_in_order_with_its_rules(api: Api, name: str) -> None:
    ids = [f"{name}-{number}" for number in range(5)]
    await subscribe(api, f"{name}-t", *ids)
    topic = {"type": "Topic", "topicKey": f"{name}-t", "exclude": [ids[1]]}
    events = [
        {"name": name, "to": topic, "payload": {"n": n}, "actor": ids[0] if n % 2 else ids[2]} for n in range(100)
    ]
    replies = await api.data("POST", BULK, 201, {"events": events})
    assert [reply["status"] for reply in replies] == ["processed"] * 100
    expected = {ids[0]: range(0, 100, 2), ids[1]: [], ids[2]: range(1, 100, 2)}
    for one in ids:
        assert await payloads(api, one) == [*expected.get(one, range(100))]


async def test_a_repeated_bulk_of_one_idempotency_key_is_stored_once(api: Api, name: str) -> None:
    events = [{"name": name, "to": f"{name}-a", "payload": {"n": number}} for number in range(3)]
    for _ in range(2):
        answer = await api.client.post(BULK, json={"events": events}, headers={"Idempotency-Key": name})
        assert answer.status_code == 201
    assert await payloads(api, f"{name}-a") == [0, 1, 2]


async def test_a_broadcast_reaches_everybody_of_its_environment(
    run_server: RunServer, store_url: str, key_prefix: str
) -> None:
    server = await run_server(redis_url=store_url, INBOX_KEY_PREFIX=key_prefix)
    async with Api.open(server) as api:
        await api.create_workflow()
        ids = [f"s{number}" for number in range(230)]
        await api.call("POST", "/v1/subscribers/bulk", 201, {"subscribers": [{"subscriberId": one} for one in ids]})
        body = {"name": "bench", "payload": {"n": 1}, "transactionId": "b", "actor": "s1"}
        for _ in range(2):
            reply = await api.data("POST", BROADCAST, 201, body)
            assert (reply["status"], reply["transactionId"]) == ("processed", "b")
        assert (await api.dispatched("b"))["delivered"] == 230
        assert {tuple(await payloads(api, one)) for one in ids} == {(1,)}
        await api.trigger("s0", {"n": 2}, transactionId="b")
        assert await payloads(api, "s0") == [1]
        for wrong in ({"name": "bench"}, {"name": "bench", "payload": []}, {"name": "none", "payload": {}}):
            check_error(await api.client.post(BROADCAST, json=wrong), 422)


async def test_nothing_waits_to_be_cancelled(api: Api, name: str) -> None:
    await api.trigger(f"{name}-a", {"n": 1}, workflow=name, transactionId=name)
    for transaction in (name, "unknown"):
        check_error(await api.client.get(f"{TRIGGER}/{transaction}"), 404)
        assert await api.data("DELETE", f"{TRIGGER}/{transaction}", 200) is False
    assert await payloads(api, f"{name}-a") == [1]


async def test_without_a_key_nothing_is_done(api: Api, name: str) -> None:
    body = {"name": name, "to": f"{name}-a", "payload": {}, "events": []}
    for method, path in (("POST", TRIGGER), ("POST", BULK), ("POST", BROADCAST), ("DELETE", f"{TRIGGER}/x")):
        content = {"json": body} if method == "POST" else {}
        answer = await api.client.request(method, path, headers={"Authorization": "ApiKey wrong"}, **content)
        check_error(answer, 401)


async def test_a_large_broadcast_reaches_open_pages(run_server: RunServer, store_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=store_url, INBOX_KEY_PREFIX=key_prefix)
    async with Api.open(server) as api:
        await api.create_workflow()
        people = [{"subscriberId": f"s{number}"} for number in range(150)]
        await api.call("POST", "/v1/subscribers/bulk", 201, {"subscribers": people})
        async with PlainSocket.open(server, "s7") as page:
            await api.data("POST", BROADCAST, 201, {"name": "bench", "payload": {"n": 5}, "transactionId": "b"})
            message = await page.expect("notification_received")
            assert message["message"]["content"] == "Body 5"
        [stored] = await api.feed("s7")
        assert stored["_id"] == message["message"]["_id"]
        await api.dispatched("b")
        found = (await api.call("GET", "/v1/notifications", 200, transactionId="b", limit=50))["data"]
        assert len(found) == 50
        assert {one["jobs"][0]["status"] for one in found} == {"completed"}
        shown = await api.data("GET", f"/v1/notifications/{found[0]['_id']}", 200)
        counts = {"suppressed": 0, "failed": 0, "skipped": 0, "waiting": 0}
        assert shown["dispatch"] == {"status": "done", "total": 150, "delivered": 150, **counts}
        assert await api.data("DELETE", f"{TRIGGER}/b", 200) is False
