"""The list of the widget in a person's hands: tabs, filters, what is done to one or all, undo, keys, long lists."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from inbox.service.feed.snooze_limits import MAX_SNOOZE_HOURS
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .pages import show_page, tag
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

SECONDS = 60.0
POLICY = {"Content-Security-Policy": "default-src 'self'"}
TABS = [
    {"label": "Everything"},
    {"label": "Orders", "tags": ["order"]},
    {"label": "Urgent", "severity": "high"},
    {"label": "Team A", "data": {"team": "a"}},
]
DESKTOP: dict[str, Any] = {}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
LOOKS = {
    "desktop": ("", DESKTOP),
    "phone": ("", PHONE),
    "dark": ("", {"color_scheme": "dark"}),
    "rtl phone": ('locale="ar" theme="dark" density="compact"', PHONE),
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def workflows(service: Server) -> None:
    async with Api.open(service) as api:
        await api.create_workflow("widget-order", tags=["order"], subject="{{payload.subject}}")
        await api.create_workflow("widget-team", subject="{{payload.subject}}", data={"team": "{{payload.team}}"})


async def bell(open_window: OpenWindow, service: Server, subscriber: str, more: str = "", **options: Any) -> Window:
    """A live bell on a page with the strictest policy."""
    window = await open_window("about:blank", **options)
    await show_page(window, service, tag(service, subscriber, more), POLICY)
    await window.is_live()
    return window


async def send(service: Server, subscriber: str, *subjects: str, workflow: str = "welcome", **fields: Any) -> None:
    async with Api.open(service) as api:
        for subject in subjects:
            await api.trigger(subscriber, {"subject": subject, "body": "b", "team": "a"}, workflow=workflow, **fields)


async def states(service: Server, subscriber: str, flag: str) -> set[str]:
    """The subjects of what has this flag, in the service's own words."""
    async with InboxApi.open(service, subscriber) as inbox:
        return {item["subject"] for item in await inbox.notifications() if item[flag]}


async def has(service: Server, subscriber: str, flag: str, *subjects: str) -> None:
    async def are_equal() -> bool:
        return await states(service, subscriber, flag) == set(subjects)

    await until(are_equal, SECONDS)


def button(window: Window, name: str, subject: str | None = None) -> Locator:
    return (window.item(subject) if subject else window.panel).get_by_role("button", name=name, exact=True)


async def pick(window: Window, name: str) -> None:
    await window.page.locator("inbox-bell .menu").get_by_text(name, exact=True).click()


async def choose_filter(window: Window, name: str) -> None:
    await window.panel.locator(".filter").click()
    await pick(window, name)


async def press(window: Window, *keys: str) -> None:
    for key in keys:
        await window.page.keyboard.press(key)


async def focused_subject(page: Page, element: str = "inbox-bell") -> str | None:
    subject: str | None = await page.locator(element).evaluate(
        "element => element.shadowRoot.activeElement?.closest('li')?.querySelector('strong')?.textContent"
    )
    return subject


@pytest.mark.usefixtures("workflows")
async def test_tabs_show_what_they_filter_and_count_what_is_unread(open_window: OpenWindow, service: Server) -> None:
    await send(service, "tab", "Plain")
    await send(service, "tab", "Order 1", "Order 2", workflow="widget-order")
    await send(service, "tab", "Alarm", overrides={"severity": "high"})
    await send(service, "tab", "Team", workflow="widget-team")
    window = await bell(open_window, service, "tab", f"tabs='{json.dumps(TABS)}'")
    await window.open_panel()
    tabs = window.panel.get_by_role("tab")
    await expect(tabs).to_have_text(["Everything5", "Orders2", "Urgent1", "Team A1"])
    for n, subjects in enumerate((None, ["Order 2", "Order 1"], ["Alarm"], ["Team"])):
        if subjects:
            await press(window, "ArrowRight")
            await expect(window.page.locator("inbox-bell .item strong")).to_have_text(subjects)
        else:
            await tabs.first.focus()
        await expect(tabs.nth(n)).to_have_attribute("aria-selected", "true")
    await expect(window.panel.get_by_role("tabpanel", name="Team A")).to_be_visible()
    await send(service, "tab", "Order 3", workflow="widget-order")
    await expect(tabs.nth(1)).to_have_text("Orders3")
    await tabs.nth(1).click()
    await button(window, "Mark all read").click()
    await expect(tabs.nth(1)).to_have_text("Orders")
    await has(service, "tab", "isRead", "Order 1", "Order 2", "Order 3")
    await tabs.nth(2).click()
    await press(window, "Shift+I")
    await has(service, "tab", "isRead", "Order 1", "Order 2", "Order 3", "Alarm")


