"""The error body, and the answers that every route has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.client import Api, InboxApi, segment
from tests.support.server import Server

from .conftest import PLAIN, deliver
from .hostile import check_error


async def anonymous(server: Server, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        return await client.get(path, headers=headers)


def without_time(answer: httpx.Response) -> dict[str, Any]:
    """The body without its timestamp, which has to be that of now."""
    body: dict[str, Any] = answer.json()
    moment = datetime.fromisoformat(body.pop("timestamp"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 10
    return body


async def test_an_error_of_the_domain(api: Api, ada: str) -> None:
    answer = await api.client.get(f"/v2/subscribers/{ada}?a=b&c=%C3%A4")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    context = {"error": "Not Found", "statusCode": 404, "externalSubscriberId": ada}
    assert without_time(answer) == {
        "statusCode": 404,
        "path": f"/v2/subscribers/{ada}?a=b&c=%C3%A4",
        "message": f"Subscriber: {ada} was not found",
        **context,
        "ctx": context,
    }


async def test_an_error_of_validation(api: Api) -> None:
    answer = await api.client.post("/v2/subscribers", json={"subscriberId": 7})
    assert answer.status_code == 422
    assert without_time(answer) == {
        "statusCode": 422,
        "path": "/v2/subscribers",
        "message": "Validation Error",
        "ctx": {},
        "errors": {"subscriberId": {"messages": ["subscriberId must be a string"], "value": 7}},
    }


async def test_an_error_of_types(api: Api) -> None:
    answer = await api.client.post("/v1/events/trigger", json={"name": PLAIN, "to": "a", "payload": []})
    assert answer.status_code == 422
    assert without_time(answer) == {
        "statusCode": 422,
        "path": "/v1/events/trigger",
        "message": "Validation Error",
        "ctx": {},
        "errors": {
            "general": {
                "messages": ["Expected `object`, got `array` - at `$.payload`"],
                "value": "No Value Recorded",
            }
        },
    }


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Missing authorization header"),
        ("", "Missing authorization header"),
        ("ApiKey wrong", "Unauthorized"),
        ("Bearer wrong", "Invalid authentication scheme: Bearer"),
        ("Basic YTpi", "Invalid authentication scheme: Basic"),
        ("wrong", "Invalid authentication scheme: send `Authorization: ApiKey <key>`"),
        (f"{'0e' * 16} x", "Invalid authentication scheme: send `Authorization: ApiKey <key>`"),
        (f"{'s' * 33} x", "Invalid authentication scheme: send `Authorization: ApiKey <key>`"),
    ],
)
async def test_why_a_backend_is_not_let_in(production: Server, authorization: str | None, message: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await anonymous(production, "/v2/workflows", **headers)
    assert answer.status_code == 401
    context = {"error": "Unauthorized", "statusCode": 401}
    expected = {"statusCode": 401, "path": "/v2/workflows", "message": message, **context, "ctx": context}
    assert without_time(answer) == expected


@pytest.mark.parametrize(
    ("authorization", "message"),
    [(None, "Missing authorization header"), ("Bearer wrong", "Unauthorized"), ("ApiKey x", "Unauthorized")],
)
async def test_why_a_page_is_not_let_in(production: Server, authorization: str | None, message: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await anonymous(production, "/v1/inbox/notifications", **headers)
    check_error(answer, 401)
    assert answer.json()["message"] == message


async def test_the_scheme_of_a_key_is_known_in_any_case(production: Server, known: str) -> None:
    answer = await anonymous(production, f"/v2/subscribers/{known}", Authorization=f"apikey {production.api_key}")
    assert answer.status_code == 200


async def test_the_key_comes_before_the_body(production: Server) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        check_error(await client.post("/v1/events/trigger", content=b"{"), 401)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v3/subscribers", "/v1/inbox/events/", "/v1/socket/", "/static/none"]
)
async def test_an_unknown_path_is_named(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    check_error(answer, 404)
    assert answer.json()["message"] == f"Cannot GET {path}"


@pytest.mark.parametrize(
    "path", ["/v1/subscribers/", "/v2/subscribers/a/", "/v1/events/trigger/", "//v1/events/trigger", "/V1/subscribers"]
)
async def test_a_path_is_not_guessed(api: Api, path: str) -> None:
    url = api.client.base_url.copy_with(raw_path=path.encode())
    check_error(await api.client.post(url, json={}), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/events/trigger"), ("PATCH", "/v1/subscribers/a"), ("PUT", "/v2/subscribers/a")],
)
async def test_a_wrong_method_is_refused(api: Api, method: str, path: str) -> None:
    answer = await api.client.request(method, path)
    check_error(answer, 405)
    assert method in answer.json()["message"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "name"),
    [
        (b"{", "application/json", 400, "Bad Request"),
        (b'{"firstName": "\xff"}', "application/json", 400, "Bad Request"),
        (b"[" * 65 + b"]" * 65, "application/json", 400, "Bad Request"),
        (b"{}", "text/plain", 415, "Unsupported Media Type"),
        (b'{"firstName": "' + b"x" * 102_400 + b'"}', "application/json", 413, None),
    ],
)
async def test_a_body_that_cannot_be_read(
    api: Api, known: str, content: bytes, media_type: str, status: int, name: str | None
) -> None:
    headers = {"Content-Type": media_type}
    answer = await api.client.patch(f"/v2/subscribers/{known}", content=content, headers=headers)
    check_error(answer, status)
    told = answer.json()
    assert told["error"] == told["ctx"]["error"]
    assert name in (None, told["error"])
    assert (await api.subscriber(known))["firstName"] == "Ada"


async def test_a_body_of_just_the_limit_is_read(api: Api, known: str) -> None:
    head, tail = b'{"data": {"k": "', b'"}}'
    content = head + b"x" * (102_400 - len(head) - len(tail)) + tail
    answer = await api.client.patch(
        f"/v2/subscribers/{known}", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200


async def test_the_body_after_one_too_large_is_read_as_its_own(api: Api, known: str) -> None:
    """Keep-alive: what was not read of a refused body must not be taken for the next request."""
    headers = {"Content-Type": "application/json"}
    for _ in range(3):
        answer = await api.client.patch(f"/v2/subscribers/{known}", content=b"x" * 500_000, headers=headers)
        check_error(answer, 413)
        assert (await api.subscriber(known))["subscriberId"] == known


@pytest.mark.parametrize("subscriber_id", ["a:b{c}*", "a/b", "ä 💥"])
async def test_an_error_repeats_an_odd_id_as_it_was_sent(api: Api, ada: str, subscriber_id: str) -> None:
    name = subscriber_id + ada
    answer = await api.client.get(f"/v2/subscribers/{segment(name)}")
    check_error(answer, 404)
    assert answer.json()["externalSubscriberId"] == name
    assert answer.json()["path"] == f"/v2/subscribers/{segment(name)}"


@pytest.mark.parametrize(
    ("text", "status"), [("a%00b", 400), ("%FF", 400), ("a%0Ab", 422), ("%20", 422), ("x" * 256, 422)]
)
async def test_an_impossible_id_is_refused(api: Api, text: str, status: int) -> None:
    for version in ("v1", "v2"):
        check_error(await api.client.get(f"/{version}/subscribers/{text}"), status)


async def test_a_head_request_has_no_body(api: Api, known: str) -> None:
    await deliver(api, known)
    answer = await api.client.head(f"/v1/subscribers/{known}/notifications/feed")
    assert (answer.status_code, answer.content) == (200, b"")


NOT_OFFERED = [
    ("GET", "/v1/inbox/channel-connections"),
    ("POST", "/v1/inbox/channel-connections"),
    ("DELETE", "/v1/inbox/channel-connections/x"),
    ("GET", "/v1/inbox/channel-endpoints"),
    ("POST", "/v1/inbox/channel-endpoints"),
    ("DELETE", "/v1/inbox/channel-endpoints/x"),
    ("POST", "/v1/inbox/chat/oauth"),
]


@pytest.mark.parametrize(("method", "path"), NOT_OFFERED)
async def test_what_pages_may_call_and_is_not_offered(inbox: InboxApi, method: str, path: str) -> None:
    """The browser's client holds these calls, for chat and trial sessions; it reads JSON of every answer."""
    answer = await inbox.client.request(method, path, json={} if method == "POST" else None)
    check_error(answer, 404)
    assert answer.json()["message"] == f"Cannot {method} {path}"


