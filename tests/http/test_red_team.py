"""What an attacker with a page tries: one test for each line of the security checklist and each defect of the original.

Lines that have tests elsewhere, where those belong:

- Origin allow-list on the handshake, caps on sockets: test_handshake.py; CORS, never `*` with credentials: test_cors.py
- a revoked key ends sessions: test_two_environments.py; a deleted subscriber's sockets: test_handshake.py
- forged, expired and foreign tokens: tests/unit/test_sessions.py
- hashes in constant time, of two keys, with an end: tests/unit/test_subscriber_hash.py, test_session.py
- no token and no key in any log: `check_log`, after every service of every test
- ids in keys: test_awkward_ids.py; JSON depth and size: test_hostile_input.py; rate limits: test_rate_limits.py
- presence of two tabs and of a killed process: tests/socket/test_presence.py
- what a broken connection missed comes afterwards: tests/socket/test_recovery.py
- an action reaches other tabs: tests/socket/test_faces.py; aria-live, refused links, CSP: tests/browser/
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, Json, WidgetApi, create_session, subscriber_hash
from tests.support.routes import BROWSER_SIDE
from tests.support.server import Server
from tests.support.waiting import until_hour_has

from .conftest import WELCOME, deliver, deliver_many
from .hostile import check_error
from .test_two_environments import client_of

NOWHERE = "0123456789abcdef01234567"
SESSIONS = {"/v1/inbox/session": "subscriberHash", "/v1/widgets/session/initialize": "hmacHash"}
STATIC = Path(__file__).resolve().parents[2] / "static"


@pytest.fixture
async def mallory(production: Server, ada: str) -> AsyncIterator[InboxApi]:
    """The attacker's page: a session of her own, as good as anybody's."""
    async with InboxApi.open(production, f"{ada}-mallory") as page:
        yield page


def browser_calls(message_id: str) -> Iterator[tuple[str, str, Any]]:
    """Every call of the browser side that names a message, and a body that would change it."""
    bodies: dict[str, Any] = {
        "/snooze": {"snoozeUntil": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
        "/complete": {"actionType": "primary"},
        "/revert": {"actionType": "primary"},
        "/actions/primary": {"status": "done"},
    }
    for route in BROWSER_SIDE:
        if {"notificationId", "messageId"} & set(route.param_convertors):
            path = route.path.replace("{notificationId}", message_id).replace("{messageId}", message_id)
            path = path.replace("{type}", "primary")
            body = next((body for end, body in bodies.items() if path.endswith(end)), None)
            yield route.method, path, body
    named = [message_id]
    yield "POST", "/v1/inbox/notifications/seen", {"notificationIds": named}
    yield "POST", "/v1/widgets/messages/markAs", {"messageId": named, "mark": {"read": True}}
    yield "POST", "/v1/widgets/messages/mark-as", {"messageId": named, "markAs": "read"}
    yield "POST", "/v1/widgets/messages/bulk/delete", {"messageIds": named}


async def test_ids_of_another_s_messages_open_nothing(api: Api, mallory: InboxApi, known: str) -> None:
    """Other servers have looked messages up without their owner."""
    [message_id] = await deliver(api, known, workflow=WELCOME)
    before = await api.feed(known)
    tried = [*browser_calls(message_id)]
    assert len(tried) == 15
    for method, path, body in tried:
        answer = await mallory.client.request(method, path, json=body)
        assert "Body 0" not in answer.text, f"{method} {path}: {answer.text}"
        assert await api.feed(known) == before, f"{method} {path}"


async def test_an_unknown_message_and_a_foreign_one_answer_alike(api: Api, mallory: InboxApi, known: str) -> None:
    """The original's 404 and 400 tell them apart."""
    [message_id] = await deliver(api, known, workflow=WELCOME)
    foreign, unknown = browser_calls(message_id), browser_calls(NOWHERE)
    for (method, path, body), (_, other, other_body) in zip(foreign, unknown, strict=True):
        answers = [
            await mallory.client.request(method, path, json=body),
            await mallory.client.request(method, other, json=other_body),
        ]
        told = [answer.text.replace(message_id, NOWHERE) for answer in answers]
        shown = [json.loads(text) if text else None for text in told]
        for one in shown:
            if isinstance(one, dict):
                one.pop("timestamp", None)
        assert answers[0].status_code == answers[1].status_code, f"{method} {path}"
        assert shown[0] == shown[1], f"{method} {path}"