@pytest.mark.parametrize("look", LOOKS)
async def test_archive_snooze_delete_each_with_undo(open_window: OpenWindow, service: Server, look: str) -> None:
    subscriber = f"undo {look}"
    await send(service, subscriber, "One", "Two", "Three")
    attributes, options = LOOKS[look]
    window = await bell(open_window, service, subscriber, attributes, **options)
    await window.open_panel()
    read_all = "الكل" if "ar" in attributes else "read"
    await expect(window.panel.locator(".mark-all")).to_have_accessible_name(re.compile(read_all))  # it is loaded
    strings = await window.page.evaluate(
        """() => {
          const { t } = document.querySelector("inbox-bell");
          const names = ["archive", "snooze", "delete", "options"].map((name) => [name, t(`item.${name}`)]);
          return Object.fromEntries([...names, ["tomorrow", t("snooze.tomorrow")]]);
        }"""
    )
    undo = window.panel.locator(".toast .undo")

    async def do(action: str) -> None:
        if options is PHONE:
            await button(window, strings["options"], "Two").click()
            await pick(window, strings[action])
        else:
            await window.item("Two").hover()
            await button(window, strings[action], "Two").click()
        if action == "snooze":
            await pick(window, strings["tomorrow"])

    for action in ("archive", "snooze", "delete"):
        await do(action)
        await expect(window.items).to_have_count(2)
        await expect(window.badge).to_have_text("2")
        await undo.click()
        await expect(window.items).to_have_count(3)
        await expect(undo).to_be_hidden()
        await expect(window.badge).to_have_text("3")
    await do("delete")
    await button(window, strings["archive" if options is not PHONE else "options"], "One").click()
    if options is PHONE:
        await pick(window, strings["archive"])
    await expect(window.items).to_have_count(1)
    await has(service, subscriber, "isArchived", "One")
    async with InboxApi.open(service, subscriber) as inbox:
        assert {item["subject"] for item in await inbox.notifications()} == {"One", "Three"}


async def test_a_deletion_is_sent_when_the_page_is_left(open_window: OpenWindow, service: Server) -> None:
    await send(service, "leaver", "One", "Two")
    window = await bell(open_window, service, "leaver")
    await window.open_panel()
    await window.item("One").hover()
    await button(window, "Delete", "One").click()
    await window.page.goto("about:blank")

    async def is_gone() -> bool:
        async with InboxApi.open(service, "leaver") as inbox:
            return [item["subject"] for item in await inbox.notifications()] == ["Two"]

    await until(is_gone, SECONDS)


async def test_filters_show_what_was_put_away(open_window: OpenWindow, service: Server) -> None:
    await send(service, "filter", "Known", "Archived", "Snoozed", "Unread")
    window = await bell(open_window, service, "filter")
    await window.open_panel()
    await button(window, "Mark as read", "Known").click()
    await window.item("Archived").hover()
    await button(window, "Archive", "Archived").click()
    await window.item("Snoozed").hover()
    await button(window, "Snooze", "Snoozed").click()
    await window.page.locator("inbox-bell .pick input").fill(f"{date.today() + timedelta(days=3)}T07:08")
    await window.page.locator("inbox-bell .pick button").click()
    subjects = window.page.locator("inbox-bell .item strong")
    await expect(subjects).to_have_text(["Unread", "Known"])
    for name, shown in (("Unread", ["Unread"]), ("Archived", ["Archived"]), ("Snoozed", ["Snoozed"])):
        await choose_filter(window, name)
        await expect(subjects).to_have_text(shown)
    await expect(window.item("Snoozed").locator(".until")).to_contain_text("7:08")
    await window.item("Snoozed").hover()
    await button(window, "End snooze", "Snoozed").click()
    await expect(window.panel.locator(".hint")).to_contain_text("Nothing is snoozed.")
    await choose_filter(window, "All")
    await expect(subjects).to_have_text(["Unread", "Snoozed", "Known"])


