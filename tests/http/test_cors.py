"""Which pages may call: any in development, the listed ones in production; and only the browser side."""

from __future__ import annotations

import httpx
import pytest

from tests.support.client import create_session
from tests.support.server import Server

from .conftest import LISTED_ORIGIN
from .hostile import check_error

SOMEWHERE = "https://elsewhere.example.com"
BROWSER_PATHS = [
    *("/v1/inbox/session", "/v1/inbox/notifications", "/v1/inbox/notifications/count"),
    *("/v1/inbox/notifications/0123456789abcdef01234567/read", "/static/inbox.js"),
    *("/v1/widgets/session/initialize", "/v1/widgets/notifications/feed", "/v1/widgets/messages/markAs"),
]
SERVER_PATHS = ["/v1/events/trigger", "/v1/subscribers/a", "/v2/subscribers/a", "/v2/workflows", "/health", "/ready"]
HEADERS_OF_CLIENTS = [
    *("Authorization", "Content-Type", "Novu-API-Version", "Novu-Client-Version", "Novu-Application-Identifier"),
    *("Novu-User-Agent", "Novu-Environment-Id", "Idempotency-Key", "Sentry-Trace", "Baggage", "User-Agent"),
    *("Bypass-Tunnel-Reminder", "Traceparent", "Tracestate", "If-None-Match", "X-Request-Id"),
]


async def preflight(server: Server, path: str, origin: str, method: str = "PATCH") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(HEADERS_OF_CLIENTS).lower(),
    }
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
        return await browser.options(path, headers=headers)


async def call(server: Server, path: str, origin: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as browser:
        return await browser.get(path, headers={"Origin": origin, **headers})


@pytest.mark.parametrize("path", BROWSER_PATHS)
async def test_in_development_any_page_may_ask(development: Server, path: str) -> None:
    answer = await preflight(development, path, SOMEWHERE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["access-control-max-age"] == "86400"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
async def test_every_method_is_allowed(development: Server, method: str) -> None:
    answer = await preflight(development, BROWSER_PATHS[0], SOMEWHERE, method)
    assert answer.status_code == 200
    assert method in answer.headers["access-control-allow-methods"].split(", ")


async def test_every_header_of_the_clients_is_allowed(development: Server) -> None:
    answer = await preflight(development, BROWSER_PATHS[0], SOMEWHERE)
    allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(", ")}
    assert {name.lower() for name in HEADERS_OF_CLIENTS} <= allowed


async def test_a_reply_may_be_read_by_any_page_in_development(development: Server, ada: str) -> None:
    token = (await create_session(development, ada))["token"]
    answer = await call(development, "/v1/inbox/notifications", SOMEWHERE, Authorization=f"Bearer {token}")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert {"ETag", "X-Request-Id"} <= {*answer.headers["access-control-expose-headers"].split(", ")}


async def test_an_error_may_be_read_too(development: Server) -> None:
    answer = await call(development, "/v1/inbox/notifications", SOMEWHERE)
    check_error(answer, 401)
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", BROWSER_PATHS)
async def test_in_production_a_listed_page_may_ask(guarded: Server, path: str) -> None:
    answer = await preflight(guarded, path, LISTED_ORIGIN)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, LISTED_ORIGIN)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", [SOMEWHERE, "null", "http://app.example.org", f"{LISTED_ORIGIN}.evil.example"])
async def test_in_production_no_other_page_may_ask(guarded: Server, origin: str) -> None:
    answer = await preflight(guarded, "/v1/inbox/session", origin)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_in_production_no_other_page_may_read_a_reply(guarded: Server, ada: str) -> None:
    token = (await create_session(guarded, ada))["token"]
    for origin, allowed in ((LISTED_ORIGIN, LISTED_ORIGIN), (SOMEWHERE, None)):
        answer = await call(guarded, "/v1/inbox/notifications", origin, Authorization=f"Bearer {token}")
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_without_a_list_no_page_may_ask_in_production(production: Server) -> None:
    answer = await preflight(production, "/v1/inbox/session", SOMEWHERE)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", SERVER_PATHS)
@pytest.mark.parametrize("server_in_mode", ["development", "guarded"], indirect=True)
async def test_the_side_of_the_backends_is_for_no_page(server_in_mode: Server, path: str) -> None:
    server = server_in_mode
    asked, read = await preflight(server, path, LISTED_ORIGIN), await call(server, path, LISTED_ORIGIN)
    for answer in (asked, read):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    check_error(asked, 405)
