"""The page of the API's document: every operation, found by a word and tried, with no request to anybody else."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Locator, Page, expect

from inbox.routes import API_ROUTES
from tests.support.client import Api, create_session
from tests.support.server import Server

from .conftest import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]


async def find(page: Page, words: str) -> Locator:
    """The one operation that the search leaves, opened."""
    await page.get_by_label("Find").fill(words)
    operation = page.locator(".opblock")
    await expect(operation).to_have_count(1)
    await operation.locator(".opblock-summary-control").click()
    return operation


async def authorize(page: Page, scheme: str, credential: str) -> None:
    await page.get_by_role("button", name="Authorize", exact=True).click()
    dialog = page.locator(".auth-container").filter(has_text=scheme)
    await dialog.get_by_role("textbox").fill(credential)
    await dialog.get_by_role("button", name="Apply credentials").click()
    await dialog.get_by_role("button", name="Close").click()


async def execute(operation: Locator, status: int) -> str:
    """The body of the answer, which has this status."""
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response").first
    await expect(answer.locator(".response-col_status")).to_contain_text(str(status))
    return await answer.locator(".highlight-code code").first.inner_text()


async def test_operations_are_listed_and_found(service: Server, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    requests: list[str] = []
    window.page.on("request", lambda request: requests.append(request.url))
    await window.page.goto(f"{service.url}/docs")
    await expect(window.page.locator(".opblock")).to_have_count(len(API_ROUTES))
    await expect(window.page.get_by_text("People who receive, with their profiles")).to_be_visible()
    operation = await find(window.page, "post /v1/subscribers/{subscriberId}/messages/mark-as")
    for text in ("Mark messages as seen, read, unseen or unread", "Unprocessable Entity"):
        await expect(operation.get_by_text(text).first).to_be_visible()
    body = operation.get_by_role("textbox", name="Body of the request")
    assert set(json.loads(await body.input_value())) == {"markAs", "messageId"}
    await window.page.get_by_label("Find").fill("no such word")
    await expect(window.page.locator(".opblock")).to_have_count(0)
    assert [url for url in requests if not url.startswith((service.url, "data:"))] == []


async def test_a_trigger_is_tried_with_the_bare_key(service: Server, open_window: OpenWindow) -> None:
    window = await open_window(f"{service.url}/docs")
    operation = await find(window.page, "Trigger a workflow. ")
    body = {"name": "welcome", "to": "docs-alice", "payload": {"subject": "Tried", "body": "b"}}
    await operation.get_by_role("textbox", name="Body of the request").fill(json.dumps(body))
    window.complaints.clear()
    assert '"statusCode": 401' in await execute(operation, 401)
    assert [text for text in window.complaints if "401" not in text] == []
    window.complaints.clear()
    await authorize(window.page, "apiKey", service.api_key)
    assert '"acknowledged": true' in await execute(operation, 201)
    await expect(operation.locator(".curl-command")).to_contain_text(f"Authorization: ApiKey {service.api_key}")
    async with Api.open(service) as api:
        [message] = await api.feed("docs-alice")
    assert message["subject"] == "Tried"


async def test_a_page_s_call_is_tried_with_the_token_of_a_session(service: Server, open_window: OpenWindow) -> None:
    token = (await create_session(service, "docs-bob"))["token"]
    window = await open_window(f"{service.url}/docs")
    await authorize(window.page, "session", token)
    operation = await find(window.page, "get /v1/inbox/notifications/count")
    assert '"data"' in await execute(operation, 200)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_follows_the_colour_scheme(service: Server, open_window: OpenWindow, scheme: str) -> None:
    window = await open_window("about:blank")
    await window.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await window.page.goto(f"{service.url}/docs")
    await expect(window.page.locator(".opblock").first).to_be_visible()
    lightness = "getComputedStyle(document.documentElement).backgroundColor"
    body = await window.page.evaluate(f"[{lightness}, document.documentElement.className]")
    assert ("dark-mode" in body[1]) == (scheme == "dark"), body
