"""Subscribers, v1 and v2: created, read, changed, deleted; their online status."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.client import Api, InboxApi, create_session, segment
from tests.support.server import Server

from .conftest import deliver
from .hostile import check_error
from .shapes import SUBSCRIBER, check

V1, V2 = "/v1/subscribers", "/v2/subscribers"
PROFILE = {
    "firstName": "Ada",
    "lastName": "L",
    "email": "ada@example.org",
    "phone": "+44 1",
    "avatar": "/ada.png",
    "locale": "en_GB",
    "timezone": "Europe/London",
    "data": {"k": [1, None]},
}


async def test_a_bare_subscriber_has_just_the_required_keys(api: Api, ada: str) -> None:
    created = await api.create_subscriber(ada)
    check(created, SUBSCRIBER)
    assert created["id"] == created["_id"]
    assert (
        created
        | {
            "subscriberId": ada,
            "channels": [],
            "data": {},
            "isOnline": False,
            "deleted": False,
            "__v": 0,
            "updatedAt": created["createdAt"],
        }
        == created
    )


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_subscriber_is_created_with_its_profile(api: Api, ada: str, path: str) -> None:
    answer = await api.client.post(path, json={"subscriberId": f" {ada} ", **PROFILE})
    assert answer.status_code == 201
    assert set(answer.json()) == {"data"}
    created = answer.json()["data"]
    check(created, SUBSCRIBER, *(set(PROFILE) - {"data"}))
    assert created | {"subscriberId": ada, **PROFILE} == created


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_subscriber_is_read(api: Api, ada: str, path: str) -> None:
    created = await api.create_subscriber(ada, **PROFILE)
    answer = await api.client.get(f"{path}/{ada}")
    assert (answer.status_code, answer.json()) == (200, {"data": created})


@pytest.mark.parametrize("path", [V1, V2])
async def test_creating_again_changes_just_what_is_sent(api: Api, ada: str, path: str) -> None:
    created = await api.create_subscriber(ada, **PROFILE)
    changed = await api.data("POST", path, 201, {"subscriberId": ada, "firstName": "B", "lastName": None})
    assert (changed["_id"], changed["createdAt"]) == (created["_id"], created["createdAt"])
    assert changed["updatedAt"] > created["updatedAt"]
    assert (changed["firstName"], changed["email"]) == ("B", PROFILE["email"])
    assert "lastName" not in changed


async def test_a_known_one_can_be_refused(api: Api, known: str) -> None:
    answer = await api.client.post(f"{V2}?failIfExists=true", json={"subscriberId": known, "firstName": "B"})
    check_error(answer, 409)
    assert (await api.subscriber(known))["firstName"] == "Ada"


@pytest.mark.parametrize("query", ["failIfExists=true", "failIfExists=false", ""])
async def test_a_new_one_is_never_refused(api: Api, ada: str, query: str) -> None:
    assert (await api.client.post(f"{V2}?{query}", json={"subscriberId": ada})).status_code == 201


@pytest.mark.parametrize("query", ["failIfExists=false", "failIfExists=", ""])
async def test_a_known_one_is_changed_unless_asked_otherwise(api: Api, known: str, query: str) -> None:
    answer = await api.client.post(f"{V2}?{query}", json={"subscriberId": known, "firstName": "B"})
    assert (answer.status_code, answer.json()["data"]["firstName"]) == (201, "B")


async def test_of_many_creations_at_once_one_creates(api: Api, ada: str) -> None:
    calls = [api.client.post(f"{V2}?failIfExists=true", json={"subscriberId": ada}) for _ in range(10)]
    statuses = [answer.status_code for answer in await asyncio.gather(*calls)]
    assert sorted(statuses) == [201] + [409] * 9


UPDATES = [("PUT", V1), ("PATCH", V2)]


@pytest.mark.parametrize(("method", "path"), UPDATES)
async def test_an_update_changes_just_what_is_sent(api: Api, ada: str, method: str, path: str) -> None:
    created = await api.create_subscriber(ada, **PROFILE)
    changed = await api.data(method, f"{path}/{ada}", 200, {"firstName": "B", "email": None, "subscriberId": "other"})
    expected = {**created, "firstName": "B", "updatedAt": changed["updatedAt"]}
    del expected["email"]
    assert changed == expected == await api.subscriber(ada)


@pytest.mark.parametrize(("method", "path"), UPDATES)
async def test_null_clears_and_empty_stays_empty(api: Api, ada: str, method: str, path: str) -> None:
    await api.create_subscriber(ada, **PROFILE)
    body: dict[str, Any] = dict.fromkeys(PROFILE)
    changed = await api.data(method, f"{path}/{ada}", 200, {**body, "phone": ""})
    check(changed, SUBSCRIBER, "phone")
    assert (changed["phone"], changed["data"]) == ("", {})


@pytest.mark.parametrize(("method", "path"), UPDATES)
async def test_an_update_of_nothing_changes_nothing(api: Api, ada: str, method: str, path: str) -> None:
    created = await api.create_subscriber(ada, **PROFILE)
    changed = await api.data(method, f"{path}/{ada}", 200, {})
    assert {**changed, "updatedAt": 0} == {**created, "updatedAt": 0}


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", V1, 400), ("PATCH", V2, 404)])
async def test_an_unknown_one_cannot_be_updated(api: Api, ada: str, method: str, path: str, status: int) -> None:
    check_error(await api.client.request(method, f"{path}/{ada}", json={"firstName": "B"}), status)
    await api.call("GET", f"{V2}/{ada}", 404)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", [V1, V2])
async def test_an_unknown_one_is_not_found(api: Api, ada: str, method: str, path: str) -> None:
    answer = await api.client.request(method, f"{path}/{ada}")
    check_error(answer, 404)
    told = answer.json()
    assert told["externalSubscriberId"] == told["ctx"]["externalSubscriberId"] == ada
    assert told["error"] == "Not Found"


WRONG: dict[str, list[Any]] = {
    "email": ["none", 7],
    "locale": ["no locale", 7],
    "timezone": ["Mars/Olympus", 7],
    "firstName": [7, {}],
    "data": ["text", []],
    "channels": [{}, [1]],
}


@pytest.mark.parametrize("field", WRONG)
async def test_a_wrong_field_is_refused_everywhere(api: Api, known: str, field: str) -> None:
    for value in WRONG[field]:
        for method, path in (("POST", V1), ("POST", V2), ("PUT", f"{V1}/{known}"), ("PATCH", f"{V2}/{known}")):
            body = {"firstName": "B", "subscriberId": known, field: value}
            check_error(await api.client.request(method, path, json=body), 422)
    assert (await api.subscriber(known))["firstName"] == "Ada"


async def test_every_wrong_field_is_named(api: Api, ada: str) -> None:
    body = {"subscriberId": ada, "email": "none", "locale": "no locale"}
    answer = await api.client.post(V2, json=body)
    check_error(answer, 422)
    assert answer.json()["errors"] == {
        "email": {"messages": ["email must be an email"], "value": "none"},
        "locale": {"messages": ["locale must be a valid locale"], "value": "no locale"},
    }
    await api.call("GET", f"{V2}/{ada}", 404)


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_deleted_one_is_gone(api: Api, known: str, path: str) -> None:
    answer = await api.client.delete(f"{path}/{known}")
    assert (answer.status_code, answer.json()) == (200, {"data": {"acknowledged": True, "status": "deleted"}})
    await api.call("GET", f"{V2}/{known}", 404)
    check_error(await api.client.delete(f"{path}/{known}"), 404)


async def test_one_created_again_begins_anew(api: Api, known: str) -> None:
    before = await api.subscriber(known)
    await deliver(api, known, 2)
    await api.call("DELETE", f"{V2}/{known}", 200)
    again = await api.create_subscriber(known)
    assert again["_id"] != before["_id"]
    assert "firstName" not in again
    assert await api.feed(known) == []
    assert await api.unseen(known) == 0
    await deliver(api, known)
    assert len(await api.feed(known)) == 1


async def test_a_token_of_a_deleted_subscriber_opens_nothing(api: Api, production: Server, known: str) -> None:
    token = (await create_session(production, known))["token"]
    await api.call("DELETE", f"{V2}/{known}", 200)
    async with InboxApi.open(production, known, token) as inbox:
        await expect_closed(inbox)
        await api.create_subscriber(known)
        await expect_closed(inbox)  # of the one before, not of the new one


async def expect_closed(inbox: InboxApi) -> None:
    for method, path in (("GET", ""), ("GET", "/count"), ("POST", "/seen"), ("POST", "/read")):
        answer = await inbox.client.request(method, f"/v1/inbox/notifications{path}")
        check_error(answer, 401)
        assert answer.json()["message"] == "Unauthorized"


async def test_going_offline_is_dated(api: Api, known: str) -> None:
    changed = await api.set_online(known, False)
    check(changed, SUBSCRIBER, "firstName", "lastOnlineAt")
    since = datetime.now(UTC) - datetime.fromisoformat(changed["lastOnlineAt"])
    assert changed["isOnline"] is False
    assert abs(since.total_seconds()) < 10


async def test_coming_online_is_not(api: Api, known: str) -> None:
    changed = await api.set_online(known, True)
    check(changed, SUBSCRIBER, "firstName")
    assert changed["isOnline"] is True


async def test_the_last_offline_date_stays_while_online(api: Api, known: str) -> None:
    offline = await api.set_online(known, False)
    online = await api.set_online(known, True)
    assert (online["isOnline"], online["lastOnlineAt"]) == (True, offline["lastOnlineAt"])
    assert await api.subscriber(known) == online


@pytest.mark.parametrize("body", [{}, {"isOnline": None}, {"isOnline": "true"}, {"isOnline": 1}, []])
async def test_a_wrong_status_is_refused(api: Api, known: str, body: Any) -> None:
    check_error(await api.client.patch(f"{V1}/{known}/online-status", json=body), 422)
    assert (await api.subscriber(known))["isOnline"] is False


async def test_nobody_can_be_online(api: Api, ada: str) -> None:
    check_error(await api.client.patch(f"{V1}/{ada}/online-status", json={"isOnline": True}), 404)
    await api.call("GET", f"{V2}/{ada}", 404)


@pytest.mark.parametrize("subscriber_id", ["a:b{c}*", "a/b", "ä 💥", "%2F", "a/b/online-status"])
async def test_any_id_works(api: Api, ada: str, subscriber_id: str) -> None:
    name = f"{subscriber_id}{ada}"
    created = await api.create_subscriber(name)
    assert created["subscriberId"] == name
    assert await api.subscriber(name) == created
    assert (await api.set_online(name, True))["_id"] == created["_id"]
    await api.call("DELETE", f"{V1}/{segment(name)}", 200)


async def test_a_slash_has_to_be_encoded(api: Api, ada: str) -> None:
    await api.create_subscriber(f"{ada}/b")
    check_error(await api.client.get(httpx.URL(f"{V2}/{ada}/b")), 404)
