"""`collapseKey`: what each face, the activity and calls by transaction see of messages that collapse."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import Api, InboxApi, Json
from tests.support.server import Server

from .conftest import workflow
from .hostile import check_error


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
async def name(api: Api) -> str:
    """A workflow and a subscriber of this test only."""
    name = f"c-{secrets.token_hex(5)}"
    body = "{{payload.n}} of {{collapse.count}}"
    await api.data("POST", "/v2/workflows", 201, workflow(name, {"body": body, "subject": "{{payload.n}}"}))
    return name


async def send(api: Api, name: str, count: int, mode: str | None = "count", **fields: Any) -> None:
    """So many triggers `<name>-0`, … with one key."""
    given = {"collapseKey": "k", **({"collapseMode": mode} if mode else {}), **fields}
    for number in range(count):
        await api.trigger(name, {"n": number}, workflow=name, transactionId=f"{name}-{number}", **given)


async def contents(api: Api, name: str) -> list[str]:
    return [message["content"] for message in await api.feed(name)]


async def activity(api: Api, transaction_id: str) -> list[Json]:
    page = await api.call("GET", "/v1/notifications", 200, transactionId=transaction_id)
    found: list[Json] = page["data"]
    return found


async def test_every_face_shows_the_newest_under_the_first_id(api: Api, shared_server: Server, name: str) -> None:
    await send(api, name, 1)
    [first] = await api.feed(name)
    await send(api, name, 3)
    [message] = await api.feed(name)
    assert (message["_id"], message["content"], message["transactionId"]) == (first["_id"], "2 of 3", f"{name}-2")
    assert message["deliveredAt"] == [message["createdAt"]]
    async with InboxApi.open(shared_server, name) as inbox:
        [notification] = await inbox.notifications()
        assert (notification["id"], notification["body"]) == (first["_id"], "2 of 3")
        assert await inbox.count("{}", '{"read":false}') == [1, 1]
    [listed] = (await api.call("GET", "/v1/messages", 200, subscriberId=name))["data"]
    assert (listed["_id"], listed["transactionId"]) == (first["_id"], f"{name}-2")
    assert await api.unseen(name) == 1


async def test_replacing_is_what_happens_without_a_mode(api: Api, name: str) -> None:
    await send(api, name, 3, mode=None)
    assert await contents(api, name) == ["2 of 1"]


async def test_a_step_has_a_key_of_its_own(api: Api, name: str) -> None:
    controls = {"body": "{{collapse.count}}", "collapseKey": "{{payload.thread}}", "collapseMode": "count"}
    await api.data("POST", "/v2/workflows", 201, workflow(f"{name}-2", controls, {"body": "each"}))
    for thread in ("a", "b", "a", "a"):
        await api.trigger(name, {"thread": thread}, workflow=f"{name}-2")
    assert sorted(await contents(api, name)) == ["1", "3", "each", "each", "each", "each"]


async def test_every_transaction_stays_in_the_activity(api: Api, name: str) -> None:
    await send(api, name, 3)
    await send(api, name, 1)  # the first one once more
    for number in range(3):
        [found] = await activity(api, f"{name}-{number}")
        assert (found["transactionId"], found["to"]["subscriberId"]) == (f"{name}-{number}", name)
        [job] = found["jobs"]
        assert job["status"] == "completed"
    assert (await activity(api, f"{name}-2"))[0]["payload"] == {"n": 2}
    [message] = await api.feed(name)
    await api.call("DELETE", f"/v1/messages/{message['_id']}", 200)
    assert [one["jobs"][0]["status"] for one in await activity(api, f"{name}-1")] == ["completed"]


async def test_the_newest_transaction_names_the_message(api: Api, name: str) -> None:
    await send(api, name, 2)
    path = f"/v1/subscribers/{name}/messages/mark-as"
    for number, marked in ((0, 0), (1, 1)):
        body = {"transactionId": f"{name}-{number}", "markAs": "seen"}
        assert len(await api.data("POST", path, 201, body)) == marked
    listed = await api.call("GET", "/v1/messages", 200, **{"transactionId[]": f"{name}-0"})
    assert listed["data"] == []
    await api.client.delete(f"/v1/messages/transaction/{name}-0")
    assert await contents(api, name) == ["1 of 2"]
    answer = await api.client.delete(f"/v1/messages/transaction/{name}-1")
    assert answer.status_code == 204
    assert await contents(api, name) == []
    await api.trigger(name, {"n": 9}, workflow=name, collapseKey="k", collapseMode="count")
    assert await contents(api, name) == ["9 of 1"]


async def test_a_message_that_was_read_stays(api: Api, name: str) -> None:
    await send(api, name, 2)
    [message] = await api.feed(name)
    await api.mark_as(name, message["_id"], "read")
    await api.trigger(name, {"n": 5}, workflow=name, collapseKey="k", collapseMode="count")
    assert await contents(api, name) == ["5 of 1", "1 of 2"]
    assert await api.unseen(name) == 1


async def test_content_that_fails_with_the_count_there_is_fails_visibly(api: Api, name: str) -> None:
    body = "{% if collapse.count > 1 %}{{ '%' | url_decode }}{% endif %}"
    await api.data("POST", "/v2/workflows", 201, workflow(f"{name}-2", {"body": body}))
    for number in range(2):
        transaction = f"{name}-{number}"
        await api.trigger(
            name, {"n": 1}, workflow=f"{name}-2", transactionId=transaction, collapseKey="k", collapseMode="count"
        )
    assert len(await api.feed(name)) == 1
    statuses = [(await activity(api, f"{name}-{number}"))[0]["jobs"][0]["status"] for number in range(2)]
    assert statuses == ["completed", "failed"]


@pytest.mark.parametrize("wrong", [{"collapseKey": "x" * 256}, {"collapseKey": 5}, {"collapseMode": "sum"}])
async def test_what_is_no_key_or_mode_is_refused(api: Api, name: str, wrong: dict[str, Any]) -> None:
    answer = await api.client.post("/v1/events/trigger", json={"name": name, "to": name, "payload": {}, **wrong})
    check_error(answer, 400, 422)
    assert next(iter(wrong)) in answer.text
    controls = {"body": "x", "collapseMode": "sum"}
    answer = await api.client.post("/v2/workflows", json=workflow(f"{name}-3", controls))
    check_error(answer, 422)
    assert "steps.0.controlValues.collapseMode" in answer.text
