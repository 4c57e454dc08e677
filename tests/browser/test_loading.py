"""Code that the widget loads later and cannot: it is told and shown, and loaded as soon as it is wanted again."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.support.server import Server

from .conftest import OpenWindow
from .pages import show_page, tag
from .test_widget import send
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

TOLERATED = ("Failed to load resource", "inbox-bell: load failed", "inbox-feed: load failed")
UNLOADED = "Notifications could not be loaded. Press to try again."
HEAR = """() => {
  window.failed = [];
  document.addEventListener("inbox-error", ({ detail }) => failed.push([detail.operation, detail.isFinal]));
}"""


async def page_without(
    open_window: OpenWindow, service: Server, module: str, subscriber: str, name: str = "inbox-bell"
) -> Window:
    """A page whose widget cannot load one module."""
    window = await open_window("about:blank", tolerated=TOLERATED)
    await window.page.add_init_script(f"({HEAR})()")
    await window.page.route(f"**/static/widget/{module}", lambda route: route.abort())
    await show_page(window, service, tag(service, subscriber, name=name))
    return window


async def is_told(window: Window, times: int = 1) -> None:
    """Return once so many loads have failed. Only then is none under way that could still fail."""
    await window.page.wait_for_function(f"failed.length === {times}")
    assert await window.page.evaluate("failed") == [["load", False]] * times


async def test_a_list_that_cannot_be_loaded_is_said_at_the_bell(open_window: OpenWindow, service: Server) -> None:
    await send(service, "no-list", "There")
    window = await page_without(open_window, service, "view.js", "no-list")
    await window.is_live()
    await window.page.locator("inbox-bell").evaluate("(bell) => bell.show()")
    await is_told(window)
    await expect(window.bell).to_have_accessible_description(UNLOADED)
    await expect(window.page.locator("inbox-bell [aria-live=polite]")).to_have_text(UNLOADED)
    await expect(window.bell).to_have_attribute("aria-expanded", "false")
    await window.page.unroute_all()
    await window.open_panel()
    await expect(window.item("There")).to_be_visible()
    await expect(window.bell).to_have_accessible_description("")


async def test_a_feed_that_cannot_be_loaded_offers_another_try(open_window: OpenWindow, service: Server) -> None:
    window = await page_without(open_window, service, "view.js", "", name="inbox-feed")
    again = window.page.get_by_role("button", name=UNLOADED)
    await is_told(window)
    await again.click()
    await is_told(window, 2)
    await window.page.unroute_all()
    await again.click()
    await expect(window.page.locator("inbox-feed .hint")).to_contain_text("Sign in to see your notifications.")
    await expect(again).to_be_hidden()


async def test_a_feed_is_loaded_after_the_next_connection(open_window: OpenWindow, service: Server) -> None:
    await send(service, "later-feed", "There")
    window = await page_without(open_window, service, "view.js", "", name="inbox-feed")
    await is_told(window)
    await expect(window.page.get_by_role("button", name=UNLOADED)).to_be_visible()
    await window.page.unroute_all()
    await window.page.locator("inbox-feed").evaluate("(feed) => (feed.subscriber = 'later-feed')")
    await expect(window.page.locator("inbox-feed .item")).to_contain_text("There")


async def test_alerts_that_cannot_be_loaded_come_when_the_list_is_opened(
    open_window: OpenWindow, service: Server
) -> None:
    await send(service, "no-alerts", "There")
    window = await page_without(open_window, service, "alerts.js", "no-alerts")
    await window.is_live()
    await window.page.locator("inbox-bell").evaluate("(bell) => (bell.alerts = 'title')")
    await is_told(window)
    await expect(window.page).to_have_title("Page")
    await window.page.unroute_all()
    await window.open_panel()
    await expect(window.page).to_have_title("(1) Page")


async def test_a_language_that_cannot_be_loaded_comes_when_the_list_is_opened(
    open_window: OpenWindow, service: Server
) -> None:
    await send(service, "no-words", "There")
    window = await page_without(open_window, service, "locales/de.js", "no-words")
    await window.is_live()
    await window.page.locator("inbox-bell").evaluate("(bell) => (bell.locale = 'de')")
    await is_told(window)
    await expect(window.bell).to_have_accessible_name("Notifications, 1 unread")
    await window.page.unroute_all()
    await window.open_panel()
    await expect(window.panel).to_have_accessible_name("Benachrichtigungen")


@pytest.mark.parametrize("name", ["inbox-bell", "inbox-feed"])
async def test_a_language_that_fails_after_the_list_is_there_is_asked_for_once(
    open_window: OpenWindow, service: Server, name: str
) -> None:
    asked = 0
    is_shown = asyncio.Event()

    async def refuse(route: Route) -> None:
        nonlocal asked
        asked += 1
        await is_shown.wait()
        await route.abort()

    await send(service, f"late-{name}", "There")
    window = await open_window("about:blank", tolerated=TOLERATED)
    await window.page.add_init_script(f"({HEAR})()")
    await window.page.route("**/static/widget/locales/de.js", refuse)
    await show_page(window, service, tag(service, f"late-{name}", 'locale="de" open', name=name))
    widget = window.page.locator(name)
    await expect(widget.locator(".item")).to_contain_text("There")
    await widget.evaluate("(widget) => (window.view = widget.view)")
    is_shown.set()
    await is_told(window)
    await window.page.evaluate("fetch('/ready')")  # what the failure asked for has been asked for by now
    assert asked == 1
    await is_told(window)
    assert await widget.evaluate("(widget) => widget.view === window.view")
