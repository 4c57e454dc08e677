"""The demo as a small finished product page, at the width of a desk and of a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.support.server import Server

from .conftest import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

PRESSED = {
    "Hand to the carrier": "Order 4711 is on its way",
    "Comment as Noor": "Noor commented on order 4712",
    "Refuse the payment": "Payment of order 4713 was refused",
}


@pytest.mark.parametrize("width", [1200, 390])
async def test_what_happens_in_the_shop_reaches_the_bell(open_window: OpenWindow, service: Server, width: int) -> None:
    window = await open_window(f"{service.url}/?subscriber=shopper-{width}")
    await window.page.set_viewport_size({"width": width, "height": 800})
    await window.is_live()
    for unread, (button, subject) in enumerate(PRESSED.items(), 1):
        await window.page.get_by_role("button", name=button).click()
        await expect(window.page.locator("#happened")).to_have_text(f"{subject}.")
        await expect(window.badge).to_have_text(str(unread))
    await expect(window.page.locator("#events code")).to_have_text(["inbox-notification"] * 3)
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await window.page.evaluate(beyond) == 0
    await window.open_panel()
    await expect(window.item("Noor commented").locator("img")).to_be_visible()


async def test_the_bell_stays_in_sight(open_window: OpenWindow, service: Server) -> None:
    window = await open_window(f"{service.url}/?subscriber=reader")
    await window.page.set_viewport_size({"width": 390, "height": 700})
    await window.is_live()
    await window.page.get_by_role("link", name="Send").click()
    await expect(window.page.get_by_role("heading", name="Write a notification yourself")).to_be_in_viewport()
    await expect(window.bell).to_be_in_viewport()
    await expect(window.page.locator("inbox-bell .bell")).to_have_attribute("data-status", "live")


@pytest.mark.parametrize("locale", ["en", "de", "es", "fr", "ar", "ja"])
async def test_the_head_fits_a_small_phone(open_window: OpenWindow, service: Server, locale: str) -> None:
    window = await open_window(f"{service.url}/?subscriber=small")
    await window.page.set_viewport_size({"width": 360, "height": 700})
    bell = window.page.locator("inbox-bell")
    await bell.evaluate(f"bell => bell.setAttribute('locale', '{locale}')")
    await bell.evaluate("bell => bell.show()")
    tools = window.page.locator("inbox-bell .head-tools button:visible")
    await expect(tools).not_to_have_count(0)
    for button in await tools.all():
        await expect(button).to_be_in_viewport(ratio=1)