async def test_the_picker_takes_the_dates_that_the_service_takes(open_window: OpenWindow, service: Server) -> None:
    """Nobody is told only after pressing that a snooze is too short or too long."""
    await send(service, "picker", "Later")
    window = await bell(open_window, service, "picker")
    opened = datetime.now(UTC).replace(second=40, microsecond=0) - timedelta(hours=1)
    await window.page.clock.set_fixed_time(opened)
    await window.open_panel()
    await window.item("Later").hover()
    await button(window, "Snooze", "Later").click()
    picker = window.page.locator("inbox-bell .pick input")
    submit = window.page.locator("inbox-bell .pick button")

    async def limits(pressed: datetime) -> list[timedelta]:
        times = await picker.evaluate("({ min, max }) => [min, max].map((one) => new Date(one).getTime() / 1000)")
        return [datetime.fromtimestamp(seconds, UTC) - pressed for seconds in times]

    longest = timedelta(hours=MAX_SNOOZE_HOURS)
    assert await limits(opened) == [timedelta(seconds=80), longest - timedelta(seconds=40)]
    pressed = opened + timedelta(minutes=50)  # the menu was open meanwhile
    await window.page.clock.set_fixed_time(pressed)
    await picker.fill(str(await picker.get_attribute("min")))
    await submit.click()
    assert await limits(pressed) == [timedelta(seconds=80), longest - timedelta(seconds=40)]
    assert await picker.evaluate("({ validity, validationMessage }) => validity.rangeUnderflow && validationMessage")
    await picker.fill(str(await picker.get_attribute("max")))
    await submit.click()
    await has(service, "picker", "isSnoozed", "Later")


async def test_everything_is_read_and_archived_at_once(open_window: OpenWindow, service: Server) -> None:
    await send(service, "bulk", "One", "Two", "Three")
    window = await bell(open_window, service, "bulk")
    await window.open_panel()
    await button(window, "Mark as read", "Two").click()
    await button(window, "More actions").click()
    await pick(window, "Archive read")
    await expect(window.items).to_have_count(2)
    await has(service, "bulk", "isArchived", "Two")
    await button(window, "Mark all read").click()
    await expect(window.badge).to_be_hidden()
    await button(window, "More actions").click()
    await press(window, "ArrowUp", "ArrowUp", "Enter")
    await expect(window.panel.locator(".hint")).to_contain_text("No notifications yet.")
    await has(service, "bulk", "isArchived", "One", "Two", "Three")


async def test_the_keyboard_does_all_of_it(open_window: OpenWindow, service: Server) -> None:
    await send(service, "keys", *(f"Item {n}" for n in range(30)))
    window = await bell(open_window, service, "keys")
    await window.bell.focus()
    await press(window, "Enter")
    await expect(window.panel).to_be_focused()
    await expect(window.item("Item 29")).to_be_visible()
    for key, subject in (("j", "Item 29"), ("ArrowDown", "Item 28"), ("j", "Item 27"), ("k", "Item 28")):
        await press(window, key)
        assert await focused_subject(window.page) == subject
    await press(window, "u")
    await has(service, "keys", "isRead", "Item 28")
    await press(window, "u")
    await has(service, "keys", "isRead")
    await press(window, "e")
    await expect(window.item("Item 28")).to_have_count(0)
    assert await focused_subject(window.page) == "Item 27"
    await press(window, "z")
    await expect(window.item("Item 28")).to_have_count(1)
    await has(service, "keys", "isArchived")
    await press(window, "h")
    await expect(window.page.locator("inbox-bell .menu")).to_be_visible()
    await press(window, "ArrowDown", "ArrowDown", "Enter")
    await expect(window.item("Item 27")).to_have_count(0)
    await has(service, "keys", "isSnoozed", "Item 27")
    assert await focused_subject(window.page) == "Item 26"
    for number in range(25, -1, -1):  # beyond what was loaded
        await expect(window.items.get_by_text(f"Item {number}", exact=True)).to_be_attached()
        await press(window, "j")
        assert await focused_subject(window.page) == f"Item {number}"
    await press(window, "Delete")
    await expect(window.item("Item 0")).to_have_count(0)
    assert await focused_subject(window.page) == "Item 1"
    await press(window, "Shift+I", "?")
    await expect(window.panel.get_by_role("group", name="Keyboard shortcuts")).to_be_visible()
    await press(window, "Escape")
    assert await focused_subject(window.page) == "Item 1"
    await expect(window.badge).to_be_hidden()
    await press(window, "Escape")
    await expect(window.panel).to_be_hidden()
    await expect(window.bell).to_be_focused()


