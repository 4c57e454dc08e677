"""`POST /v1/inbox/session`: who may open one, what it tells, and whose profile it changes."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

from tests.support.client import Api, InboxApi, subscriber_hash
from tests.support.server import Server

from .conftest import deliver, deliver_many
from .hostile import check_error
from .shapes import SESSION

SESSION_PATH = "/v1/inbox/session"
NO_UNREAD = {"total": 0, "severity": {"high": 0, "medium": 0, "low": 0, "none": 0}}


async def ask(server: Server, **fields: Any) -> httpx.Response:
    body = {"applicationIdentifier": server.application_identifier, **fields}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
        return await browser.post(SESSION_PATH, json={name: value for name, value in body.items() if value is not ...})


async def ask_for(server: Server, subscriber_id: str, **fields: Any) -> httpx.Response:
    """With the hash that belongs to the subscriber, unless another is given (`...` leaves it out)."""
    known = {"subscriber": {"subscriberId": subscriber_id}, "subscriberHash": hash_of(server, subscriber_id)}
    return await ask(server, **{**known, **fields})


def hash_of(server: Server, subscriber_id: str) -> str:
    return subscriber_hash(server.api_key, subscriber_id)


async def opened(server: Server, subscriber_id: str, **fields: Any) -> dict[str, Any]:
    answer = await ask_for(server, subscriber_id, **fields)
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()["data"]
    return session


async def test_the_reply_has_all_that_the_widget_needs(production: Server, known: str) -> None:
    answer = await ask_for(production, known)
    assert (answer.status_code, set(answer.json())) == (201, {"data"})
    session = answer.json()["data"]
    assert set(session) == SESSION
    assert {name: session[name] for name in SESSION - {"token"}} == {
        "totalUnreadCount": 0,
        "unreadCount": NO_UNREAD,
        "removeNovuBranding": True,
        "isDevelopmentMode": False,
        "maxSnoozeDurationHours": 2160,
        "applicationIdentifier": production.application_identifier,
        "contextKeys": [],
    }


async def test_development_is_told(development: Server, ada: str) -> None:
    assert (await opened(development, ada))["isDevelopmentMode"] is True


async def test_the_token_says_whose_it_is(production: Server, api: Api, ada: str) -> None:
    subscriber = await api.create_subscriber(ada, firstName="A", email="a@example.org")
    claims = jwt.decode((await opened(production, ada))["token"], options={"verify_signature": False})
    issued = claims.pop("iat")
    assert abs(issued - time.time()) < 60
    assert claims.pop("exp") == issued + 15 * 86_400
    assert claims == {
        "_id": subscriber["_id"],
        "subscriberId": ada,
        "firstName": "A",
        "email": "a@example.org",
        "organizationId": subscriber["_organizationId"],
        "environmentId": subscriber["_environmentId"],
        "contextKeys": [],
        "generation": 0,
        "iss": "novu_api",
        "aud": "widget_user",
    }


async def test_the_token_opens_the_feed(production: Server, api: Api, ada: str) -> None:
    await deliver(api, ada)
    async with InboxApi.open(production, ada, (await opened(production, ada))["token"]) as inbox:
        assert [item["to"]["subscriberId"] for item in await inbox.notifications()] == [ada]


async def test_unread_messages_are_counted_by_severity(production: Server, api: Api, known: str) -> None:
    for severity, count in {"high": 1, "medium": 2, "low": 3, "plain": 4}.items():
        await deliver(api, known, count, workflow=f"http-{severity}")
    [read] = await deliver(api, known, 1, workflow="http-high")
    await api.mark_as(known, read, "read")
    session = await opened(production, known)
    assert session["totalUnreadCount"] == 10
    assert session["unreadCount"] == {"total": 10, "severity": {"high": 1, "medium": 2, "low": 3, "none": 4}}


async def test_counts_stop_at_a_hundred(production: Server, api: Api, known: str) -> None:
    await deliver_many(api, known, 101)
    session = await opened(production, known)
    assert session["totalUnreadCount"] == session["unreadCount"]["total"] == 100
    assert session["unreadCount"]["severity"]["none"] == 100


@pytest.mark.parametrize(
    "form",
    [
        lambda name: {"subscriber": {"subscriberId": name}},
        lambda name: {"subscriber": name},
        lambda name: {"subscriber": ..., "subscriberId": name},
        lambda name: {"subscriber": None, "subscriberId": name},
        lambda name: {"subscriber": {"subscriberId": name}, "context": {}},
        lambda name: {"subscriber": {"subscriberId": name}, "unknown": 1},
    ],
)
async def test_the_subscriber_is_named_in_the_forms_of_old_and_new_clients(
    production: Server, api: Api, ada: str, form: Any
) -> None:
    await opened(production, ada, **form(ada))
    assert (await api.subscriber(ada))["subscriberId"] == ada


async def test_one_who_is_not_known_is_created_with_the_profile(production: Server, api: Api, ada: str) -> None:
    profile = {"firstName": "A", "lastName": "B", "email": "a@example.org", "locale": "de", "timezone": "Europe/Paris"}
    session = await opened(production, ada, subscriber={"subscriberId": ada, **profile, "data": {"k": 1}})
    created = await api.subscriber(ada)
    assert created | profile | {"data": {"k": 1}} == created
    assert session["unreadCount"] == NO_UNREAD


async def test_a_valid_hash_changes_the_profile(production: Server, api: Api, known: str) -> None:
    await opened(production, known, subscriber={"subscriberId": known, "lastName": "B", "firstName": None})
    changed = await api.subscriber(known)
    assert changed["lastName"] == "B"
    assert "firstName" not in changed


async def test_without_a_hash_a_known_profile_stays(development: Server, ada: str) -> None:
    async with Api.open(development) as api:
        before = await api.create_subscriber(ada, firstName="A")
        await opened(development, ada, subscriber={"subscriberId": ada, "firstName": "M"}, subscriberHash=...)
        assert await api.subscriber(ada) == before
        await opened(development, ada, subscriber={"subscriberId": ada, "firstName": "B"})
        assert (await api.subscriber(ada))["firstName"] == "B"


async def test_without_a_hash_a_new_one_is_created_in_development(development: Server, ada: str) -> None:
    await opened(development, ada, subscriber={"subscriberId": ada, "firstName": "A"}, subscriberHash=...)
    async with Api.open(development) as api:
        assert (await api.subscriber(ada))["firstName"] == "A"


async def test_production_requires_a_hash(production: Server, api: Api, ada: str) -> None:
    answer = await ask_for(production, ada, subscriberHash=...)
    check_error(answer, 400)
    assert "HMAC" in answer.json()["message"]
    await api.call("GET", f"/v2/subscribers/{ada}", 404)


@pytest.mark.parametrize("wrong", ["", "0" * 64, "none", "ä", "hash of another", "hash under another key"])
@pytest.mark.parametrize("mode", ["production", "development"])
async def test_a_hash_is_checked_whenever_it_is_sent(
    request: pytest.FixtureRequest, ada: str, mode: str, wrong: str
) -> None:
    server: Server = request.getfixturevalue(mode)
    hashes = {
        "hash of another": hash_of(server, "another"),
        "hash under another key": subscriber_hash("another", ada),
    }
    check_error(await ask_for(server, ada, subscriberHash=hashes.get(wrong, wrong)), 400)
    async with Api.open(server) as api:
        await api.call("GET", f"/v2/subscribers/{ada}", 404)


async def test_a_hash_in_upper_case_is_accepted(production: Server, ada: str) -> None:
    await opened(production, ada, subscriberHash=hash_of(production, ada).upper())


@pytest.mark.parametrize("subscriber_id", ["a:b{c}*", "a/b", "ä 💥"])
async def test_the_hash_is_of_the_bytes_of_the_id(production: Server, ada: str, subscriber_id: str) -> None:
    await opened(production, subscriber_id + ada)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"applicationIdentifier": "unknown"}, 400),
        ({"applicationIdentifier": ...}, 422),
        ({"applicationIdentifier": 7}, 422),
        ({"applicationIdentifier": ..., "subscriber": ..., "subscriberHash": ...}, 400),
        ({"subscriber": ...}, 422),
        ({"subscriber": {}}, 422),
        ({"subscriber": {"firstName": "A"}}, 422),
        ({"subscriber": {"subscriberId": ""}}, 422),
        ({"subscriber": {"subscriberId": 7}}, 422),
        ({"subscriber": 7}, 422),
        ({"subscriber": {"subscriberId": "a", "email": "none"}}, 422),
        ({"subscriber": {"subscriberId": "a", "firstName": 7}}, 422),
        ({"subscriberHash": 7}, 422),
        ({"context": []}, 422),
    ],
)
async def test_a_wrong_session_is_refused(production: Server, ada: str, fields: Any, status: int) -> None:
    check_error(await ask_for(production, ada, **fields), status)


async def test_a_wrong_body_comes_before_an_unknown_environment_and_that_before_a_wrong_hash(
    production: Server, ada: str
) -> None:
    wrong = {"applicationIdentifier": "unknown", "subscriberHash": "wrong"}
    check_error(await ask_for(production, ada, **wrong, subscriber={}), 422)
    answer = await ask_for(production, ada, **wrong)
    check_error(answer, 400)
    assert "application identifier" in answer.json()["message"]


async def test_a_session_does_not_bring_anyone_online(production: Server, api: Api, known: str) -> None:
    await opened(production, known)
    assert (await api.subscriber(known))["isOnline"] is False


async def test_an_api_key_is_no_session(production: Server, known: str) -> None:
    for authorization in (f"ApiKey {production.api_key}", f"Bearer {production.api_key}"):
        async with httpx.AsyncClient(base_url=production.url, trust_env=False) as browser:
            answer = await browser.get("/v1/inbox/notifications", headers={"Authorization": authorization})
        check_error(answer, 401)
        assert answer.json()["message"] == "Unauthorized"


async def test_a_session_is_no_api_key(production: Server, known: str) -> None:
    token = (await opened(production, known))["token"]
    for authorization in (f"ApiKey {token}", f"Bearer {token}"):
        async with httpx.AsyncClient(base_url=production.url, trust_env=False) as browser:
            answer = await browser.get(f"/v2/subscribers/{known}", headers={"Authorization": authorization})
        check_error(answer, 401)


async def test_a_session_of_another_service_is_refused(production: Server, development: Server, ada: str) -> None:
    token = (await opened(development, ada))["token"]
    async with InboxApi.open(production, ada, token) as inbox:
        check_error(await inbox.client.get("/v1/inbox/notifications"), 401)