async def test_naming_another_subscriber_or_context_changes_nothing(api: Api, mallory: InboxApi, known: str) -> None:
    """The subscriber and the context come from the session alone."""
    await deliver(api, known, 2)
    await api.trigger(known, workflow=WELCOME, context={"tenant": "acme"})
    before = await api.feed(known)
    named: Json = {"subscriberId": known, "subscriber": {"subscriberId": known}, "contextKeys": ["tenant:acme", ""]}
    query = {"subscriberId": known, "contextKeys": ["tenant:acme", ""]}
    for path in ("/v1/inbox/notifications", "/v1/widgets/notifications/feed"):
        assert (await mallory.call("GET", path, 200, **query))["data"] == []
    for path in ("unseen", "unread", "count"):
        assert await mallory.data("GET", f"/v1/widgets/notifications/{path}", 200, **query) == {"count": 0}
    for path in ("read", "seen", "archive", "read-archive", "delete"):
        await mallory.call("POST", f"/v1/inbox/notifications/{path}", 204, named)
    for path in ("read", "seen"):
        assert await mallory.data("POST", f"/v1/widgets/messages/{path}", 201, named) == 0
    await mallory.call("DELETE", "/v1/widgets/messages", 204, **query)
    assert await api.feed(known) == before


async def test_a_session_s_context_is_its_own(production: Server, api: Api, known: str) -> None:
    """The same of one person's contexts: the session of one tenant names another's."""
    await api.trigger(known, workflow=WELCOME, context={"tenant": "acme"})
    before = await api.feed(known)
    async with InboxApi.open(production, known) as page:
        [message] = before
        for method, path, body in browser_calls(message["_id"]):
            await page.client.request(method, path, json=body, params={"contextKeys": "tenant:acme"})
    assert await api.feed(known) == before


async def test_a_context_cannot_be_chosen_without_its_hash(production: Server, ada: str) -> None:
    """One's own hash of a context does not open another tenant."""
    body = {
        "applicationIdentifier": production.application_identifier,
        "subscriberId": ada,
        "subscriberHash": subscriber_hash(production.api_key, ada),
        "context": {"tenant": "acme"},
    }
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as page:
        for given in (None, "", "0" * 64, body["subscriberHash"]):
            check_error(await page.post("/v1/inbox/session", json={**body, "contextHash": given}), 400)


@pytest.mark.parametrize("path", SESSIONS)
async def test_a_session_does_not_tell_who_exists(production: Server, known: str, ada: str, path: str) -> None:
    """A wrong hash is refused alike for everybody, and makes nobody."""
    told = []
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as page:
        for subscriber_id in (known, f"{ada}-nobody"):
            body = {
                "applicationIdentifier": production.application_identifier,
                "subscriberId": subscriber_id,
                SESSIONS[path]: "0" * 64,
            }
            answer = await page.post(path, json=body)
            check_error(answer, 400)
            told.append({name: value for name, value in answer.json().items() if name != "timestamp"})
    assert told[0] == told[1]