async def test_a_change_that_fails_comes_back_visibly(open_window: OpenWindow, service: Server) -> None:
    await send(service, "back", "Kept", "Other")
    window = await open_window("about:blank", tolerated=("Failed to load", "WebSocket", "inbox-bell: change failed"))
    await window.block_push()
    await show_page(window, service, tag(service, "back"))
    await window.is_live()
    await window.open_panel()
    await window.page.route("**/archive", lambda route: route.fulfill(status=500, json={"message": "no"}))
    await window.item("Kept").hover()
    await button(window, "Archive", "Kept").click()
    await expect(window.problem).to_have_text("That change was not saved. Please try again.")
    await expect(window.item("Kept")).to_have_class("item unread failed")
    await expect(window.panel.locator(".toast")).to_be_hidden()
    assert await window.page.locator("inbox-bell .item strong").all_text_contents() == ["Other", "Kept"]


async def test_a_failure_leaves_the_undo_of_a_later_change(open_window: OpenWindow, service: Server) -> None:
    await send(service, "later-undo", "Kept", "Deleted")
    window = await open_window("about:blank", tolerated=("Failed to load", "WebSocket", "inbox-bell: change failed"))
    await window.block_push()
    await show_page(window, service, tag(service, "later-undo"))
    await window.is_live()
    await window.open_panel()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def refuse(route: Route) -> None:
        asked.set()
        await answer.wait()
        await route.fulfill(status=500, json={"message": "no"})

    await window.page.route("**/archive", refuse)
    await window.item("Kept").hover()
    await button(window, "Archive", "Kept").click()
    await asked.wait()
    await window.item("Deleted").hover()
    await button(window, "Delete", "Deleted").click()
    answer.set()
    await expect(window.item("Kept")).to_be_visible()
    await expect(window.panel.locator(".toast")).to_contain_text("Deleted.")
    await button(window, "Undo").click()
    await expect(window.item("Deleted")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("locale", ["en", "de", "ar"])
async def test_a_narrow_panel_holds_all_of_its_head(
    open_window: OpenWindow, service: Server, width: int, locale: str
) -> None:
    options = {**PHONE, "viewport": {"width": width, "height": 700}}
    await send(service, f"narrow {width} {locale}", "A subject that is longer than a narrow window is wide")
    window = await bell(open_window, service, f"narrow {width} {locale}", f'locale="{locale}"', **options)
    await window.open_panel()
    await expect(window.items).to_have_count(1)
    for name in (".filter", *([".mark-all"] if width > 320 else []), ".more-actions", ".gear", ".close"):
        await expect(window.panel.locator(name)).to_be_in_viewport(ratio=1)
    box = await window.panel.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, width)
    assert await window.panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    await window.panel.locator(".close").click()
    await expect(window.panel).to_be_hidden()
    await expect(window.bell).to_be_focused()


async def test_a_feed_of_a_thousand_keeps_few_rows_and_its_place(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        for n in range(0, 240, 80):
            events = [
                {"name": "welcome", "to": "long", "payload": {"subject": f"Item {number}", "body": "b " * (number + 1)}}
                for number in range(n, n + 80)
            ]
            await api.data("POST", "/v1/events/trigger/bulk", 201, {"events": events})
    window = await open_window("about:blank")
    await show_page(window, service, tag(service, "long", name="inbox-feed"))
    rows, scroller = window.page.locator("inbox-feed .item"), window.page.locator("inbox-feed .scroller")
    await expect(rows.first).to_contain_text("Item 239")
    most = 0
    async with asyncio.timeout(SECONDS):
        while await rows.last.get_attribute("aria-posinset") != "240":
            await scroller.evaluate("scroller => scroller.scrollBy(0, scroller.clientHeight)")
            most = max(most, await rows.count())
    assert most < 60
    await expect(rows.last).to_contain_text("Item 0")
    await scroller.evaluate("scroller => scroller.scrollTop = scroller.scrollHeight / 2")
    first = """scroller => {
      const top = scroller.getBoundingClientRect().top;
      const rows = [...scroller.querySelectorAll(".item")];
      const row = rows.find((one) => one.getBoundingClientRect().bottom > top);
      return [row.dataset.id, Math.round(row.getBoundingClientRect().top - top)];
    }"""
    frames = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    await window.page.evaluate(frames)
    before = await scroller.evaluate(first)
    await send(service, "long", "Newer", "Newest")
    news = window.page.locator("inbox-feed .news")
    await expect(news).to_have_text("↑ 2 new")
    assert await scroller.evaluate(first) == before
    await news.click()
    await expect(rows.first).to_contain_text("Newest")
    await expect(news).to_be_hidden()
    assert await scroller.evaluate("scroller => scroller.scrollTop") == 0
