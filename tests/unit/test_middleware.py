"""What surrounds every request: the path as it was sent, and CORS where browsers of other origins call."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message

from inbox.errors import NotFound
from inbox.http.middleware import BROWSER_HEADERS, Front

ORIGIN = "https://app.example.org"


async def say_path(request: Request) -> Response:
    return PlainTextResponse(request.scope["path"])


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inbox")


@pytest.mark.parametrize("path", ["/a%2Fb", "/%C3%A4", "/a%20b", "/a//b", "/%252F"])
async def test_routes_see_the_path_as_it_was_sent(path: str) -> None:
    async with client(Front(say_path)) as browser:
        assert (await browser.get(f"{path}?q=/x")).text == path


async def test_the_scope_itself_is_not_changed() -> None:
    scope = {"type": "http", "method": "GET", "path": "/a/b", "raw_path": b"/a%2Fb", "headers": []}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Front(say_path)(scope, None, send)  # type: ignore[arg-type]
    assert (sent[1]["body"], scope["path"]) == (b"/a%2Fb", "/a/b")


async def test_an_error_is_answered_with_the_headers_of_every_answer() -> None:
    async def fail(_: Request) -> Response:
        raise NotFound

    async with client(Front(fail, origins=["*"])) as browser:
        answer = await browser.get("/v1/inbox/x", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "private, no-store"


async def preflight(origins: Sequence[str], path: str, headers: str = "authorization") -> httpx.Response:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": headers,
    }
    async with client(Front(say_path, origins=origins)) as browser:
        return await browser.options(path, headers=asked)


@pytest.mark.parametrize("path", ["/v1/inbox/session", "/v1/inbox/notifications/x/read", "/v1/widgets/x"])
async def test_any_origin_may_be_let_in(path: str) -> None:
    answer = await preflight(["*"], path)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["access-control-max-age"] == "86400"
    allowed = set(answer.headers["access-control-allow-methods"].split(", "))
    assert allowed == {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}


async def test_every_header_of_the_clients_is_allowed() -> None:
    answer = await preflight(["*"], "/v1/inbox/session", ", ".join(BROWSER_HEADERS).lower())
    assert answer.status_code == 200
    told = {name.lower() for name in answer.headers["access-control-allow-headers"].split(", ")}
    assert {name.lower() for name in BROWSER_HEADERS} <= told


@pytest.mark.parametrize("origins", [(), ("https://other.example.org",)])
async def test_an_origin_that_is_not_listed_is_not_let_in(origins: Sequence[str]) -> None:
    answer = await preflight(origins, "/v1/inbox/session")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_origin_is_named_to_itself() -> None:
    answer = await preflight([ORIGIN], "/v1/inbox/session")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/v1/subscribers/a", "/v1/events/trigger", "/v2/workflows", "/", "/ready"])
async def test_the_side_of_the_producers_answers_no_other_origin(path: str) -> None:
    async with client(Front(say_path, origins=["*"])) as browser:
        answer = await browser.get(path, headers={"Origin": ORIGIN})
    assert answer.text == path
    assert not [name for name in answer.headers if name.startswith("access-control")]
