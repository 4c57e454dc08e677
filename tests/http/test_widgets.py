"""`/v1/widgets`: the face of older clients, call by call."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.client import Api, InboxApi, Json, WidgetApi, create_session, subscriber_hash
from tests.support.server import Server

from .conftest import CRITICAL, PLAIN, WELCOME, deliver, deliver_many
from .hostile import check_error
from .shapes import MARKED_MESSAGE, MESSAGE, check

NOWHERE = "0123456789abcdef01234567"
SESSION = "/v1/widgets/session/initialize"
MESSAGES = "/v1/widgets/messages"


@pytest.fixture
async def widget(production: Server, known: str) -> AsyncIterator[WidgetApi]:
    """Ada's page."""
    async with WidgetApi.open(production, known) as widget:
        yield widget


@pytest.fixture
async def stranger(production: Server, ada: str) -> AsyncIterator[WidgetApi]:
    """Somebody else's page."""
    async with WidgetApi.open(production, f"{ada}-stranger") as widget:
        yield widget


async def ask(server: Server, **fields: Any) -> httpx.Response:
    """A session call as it is written; `...` leaves a field out."""
    body = {"applicationIdentifier": server.application_identifier, **fields}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
        return await browser.post(SESSION, json={name: value for name, value in body.items() if value is not ...})


# sessions


async def test_a_session_tells_token_and_profile(production: Server, api: Api, ada: str) -> None:
    profile = {"firstName": "Ada", "lastName": "L", "phone": "+1", "email": "ada@example.org"}
    given = {"subscriberId": ada, "hmacHash": subscriber_hash(production.api_key, ada)}
    answer = await ask(production, **given, **profile)
    assert (answer.status_code, set(answer.json())) == (201, {"data"})
    session = answer.json()["data"]
    made = await api.subscriber(ada)
    assert made | profile == made
    assert set(session) == {"token", "profile"}
    assert session["profile"] == {"_id": made["_id"], "firstName": "Ada", "lastName": "L", "phone": "+1"}


async def test_its_token_opens_both_faces(production: Server, api: Api, widget: WidgetApi, known: str) -> None:
    await deliver(api, known)
    async with InboxApi.open(production, known, widget.token) as inbox:
        assert [item["id"] for item in await inbox.notifications()] == [one["_id"] for one in await widget.feed()]


async def test_no_hash_is_needed_in_development_and_leaves_a_profile_alone(development: Server, ada: str) -> None:
    async with Api.open(development) as api:
        for missing in (None, ...):
            answer = await ask(development, subscriberId=ada, hmacHash=missing, firstName="First")
            assert answer.status_code == 201
            assert (await api.subscriber(ada))["firstName"] == "First"
        await ask(development, subscriberId=ada, hmacHash=None, firstName="Mallory")
        assert (await api.subscriber(ada))["firstName"] == "First"
        valid = subscriber_hash(development.api_key, ada)
        await ask(development, subscriberId=ada, hmacHash=valid, firstName="Second")
        assert (await api.subscriber(ada))["firstName"] == "Second"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"applicationIdentifier": "unknown"}, 400),
        ({"applicationIdentifier": ...}, 422),
        ({"applicationIdentifier": None}, 422),
        ({"subscriberId": ...}, 422),
        ({"subscriberId": ""}, 422),
        ({"subscriberId": 7}, 422),
        ({"hmacHash": 7}, 422),
        ({"hmacHash": ...}, 400),
        ({"hmacHash": None}, 400),
        ({"hmacHash": ""}, 400),
        ({"hmacHash": "0" * 64}, 400),
        ({"email": "none"}, 422),
        ({"firstName": 7}, 422),
    ],
)
async def test_a_wrong_session_is_refused(production: Server, api: Api, ada: str, fields: Json, status: int) -> None:
    valid = {"subscriberId": ada, "hmacHash": subscriber_hash(production.api_key, ada)}
    check_error(await ask(production, **{**valid, **fields}), status)
    await api.call("GET", f"/v2/subscribers/{ada}", 404)


