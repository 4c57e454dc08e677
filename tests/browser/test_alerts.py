"""Sound, notifications of the system, the count in the title and on the icon: what a page opted in to, and no more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.support.client import Api
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

PAGE = """<!doctype html><title>Orders</title><link rel="icon" type="image/svg+xml" href="/static/icon.svg">
<p>The page</p><inbox-bell>The bell</inbox-bell>"""
RECORDER = """
globalThis.chimes = 0;
globalThis.asked = 0;
globalThis.shown = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { globalThis.chimes += 1; return start.apply(this, when); };
globalThis.audio = [];
globalThis.AudioContext = class extends AudioContext {
  constructor() { super(); globalThis.audio.push(this); }
};
globalThis.Notification = class {
  static permission = "granted";
  static async requestPermission() { globalThis.asked += 1; return "default"; }
  constructor(title, options) { globalThis.shown.push([title, options.body]); }
  close() {}
};
"""
NOTES = 2
"""How many notes one sound has."""


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser, service: Server) -> AsyncIterator[BrowserContext]:
    """The tabs of one person at one site, whose pages record what alerts do."""

    async def serve(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html")

    context = await chromium.new_context(base_url=service.url)
    await context.add_init_script(RECORDER)
    await context.route("**/orders", serve)
    yield context
    await context.close()


async def open_tab(context: BrowserContext, **options: bool) -> Page:
    """Open a tab that has alerts, in which the person has pressed something outside of the widget."""
    page = await context.new_page()
    await page.goto("/orders")
    await page.evaluate(
        """async (options) => {
          const { Alerts } = await import("/static/widget/alerts.js");
          globalThis.alerts = new Alerts({ ...options, t: (key) => key });
        }""",
        options,
    )
    await page.get_by_text("The page").click()
    if options.get("sound"):  # the browser lets it sound from now on
        await page.wait_for_function("() => audio.length === 1 && audio[0].state === 'running'")
    return page


async def hide(page: Page, *, hidden: bool = True) -> None:
    """Make a tab one in the background, as headless Chromium never does by itself."""
    await page.evaluate(
        """async (hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
          const holds = async () => (await navigator.locks.query()).held.length;
          await holds();
        }""",
        hidden,
    )


async def receive(page: Page, number: int) -> dict[str, Any]:
    """Let the tab hear of a notification. Return what it has done since it was opened."""
    done: dict[str, Any] = await page.evaluate(
        """async (number) => {
          const content = { subject: "Hello", body: "**there**", bodyFormat: "markdown" };
          await alerts.received({ id: `n${number}`, sequence: number, ...content });
          return { chimes, shown };
        }""",
        number,
    )
    return done


async def check_titles(page: Page, *titles: tuple[str, str]) -> None:
    """Check the title that each statement of the page leads to."""
    for statement, title in titles:
        await page.evaluate(statement)
        await expect(page).to_have_title(title)


async def test_the_count_stands_before_the_title_and_goes(context: BrowserContext) -> None:
    await check_titles(
        await open_tab(context, title=True),
        ("alerts.count(3)", "(3) Orders"),
        ("document.title = 'Order 7'", "(3) Order 7"),
        ("alerts.count(120)", "(120) Order 7"),
        ("alerts.count(0)", "Order 7"),
        ("alerts.count(1), alerts.stop()", "Order 7"),
        ("document.title = 'Order 8'", "Order 8"),
    )


async def test_elements_of_one_page_share_the_title(context: BrowserContext) -> None:
    page = await open_tab(context, title=True)
    await page.evaluate(
        """async () => {
          const { Alerts } = await import("/static/widget/alerts.js");
          globalThis.others = new Alerts({ title: true, t: (key) => key });
        }"""
    )
    await check_titles(
        page,
        ("alerts.count(4), others.count(4)", "(4) Orders"),
        ("document.title = 'Order 7', others.count(5)", "(5) Order 7"),
        ("others.stop()", "(4) Order 7"),
        ("alerts.stop()", "Order 7"),
    )


async def test_the_count_is_drawn_on_the_icon_and_goes(context: BrowserContext) -> None:
    page = await open_tab(context, favicon=True)
    icon = page.locator("link[rel=icon]")
    drawn = str(await icon.get_attribute("href"))
    for unread in (5, 120):
        await page.evaluate(f"alerts.count({unread})")
        await expect(icon).not_to_have_attribute("href", drawn)
        drawn = str(await icon.get_attribute("href"))
        assert drawn.startswith("data:image/png;base64,")
    await page.evaluate("alerts.stop()")
    await expect(icon).to_have_attribute("href", "/static/icon.svg")
    await expect(icon).to_have_attribute("type", "image/svg+xml")


async def test_elements_of_one_page_share_the_icon(context: BrowserContext) -> None:
    page = await open_tab(context, favicon=True)
    icon = page.locator("link[rel=icon]")
    await page.evaluate("alerts.count(4)")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    four = str(await icon.get_attribute("href"))
    await page.evaluate(
        """async () => {
          const { Alerts } = await import("/static/widget/alerts.js");
          globalThis.others = new Alerts({ favicon: true, t: (key) => key });
          others.count(7);
        }"""
    )
    await expect(icon).not_to_have_attribute("href", four)
    await page.evaluate("others.stop()")
    await expect(icon).to_have_attribute("href", four)
    await page.evaluate("alerts.stop()")
    await expect(icon).to_have_attribute("href", "/static/icon.svg")
    await expect(icon).to_have_attribute("type", "image/svg+xml")


async def test_a_page_without_an_icon_gets_one_and_loses_it(context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto("/orders")
    await page.evaluate(
        """async () => {
          document.querySelector("link").remove();
          const { Alerts } = await import("/static/widget/alerts.js");
          globalThis.alerts = new Alerts({ favicon: true, t: (key) => key });
          alerts.count(1);
        }"""
    )
    await expect(page.locator("link[rel=icon]")).to_have_count(1)
    await page.evaluate("alerts.stop()")
    await expect(page.locator("link[rel=icon]")).to_have_count(0)


async def test_one_of_two_visible_tabs_sounds(context: BrowserContext) -> None:
    tabs = [await open_tab(context, sound=True) for _ in range(2)]
    for number in (1, 2):
        for tab in tabs:
            await receive(tab, number)
    done = [await receive(tab, 2) for tab in tabs]
    assert sum(tab["chimes"] for tab in done) == 2 * NOTES
    assert [tab["shown"] for tab in done] == [[], []]


async def test_a_tab_in_the_background_leaves_it_to_a_visible_one(context: BrowserContext) -> None:
    visible, hidden = [await open_tab(context, sound=True, desktop=True) for _ in range(2)]
    await hide(hidden)
    assert await receive(hidden, 1) == {"chimes": 0, "shown": []}
    assert await receive(visible, 1) == {"chimes": NOTES, "shown": []}
    await hide(visible)
    assert await receive(hidden, 2) == {"chimes": NOTES, "shown": [["Hello", "there"]]}
    assert await receive(visible, 2) == {"chimes": NOTES, "shown": []}
    await hide(visible, hidden=False)
    assert (await receive(hidden, 3))["chimes"] == NOTES
    assert (await receive(visible, 3))["chimes"] == 2 * NOTES


async def test_the_permission_is_asked_for_when_the_widget_is_pressed(context: BrowserContext) -> None:
    page = await open_tab(context, desktop=True)
    await page.evaluate("Notification.permission = 'default'")
    await page.get_by_text("The page").click()
    assert await page.evaluate("asked") == 0
    await page.get_by_text("The bell").click()
    assert await page.evaluate("asked") == 1
    await page.evaluate("alerts.stop()")
    await page.get_by_text("The bell").click()
    assert await page.evaluate("asked") == 1


async def test_nothing_is_done_that_was_not_asked_for(context: BrowserContext) -> None:
    page = await open_tab(context)
    await hide(page)
    await page.evaluate("alerts.count(3)")
    assert await receive(page, 1) == {"chimes": 0, "shown": []}
    assert await page.title() == "Orders"
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/static/icon.svg")


async def test_nothing_alerts_after_the_end(context: BrowserContext) -> None:
    page = await open_tab(context, sound=True, desktop=True)
    await page.evaluate("alerts.stop()")
    await hide(page)
    assert await receive(page, 1) == {"chimes": 0, "shown": []}


async def test_a_bell_alerts_as_its_attribute_says(context: BrowserContext, service: Server) -> None:
    page = await context.new_page()
    await page.goto("/orders")
    await page.evaluate(
        """async (identifier) => {
          await import("/static/inbox.js");
          const bell = document.querySelector("inbox-bell");
          bell.alerts = "title sound";
          Object.assign(bell, { applicationIdentifier: identifier, subscriber: "alerted" });
        }""",
        service.application_identifier,
    )
    await expect(page.locator("inbox-bell .bell[data-status=live]")).to_be_visible()
    await page.evaluate("async () => void (await import('/static/widget/alerts.js'))")  # the bell has them, too
    await page.get_by_text("The page").click()
    await page.wait_for_function("() => audio.length === 1 && audio[0].state === 'running'")
    async with Api.open(service) as api:
        await api.trigger("alerted", {"subject": "One", "body": "b"}, workflow="welcome")
        await page.wait_for_function(f"() => chimes === {NOTES}")
        await expect(page).to_have_title("(1) Orders")
        await page.evaluate("document.addEventListener('inbox-notification', (event) => event.preventDefault())")
        await api.trigger("alerted", {"subject": "Two", "body": "b"}, workflow="welcome")
        await expect(page).to_have_title("(2) Orders")
        assert await page.evaluate("chimes") == NOTES
    await page.evaluate("document.querySelector('inbox-bell').inbox.readAll()")
    await expect(page).to_have_title("Orders")


async def test_alerts_that_change_while_they_are_loaded_are_the_last_ones(
    context: BrowserContext, service: Server
) -> None:
    page = await context.new_page()
    await page.goto("/orders")
    async with Api.open(service) as api:
        await api.trigger("changing", {"subject": "One", "body": "b"}, workflow="welcome")
    await page.evaluate(
        """async (identifier) => {
          await import("/static/inbox.js");
          const bell = document.querySelector("inbox-bell");
          Object.assign(bell, { applicationIdentifier: identifier, subscriber: "changing" });
        }""",
        service.application_identifier,
    )
    await expect(page.locator("inbox-bell .badge")).to_have_text("1")

    async def change(*values: str | None) -> None:
        await page.evaluate(
            """async (values) => {
              for (const value of values) document.querySelector("inbox-bell").alerts = value;
              await import("/static/widget/alerts.js"); // what the bell awaits, too
              await new Promise(requestAnimationFrame);
            }""",
            values,
        )

    await change("title", None)
    assert await page.title() == "Orders"
    await change("title", "title sound", "title")
    assert await page.title() == "(1) Orders"
    await change(None)
    assert await page.title() == "Orders"
