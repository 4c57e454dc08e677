"""Whatever is sent is answered with the documented 4xx in the usual error shape, never with a 5xx."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from inbox.http import middleware
from tests.conftest import RunServer
from tests.support.client import WORKFLOW, Api, create_session, subscriber_hash
from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations

NOWHERE = "0123456789abcdef01234567"  # well-formed, and nobody's
OWNER, STRANGER = "hostile-owner", "hostile-stranger"
V1, V2, INBOX = "/v1/subscribers", "/v2/subscribers", "/v1/inbox/notifications"
WIDGETS = "/v1/widgets/messages"
CONTROLS = {"subject": "S", "body": "B {{payload.n}}", "primaryAction": {"label": "Go", "redirect": {"url": "/go"}}}


def step(**controls: Any) -> dict[str, Any]:
    return {"name": "In-app", "type": "in_app", "controlValues": controls}


def workflow(**fields: Any) -> dict[str, Any]:
    return {"name": "W", "workflowId": "hostile-workflow", "steps": [step(**CONTROLS)], **fields}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    """Authorized; the workflow and a subscriber exist."""
    async with Api.open(shared_server) as api:
        await api.client.post("/v2/workflows", json={**workflow(), "workflowId": WORKFLOW})
        await api.create_subscriber(OWNER)
        await api.create_subscriber(STRANGER)
        yield api


@pytest.fixture
async def message_id(api: Api) -> str:
    """A message of OWNER with a primary action only."""
    reply = await api.trigger(OWNER, {"n": 1})
    feed = await api.feed(OWNER)
    return str(next(message["_id"] for message in feed if message["transactionId"] == reply["transactionId"]))


@pytest.fixture
async def page(shared_server: Server, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """OWNER's browser."""
    token = (await create_session(shared_server, OWNER))["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=shared_server.url, headers=headers, trust_env=False) as client:
        yield client


def trigger(**fields: Any) -> tuple[str, str, Any]:
    return "POST", "/v1/events/trigger", {"name": WORKFLOW, "to": OWNER, "payload": {}, **fields}


def messages(verb: str, **body: Any) -> tuple[str, str, Any]:
    return "POST", f"{V1}/{OWNER}/messages/{verb}", body


REFUSED: list[tuple[tuple[str, str, Any], int]] = [
    (("POST", "/v1/events/trigger", {"name": WORKFLOW}), 422),
    (("POST", "/v1/events/trigger", {"to": OWNER}), 422),
    (("POST", "/v1/events/trigger", []), 422),
    (("POST", "/v1/events/trigger", "text"), 422),
    (trigger(name=7), 422),
    (trigger(name="no-such-workflow"), 422),
    (trigger(to=None), 422),
    (trigger(to=7), 422),
    (trigger(to="x" * 300), 422),
    (trigger(to="a\0b"), 400),
    (trigger(to={"subscriberId": "a\0b"}), 400),
    (trigger(payload=[]), 422),
    (trigger(payload="text"), 422),
    (trigger(transactionId=7), 422),
    (("POST", V2, {}), 422),
    (("POST", V2, {"subscriberId": 7}), 422),
    (("POST", V2, {"subscriberId": ""}), 422),
    (("POST", V2, {"subscriberId": "   "}), 422),
    (("POST", V2, {"subscriberId": "x" * 300}), 422),
    (("POST", V2, {"subscriberId": "a\0b"}), 400),
    (("POST", V2, {"subscriberId": "a\x07b"}), 422),
    (("POST", V1, {"subscriberId": "a\0b"}), 400),
    (("POST", V1, {"subscriberId": OWNER, "firstName": 7}), 422),
    (("POST", V2, {"subscriberId": OWNER, "email": "no address"}), 422),
    (("POST", V2, {"subscriberId": OWNER, "email": "@"}), 422),
    (("POST", V2, {"subscriberId": OWNER, "locale": "no locale"}), 422),
    (("POST", V2, {"subscriberId": OWNER, "timezone": "Mars/Olympus"}), 422),
    (("POST", V2, {"subscriberId": OWNER, "data": []}), 422),
    (("GET", f"{V1}/nobody", None), 404),
    (("GET", f"{V2}/nobody", None), 404),
    (("PUT", f"{V1}/nobody", {"firstName": "N"}), 400),
    (("PATCH", f"{V2}/nobody", {"firstName": "N"}), 404),
    (("DELETE", f"{V1}/nobody", None), 404),
    (("DELETE", f"{V2}/nobody", None), 404),
    (("GET", f"{V2}/a%00b", None), 400),
    (("GET", f"{V2}/%ff%fe", None), 400),
    (("PATCH", f"{V1}/{OWNER}/online-status", {}), 422),
    (("PATCH", f"{V1}/{OWNER}/online-status", {"isOnline": "yes"}), 422),
    (("PATCH", f"{V1}/nobody/online-status", {"isOnline": True}), 404),
    (("GET", f"{V1}/nobody/notifications/feed", None), 400),
    (("GET", f"{V1}/{OWNER}/notifications/feed?page=-1", None), 422),
    (("GET", f"{V1}/{OWNER}/notifications/feed?limit=0", None), 422),
    (("GET", f"{V1}/{OWNER}/notifications/feed?limit=101", None), 422),
    (("GET", f"{V1}/{OWNER}/notifications/feed?limit=many", None), 422),
    (("GET", f"{V1}/{OWNER}/notifications/feed?payload=%25%25", None), 400),
    (("GET", f"{V1}/nobody/notifications/unseen", None), 400),
    (("GET", f"{V1}/{OWNER}/notifications/unseen?limit=1001", None), 422),
    (messages("mark-as", markAs="read"), 422),
    (messages("mark-as", messageId=NOWHERE), 422),
    (messages("mark-as", messageId=NOWHERE, markAs="loved"), 422),
    (messages("mark-as", messageId="no id", markAs="read"), 422),
    (messages("mark-as", messageId=[7], markAs="read"), 422),
    (messages("mark-as", messageId=[], markAs="read"), 400),
    (("POST", f"{V1}/nobody/messages/mark-as", {"messageId": NOWHERE, "markAs": "read"}), 404),
    (messages("markAs", messageId="no id", mark={"read": True}), 422),
    (("POST", f"{V1}/nobody/messages/markAs", {"messageId": NOWHERE, "mark": {"read": True}}), 404),
    (messages("mark-all", markAs="loved"), 422),
    (messages("mark-all"), 422),
    (("POST", f"{V1}/nobody/messages/mark-all", {"markAs": "read"}), 404),
    (messages(f"{NOWHERE}/actions/primary", status="done"), 404),
    (messages(f"{NOWHERE}/actions/tertiary", status="done"), 422),
    (messages(f"{NOWHERE}/actions/primary", status="perhaps"), 422),
    (messages(f"{NOWHERE}/actions/primary"), 422),
    (messages("no-id/actions/primary", status="done"), 422),
    (("POST", f"{V1}/nobody/messages/{NOWHERE}/actions/primary", {"status": "done"}), 400),
    (("POST", "/v2/workflows", workflow(name=None)), 422),
    (("POST", "/v2/workflows", workflow(steps={})), 422),
    (("POST", "/v2/workflows", workflow(steps=[step()])), 422),
    (("POST", "/v2/workflows", workflow(steps=[step(body="{% if %}")])), 422),
    (("POST", "/v2/workflows", workflow(workflowId=WORKFLOW)), 400),
    (("GET", "/v2/workflows/no-such-workflow", None), 404),
    (("DELETE", "/v2/workflows/no-such-workflow", None), 404),
    (("GET", "/v1/no/such/path", None), 404),
]


@pytest.mark.parametrize(("request_", "status"), REFUSED, ids=[f"{r[0]} {r[1]} {r[2]}"[:90] for r, _ in REFUSED])
async def test_a_malformed_request_of_a_backend_is_refused(
    api: Api, request_: tuple[str, str, Any], status: int
) -> None:
    method, path, body = request_
    content = {} if body is None else {"json": body}
    check_error(await api.client.request(method, path, **content), status)


PAGE_REFUSED: list[tuple[str, str, Any, int]] = [
    ("GET", f"{INBOX}?limit=0", None, 422),
    ("GET", f"{INBOX}?limit=101", None, 422),
    ("GET", f"{INBOX}?limit=ten", None, 422),
    ("GET", f"{INBOX}?offset=-1", None, 422),
    ("GET", f"{INBOX}?after=no-id", None, 422),
    ("GET", f"{INBOX}?after={NOWHERE}", None, 400),
    ("GET", f"{INBOX}?read=false&archived=true", None, 400),
    ("GET", f"{INBOX}/count?filters=no-json", None, 400),
    ("GET", f"{INBOX}/count?filters={quote(json.dumps([{}] * 31))}", None, 422),
    ("GET", f"{INBOX}/count?filters={quote(json.dumps([{'read': 'no'}]))}", None, 422),
    ("GET", f"{INBOX}/count?filters={quote(json.dumps([{'read': False, 'archived': True}]))}", None, 400),
    *(("PATCH", f"{INBOX}/no-id/{verb}", None, 422) for verb in ("read", "unread")),
    *(("PATCH", f"{INBOX}/{NOWHERE}/{verb}", None, 404) for verb in ("read", "unread")),
    ("PATCH", f"{INBOX}/{NOWHERE}/complete", {"actionType": "primary"}, 404),
    ("PATCH", f"{INBOX}/{NOWHERE}/complete", {"actionType": "tertiary"}, 422),
    ("PATCH", f"{INBOX}/{NOWHERE}/complete", {}, 422),
    ("PATCH", f"{INBOX}/no-id/revert", {"actionType": "primary"}, 422),
    ("POST", f"{INBOX}/seen", {"notificationIds": ["no-id"]}, 422),
    ("POST", f"{INBOX}/seen", {"notificationIds": "no-list"}, 422),
    ("POST", f"{INBOX}/seen", {"tags": 7}, 422),
    ("POST", f"{INBOX}/seen", {"data": "no json"}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), PAGE_REFUSED)
async def test_a_malformed_request_of_a_page_is_refused(
    page: httpx.AsyncClient, method: str, path: str, body: Any, status: int
) -> None:
    content = {} if body is None else {"json": body}
    check_error(await page.request(method, path, **content), status)


async def test_a_button_that_is_not_there_cannot_be_pressed_by_a_page(page: httpx.AsyncClient, message_id: str) -> None:
    answer = await page.patch(f"{INBOX}/{message_id}/complete", json={"actionType": "secondary"})
    check_error(answer, 400)


async def test_messages_of_others_are_out_of_reach(api: Api, shared_server: Server, message_id: str) -> None:
    token = (await create_session(shared_server, STRANGER))["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    for verb in ("read", "unread"):
        check_error(await api.client.patch(f"{INBOX}/{message_id}/{verb}", headers=bearer), 404)
    completed = await api.client.patch(f"{INBOX}/{message_id}/complete", headers=bearer, json={"actionType": "primary"})
    check_error(completed, 404)
    seen = await api.client.post(f"{INBOX}/seen", headers=bearer, json={"notificationIds": [message_id]})
    assert seen.status_code == 204
    assert await api.mark_as(STRANGER, message_id, "read") == []
    pressed = await api.client.post(f"{V1}/{STRANGER}/messages/{message_id}/actions/primary", json={"status": "done"})
    check_error(pressed, 400, 404)
    [message] = [message for message in await api.feed(OWNER) if message["_id"] == message_id]
    assert (message["seen"], message["read"]) == (False, False)
    assert message["cta"]["action"].get("status") in (None, "pending")


JSON_ROUTES = [
    ("POST", "/v1/events/trigger"),
    ("POST", V1),
    ("POST", V2),
    ("PUT", f"{V1}/{OWNER}"),
    ("PATCH", f"{V2}/{OWNER}"),
    ("PATCH", f"{V1}/{OWNER}/online-status"),
    ("POST", f"{V1}/{OWNER}/messages/mark-as"),
    ("POST", f"{V1}/{OWNER}/messages/markAs"),
    ("POST", f"{V1}/{OWNER}/messages/mark-all"),
    ("POST", f"{V1}/{OWNER}/messages/{NOWHERE}/actions/primary"),
    ("POST", "/v2/workflows"),
    ("POST", "/v1/inbox/session"),
]
BROKEN_BODIES: dict[str, tuple[bytes, str, int]] = {
    "half JSON": (b'{"name": "x", ', "application/json", 400),
    "no JSON": (b"hello", "application/json", 400),
    "NaN": (b'{"a": NaN}', "application/json", 400),
    "two values": (b"{} {}", "application/json", 400),
    "invalid UTF-8": (b'{"name": "\xff\xfe"}', "application/json", 400),
    "a lone surrogate": (b'{"name": "\\ud800"}', "application/json", 400),
    "65 levels": (b'{"a":' * 65 + b"1" + b"}" * 65, "application/json", 400),
    "100,000 levels": (b"[" * 50_000 + b"]" * 50_000, "application/json", 400),
    "10,001 items": (b'{"payload":[' + b"1," * 10_000 + b"1]}", "application/json", 400),
    "plain text": (b"{}", "text/plain", 415),
    "a form": (b"name=x", "application/x-www-form-urlencoded", 415),
    "1.1 MB": (b'{"name": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
}


@pytest.mark.parametrize("broken", BROKEN_BODIES)
@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
async def test_a_broken_body_is_refused(api: Api, method: str, path: str, broken: str) -> None:
    content, media_type, status = BROKEN_BODIES[broken]
    answer = await api.client.request(method, path, content=content, headers={"Content-Type": media_type})
    check_error(answer, status)


async def test_an_endless_body_is_refused_before_its_end(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536

    try:
        answer = await api.client.post(
            "/v1/events/trigger", content=endless(), headers={"Content-Type": "application/json"}
        )
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        return  # refused and closed while we were still sending: as good as the answer, which the reset may overtake
    check_error(answer, 413)


@pytest.mark.parametrize("extra", ["", "Idempotency-Key: half-a-body\r\n"])
async def test_a_body_that_ends_early_stores_nothing_and_is_no_defect(
    shared_server: Server, api: Api, extra: str
) -> None:
    subscriber_id = f"half-{len(extra)}"
    body = f'{{"subscriberId":"{subscriber_id}"}}'
    head = f"Host: x\r\nAuthorization: ApiKey {shared_server.api_key}\r\nContent-Type: application/json\r\n{extra}"
    request = f"POST {V1} HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n{body}"
    _, writer = await asyncio.open_connection("127.0.0.1", shared_server.port)
    writer.write(request.encode())
    await writer.drain()
    await api.feed(OWNER)  # by now it is being read
    writer.close()
    await writer.wait_closed()
    await api.feed(OWNER)
    check_error(await api.client.get(f"{V1}/{subscriber_id}"), 404)
    assert "Traceback" not in shared_server.log()


async def begin_body(server: Server, path: str, extra: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection with a byte of a body of a hundred."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n{extra}"
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n{{".encode())
    return reader, writer


async def test_bodies_that_never_end_hold_neither_connections_nor_a_stop(run_server: RunServer) -> None:
    assert f"its body {middleware.BODY_SECONDS:.0f} s" in (REPOSITORY / "docs/protocol.md").read_text()
    hasty = await run_server(constants={"inbox.http.middleware.BODY_SECONDS": 1.0})
    keyed = f"Authorization: ApiKey {hasty.api_key}\r\nIdempotency-Key: never-ends\r\n"
    session, change = await begin_body(hasty, "/v1/inbox/session"), await begin_body(hasty, V2, keyed)
    for reader, writer in (session, change):
        async with asyncio.timeout(30):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(body)["ctx"] == {"error": "Request Timeout", "statusCode": 408}
        writer.close()
    server = await run_server()
    opened = [await begin_body(server, "/v1/inbox/session") for _ in range(20)]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        await client.get("/ready")  # by now they are being read
    assert await server.terminate() == 0
    for _, writer in opened:
        writer.close()
    assert "ERROR" not in server.log()


async def test_a_long_header_is_served(shared_server: Server) -> None:
    async with httpx.AsyncClient(base_url=shared_server.url, trust_env=False) as client:
        assert (await client.get("/health", headers={"X": "x" * 30_000})).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "ApiKey", "ApiKey wrong", "Bearer wrong", "Basic YTpi", "apikey"),
        *("ApiKey " + "x" * 8_000, "ApiKey \xe4\xf6", "Bearer a.b.c", "Digest username=x"),
    ],
)
@pytest.mark.parametrize(("method", "path"), [*JSON_ROUTES[:-1], ("GET", INBOX), ("POST", f"{INBOX}/seen")])
async def test_nobody_enters_without_a_key(
    shared_server: Server, method: str, path: str, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode("latin-1"))]
    async with httpx.AsyncClient(base_url=shared_server.url, trust_env=False) as client:
        check_error(await client.request(method, path, json={}, headers=headers), 401)


def unsigned(token: str) -> str:
    """The same claims with no signature and `alg: none`."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def of_another(token: str) -> str:
    """Another's name under this signature."""
    head, claims, signature = token.split(".")
    body = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**body, "subscriberId": STRANGER}).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


async def test_a_forged_token_opens_nothing(api: Api, shared_server: Server) -> None:
    token = (await create_session(shared_server, OWNER))["token"]
    for forged in (unsigned(token), of_another(token), token[:-2], token + "x", token.swapcase(), "null", "."):
        headers = {"Authorization": f"Bearer {forged}"}
        check_error(await api.client.get(INBOX, headers=headers), 401)
        assert (await api.client.get("/ws", params={"token": forged}, headers=UPGRADE)).status_code == 401


UPGRADE = {
    **{"Connection": "Upgrade", "Upgrade": "websocket"},
    **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode()},
}


