"""`POST /v1/inbox/session`: who may open one, what it tells, and whose profile it changes."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

from inbox.services import open_services
from inbox.settings import Settings
from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, subscriber_hash
from tests.support.server import Server
from tests.support.waiting import until

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
@pytest.mark.parametrize("server_in_mode", ["production", "development"], indirect=True)
async def test_a_hash_is_checked_whenever_it_is_sent(server_in_mode: Server, ada: str, wrong: str) -> None:
    server = server_in_mode
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


async def test_a_wrong_context_or_schedule_is_a_wrong_body(production: Server, ada: str) -> None:
    """Whatever of the body is wrong comes before the environment and the hash."""
    wrong = {"applicationIdentifier": "unknown", "subscriberHash": "wrong"}
    for fields in ({"context": {"a b": "x"}}, {"defaultSchedule": {"isEnabled": "yes"}}):
        check_error(await ask_for(production, ada, **wrong, **fields), 422)


async def test_the_hash_of_the_subscriber_comes_before_that_of_the_context(production: Server, ada: str) -> None:
    context = {"context": {"tenant": "acme"}, "contextHash": "wrong"}
    answer = await ask_for(production, ada, **context, subscriberHash="wrong")
    check_error(answer, 400)
    assert "context" not in answer.json()["message"]
    answer = await ask_for(production, ada, **context)
    check_error(answer, 400)
    assert "context" in answer.json()["message"]


WEEK = {"monday": {"isEnabled": True, "hours": [{"start": "9:00 AM", "end": "05:00 PM"}]}}


async def test_a_default_schedule_is_kept_once(production: Server, ada: str) -> None:
    first = {"isEnabled": True, "weeklySchedule": WEEK}
    assert "schedule" not in await opened(production, ada)
    assert (await opened(production, ada, defaultSchedule=first))["schedule"] == first
    other = {"isEnabled": True, "weeklySchedule": {"friday": {"isEnabled": True}}}
    session = await opened(production, ada, defaultSchedule=other)
    assert session["schedule"] == first
    async with InboxApi.open(production, ada, session["token"]) as inbox:
        everywhere = await inbox.data("GET", "/v1/inbox/preferences/global", 200)
        assert everywhere["schedule"] == first
        await inbox.data("PATCH", "/v1/inbox/preferences", 200, {"schedule": other})
    assert (await opened(production, ada, defaultSchedule=first))["schedule"] == other


async def test_a_default_schedule_leaves_channels_alone(production: Server, ada: str) -> None:
    async with InboxApi.open(production, ada) as inbox:
        await inbox.data("PATCH", "/v1/inbox/preferences", 200, {"in_app": False})
        await opened(production, ada, defaultSchedule={"weeklySchedule": WEEK})
        everywhere = await inbox.data("GET", "/v1/inbox/preferences/global", 200)
    assert everywhere["channels"] == {"in_app": False}
    assert everywhere["schedule"] == {"isEnabled": False, "weeklySchedule": WEEK}


@pytest.mark.parametrize(
    "schedule",
    [
        7,
        {"isEnabled": None},
        {"isEnabled": True, "weeklySchedule": {}},
        {"weeklySchedule": {"someday": {"isEnabled": True}}},
        {"weeklySchedule": {"monday": {"isEnabled": True, "hours": [{"start": "25:00 AM", "end": "1:00 PM"}]}}},
        {"weeklySchedule": {"monday": {"isEnabled": True, "hours": [{"start": "17:00", "end": "18:00"}]}}},
    ],
)
async def test_a_wrong_default_schedule_is_refused(production: Server, ada: str, schedule: Any) -> None:
    check_error(await ask_for(production, ada, defaultSchedule=schedule), 422)


def bound(server: Server, subscriber_id: str, seconds: int = 60, **fields: Any) -> str:
    """A bound hash as the docs say it is made."""
    identifier = fields.get("identifier", server.application_identifier)
    expiry = int(time.time()) + seconds
    text = f"inbox.v2 {fields.get('kind', 'subscriber')} {identifier} {expiry} {subscriber_id}"
    return f"v2.{expiry}.{subscriber_hash(server.api_key, text)}"


async def test_a_bound_hash_opens_a_session_and_ends(production: Server, api: Api, ada: str) -> None:
    profile = {"subscriberId": ada, "lastName": "B"}
    await opened(production, ada, subscriber=profile, subscriberHash=bound(production, ada))
    assert (await api.subscriber(ada))["lastName"] == "B"
    await opened(production, ada, subscriberHash=bound(production, ada).upper())
    for wrong in (
        bound(production, ada, -1),
        bound(production, "another"),
        bound(production, ada, identifier="another"),
        bound(production, ada, kind="context"),
    ):
        check_error(await ask_for(production, ada, subscriberHash=wrong), 400)


async def test_a_context_can_be_vouched_for_by_a_bound_hash(production: Server, ada: str) -> None:
    context = {"tenant": "acme"}
    given = bound(production, '{"tenant":"acme"}', kind="context")
    assert (await opened(production, ada, context=context, contextHash=given))["contextKeys"] == ["tenant:acme"]
    for wrong in (bound(production, '{"tenant":"acme"}'), bound(production, '{"tenant":"evil"}', kind="context")):
        check_error(await ask_for(production, ada, context=context, contextHash=wrong), 400)


async def test_where_bound_hashes_are_demanded_the_plain_form_is_refused(
    run_server: RunServer, valkey_url: str, key_prefix: str, ada: str
) -> None:
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_REQUIRE_BOUND_HASH": "true"}
    server = await run_server(redis_url=valkey_url, **settings)
    check_error(await ask_for(server, ada), 400)
    await opened(server, ada, subscriberHash=bound(server, ada))


async def test_a_hash_is_valid_under_either_live_key_and_no_longer_under_a_revoked_one(
    run_server: RunServer, valkey_url: str, key_prefix: str, ada: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with open_services(Settings(redis_url=valkey_url, key_prefix=key_prefix), valkey_url) as services:
        environments = services.environments
        made = await environments.keys.create(environments.current)
        async with Api.connected(server, f"ApiKey {made}") as api:
            keys = [one["key"] for one in await api.data("GET", "/v1/environments/api-keys", 200)]
        assert keys == [server.api_key, made], "the given one first"
        for key in keys:
            await opened(server, ada, subscriberHash=subscriber_hash(key, ada))
        await environments.keys.revoke(environments.current, made)
    revoked = subscriber_hash(made, ada)
    await until(lambda: is_refused(server, ada, revoked))
    await opened(server, ada)
    check_error(await ask_for(server, ada, subscriberHash=subscriber_hash("another", ada)), 400)


async def is_refused(server: Server, subscriber_id: str, given: str) -> bool:
    return (await ask_for(server, subscriber_id, subscriberHash=given)).status_code == 400


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