async def test_environments_share_nothing_a_page_could_use(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    """Neither the hash nor the token of one is of use in another."""
    prefix = {"INBOX_KEY_PREFIX": key_prefix}
    one = await run_server(redis_url=valkey_url, **prefix)
    other = await run_server(redis_url=valkey_url, INBOX_MODE="development", INBOX_REQUIRE_SUBSCRIBER_HASH="true", **{
        **prefix, "INBOX_API_KEY": "another-key", "INBOX_APPLICATION_IDENTIFIER": "another",
    })  # fmt: skip
    async with Api.open(one) as api, client_of(other, "another-key") as of_other:
        await api.create_workflow()
        await api.trigger("ada")
        [message] = await api.feed("ada")
        await Api(of_other).create_subscriber("ada")
        hash_of_other = subscriber_hash("another-key", "ada")
        body = {"applicationIdentifier": one.application_identifier, "subscriberId": "ada"}
        async with httpx.AsyncClient(base_url=one.url, trust_env=False) as page:
            for path, name in SESSIONS.items():
                check_error(await page.post(path, json={**body, name: hash_of_other}), 400)
        token = (await create_session(other, "ada"))["token"]
        async with InboxApi.open(one, "ada", token) as page_of_other:
            assert await page_of_other.notifications() == [], "a feed of its own environment"
            for method, path, given in browser_calls(message["_id"]):
                await page_of_other.client.request(method, path, json=given)
        assert [one["seen"] for one in await api.feed("ada")] == [False]


@pytest.mark.parametrize("path", ["/v1/inbox/notifications", "/v1/widgets/notifications/feed"])
async def test_a_token_in_the_address_opens_no_call_and_is_not_echoed(
    production: Server, widget_token: str, path: str
) -> None:
    """A URL ends up in histories and logs of proxies, so a token in it opens nothing."""
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as nobody:
        answer = await nobody.get(path, params={"token": widget_token})
    check_error(answer, 401)
    assert widget_token not in answer.text
    assert answer.json()["path"] == path


@pytest.fixture
async def widget_token(production: Server, known: str) -> str:
    async with WidgetApi.open(production, known) as widget:
        return widget.token


async def test_there_is_no_ambient_authority(production: Server, known: str, widget_token: str) -> None:
    """No cookie is ever set, and none lets anybody in."""
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as browser:
        for path, name in SESSIONS.items():
            body = {
                "applicationIdentifier": production.application_identifier,
                "subscriberId": known,
                name: subscriber_hash(production.api_key, known),
            }
            answer = await browser.post(path, json=body)
            assert answer.status_code == 201
            assert "set-cookie" not in answer.headers
        for cookie in ("Authorization", "token", "nc_token", "novu"):
            headers = {"Cookie": f"{cookie}={widget_token}"}
            check_error(await browser.post("/v1/widgets/messages/read", json={}, headers=headers), 401)
            check_error(await browser.post("/v1/inbox/notifications/read", json={}, headers=headers), 401)


@pytest.mark.parametrize("path", ["/v1/widgets/messages/read", "/v1/inbox/notifications/read"])
async def test_a_form_of_another_page_changes_nothing(production: Server, widget_token: str, path: str) -> None:
    """What a form can send without asking first is no JSON, and is refused."""
    headers = {"Authorization": f"Bearer {widget_token}"}
    async with httpx.AsyncClient(base_url=production.url, headers=headers, trust_env=False) as browser:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            check_error(await browser.post(path, content=b"{}", headers={"Content-Type": kind}), 415)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/widgets/messages/read", {"feedId": "x" * 110_000}),
        ("/v1/widgets/usage/log", {"name": "x", "payload": "x" * 110_000}),
        ("/v1/widgets/messages/bulk/delete", {"messageIds": [NOWHERE] * 5_000}),
        ("/v1/inbox/notifications/seen", {"notificationIds": [NOWHERE] * 5_000}),
    ],
)
async def test_a_page_cannot_send_much(mallory: InboxApi, path: str, body: Json) -> None:
    """Refused before it is parsed."""
    check_error(await mallory.client.post(path, json=body), 413)


async def test_a_page_has_a_limit_on_both_faces(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    """Per subscriber, whichever face and however many sessions."""
    limit = {"INBOX_RATE_LIMIT_PER_SUBSCRIBER": "4/hour"}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **limit)
    await until_hour_has()
    async with InboxApi.open(server, "ada") as inbox, WidgetApi.open(server, "ada") as widget:
        for page, path in ((inbox, "/v1/inbox/notifications"), (widget, "/v1/widgets/notifications/feed")) * 2:
            assert (await page.client.get(path)).status_code == 200
        for page, path in ((inbox, "/v1/inbox/notifications"), (widget, "/v1/widgets/organization")):
            refused = await page.client.get(path)
            check_error(refused, 429)
            assert int(refused.headers["retry-after"]) > 0


async def test_links_that_run_code_reach_no_page(production: Server, api: Api, known: str) -> None:
    """What a payload smuggles into a link is dropped before it is stored, on every face."""
    identifier = f"xss-{secrets.token_hex(4)}"
    link = {"label": "Go", "redirect": {"url": "{{payload.url}}"}}
    controls = {"body": "{{payload.text}}", "avatar": "{{payload.url}}", "primaryAction": link}
    controls["redirect"] = link["redirect"]
    steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
    await api.data("POST", "/v2/workflows", 201, {"name": identifier, "workflowId": identifier, "steps": steps})
    text = "<img src=x onerror=alert(1)>"
    for url in ("javascript:alert(1)", "\tJaVaScRiPt:alert(1)", "data:text/html,<script>", "vbscript:x"):
        await api.trigger(known, {"url": url, "text": text}, workflow=identifier)
    async with InboxApi.open(production, known) as inbox, WidgetApi.open(production, known) as widget:
        answers = [
            await inbox.client.get("/v1/inbox/notifications"),
            await widget.client.get("/v1/widgets/notifications/feed"),
        ]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json", "nothing a browser would take for a page"
        shown = [{**item, "payload": None} for item in answer.json()["data"]]
        assert len(shown) == 4
        assert not any(word in json.dumps(shown).lower() for word in ("javascript:", "vbscript:", "data:text"))
        assert [item.get("body", item.get("content")) for item in shown] == [text] * 4, "text stays text"


