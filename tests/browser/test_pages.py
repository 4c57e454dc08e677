"""The pages around the widget: axe finds nothing in them, at the width of a desk and of a phone, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.client import Api
from tests.support.server import Server

from .accessibility import find_problems
from .conftest import OpenWindow
from .window import Window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

PAGES = {
    "demo": "?subscriber=pages",
    "playground": "playground#subscriber=pages",
    "feed": "playground#tag=inbox-feed&subscriber=pages",
    "console": "console#/",
    "activity": "console#/activity?subscriberIds=pages",
    "subscribers": "console#/subscribers",
    "subscriber": "console#/subscribers/pages",
    "nothing": "console#/activity?subscriberIds=pages-nobody",
    "workflows": "console#/workflows",
    "workflow": "console#/workflows/alert",
    "topics": "console#/topics",
    "story": "console#/activity/{activity}",
}
LOOKS: dict[str, tuple[int, Any]] = {"desk": (1200, "light"), "phone": (390, "dark")}


async def open_page(open_window: OpenWindow, service: Server, address: str) -> Window:
    window = await open_window(f"{service.url}/{address}")
    if address.startswith("console"):
        assert await find_problems(window.page, "body") == []  # the form that asks for the key
        await window.page.get_by_label("API key").fill(service.api_key)
        await window.page.keyboard.press("Enter")
        await expect(window.page.get_by_role("navigation", name="Sections")).to_be_visible()
        await expect(window.page.locator("main[aria-busy=false] h1")).to_be_visible()
    else:
        await expect(window.page.locator("inbox-bell, inbox-feed")).to_be_attached()
    return window


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing(open_window: OpenWindow, service: Server, name: str, look: str) -> None:
    width, scheme = LOOKS[look]
    async with Api.open(service) as api:
        await api.trigger("pages", {"subject": "Hello", "body": "b", "actionLabel": "Go"}, workflow="alert")
        [newest, *_] = await api.data("GET", "/v1/notifications", 200, subscriberIds="pages")
    window = await open_page(open_window, service, PAGES[name].format(activity=newest["_id"]))
    await window.page.set_viewport_size({"width": width, "height": 800})
    await window.page.emulate_media(color_scheme=scheme)
    assert await find_problems(window.page, "body") == []
