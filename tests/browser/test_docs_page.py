"""The page of the API's document: every operation, found by a word, shown without a word to anybody else."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from inbox.routes import API_ROUTES
from tests.support.server import Server

from .conftest import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]


async def test_operations_are_listed_found_and_shown(service: Server, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.url))
    await window.page.goto(f"{service.url}/docs")
    entries = window.page.locator("details")
    await expect(entries).to_have_count(len(API_ROUTES))
    await window.page.get_by_label("Find").fill("/v1/subscribers/{subscriberId}/messages/mark-as")
    visible = window.page.locator("details:visible")
    await expect(visible).to_have_count(1)
    await visible.locator("summary").click()
    shown = ("markAs", "required", "transactionId", "422", "curl -X POST", "Authorization: ApiKey $KEY")
    examples = (
        "Mark messages as seen, read, unseen or unread",
        '-d \'{"markAs":"read","messageId":',
        '"content": "Thank',
    )
    for text in (*shown, *examples):
        await expect(visible.get_by_text(text).first).to_be_visible()
    await expect(window.page.get_by_text("People who receive, with their profiles")).to_be_visible()
    assert [url for url in asked if not url.startswith(service.url)] == []