async def test_no_session_without_the_in_app_integration(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api:
        [integration] = await api.data("GET", "/v1/integrations", 200)
        await api.data("PUT", f"/v1/integrations/{integration['_id']}", 200, {"active": False})
    check_error(await ask(fresh_server, subscriberId="ada", hmacHash=subscriber_hash(fresh_server.api_key, "ada")), 404)


# reading


async def test_the_feed_is_that_of_the_backend(api: Api, widget: WidgetApi, known: str) -> None:
    await deliver(api, known, 3, workflow=WELCOME)
    page = await widget.feed_page()
    assert page == await api.feed_page(known)
    assert {name: page[name] for name in page if name != "data"} == {
        "totalCount": 3, "hasMore": False, "pageSize": 10, "page": 0,
    }  # fmt: skip
    check(page["data"][0], MESSAGE, "subject", "avatar", "data", "subscriber")


async def test_the_feed_is_filtered_and_paged(api: Api, widget: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 12)
    await api.mark_as(known, ids[0], "read")
    await api.mark_as(known, ids[1], "seen")
    second = await widget.feed_page(page=1)
    assert [one["_id"] for one in second["data"]] == [ids[1], ids[0]]
    assert [one["_id"] for one in await widget.feed(read="true")] == [ids[0]]
    assert [one["_id"] for one in await widget.feed(seen="true", read="false")] == [ids[1]]
    wanted = base64.b64encode(json.dumps({"n": 4}).encode()).decode()
    assert [one["_id"] for one in await widget.feed(payload=wanted)] == [ids[4]]
    assert await widget.feed(feedIdentifier="none such") == []


async def test_a_wrong_feed_is_refused(widget: WidgetApi) -> None:
    path = "/v1/widgets/notifications/feed"
    for query in ({"limit": 0}, {"limit": 101}, {"page": -1}, {"page": "x"}):
        check_error(await widget.client.get(path, params=query), 422)
    check_error(await widget.client.get(path, params={"payload": "no base64!"}), 400)


async def test_counts(api: Api, widget: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 5)
    await api.mark_as(known, ids[0], "read")
    await api.mark_as(known, ids[1], "seen")
    assert (await widget.count("unseen"), await widget.count("unread")) == (3, 4)
    assert (await widget.count("unseen", seen="true"), await widget.count("unread", read="true")) == (2, 1)
    assert await widget.count("count") == 3
    assert await widget.count("count", read="false") == 4, "with only read, seen is not asked"
    assert await widget.count("count", seen="true", read="false") == 1
    assert await widget.count("count", limit=2) == 2
    assert await widget.count("unseen", feedIdentifier="none such") == 0


async def test_what_is_snoozed_is_not_on_the_badge(api: Api, inbox: InboxApi, widget: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 2)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await inbox.change(ids[0], "snooze", {"snoozeUntil": later})
    assert await widget.count("unread") == 1
    assert await widget.count("count", read="false") == 2


async def test_counts_stop_at_their_limit(api: Api, widget: WidgetApi, known: str) -> None:
    await deliver_many(api, known, 101)
    for which in ("unseen", "unread", "count"):
        assert await widget.count(which) == 100
        assert await widget.count(which, limit="NaN") == await widget.count(which, limit="undefined") == 100
        assert await widget.count(which, limit=7) == 7
        for limit, word in ((0, "less"), (-1, "less"), (101, "greater")):
            answer = await widget.client.get(f"/v1/widgets/notifications/{which}", params={"limit": limit})
            check_error(answer, 400)
            assert f"must not be {word} than" in answer.json()["message"]


# marks


async def test_mark_as_takes_a_mark_by_name(api: Api, widget: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 3)
    marked = await widget.post("mark-as", messageId=[ids[2], ids[0]], markAs="read")
    assert [one["_id"] for one in marked] == [ids[2], ids[0]]
    check(marked[0], MARKED_MESSAGE, "lastSeenDate", "lastReadDate")
    assert [one["read"] for one in await api.feed(known)] == [True, False, True]


@pytest.mark.parametrize("form", [lambda ids: ids[0], lambda ids: ids[:2], lambda ids: ",".join(ids[:2])])
async def test_mark_as_of_older_clients_takes_flags(api: Api, widget: WidgetApi, known: str, form: Any) -> None:
    ids = await deliver(api, known, 3)
    marked = await widget.post("markAs", messageId=form(ids), mark={"seen": True})
    named = [one for one in ids if one in str(form(ids))]
    assert [(one["_id"], one["seen"], one["read"]) for one in marked] == [(one, True, False) for one in named]
    check(marked[0], MESSAGE, "subscriber", "lastSeenDate")


@pytest.mark.parametrize("message_id", ["no id", ["no id"], f"{NOWHERE},x", "", []])
async def test_mark_as_of_older_clients_refuses_a_wrong_id(widget: WidgetApi, message_id: Any) -> None:
    body = {"messageId": message_id, "mark": {"seen": True}}
    check_error(await widget.client.post(f"{MESSAGES}/markAs", json=body), 400)


async def test_mark_as_refuses_a_wrong_body(widget: WidgetApi) -> None:
    wrong: list[tuple[str, Json]] = [
        ("mark-as", {"messageId": "no id", "markAs": "read"}),
        ("mark-as", {"messageId": NOWHERE, "markAs": "loved"}),
        ("markAs", {"messageId": NOWHERE}),
        ("markAs", {"messageId": NOWHERE, "mark": {"seen": "yes"}}),
        ("read", {"feedId": 7}),
    ]
    for verb, body in wrong:
        check_error(await widget.client.post(f"{MESSAGES}/{verb}", json=body), 422)


@pytest.mark.parametrize(("verb", "states"), [("read", (True, True)), ("seen", (True, False))])
async def test_all_are_marked_once(api: Api, widget: WidgetApi, known: str, verb: str, states: Any) -> None:
    await deliver(api, known, 3)
    assert await widget.post(verb) == 3
    assert await widget.post(verb) == 0
    assert {(one["seen"], one["read"]) for one in await widget.feed()} == {states}


async def test_an_action_answers_the_whole_message(api: Api, widget: WidgetApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    body = {"executedType": "secondary", "status": "done", "payload": {"by": "page"}}
    message = await widget.post(f"{message_id}/actions/secondary", **body)
    check(message, MESSAGE, "subject", "avatar", "data", "subscriber", "template")
    assert message["cta"]["action"]["status"] == "done"
    assert message["cta"]["action"]["result"] == {"type": "secondary", "payload": {"by": "page"}}
    assert (message["seen"], message["read"]) == (False, False)
    for path, status in ((f"{NOWHERE}/actions/primary", 404), (f"{message_id}/actions/third", 422)):
        check_error(await widget.client.post(f"{MESSAGES}/{path}", json=body), status)
    wrong = {"status": "pressed", "executedType": "primary"}
    check_error(await widget.client.post(f"{MESSAGES}/{message_id}/actions/primary", json=wrong), 422)


# deleting


async def test_one_is_deleted(api: Api, widget: WidgetApi, known: str) -> None:
    gone, kept = await deliver(api, known, 2)
    assert await widget.call("DELETE", f"{MESSAGES}/{gone}", 200) == {}
    assert [one["_id"] for one in await widget.feed()] == [kept]
    assert await widget.call("DELETE", f"{MESSAGES}/{gone}", 200) == {}, "an unknown one is no error"
    check_error(await widget.client.delete(f"{MESSAGES}/no-id"), 400)


async def test_several_are_deleted(api: Api, widget: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 4)
    named = [ids[0], ids[2].upper(), NOWHERE]
    assert await widget.call("POST", f"{MESSAGES}/bulk/delete", 200, {"messageIds": named}) == {}
    assert [one["_id"] for one in await widget.feed()] == [ids[3], ids[1]]
    assert (await widget.count("unseen"), await widget.count("unread")) == (2, 2)


@pytest.mark.parametrize("ids", [[], [NOWHERE] * 101, ["no id"], "no list", None, [7]])
async def test_a_wrong_list_deletes_nothing(api: Api, widget: WidgetApi, known: str, ids: Any) -> None:
    await deliver(api, known)
    check_error(await widget.client.post(f"{MESSAGES}/bulk/delete", json={"messageIds": ids}), 422)
    assert len(await widget.feed()) == 1


async def test_all_are_deleted(api: Api, widget: WidgetApi, known: str) -> None:
    await deliver(api, known, 3)
    await widget.call("DELETE", MESSAGES, 204)
    assert await widget.feed() == []
    await widget.call("DELETE", MESSAGES, 204)
    assert await deliver(api, known) == [one["_id"] for one in await widget.feed()]


async def test_named_feeds_narrow_everything(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api, WidgetApi.open(fresh_server, "ada") as widget:
        news, offers = [await api.data("POST", "/v1/feeds", 201, {"name": one}) for one in ("news", "offers")]
        for feed in (news, offers):
            template = {"type": "in_app", "content": feed["name"], "feedId": feed["_id"]}
            body = {"name": feed["name"], "steps": [{"template": template}]}
            made = await api.data("POST", "/v1/workflows", 201, body)
            for _ in range(2):
                await api.trigger("ada", workflow=made["triggers"][0]["identifier"])
        for identifiers, count in (("news", 2), ("news,offers", 4), (["news", "offers"], 4), ("x", 0)):
            assert len(await widget.feed(feedIdentifier=identifiers)) == count
            for which in ("unseen", "unread", "count"):
                assert await widget.count(which, feedIdentifier=identifiers) == count
        assert await widget.post("seen", feedId="news") == 2
        assert await widget.post("seen", feedId=["news", "offers"]) == 2
        assert await widget.post("read", feedId="x") == 0
        check_error(await widget.client.delete(MESSAGES, params={"feedId": NOWHERE}), 404)
        check_error(await widget.client.delete(MESSAGES, params={"feedId": "news"}), 404)
        await widget.call("DELETE", MESSAGES, 204, feedId=news["_id"])
        assert [one["content"] for one in await widget.feed()] == ["offers", "offers"]


# the rest


async def test_the_organization_has_its_looks(api: Api, widget: WidgetApi) -> None:
    organization = await widget.data("GET", "/v1/widgets/organization", 200)
    assert organization == await api.data("GET", "/v1/organizations/me", 200)
    assert {"_id", "name", "branding"} <= set(organization)
    assert {"logo", "color"} <= set(organization["branding"])


async def test_preferences_are_those_of_v1(api: Api, widget: WidgetApi, known: str) -> None:
    mine, theirs = "/v1/widgets/preferences", f"/v1/subscribers/{known}/preferences"
    listed = await widget.data("GET", mine, 200)
    assert listed == await api.data("GET", theirs, 200)
    assert CRITICAL not in [row["template"]["name"] for row in listed]
    row = next(row for row in listed if row["template"]["name"] == PLAIN)
    assert row["preference"]["channels"] == {"in_app": True}
    assert await widget.data("GET", f"{mine}/template", 200) == listed, "active channels only"
    [everywhere] = await widget.data("GET", f"{mine}/global", 200)
    assert everywhere["preference"]["channels"] == {"in_app": True}
    check_error(await widget.client.get(f"{mine}/none"), 422)


async def test_preferences_are_changed(api: Api, widget: WidgetApi, known: str) -> None:
    path = "/v1/widgets/preferences"
    rows = {row["template"]["name"]: row["template"] for row in await widget.data("GET", path, 200)}
    body = {"channel": {"type": "in_app", "enabled": False}}
    changed = await widget.data("PATCH", f"{path}/{rows[PLAIN]['_id']}", 200, body)
    assert set(changed) == {"preference", "template"}
    assert changed["preference"] == {"channels": {"in_app": False}, "enabled": True}
    await api.trigger(known, workflow=PLAIN)
    assert await widget.feed() == [], "muted"
    item = {"channelType": "in_app", "type": "in_app", "enabled": True}
    everywhere = await widget.data("PATCH", path, 200, {"preferences": [item], "enabled": True})
    assert everywhere["preference"]["channels"] == {"in_app": True}
    await api.trigger(known, workflow=PLAIN)
    assert len(await widget.feed()) == 1, "the choice for this workflow went with the global one"
    check_error(await widget.client.patch(f"{path}/{CRITICAL}", json=body), 400)
    check_error(await widget.client.patch(f"{path}/{NOWHERE}", json=body), 404)
    check_error(await widget.client.patch(path, json={"preferences": [{"type": "fax", "enabled": True}]}), 422)


async def test_usage_is_accepted(widget: WidgetApi) -> None:
    reply = await widget.data("POST", "/v1/widgets/usage/log", 201, {"name": "[Widget] - x", "payload": {"a": 1}})
    assert reply == {"success": True}
    check_error(await widget.client.post("/v1/widgets/usage/log", json={"payload": {}}), 422)


# whose


CALLS: list[tuple[str, str, Json | None]] = [
    ("GET", "/v1/widgets/notifications/feed", None),
    ("GET", "/v1/widgets/notifications/unseen", None),
    ("GET", "/v1/widgets/notifications/unread", None),
    ("GET", "/v1/widgets/notifications/count", None),
    ("POST", f"{MESSAGES}/markAs", {"messageId": NOWHERE, "mark": {"seen": True}}),
    ("POST", f"{MESSAGES}/mark-as", {"messageId": NOWHERE, "markAs": "read"}),
    ("POST", f"{MESSAGES}/read", {}),
    ("POST", f"{MESSAGES}/seen", {}),
    ("POST", f"{MESSAGES}/bulk/delete", {"messageIds": [NOWHERE]}),
    ("POST", f"{MESSAGES}/{NOWHERE}/actions/primary", {"status": "done"}),
    ("DELETE", f"{MESSAGES}/{NOWHERE}", None),
    ("DELETE", MESSAGES, None),
    ("GET", "/v1/widgets/organization", None),
    ("GET", "/v1/widgets/preferences", None),
    ("PATCH", "/v1/widgets/preferences", {}),
    ("GET", "/v1/widgets/preferences/global", None),
    ("PATCH", f"/v1/widgets/preferences/{PLAIN}", {}),
    ("POST", "/v1/widgets/usage/log", {"name": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS])
async def test_only_a_session_may(production: Server, method: str, path: str, body: Json | None) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as nobody:
        for headers in ({}, {"Authorization": f"ApiKey {production.api_key}"}, {"Authorization": "Bearer x.y.z"}):
            check_error(await nobody.request(method, path, json=body, headers=headers), 401)


async def test_nobody_touches_another_s_messages(api: Api, widget: WidgetApi, stranger: WidgetApi, known: str) -> None:
    ids = await deliver(api, known, 2, workflow=WELCOME)
    before = await widget.feed()
    assert await stranger.feed() == []
    assert await stranger.post("markAs", messageId=ids, mark={"read": True}) == []
    assert await stranger.post("mark-as", messageId=ids, markAs="read") == []
    answers = [
        await stranger.client.post(f"{MESSAGES}/{one}/actions/primary", json={"status": "done"})
        for one in (ids[0], NOWHERE)
    ]
    for answer in answers:
        check_error(answer, 404)
    assert answers[0].json()["message"].replace(ids[0], NOWHERE) == answers[1].json()["message"]
    assert await stranger.call("DELETE", f"{MESSAGES}/{ids[0]}", 200) == {}
    assert await stranger.call("POST", f"{MESSAGES}/bulk/delete", 200, {"messageIds": ids}) == {}
    await stranger.call("DELETE", MESSAGES, 204)
    assert await stranger.post("read") == 0
    assert await widget.feed() == before


async def test_a_session_of_a_context_sees_that_context(production: Server, api: Api, known: str) -> None:
    context = {"tenant": f"t-{secrets.token_hex(4)}"}
    await api.trigger(known, workflow=PLAIN, context=context)
    [apart] = [one["_id"] for one in await api.feed(known)]
    digest = subscriber_hash(production.api_key, json.dumps(context, separators=(",", ":")))
    token = (await create_session(production, known, context=context, contextHash=digest))["token"]
    async with (
        WidgetApi.open(production, known) as outside,
        WidgetApi.connected(production, f"Bearer {token}") as inside,
    ):
        assert [one["_id"] for one in await inside.feed()] == [apart]
        assert await outside.feed() == []
        assert await outside.post("read") == 0
        await outside.call("DELETE", f"{MESSAGES}/{apart}", 200)
        assert (await inside.count("unread"), await outside.count("unread")) == (1, 0)