PAYLOADS = [
    b"[" * 5_000,
    b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    b'{"$where":"sleep(1)","__proto__":{"x":1},"constructor":{"prototype":{}}}',
    b'{"a":{"$gt":""}}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'\xff{"a":1}',
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
async def test_a_filter_runs_nothing(mallory: InboxApi, payload: bytes) -> None:
    """A payload filter is bounded, and its keys are names, not operators."""
    encoded = base64.b64encode(payload).decode()
    answer = await mallory.client.get("/v1/widgets/notifications/feed", params={"payload": encoded})
    if answer.status_code != 200:
        check_error(answer, 400)
    for name in ("data", "filters"):
        path = "/v1/inbox/notifications" + ("" if name == "data" else "/count")
        answer = await mallory.client.get(path, params={name: payload.decode("latin-1")})
        if answer.status_code != 200:
            check_error(answer, 400, 422)


@pytest.mark.parametrize("name", ["*", "a:b{c}*", "\x00", "../..", "'; --", "💥" * 50, "," * 500])
async def test_names_of_feeds_reach_no_key(mallory: InboxApi, name: str) -> None:
    """Identifiers of feeds are looked up, never put into a key or a pattern."""
    answer = await mallory.client.get("/v1/widgets/notifications/feed", params={"feedIdentifier": name})
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert await mallory.data("POST", "/v1/widgets/messages/read", 201, {"feedId": name}) == 0


async def test_no_answer_to_a_page_holds_a_secret(production: Server, mallory: InboxApi) -> None:
    """A page's token opens nothing of the backend's side."""
    answers = [await mallory.client.get(route.path) for route in BROWSER_SIDE if _is_plain_get(route)]
    assert len(answers) >= 8
    for path in ("/v1/environments/api-keys", "/v1/environments/me", "/v1/integrations", "/v2/subscribers"):
        answers.append(await mallory.client.get(path))
        check_error(answers[-1], 401)
    assert not [answer.url for answer in answers if production.api_key in answer.text]


def _is_plain_get(route: Any) -> bool:
    return isinstance(route, Route) and "GET" in (route.methods or ()) and "{" not in route.path


async def test_no_reader_sees_a_count_that_a_change_has_outdated(production: Server, api: Api, known: str) -> None:
    """A count that is cached before the write would stay wrong. Here a reader hammers on both faces, by flags
    and by content, and after each change's answer every count is the new one.
    """
    await deliver_many(api, known, 30)
    ids = [message["_id"] for message in await api.feed(known)]
    by_content = json.dumps({"read": False, "data": {"none": None}})
    stop = asyncio.Event()
    async with InboxApi.open(production, known) as inbox, WidgetApi.open(production, known) as widget:

        async def hammer() -> None:
            while not stop.is_set():
                await asyncio.gather(inbox.count('{"read":false}', by_content), widget.count("unread"))

        hammering = [asyncio.create_task(hammer()) for _ in range(3)]
        try:
            for left, message_id in zip(range(29, -1, -1), ids, strict=True):
                await inbox.change(message_id, "read")
                assert await inbox.count('{"read":false}', by_content) == [left, left]
                assert await widget.count("unread") == left
        finally:
            stop.set()
            await asyncio.gather(*hammering)


def test_tabs_of_two_people_do_not_hear_each_other() -> None:
    """Our widget relays nothing between tabs, so there is no channel to be named wrongly; each
    tab has a socket of its own.
    """
    sources = [path.read_text() for path in STATIC.glob("*.js")]
    assert sources
    assert not [one for one in sources for word in ("BroadcastChannel", "SharedWorker", "localStorage") if word in one]
