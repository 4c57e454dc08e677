"""The previous generation's widget, `@novu/notification-center` 2.0, unmodified, on a page of another origin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.conftest import RunServer
from tests.support.client import Api, WidgetApi, subscriber_hash
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .shop import SHOP, bundle_page, visit_shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_page("notification-center.mjs", tmp_path_factory.mktemp("bundle") / "page.js")


def by_test_id(within: Page | Locator, name: str) -> Locator:
    """By the attribute of this widget, which is not Playwright's."""
    return within.locator(f"[data-test-id={name}]")


class Center:
    """The widget on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bell = by_test_id(page, "notification-bell")
        self.dot = self.bell.locator(".nc-bell-button-dot")
        self.items = by_test_id(page, "notification-list-item")

    def item(self, content: str) -> Locator:
        return self.items.filter(has_text=content)


async def open_center(
    open_window: OpenWindow, server: Server, bundle: Path, subscriber_id: str, tolerated: tuple[str, ...] = ()
) -> Center:
    window = await open_window("about:blank", tolerated=tolerated)
    settings = {
        "backendUrl": server.url,
        "applicationIdentifier": server.application_identifier,
        "subscriberId": subscriber_id,
        "subscriberHash": subscriber_hash(server.api_key, subscriber_id),
    }
    await visit_shop(window.page, bundle, "center", settings)
    return Center(window.page)


@pytest.fixture
async def shop(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """A service in production that lists the shop's origin."""
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_CORS_ORIGINS=SHOP)
    async with Api.open(server) as api:
        await api.create_workflow("order", body="Order {{payload.n}}")
        await api.create_workflow("quiet", body="Quiet {{payload.n}}", primaryAction=None, secondaryAction=None)
    return server


async def test_bell_feed_live_delivery_read_and_action(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api, WidgetApi.open(shop, "ann") as widget:
        await api.trigger("ann", {"n": 1}, workflow="order")
        center = await open_center(open_window, shop, bundle, "ann")
        await expect(center.dot).to_be_visible()
        await center.bell.click()
        await expect(center.item("Order 1")).to_be_visible()

        await api.trigger("ann", {"n": 2}, workflow="order")
        await expect(center.item("Order 2")).to_be_visible()
        await expect(center.items.first).to_contain_text("Order 2")

        await center.item("Order 2").get_by_role("button", name="Accept").click()
        await expect(center.item("Order 2").get_by_text("Thank you")).to_be_visible()
        [newest, oldest] = await widget.feed()
        assert newest["cta"]["action"]["status"] == "done"
        assert newest["cta"]["action"]["result"]["type"] == "primary"

        await by_test_id(center.item("Order 1"), "notification-content").click()
        await expect(center.page.locator(".nc-notifications-list-item-unread")).to_have_count(1)
        assert await center.page.evaluate("clicked") == ["Order 1"]
        await until(lambda: is_read(widget, oldest["_id"]))


async def is_read(widget: WidgetApi, message_id: str) -> bool:
    return next(one["read"] for one in await widget.feed() if one["_id"] == message_id)


async def test_what_another_face_changes_is_followed(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api:
        for number in (1, 2):
            await api.trigger("bea", {"n": number}, workflow="quiet")
        center = await open_center(open_window, shop, bundle, "bea")
        await expect(center.dot).to_be_visible()
        await api.mark_all("bea", "read")
        await expect(center.dot).to_be_hidden()
        await center.bell.click()
        await expect(center.items).to_have_count(2)
        await expect(center.page.locator(".nc-notifications-list-item-read")).to_have_count(2)
        [newest, _] = await api.feed("bea")
        await api.call("DELETE", f"/v1/messages/{newest['_id']}", 200)
        await expect(center.items).to_have_count(1)


async def test_more_than_a_page_is_scrolled_to(shop: Server, open_window: OpenWindow, bundle: Path) -> None:
    async with Api.open(shop) as api:
        for number in range(25):
            await api.trigger("cal", {"n": f"no {number}."}, workflow="quiet")
        center = await open_center(open_window, shop, bundle, "cal")
        await center.bell.click()
        await expect(center.items).to_have_count(10)
        oldest = center.item("Quiet no 0.")
        async with asyncio.timeout(60):
            while not await oldest.count():
                await center.items.last.scroll_into_view_if_needed()
        await expect(center.items).to_have_count(25)