async def test_a_socket_needs_a_token(api: Api) -> None:
    assert (await api.client.get("/ws", headers=UPGRADE)).status_code == 401
    assert (await api.client.get("/ws")).status_code == 426


SESSION: dict[str, Any] = {"applicationIdentifier": "", "subscriber": {"subscriberId": OWNER}, "subscriberHash": ""}


def session_body(server: Server, **fields: Any) -> dict[str, Any]:
    known = {
        "applicationIdentifier": server.application_identifier,
        "subscriber": {"subscriberId": OWNER, "firstName": "O"},
        "subscriberHash": subscriber_hash(server.api_key, OWNER),
    }
    return {name: value for name, value in {**known, **fields}.items() if value is not None}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"applicationIdentifier": None}, 422),
        ({"applicationIdentifier": "unknown"}, 400),
        ({"applicationIdentifier": 7}, 422),
        ({"subscriber": None}, 422),
        ({"subscriber": {"firstName": "nobody"}}, 422),
        ({"subscriber": {"subscriberId": "a\0b"}}, 400),
        ({"subscriber": {"subscriberId": "x" * 300}}, 422),
        ({"subscriberHash": None}, 400),
        ({"subscriberHash": ""}, 400),
        ({"subscriberHash": "0" * 64}, 400),
        ({"subscriberHash": "ä"}, 400),
        ({"subscriber": {"subscriberId": STRANGER}}, 400),
    ],
)
async def test_a_malformed_session_is_refused(shared_server: Server, api: Api, fields: Any, status: int) -> None:
    body = session_body(shared_server, **fields)
    check_error(await api.client.post("/v1/inbox/session", json=body, headers={"Authorization": ""}), status)


