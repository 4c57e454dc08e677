"""The demo's routes, which exist in development only; health and readiness, which exist everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from inbox import __version__
from tests.support.client import Api, create_session
from tests.support.server import Server

from .hostile import check_error


@pytest.fixture
async def page(development: Server) -> AsyncIterator[httpx.AsyncClient]:
    """The demo page's own window: it has no key."""
    async with httpx.AsyncClient(base_url=development.url, trust_env=False) as page:
        yield page


@pytest.mark.parametrize(
    ("path", "policy"),
    [("/", "default-src 'self'"), ("/playground", "default-src 'self'; img-src 'self' https: data:")],
)
async def test_the_page_is_served(page: httpx.AsyncClient, path: str, policy: str) -> None:
    answer = await page.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == policy
    assert "static/inbox.js" in answer.text


async def test_no_key_leaves_the_process(page: httpx.AsyncClient, development: Server) -> None:
    for path in ("/", "/playground", "/demo/config", "/static/demo.js", "/static/playground/playground.js"):
        assert development.api_key not in (await page.get(path)).text


async def test_the_page_learns_what_it_needs(page: httpx.AsyncClient, development: Server) -> None:
    answer = await page.get("/demo/config")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "applicationIdentifier": development.application_identifier,
            "workflows": ["welcome", "comment", "alert"],
        },
    )


async def test_the_form_triggers_to_anyone(page: httpx.AsyncClient, development: Server, ada: str) -> None:
    fields = {"subject": "Hello", "body": "From the form", "actionLabel": "Go", "actionUrl": "/go"}
    answer = await page.post("/demo/trigger", json={"to": ada, "payload": fields})
    assert (answer.status_code, set(answer.json())) == (201, {"data"})
    async with Api.open(development) as api:
        [message] = await api.feed(ada)
    assert message["transactionId"] == answer.json()["data"]["transactionId"]
    assert (message["subject"], message["content"]) == ("Hello", "From the form")
    [button] = message["cta"]["action"]["buttons"]
    assert (button["content"], button["url"]) == ("Go", "/go")


async def test_a_workflow_of_the_demo_is_triggered(page: httpx.AsyncClient, development: Server, ada: str) -> None:
    payload = {"subject": "Refused", "body": "b", "avatar": "https://example.com/a.png", "secondaryLabel": "Later"}
    answer = await page.post("/demo/trigger", json={"to": ada, "workflow": "alert", "payload": payload})
    assert answer.status_code == 201
    async with Api.open(development) as api:
        [message] = await api.feed(ada)
    assert (message["severity"], message["tags"]) == ("high", ["alerts"])
    assert message["avatar"] == "https://example.com/a.png"
    assert [button["content"] for button in message["cta"]["action"]["buttons"]] == ["Later"]


async def test_the_session_of_the_page_needs_no_hash(development: Server, ada: str) -> None:
    assert "token" in await create_session(development, ada, subscriberHash=None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *(({}, 422), ({"to": ""}, 422), ({"to": 7}, 422), ({"to": "a\0"}, 400), ({"to": ["a"]}, 422)),
        *(({"to": "a", "workflow": name}, 422) for name in ("other", 7, None)),
    ],
)
async def test_a_wrong_form_is_refused(page: httpx.AsyncClient, body: object, status: int) -> None:
    check_error(await page.post("/demo/trigger", json=body), status)


async def test_no_other_page_can_send_the_form(page: httpx.AsyncClient) -> None:
    """A page of another origin may send a plain text unasked, but JSON only after a preflight, which fails."""
    headers = {"Origin": "https://elsewhere.example.com"}
    plain = await page.post(
        "/demo/trigger", content=b'{"to":"victim"}', headers={**headers, "Content-Type": "text/plain"}
    )
    check_error(plain, 415)
    asked = await page.options("/demo/trigger", headers={**headers, "Access-Control-Request-Method": "POST"})
    check_error(asked, 405)
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("path", ["/", "/playground", "/demo/config", "/demo/trigger"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_production_has_no_demo(production: Server, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        check_error(await client.request(method, path), 404)


async def test_the_widget_is_served_in_production_too(production: Server) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.get("/static/inbox.js")
        again = await client.get("/static/inbox.js", headers={"If-None-Match": answer.headers["etag"]})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        *("/static", "/static/", "/static/../README.md", "/static/%2e%2e/README.md", "/static/%2e%2e%2fREADME.md"),
        *("/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/inbox.js%00"),
        *(f"/static/{page}" for page in ("console.html", "demo.html", "docs.html", "playground.html", "demo.HTML")),
    ],
)
async def test_nothing_but_the_widget_is_served(production: Server, path: str) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.get(client.base_url.copy_with(raw_path=path.encode()))
    check_error(answer, 404)


async def test_a_process_that_lives_says_so(production: Server) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


async def test_a_process_that_hears_itself_is_ready(production: Server) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
