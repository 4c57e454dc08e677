"""The Idempotency-Key of requests that change something."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import RunServer
from tests.support.client import Api, Caller
from tests.support.server import Server

from .hostile import check_error

TENANTS = "/v1/tenants"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"once-{secrets.token_hex(5)}"


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def create(api: Api, name: str, key: str, **fields: Any) -> httpx.Response:
    return await api.client.post(TENANTS, json={"identifier": name, **fields}, headers=keyed(key))


async def test_a_repeated_request_is_answered_as_the_first_was(api: Api, name: str) -> None:
    first = await create(api, name, name)
    assert first.status_code == 201
    assert (first.headers["idempotency-key"], first.headers.get("idempotency-replay")) == (name, None)
    again = await create(api, name, name)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (again.headers["idempotency-key"], again.headers["idempotency-replay"]) == (name, "true")
    check_error(await create(api, name, f"{name}-2"), 409)


async def test_an_error_is_answered_again_too(api: Api, name: str) -> None:
    path = f"{TENANTS}/{name}"
    missing = await api.client.patch(path, json={"name": "x"}, headers=keyed(name))
    check_error(missing, 404)
    await create(api, name, f"{name}-made")
    again = await api.client.patch(path, json={"name": "x"}, headers=keyed(name))
    assert (again.status_code, again.content) == (404, missing.content)
    assert again.headers["idempotency-replay"] == "true"


async def test_another_request_under_the_same_key_is_refused(api: Api, name: str) -> None:
    assert (await create(api, name, name)).status_code == 201
    check_error(await create(api, name, name, data={"other": True}), 422)
    check_error(await api.client.post("/v2/topics", json={"identifier": name}, headers=keyed(name)), 422)
    check_error(await api.client.post(f"{TENANTS}?a=b", json={"identifier": name}, headers=keyed(name)), 422)


async def test_requests_at_once_are_carried_out_once(api: Api, name: str) -> None:
    answers = await asyncio.gather(*(create(api, name, name) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replay" not in answer.headers for answer in answers) == 1


async def test_the_length_of_a_key_is_limited(api: Api, name: str) -> None:
    assert (await create(api, name, name.ljust(255, "x"))).status_code == 201
    check_error(await create(api, name, name.ljust(256, "x")), 400)
    trigger = {"name": "any", "to": "ada"}
    check_error(await api.client.post("/v1/events/trigger", json=trigger, headers=keyed("x" * 256)), 400)


async def test_get_put_and_delete_take_no_part(api: Api, name: str) -> None:
    await api.create_subscriber(name)
    for number in (1, 2):
        subscriber = {"firstName": str(number)}
        answer = await api.client.put(f"/v1/subscribers/{name}", json=subscriber, headers=keyed(name))
        assert answer.json()["data"]["firstName"] == str(number)
        shown = await api.client.get(f"/v1/subscribers/{name}", headers=keyed(name))
        assert shown.json()["data"]["firstName"] == str(number)


async def test_a_key_belongs_to_its_environment(
    run_server: RunServer, valkey_url: str, key_prefix: str, name: str
) -> None:
    for mode in ("production", "development"):
        own = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_MODE": mode, "INBOX_API_KEY": f"key-of-{mode}"}
        async with Api.open(await run_server(redis_url=valkey_url, **own)) as api:
            answer = await create(api, name, name)
        assert (answer.status_code, answer.headers.get("idempotency-replay")) == (201, None)


async def test_a_wrong_key_learns_nothing(shared_server: Server, api: Api, name: str) -> None:
    assert (await create(api, name, name)).status_code == 201
    async with Caller.connected(shared_server, "ApiKey wrong") as stranger:
        answer = await stranger.client.post(TENANTS, json={"identifier": name}, headers=keyed(name))
    check_error(answer, 401)


async def test_an_answer_over_16_kib_is_not_kept(api: Api, name: str) -> None:
    data = {str(number): "x" * 1000 for number in range(20)}
    large = await create(api, name, name, data=data)
    assert (large.status_code, len(large.content) > 16 * 1024) == (201, True)
    check_error(await create(api, name, name, data=data), 409)


async def test_a_long_body_reaches_the_handler_whole(api: Api, name: str) -> None:
    subscribers = [{"subscriberId": f"{name}-{n}", "data": {"text": "x" * 4000}} for n in range(200)]
    body = {"subscribers": subscribers}
    answer = await api.client.post("/v1/subscribers/bulk", json=body, headers=keyed(name))
    assert answer.status_code == 201
    assert len(answer.json()["data"]["created"]) == 200
    check_error(await create(api, name, name, data={"text": "x" * 2_000_000}), 413)


async def test_it_can_be_switched_off(run_server: RunServer, valkey_url: str, key_prefix: str, name: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_IDEMPOTENCY_SECONDS="0")
    async with Api.open(server) as api:
        assert (await create(api, name, name)).status_code == 201
        check_error(await create(api, name, name), 409)


async def test_a_trigger_s_key_belongs_to_one_request(api: Api, name: str) -> None:
    await api.create_workflow(name)
    trigger = {"name": name, "to": name, "payload": {"n": 1}}
    to_nobody = {"name": name, "payload": {}, "tenant": f"none-{name}"}
    bodies = {
        "/v1/events/trigger": (trigger, {**trigger, "payload": {"n": 2}}),
        "/v1/events/trigger/bulk": ({"events": [trigger]}, {"events": [trigger, trigger]}),
        "/v1/events/trigger/broadcast": (to_nobody, {**to_nobody, "payload": {"n": 1}}),
    }
    for path, (body, other) in bodies.items():
        key = keyed(f"{name}{path}")
        first = await api.client.post(path, json=body, headers=key)
        again = await api.client.post(path, json=body, headers=key)
        assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
        check_error(await api.client.post(path, json=other, headers=key), 422)
        check_error(await api.client.post(path, json={**other, "transactionId": name}, headers=key), 422)
    check_error(
        await api.client.post(
            "/v1/events/trigger/bulk", json={"events": [trigger]}, headers=keyed(f"{name}/v1/events/trigger")
        ),
        422,
    )
    assert [message["payload"]["n"] for message in await api.feed(name)] == [1, 1]
