"""Novu's `<Inbox />` (`@novu/react`), unmodified, with its default socket, on a page of another origin."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, subscriber_hash
from tests.support.server import Server

from .conftest import OpenWindow
from .shop import SHOP, bundle_page, visit_shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_page("inbox-widget.mjs", tmp_path_factory.mktemp("bundle") / "page.js")


@pytest.fixture
async def shop(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """A service in production that lists the shop's origin."""
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_CORS_ORIGINS=SHOP)
    async with Api.open(server) as api:
        await api.create_workflow("orders", tags=["orders"], subject="Order {{payload.n}}")
        await api.create_workflow("news", tags=["news"], subject="News {{payload.n}}")
    return server


class Widget:
    """The widget on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bell = page.locator(".nv-inbox__popoverTrigger")
        self.dot = page.locator(".nv-bellDot")
        self.items = page.locator(".nv-notification")
        self.title = page.locator(".nv-inboxStatus__dropdownTrigger")

    def item(self, subject: str) -> Locator:
        return self.items.filter(has=self.page.locator(f".nv-notificationSubject:text-is('{subject}')"))

    def tab(self, label: str) -> Locator:
        return self.page.locator(".nv-notificationsTabs__tabsTrigger").filter(has_text=label)

    async def press(self, subject: str, button: str) -> None:
        """One of the buttons that an item shows while the pointer is on it."""
        await self.item(subject).hover()
        await self.item(subject).locator(f".nv-notification{button}__button").click()

    @asynccontextmanager
    async def answered(self, end: str) -> AsyncIterator[None]:
        """The widget shows a change before it is made: returns once the service has answered the one to `…/<end>`."""
        async with self.page.expect_response(
            lambda answer: answer.request.method == "PATCH" and answer.url.endswith(end)
        ) as answer:
            yield
        assert (await answer.value).status == 200

    async def show(self, status: str) -> None:
        """Chooses what the list shows."""
        await self.title.click()
        await self.page.locator(".nv-inboxStatus__dropdownItem").filter(has_text=status).click()

    async def photograph(self, name: str) -> None:
        """Keeps a picture in INBOX_TEST_PICTURES, for a person to look at."""
        if folder := os.environ.get("INBOX_TEST_PICTURES"):
            await self.page.screenshot(path=Path(folder) / f"{name}.png")


async def open_widget(open_window: OpenWindow, server: Server, bundle: Path, subscriber_id: str) -> Widget:
    window = await open_window("about:blank")
    settings = {
        "applicationIdentifier": server.application_identifier,
        "subscriber": subscriber_id,
        "subscriberHash": subscriber_hash(server.api_key, subscriber_id),
        "backendUrl": server.url,
        "socketUrl": server.url,
    }
    await visit_shop(window.page, bundle, "app", settings)
    return Widget(window.page)


async def test_live_delivery_while_closed_and_open(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api:
        widget = await open_widget(open_window, shop, bundle, "ann")
        await expect(widget.bell).to_be_visible()
        await expect(widget.dot).to_have_count(0)
        await api.trigger("ann", {"n": 1}, workflow="orders")
        await expect(widget.dot).to_be_visible()
        await widget.bell.click()
        await expect(widget.item("Order 1")).to_be_visible()
        await api.trigger("ann", {"n": 2}, workflow="news")
        notice = widget.page.locator(".nv-notificationListNewNotificationsNotice__button")
        await expect(notice).to_be_visible()
        await widget.photograph("notice")
        await notice.click()
        await expect(widget.items).to_have_count(2)
        await expect(widget.items.first).to_contain_text("News 2")


async def test_tabs_by_tag_and_their_counts(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api:
        for number, workflow in enumerate(("orders", "news", "orders")):
            await api.trigger("bea", {"n": number}, workflow=workflow)
        widget = await open_widget(open_window, shop, bundle, "bea")
        await widget.bell.click()
        for label, count in (("All", "3"), ("Orders", "2"), ("News", "1")):
            await expect(widget.tab(label)).to_contain_text(count)
        await widget.tab("Orders").click()
        await expect(widget.items.locator("visible=true")).to_have_count(2)
        await api.trigger("bea", {"n": 3}, workflow="news")
        await expect(widget.tab("News")).to_contain_text("2")
        await expect(widget.tab("All")).to_contain_text("4")
        await widget.photograph("tabs")


async def test_read_action_archive_snooze(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api, InboxApi.open(shop, "cal") as inbox:
        for number in range(4):
            await api.trigger("cal", {"n": number}, workflow="orders")
        widget = await open_widget(open_window, shop, bundle, "cal")
        await widget.bell.click()
        await expect(widget.items).to_have_count(4)

        await widget.press("Order 0", "Read")
        await expect(widget.item("Order 0").locator(".nv-notificationDot")).to_have_count(0)
        await expect(widget.tab("All")).to_contain_text("3")

        await widget.item("Order 1").locator(".nv-notificationPrimaryAction__button").click()
        await expect(widget.tab("All")).to_contain_text("2")
        assert await widget.page.evaluate("actions") == ["Order 1"]

        async with widget.answered("/archive"):
            await widget.press("Order 2", "Archive")
        await expect(widget.item("Order 2")).to_have_count(0)
        await widget.show("Archived")
        await expect(widget.item("Order 2")).to_be_visible()
        await widget.photograph("archived")
        await widget.show("Unread & read")

        await widget.press("Order 3", "Snooze")
        async with widget.answered("/snooze"):
            await widget.page.locator(".nv-notificationSnooze__dropdownItem").first.click()
        await expect(widget.item("Order 3")).to_have_count(0)
        await widget.show("Snoozed")
        await expect(widget.item("Order 3")).to_be_visible()
        await widget.photograph("snoozed")
        await expect(widget.dot).to_have_count(0)

        stored = {one["subject"]: one for one in await inbox.notifications()}
        assert stored["Order 0"]["isRead"]
        assert stored["Order 1"]["primaryAction"]["isCompleted"]
        assert stored["Order 2"]["isArchived"]
        assert stored["Order 3"]["isSnoozed"]


async def test_what_another_page_changes_is_followed(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api, InboxApi.open(shop, "dan") as inbox:
        for number in range(2):
            await api.trigger("dan", {"n": number}, workflow="orders")
        widget = await open_widget(open_window, shop, bundle, "dan")
        await widget.bell.click()
        await expect(widget.tab("All")).to_contain_text("2")
        [newest, _] = await inbox.notifications()
        await inbox.change(newest["id"], "read")
        await expect(widget.tab("All")).to_contain_text("1")
        await inbox.read_all()
        await expect(widget.dot).to_have_count(0)


async def test_preferences(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api, InboxApi.open(shop, "eve") as inbox:
        widget = await open_widget(open_window, shop, bundle, "eve")
        await widget.bell.click()
        await widget.page.locator(".nv-preferences__button").click()
        news = widget.page.locator(".nv-workflowContainer").filter(has_text="news")
        await news.locator(".nv-workflowLabelContainer").click()
        await widget.photograph("preferences")
        async with widget.page.expect_response(lambda answer: answer.request.method == "PATCH") as answered:
            await news.locator(".nv-channelSwitch").click()
        assert (await answered.value).status == 200
        await api.trigger("eve", {"n": 1}, workflow="news")
        await api.trigger("eve", {"n": 1}, workflow="orders")
        await expect(widget.dot).to_be_visible()
        assert [one["subject"] for one in await inbox.notifications()] == ["Order 1"]


async def test_infinite_scroll_over_sixty_messages(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api:
        for number in range(60):
            await api.trigger("fay", {"n": number}, workflow="orders")
        widget = await open_widget(open_window, shop, bundle, "fay")
        await widget.bell.click()
        await expect(widget.items).to_have_count(10)
        async with asyncio.timeout(60):
            while await widget.items.count() < 60:
                await widget.items.last.scroll_into_view_if_needed()
        subjects = await widget.page.locator(".nv-notificationSubject").all_text_contents()
        assert subjects == [f"Order {number}" for number in range(59, -1, -1)]
        await widget.photograph("scrolled")