async def test_no_cache_keeps_an_answer_of_the_api(
    shared_server: Server, api: Api, inbox: InboxApi, known: str
) -> None:
    """Neither what a page reads nor what a backend reads of people, nor errors and empty answers; but for polls."""
    [message] = await deliver(api, known, 1)
    person = f"/v2/subscribers/{segment(known)}"
    calls = [
        (inbox, "PATCH", f"/v1/inbox/notifications/{message}/read", 200),
        (inbox, "POST", "/v1/inbox/notifications/seen", 204),
        (inbox, "GET", "/v1/inbox/preferences", 200),
        (inbox, "PATCH", f"/v1/inbox/notifications/{'f' * 24}/read", 404),
        (api, "GET", "/v1/subscribers", 200),
        (api, "GET", person, 200),
        (api, "GET", f"{person}/data", 200),
        (api, "GET", "/v1/messages", 200),
        (api, "GET", "/v1/notifications", 200),
        (api, "GET", "/v1/environments/api-keys", 200),
        (api, "POST", "/v1/subscribers", 422),
    ]
    for caller, method, path, status in calls:
        answer = await caller.client.request(method, path, **({"json": {}} if method == "POST" else {}))
        assert (answer.status_code, answer.headers.get_list("cache-control")) == (status, ["private, no-store"]), path
    for path, status in (("/v1/inbox/notifications", 401), ("/v1/nowhere", 404)):
        refused = await anonymous(shared_server, path)
        assert (refused.status_code, refused.headers["cache-control"]) == (status, "private, no-store")
    assert "no-store" not in (await anonymous(shared_server, "/static/inbox.js")).headers.get("cache-control", "")
