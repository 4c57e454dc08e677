"""The bell in a person's hands: keyboard, screen reader, long lists, what is seen, and what must not be followed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import WebSocket, expect

from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

Run = Callable[[str], Awaitable[object]]
SEEN_SECONDS = 60.0


async def window_of(open_window: OpenWindow, service: Server, subscriber: str) -> Window:
    window = await open_window(f"{service.url}/?subscriber={subscriber}")
    await window.is_live()
    return window


async def focused(window: Window) -> str:
    """The accessible name, or else the class, of what has the focus inside the bell."""
    name: str = await window.page.locator("inbox-bell").evaluate(
        "bell => { const at = bell.shadowRoot.activeElement; return at?.ariaLabel ?? at?.className ?? ''; }"
    )
    return name


async def test_is_used_by_keyboard_alone(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "quin")
    async with Api.open(service) as api:
        await api.trigger("quin", {"subject": "Keys", "body": "b", "actionLabel": "Accept"}, workflow="welcome")
    await expect(window.badge).to_have_text("1")
    await window.bell.focus()
    await window.page.keyboard.press("Enter")
    await expect(window.panel).to_be_focused()
    await expect(window.page.get_by_role("dialog", name="Notifications")).to_be_focused()
    await expect(window.bell).to_have_attribute("aria-expanded", "true")
    for _ in ("filter", "Mark all read", "More actions", "Preferences", "the notification", "Accept"):
        await window.page.keyboard.press("Tab")
    await window.page.keyboard.press("Enter")
    await expect(window.item("Keys").get_by_role("button", name="Accept, done")).to_be_focused()
    await window.page.keyboard.press("Escape")
    await expect(window.panel).to_be_hidden()
    await expect(window.bell).to_be_focused()
    await expect(window.bell).to_have_attribute("aria-expanded", "false")


async def test_the_focus_stays_where_it_is_as_a_row_changes(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "rob")
    async with Api.open(service) as api:
        await api.trigger("rob", {"subject": "Focus", "body": "b"}, workflow="welcome")
        await window.open_panel()
        await window.item("Focus").get_by_role("button", name="Mark as read").focus()
        await window.page.keyboard.press("Enter")
        await expect(window.item("Focus")).to_have_class("item")
        assert await focused(window) == "Mark as unread"
        await api.trigger("rob", {"subject": "Newer", "body": "b"}, workflow="welcome")
        await expect(window.items).to_have_count(2)
        assert await focused(window) == "Mark as unread"


async def test_the_focus_stays_as_rows_above_come_and_go(run_module: Run) -> None:
    focused = await run_module(
        """
        await import("/static/inbox.js");
        const { IDLE } = await import("/static/widget/session.js");
        const { notification } = await import("/fakes/feed.js");
        const feed = document.body.appendChild(document.createElement("inbox-feed"));
        const view = await feed.loadView();
        view.arrange({ isShown: true });
        const draw = (...numbers) => {
          view.render({ ...IDLE, status: "live", loaded: true, items: numbers.map((n) => notification(n)) });
          const at = feed.shadowRoot.activeElement?.closest("li");
          return [[...view.list.children].map((row) => Number(row.dataset.id)), Number(at?.dataset.id)];
        };
        draw(3, 2, 1);
        view.list.lastChild.querySelector(".toggle").focus();
        return [draw(4, 3, 2, 1), draw(2, 1), draw(1)];
        """
    )
    assert focused == [[[4, 3, 2, 1], 1], [[2, 1], 1], [[1], 1]]


async def test_says_aloud_what_arrives(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "sue")
    async with Api.open(service) as api:
        await api.trigger("sue", {"subject": "Aloud", "body": "b"}, workflow="welcome")
    await expect(window.page.locator("inbox-bell [aria-live=polite]")).to_have_text("New notification: Aloud")
    await expect(window.bell).to_have_accessible_name("Notifications, 1 unread")


async def test_a_press_outside_closes_the_panel(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "tom")
    await window.open_panel()
    await expect(window.panel).to_contain_text("No notifications yet.")
    await window.panel.click()
    await expect(window.panel).to_be_visible()
    await window.page.get_by_role("heading", name="Write a notification yourself").click()
    await expect(window.panel).to_be_hidden()


async def test_a_long_list_is_loaded_as_it_is_scrolled_and_the_badge_stays_short(
    open_window: OpenWindow, service: Server
) -> None:
    async with Api.open(service) as api:
        for number in range(101):
            await api.trigger("una", {"subject": f"Item {number:03}", "body": "b"}, workflow="welcome")
    window = await window_of(open_window, service, "una")
    await expect(window.badge).to_have_text("99+")
    await window.open_panel()
    await expect(window.items.first).to_contain_text("Item 100")
    assert await window.items.count() <= 30  # a page, and the next as its end comes near; not all of it
    await window.scroll_until_shown(window.item("Item 000"))
    assert await window.subjects() == [f"Item {number:03}" for number in reversed(range(101))]
    await expect(window.page.locator("inbox-bell .more")).to_be_hidden()


async def test_what_was_in_view_is_reported_as_seen(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    batches: list[int] = []

    def note(frame: str | bytes) -> None:
        mark = json.loads(frame).get("mark", {})
        if mark.get("as") == "seen":
            batches.append(len(mark["ids"]))

    def follow(socket: WebSocket) -> None:
        socket.on("framesent", note)

    window.page.on("websocket", follow)
    await window.page.goto(f"{service.url}/?subscriber=vic")
    await window.is_live()
    async with Api.open(service) as api, InboxApi.open(service, "vic") as inbox:
        for number in range(9):
            await api.trigger("vic", {"subject": f"Item {number}", "body": "b"}, workflow="welcome")
        await expect(window.badge).to_have_text("9")
        assert await api.unseen("vic") == 9  # arriving is not being seen
        await window.open_panel()
        await until(lambda: has_unseen(api, "vic", range(1, 9)), SEEN_SECONDS)
        shown = {item["subject"] for item in await inbox.notifications() if item["isSeen"]}
        assert "Item 8" in shown
        assert "Item 0" not in shown  # below the edge of the panel
        await window.scroll_to_end()
        await until(lambda: has_unseen(api, "vic", range(1)), SEEN_SECONDS)
        assert await inbox.count('{"read":false}') == [9]  # nor is being seen being read
    assert batches == [len(shown), 9 - len(shown)]


async def has_unseen(api: Api, subscriber: str, counts: range) -> bool:
    return await api.unseen(subscriber) in counts


async def test_text_is_never_markup(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "wim")
    title = await window.page.title()
    text = "<img src=x onerror=\"document.title='owned'\">"
    async with Api.open(service) as api:
        controls = {"subject": "{{payload.text}}", "body": "{{payload.text}}"}
        await api.create_workflow("raw", tags=None, disableOutputSanitization=True, **controls)
        await api.trigger("wim", {"text": text}, workflow="raw")
    await window.open_panel()
    await expect(window.items.first.locator("strong")).to_have_text(text)
    await expect(window.items.first.locator(".body")).to_have_text(text)
    assert await window.page.locator("inbox-bell img").count() == 0
    assert await window.page.title() == title


async def test_only_harmless_addresses_become_links(run_module: Run) -> None:
    links = await run_module(
        """
        const { makeRow } = await import("/static/widget/row.js");
        const href = (url) => {
          const action = { label: "Go", isCompleted: false, redirect: { url, target: "_blank" } };
          const createdAt = "2026-01-01T00:00:00.000Z";
          const item = { id: "1", body: "b", createdAt, redirect: { url }, primaryAction: action };
          const row = makeRow(item, { t: (key) => key, locale: "en" });
          const links = [...row.querySelectorAll("a")];
          const told = links.map((link) => [link.getAttribute("href"), link.rel, link.target]);
          return [told, row.querySelectorAll("button.action").length];
        };
        const bad = ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\\nscript:alert(1)", "data:text/html,x",
          "vbscript:x", "blob:http://modules.test/1", "file:///etc/passwd", "http://", ""];
        return {
          bad: bad.filter((url) => JSON.stringify(href(url)) !== "[[],1]"),
          good: ["https://a.test/b", "/orders/1", "mailto:a@b.test"].map((url) => href(url)[0]),
        };
        """
    )
    rel = "noopener noreferrer"
    assert links == {
        "bad": [],
        "good": [
            [[href, rel, ""], [href, rel, "_blank"]]
            for href in ("https://a.test/b", "http://modules.test/orders/1", "mailto:a@b.test")
        ],
    }


async def test_dates_are_told_in_the_language_of_the_page(run_module: Run) -> None:
    told = await run_module(
        """
        const { relativeTime } = await import("/static/widget/time.js");
        const now = Date.parse("2026-03-10T12:00:00.000Z");
        const at = (ms, locale) => relativeTime(new Date(now - ms).toISOString(), now, locale);
        const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
        return [at(-5_000, "en"), at(59_000, "en"), at(3 * minute, "en"), at(26 * hour, "en"), at(26 * hour, "de"),
          at(15 * day, "en"), at(800 * day, "en")];
        """
    )
    assert told == ["now", "now", "3 min. ago", "yesterday", "gestern", "2 wk. ago", "2 yr. ago"]


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_a_row_without_a_link_is_opened_by_keyboard(open_window: OpenWindow, service: Server, key: str) -> None:
    subscriber = f"kay-{key}"
    window = await window_of(open_window, service, subscriber)
    await window.page.evaluate(
        """() => {
          window.heard = [];
          const hear = ({ detail }) => heard.push([detail.action, detail.notification.subject]);
          document.addEventListener("inbox-action", hear);
        }"""
    )
    async with Api.open(service) as api, InboxApi.open(service, subscriber) as inbox:
        await api.trigger(subscriber, {"subject": "Plain", "body": "No link"}, workflow="welcome")
        await window.open_panel()
        row = window.item("Plain").get_by_role("button", name="Plain No link")
        await row.focus()
        await window.page.keyboard.press(key)
        await expect(window.item("Plain")).to_have_class("item")
        await expect(row).to_be_focused()
        await until(lambda: has_read(inbox), SEEN_SECONDS)
        await window.page.keyboard.press(key)  # a read one has nothing to mark, the page may still show it
    assert await window.page.evaluate("heard") == [["open", "Plain"], ["open", "Plain"]]
    await expect(window.badge).to_be_hidden()


async def has_read(inbox: InboxApi) -> bool:
    return bool((await inbox.notifications())[0]["isRead"])


CORNERS = [
    "top: 4px; left: 4px",
    "top: 4px; right: 4px",
    "bottom: 4px; left: 4px",
    "bottom: 4px; right: 4px",
    "top: 45%; left: 45%",
]
WINDOWS = [(1200, 820), (700, 400), (390, 760), (320, 480)]


async def test_the_panel_opens_where_there_is_room(open_window: OpenWindow, service: Server) -> None:
    """It is inside the window and leaves the bell free: in every corner, size and direction of script."""
    async with Api.open(service) as api:
        for number in range(8):
            await api.trigger("xeno", {"subject": f"Item {number}", "body": "b"}, workflow="welcome")
    window = await window_of(open_window, service, "xeno")
    for width, height in WINDOWS:
        await window.page.set_viewport_size({"width": width, "height": height})
        for corner in CORNERS:
            for direction in ("ltr", "rtl"):
                await window.page.evaluate(
                    """([direction, corner]) => {
                      document.dir = direction;
                      document.querySelector("inbox-bell").style = `position: fixed; ${corner}`;
                    }""",
                    [direction, corner],
                )
                await window.page.locator("inbox-bell").evaluate("bell => bell.show()")
                await expect(window.items).to_have_count(8)
                panel, bell = await window.panel.bounding_box(), await window.bell.bounding_box()
                where = (width, height, corner, direction, panel, bell)
                assert panel is not None
                assert bell is not None
                assert 0 <= panel["x"] <= width - panel["width"], where
                assert 0 <= panel["y"] <= height - panel["height"], where
                assert panel["height"] > 100, where
                if width > 480:  # else it is a sheet at the lower edge
                    assert panel["y"] >= bell["y"] + bell["height"] or panel["y"] + panel["height"] <= bell["y"], where
                else:
                    assert (panel["width"], panel["y"] + panel["height"]) == (width, height), where
                await window.page.locator("inbox-bell").evaluate("bell => bell.hide()")
                await expect(window.panel).to_be_hidden()


@pytest.mark.parametrize("popover", [True, False], ids=["top layer", "an older browser"])
async def test_nothing_of_the_page_covers_or_cuts_the_panel(
    open_window: OpenWindow, service: Server, popover: bool
) -> None:
    window = await open_window("about:blank")
    if not popover:
        await window.page.add_init_script(
            "for (const name of ['popover', 'showPopover', 'hidePopover']) delete HTMLElement.prototype[name]"
        )
    await window.page.goto(f"{service.url}/?subscriber=yara")
    await window.is_live()
    await window.page.evaluate(
        """(popover) => {
          const bell = document.querySelector("inbox-bell");
          const box = document.body.appendChild(document.createElement("div"));
          box.style = "position: absolute; inset: 10px auto auto 500px; width: 60px; height: 60px; overflow: hidden";
          box.style.zIndex = 9; // above the head of the page
          if (popover) box.style.transform = "translate(0)"; // what cuts even a fixed element
          const cover = document.body.appendChild(document.createElement("div"));
          cover.style = `position: fixed; inset: 80px 0 0 0; z-index: ${popover ? 2147483647 : 1}`;
          box.append(bell);
        }""",
        popover,
    )
    await window.is_live()
    await window.open_panel()
    await expect(window.panel).to_contain_text("No notifications yet.")
    box = await window.panel.bounding_box()
    assert box is not None
    on_top = await window.page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).localName",
        [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
    )
    assert on_top == "inbox-bell"
    await window.page.keyboard.press("Escape")
    await expect(window.panel).to_be_hidden()


async def test_the_open_panel_stays_at_its_bell(open_window: OpenWindow, service: Server) -> None:
    """While the page scrolls, and when the bell is taken off the page and put back."""
    window = await window_of(open_window, service, "zeno")
    await window.page.evaluate(
        """() => {
          document.body.style.height = "3000px";
          document.querySelector("inbox-bell").style = "position: absolute; top: 300px; left: 600px";
        }"""
    )
    distance = """bell => bell.shadowRoot.querySelector(".panel").getBoundingClientRect().top
      - bell.shadowRoot.querySelector(".bell").getBoundingClientRect().bottom"""
    host = window.page.locator("inbox-bell")
    await window.open_panel()
    assert await host.evaluate(distance) == 8
    await window.page.evaluate("new Promise((done) => { document.onscroll = done; scrollTo(0, 150); })")
    assert await host.evaluate(distance) == 8
    await host.evaluate("bell => { const home = bell.parentNode; bell.remove(); home.append(bell); }")
    await expect(window.panel).to_be_visible()
    assert await host.evaluate(distance) == 8


async def test_the_panel_opens_to_the_side_that_has_room(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "xia")
    for direction, side in (("ltr", "left"), ("ltr", "right"), ("rtl", "left"), ("rtl", "right")):
        await window.page.evaluate(
            """([direction, side]) => {
              document.dir = direction;
              document.querySelector("inbox-bell").style = `position: fixed; ${side}: 4px`;
            }""",
            [direction, side],
        )
        at_once = await window.page.locator("inbox-bell").evaluate(
            """async bell => {
              await bell.show();
              return bell.shadowRoot.querySelector(".panel").getBoundingClientRect().x;
            }"""
        )
        await expect(window.panel).to_be_visible()
        box = await window.panel.bounding_box()
        assert box is not None
        assert box["x"] == at_once  # it does not jump with the first frame
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1200
        await window.bell.click()


async def test_an_unsigned_page_says_so(open_window: OpenWindow, service: Server) -> None:
    window = await window_of(open_window, service, "yan")
    await window.page.locator("inbox-bell").evaluate("bell => bell.removeAttribute('subscriber')")
    await window.open_panel()
    await expect(window.panel).to_contain_text("Sign in to see your notifications.")


async def test_a_bell_taken_off_the_page_lets_go_of_its_connection(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    async with window.page.expect_websocket() as opened:
        await window.page.goto(f"{service.url}/?subscriber=zoe")
    await window.is_live()
    socket = await opened.value
    async with socket.expect_event("close"):
        await window.page.locator("inbox-bell").evaluate("bell => bell.remove()")
    assert socket.is_closed()