async def test_one_wrong_value_anywhere_breaks_nothing(
    api: Api, shared_server: Server, page: httpx.AsyncClient, message_id: str
) -> None:
    """Every value of every body replaced by each of the wrong ones, one at a time."""
    profile = {"subscriberId": OWNER, "firstName": "F", "email": "a@example.org", "locale": "en_US", "data": {"k": "v"}}
    backend = [
        ("POST", "/v1/events/trigger", {"name": WORKFLOW, "to": {"subscriberId": OWNER}, "payload": {"n": 1}}),
        ("POST", "/v1/events/trigger", {"name": WORKFLOW, "to": [OWNER], "transactionId": "t", "actor": OWNER}),
        ("POST", V1, profile),
        ("POST", V2, {**profile, "timezone": "Europe/Berlin"}),
        ("PATCH", f"{V2}/{OWNER}", {"firstName": "G", "data": {"k": 1}}),
        ("PATCH", f"{V1}/{OWNER}/online-status", {"isOnline": False}),
        ("POST", f"{V1}/{OWNER}/messages/mark-as", {"messageId": [message_id], "markAs": "seen"}),
        ("POST", f"{V1}/{OWNER}/messages/markAs", {"messageId": message_id, "mark": {"seen": True, "read": False}}),
        ("POST", f"{V1}/{OWNER}/messages/mark-all", {"markAs": "seen"}),
        ("POST", f"{V1}/{OWNER}/messages/{message_id}/actions/primary", {"status": "done", "payload": {"a": 1}}),
        ("POST", "/v2/workflows", {**workflow(tags=["t"]), "workflowId": WORKFLOW}),
        ("POST", "/v1/inbox/session", session_body(shared_server)),
    ]
    for method, path, body in backend:
        for changed in mutations(body):
            check_never_broken(await api.client.request(method, path, json=changed))
    for method, path, body in [
        ("PATCH", f"{INBOX}/{message_id}/complete", {"actionType": "primary"}),
        ("POST", f"{INBOX}/seen", {"notificationIds": [message_id], "tags": ["a"], "data": "{}"}),
        ("POST", f"{INBOX}/read", {"tags": ["a"], "data": "{}"}),
        ("POST", "/v1/widgets/session/initialize", {"applicationIdentifier": "x", "subscriberId": OWNER}),
        ("POST", f"{WIDGETS}/markAs", {"messageId": [message_id], "mark": {"seen": True}}),
        ("POST", f"{WIDGETS}/read", {"feedId": ["a"]}),
        ("POST", f"{WIDGETS}/{message_id}/actions/primary", {"status": "done", "payload": {"a": 1}}),
        ("POST", f"{WIDGETS}/bulk/delete", {"messageIds": ["0123456789abcdef01234567"]}),
    ]:
        for changed in mutations(body):
            check_never_broken(await page.request(method, path, json=changed))


QUERIES = [
    "page",
    "limit",
    "offset",
    "after",
    "read",
    "seen",
    "tags",
    "tags[]",
    "data",
    "severity",
    "payload",
    "filters",
]


async def test_a_wrong_query_breaks_nothing(api: Api, page: httpx.AsyncClient) -> None:
    values = ["", "-1", "1e9", "9" * 40, "true", "null", "[]", "{}", '[{"read":1}]', "\0", "ä💥", "%", "x" * 2_000]
    for name in QUERIES:
        for value in values:
            for path in (INBOX, f"{INBOX}/count"):
                check_never_broken(await page.get(path, params={name: value}))
            for rest in ("feed", "unseen"):
                check_never_broken(await api.client.get(f"{V1}/{OWNER}/notifications/{rest}", params={name: value}))
