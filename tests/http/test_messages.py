"""`/v1/messages`: every message of the environment, and deleting them."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.server import Server
from tests.support.sockets import UNREAD, UNSEEN, UPDATED, PlainSocket

from .conftest import PLAIN
from .hostile import check_error

V1 = "/v1/messages"


@pytest.fixture
def name() -> str:
    return f"m-{secrets.token_hex(5)}"


async def transactions(api: Api, **query: Any) -> list[str]:
    page = await api.call("GET", V1, 200, **query)
    return [message["transactionId"] for message in page["data"]]


async def test_messages_of_one_and_of_everybody(api: Api, name: str) -> None:
    for person in (f"{name}-a", f"{name}-b"):
        for number in range(3):
            await api.trigger(person, {"n": number}, workflow=PLAIN, transactionId=f"{person}-{number}")
    mine = [f"{name}-a-{number}" for number in (2, 1, 0)]
    assert await transactions(api, subscriberId=f"{name}-a") == mine
    assert await transactions(api, subscriberId=f"{name}-a", transactionId=mine[:2]) == mine[:2]
    assert await transactions(api, transactionId=[mine[0], f"{name}-b-1"]) == [f"{name}-b-1", mine[0]]
    assert await transactions(api, subscriberId=f"{name}-a", channel="email") == []
    assert (await transactions(api, limit=1000))[0] == f"{name}-b-2"
    page = await api.call("GET", V1, 200, subscriberId=f"{name}-a", limit=2)
    assert {field: page[field] for field in ("page", "pageSize", "hasMore", "totalCount")} == {
        "page": 0,
        "pageSize": 2,
        "hasMore": True,
        "totalCount": 3,
    }
    last = await api.call("GET", V1, 200, subscriberId=f"{name}-a", limit=2, page=1)
    assert (last["hasMore"], last["totalCount"], len(last["data"])) == (False, 3, 1)
    assert last["data"][0]["content"] == "Plain 0"


async def test_messages_by_context(api: Api, name: str) -> None:
    await api.trigger(name, workflow=PLAIN, transactionId=f"{name}-none")
    await api.trigger(name, workflow=PLAIN, transactionId=f"{name}-acme", context={"tenant": "acme"})
    assert await transactions(api, subscriberId=name) == [f"{name}-acme", f"{name}-none"]
    assert await transactions(api, subscriberId=name, contextKeys="tenant:acme") == [f"{name}-acme"]
    assert await transactions(api, subscriberId=name, contextKeys="tenant:other") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 1001}, 400),
        ({"limit": 0}, 422),
        ({"page": -1}, 422),
        ({"channel": "fax"}, 422),
        ({"subscriberId": "nobody-at-all"}, 404),
    ],
    ids=str,
)
async def test_what_is_refused(api: Api, query: dict[str, Any], status: int) -> None:
    check_error(await api.client.get(V1, params=query), status)


async def test_a_message_is_deleted_and_every_page_told(api: Api, production: Server, name: str) -> None:
    for number in range(2):
        await api.trigger(name, workflow=PLAIN, transactionId=f"{name}-{number}")
    newest, oldest = await api.feed(name)
    async with PlainSocket.open(production, name) as socket:
        reply = await api.data("DELETE", f"{V1}/{newest['_id']}", 200)
        assert reply == {"acknowledged": True, "status": "deleted"}
        told = {frame.event: frame.data for frame in [await socket.next() for _ in range(3)]}
        assert told[UPDATED] == {"removed": [newest["_id"]]}
        assert told[UNSEEN] == {"unseenCount": 1, "hasMore": False}
        assert told[UNREAD]["unreadCount"] == 1
    assert [message["_id"] for message in await api.feed(name)] == [oldest["_id"]]
    check_error(await api.client.delete(f"{V1}/{newest['_id']}"), 404)
    check_error(await api.client.delete(f"{V1}/not-an-id"), 422)
    check_error(await api.client.delete(f"{V1}/{'f' * 24}"), 404)


async def test_a_transaction_is_deleted_for_everybody(api: Api, name: str) -> None:
    people = [f"{name}-a", f"{name}-b"]
    await api.trigger(people, workflow=PLAIN, transactionId=name)
    await api.trigger(people[0], workflow=PLAIN, transactionId=f"{name}-kept")
    path = f"{V1}/transaction/{name}"
    check_error(await api.client.delete(path, params={"channel": "fax"}), 422)
    check_error(await api.client.delete(path, params={"channel": "email"}), 404)
    answer = await api.client.delete(path, params={"channel": "in_app"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert [[one["transactionId"] for one in await api.feed(person)] for person in people] == [[f"{name}-kept"], []]
    check_error(await api.client.delete(path), 404)
