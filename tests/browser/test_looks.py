"""Every feature and state of the widget in every look: at a desk and on a phone, light and dark, in both directions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route, WebSocketRoute, expect

from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .looks import LOOKS, SMALL_PHONES, Look, Walk
from .window import Window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

NOTIFICATIONS = "**/v1/inbox/notifications?*"
Step = Callable[[Walk], Awaitable[None]]
TOLERATED = ("Failed to load", "WebSocket", "inbox-bell:", "inbox-feed:")


async def bell(walk: Walk) -> None:
    await expect(walk.window.badge).to_have_text("32")
    await walk.check("bell")


async def list_(walk: Walk) -> None:
    """The panel stands at its bell, or is a sheet at the lower edge of a phone."""
    window, look = walk.window, walk.look
    await window.open_panel()
    await expect(walk.row("link")).to_be_visible()
    await walk.check("list", focus=True)
    panel, bell = await window.panel.bounding_box(), await window.bell.bounding_box()
    assert panel
    assert bell
    if look.is_phone:
        size = window.page.viewport_size
        assert size == {"width": panel["x"] + panel["width"], "height": panel["y"] + panel["height"]}
        assert panel["x"] == 0
    else:
        assert panel["y"] == bell["y"] + bell["height"] + 8
        ends = [box["x"] if look.locale == "ar" else box["x"] + box["width"] for box in (panel, bell)]
        assert ends[0] == ends[1]
    direction = await window.panel.evaluate("panel => getComputedStyle(panel).direction")
    assert direction == ("rtl" if look.locale == "ar" else "ltr")


async def tools_of_a_row(walk: Walk) -> None:
    row = walk.row("alarm")
    await row.scroll_into_view_if_needed()
    if walk.look.is_phone:
        await row.locator(".options").click()
    else:
        await row.hover()
    await walk.check("tools", focus=walk.look.is_phone)
    if walk.look.is_phone:
        await row.locator(".options").click()
        await expect(walk.menu).to_be_hidden()
    await walk.change("alarm", "toggle")
    await expect(row).to_have_class("item")


async def archive(walk: Walk) -> None:
    await walk.change("plain", "archive")
    await expect(walk.row("plain")).to_have_count(0)
    await walk.part(".toast .undo").focus()  # it stays as long as it has the focus
    await walk.check("archived", focus=True)
    await walk.undo()
    await expect(walk.row("plain")).to_have_count(1)


async def delete(walk: Walk) -> None:
    await walk.change("plain", "delete")
    await expect(walk.row("plain")).to_have_count(0)
    await walk.undo()
    await expect(walk.row("plain")).to_have_count(1)


async def snooze(walk: Walk) -> None:
    """For a preset, which is taken back, then until a time that is picked."""
    await walk.change("plain", "snooze")
    await walk.check("snooze", focus=True)
    await walk.choose(1)
    await expect(walk.row("plain")).to_have_count(0)
    await walk.undo()
    await expect(walk.row("plain")).to_have_count(1)
    await walk.change("plain", "snooze")
    await walk.menu.locator("input").fill(f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}T07:08")
    await walk.menu.locator("form button").click()
    await expect(walk.row("plain")).to_have_count(0)


async def filters(walk: Walk) -> None:
    await walk.press(".filter")
    await walk.check("filter", focus=True)
    await walk.choose(3)
    await expect(walk.row("plain").locator(".until")).to_be_visible()
    await walk.check("snoozed")
    await walk.press(".filter")
    await walk.choose(2)
    await expect(walk.part(".hint")).to_be_visible()
    await walk.check("nothing-archived")
    await walk.press(".filter")
    await walk.choose(0)
    await expect(walk.row("link")).to_be_visible()


async def tabs(walk: Walk) -> None:
    await walk.press(".tab >> nth=1")
    await expect(walk.window.items).to_have_count(1)
    await walk.check("tab")
    await walk.press(".tab >> nth=2")
    await expect(walk.part(".hint")).to_be_visible()
    await walk.check("empty-tab")
    await walk.press(".tab >> nth=0")
    await expect(walk.row("link")).to_be_visible()


async def buttons(walk: Walk) -> None:
    row = walk.row("buttons")
    await row.locator(".action.primary").click()
    await expect(row.locator(".action.done")).to_be_visible()
    await walk.check("done")
    await row.locator(".undo").click()
    await expect(row.locator(".undo")).to_have_count(0)
    await row.locator(".action.secondary").click()
    await expect(row.locator(".action.secondary.done")).to_be_visible()


async def redirect(walk: Walk) -> None:
    await walk.window.page.evaluate(
        """() => document.addEventListener("inbox-navigate", (event) => {
          event.preventDefault();
          window.followed = new URL(event.detail.url).pathname;
        })"""
    )
    await walk.row("link").locator("a.text").click()
    await expect(walk.row("link")).to_have_class("item")
    assert await walk.window.page.evaluate("followed") == "/orders/7"


async def scroll(walk: Walk) -> None:
    """To the end, over more than a page, while something new arrives."""
    await walk.window.scroll_until_shown(walk.window.item("Number 0"))
    async with Api.open(walk.service) as api:
        await api.trigger(walk.subscriber, {"subject": "Arrived", "body": "b"}, workflow="looks")
    await expect(walk.part(".news")).to_be_visible()
    await walk.check("news", focus=True)
    await walk.press(".news")
    await expect(walk.window.item("Arrived")).to_be_visible()


async def preferences(walk: Walk) -> None:
    await walk.press(".gear")
    switches = walk.window.panel.get_by_role("switch")
    await expect(switches.first).to_be_checked()
    await walk.check("preferences", focus=True)
    await switches.nth(1).click()
    await expect(walk.part(".preferences")).to_have_attribute("aria-busy", "false")
    await switches.last.scroll_into_view_if_needed()
    await switches.last.check()
    await walk.part(".days .day").last.scroll_into_view_if_needed()
    await expect(walk.part(".hours").first).to_be_visible()
    await walk.check("schedule", focus=True)
    await walk.press(".back")


async def shortcuts(walk: Walk) -> None:
    await walk.press(".more-actions")
    await walk.check("more", focus=True)
    await walk.choose(3)
    await expect(walk.part(".keys")).to_be_visible()
    await walk.check("shortcuts", focus=True)
    await walk.press(".close-page")


async def failed_change(walk: Walk) -> None:
    page = walk.window.page
    await page.context.set_offline(True)
    await expect(walk.window.status).to_be_visible()
    await walk.check("offline")
    await walk.change("alarm", "toggle")
    await expect(walk.part(".item.failed")).to_be_visible()
    await walk.check("failed", focus=True)
    await page.context.set_offline(False)
    await walk.window.is_live()


async def bulk(walk: Walk) -> None:
    await walk.press(".mark-all")
    await expect(walk.window.badge).to_be_hidden()
    await walk.check("all-read")
    await walk.press(".more-actions")
    await walk.choose(1)
    await expect(walk.part(".hint")).to_be_visible()
    await walk.check("empty")


async def feed(walk: Walk) -> None:
    window = await walk.another("inbox-feed")
    await expect(window.page.locator("inbox-feed .item").first).to_be_visible()
    await walk.check("feed", window=window)
    await window.page.close()


async def nobody(walk: Walk) -> None:
    window = await walk.another(subscriber="")
    await window.open_panel()
    await expect(window.panel.locator(".hint")).to_be_visible()
    await walk.check("nobody", window=window)
    await window.page.close()


async def loading(walk: Walk) -> None:
    """Nothing is answered: neither the socket nor the list."""
    window = Window(await walk.window.page.context.new_page())
    await window.page.route_web_socket("**/v1/socket", lambda _: None)
    await window.page.route("**/v1/inbox/**", lambda _: None)
    await walk.show(window)
    await window.open_panel()
    await expect(window.panel.locator(".skeletons")).to_be_visible()
    await walk.check("loading", window=window)
    await window.page.close()


async def not_loaded(walk: Walk) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json={"message": "away"})

    window = Window(await walk.window.page.context.new_page())
    await window.block_push()
    await window.page.route(NOTIFICATIONS, refuse)
    await walk.show(window)
    await window.open_panel()
    await expect(window.panel.get_by_role("alert")).to_be_visible()
    await walk.check("not-loaded", window=window, focus=True)
    await window.page.close()


async def refused(walk: Walk) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=400, json={"message": "Please provide a valid HMAC hash"})

    window = Window(await walk.window.page.context.new_page())
    await window.page.route("**/v1/inbox/session", refuse)
    await walk.show(window)
    await window.open_panel()
    await expect(window.panel.get_by_role("alert")).to_be_visible()
    await walk.check("refused", window=window)
    await window.page.close()


async def reconnecting(walk: Walk) -> None:
    """A connection is lost, and the next one is not answered."""
    opened: list[WebSocketRoute] = []

    def connect(route: WebSocketRoute) -> None:
        if not opened:
            route.connect_to_server()
        opened.append(route)

    window = Window(await walk.window.page.context.new_page())
    await window.page.route_web_socket("**/v1/socket", connect)
    await walk.show(window)
    await window.is_live()
    await window.open_panel()
    await opened[0].close(code=1012)
    await expect(window.status).to_be_visible()
    await walk.check("reconnecting", window=window)
    await window.page.close()


async def let_expire(walk: Walk) -> None:
    """The backend lets one end soon, while the page shows it."""
    await expect(walk.row("alarm").locator(".expires")).to_be_visible()
    async with Api.open(walk.service) as api:
        message = await walk.row("alarm").get_attribute("data-id")

        async def is_accepted() -> bool:  # refused if that time is past when it arrives
            edit = {"expiresAt": from_now(seconds=3)}
            return (await api.client.patch(f"/v1/messages/{message}", json=edit)).status_code == 200

        await until(is_accepted, 60)


async def expired(walk: Walk) -> None:
    await expect(walk.row("alarm")).to_have_count(0)


STEPS: list[Step] = [
    *(bell, list_, tools_of_a_row, archive, delete, snooze, filters, tabs, buttons, redirect, scroll),
    *(preferences, shortcuts, failed_change, let_expire, feed, nobody, loading, not_loaded, refused, reconnecting),
    *(expired, bulk),
]
STEPS_WITH_TEXTS: list[Step] = [
    *(bell, list_, tools_of_a_row, archive, snooze, filters, preferences, shortcuts, failed_change),
    *(not_loaded, refused),
]


def from_now(**time: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**time):%Y-%m-%dT%H:%M:%S.%fZ}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def looks(service: Server) -> Server:
    async with Api.open(service) as api:
        texts = {"subject": "{{payload.subject}}", "body": "{{payload.body}}"}
        plain = {"primaryAction": None, "secondaryAction": None}
        await api.create_workflow("looks", **texts, **plain)
        labels = {f"{kind}Action": {"label": f"{{{{payload.{kind}}}}}"} for kind in ("primary", "secondary")}
        await api.create_workflow("looks-buttons", **texts, **labels, avatar="{{payload.avatar}}")
        link = {"url": "/orders/7", "target": "_self"}
        await api.create_workflow("looks-link", tags=["order"], **texts, **plain, redirect=link)
    return service


async def send(service: Server, subscriber: str, words: dict[str, Any]) -> None:
    """Two pages; the notifications that matter are the newest."""

    def fields(name: str) -> dict[str, str]:
        return dict(zip(("subject", "body"), words[name], strict=True))

    async with Api.open(service) as api:
        many = [
            {"name": "looks", "to": subscriber, "payload": {"subject": f"Number {n}", "body": "b"}} for n in range(27)
        ]
        await api.data("POST", "/v1/events/trigger/bulk", 201, {"events": many})
        await api.trigger(subscriber, fields("long"), workflow="looks", overrides={"severity": "low"})
        await api.trigger(subscriber, fields("plain"), workflow="looks")
        actions = dict(zip(("primary", "secondary"), words["labels"], strict=True))
        payload = {**fields("buttons"), **actions, "avatar": "/static/noor.svg"}
        await api.trigger(subscriber, payload, workflow="looks-buttons", overrides={"severity": "medium"})
        urgent: dict[str, Any] = {"overrides": {"severity": "high"}, "expiresAt": from_now(days=2)}
        await api.trigger(subscriber, fields("alarm"), workflow="looks", **urgent)
        await api.trigger(subscriber, fields("link"), workflow="looks-link")
    async with InboxApi.open(service, subscriber) as inbox:
        schedule = {"isEnabled": False, "weeklySchedule": {}}
        await inbox.call("PATCH", "/v1/inbox/preferences", 200, {"schedule": schedule})


@pytest.mark.parametrize("look", LOOKS, ids=str)
async def test_every_feature_in_a_look(open_window: OpenWindow, looks: Server, look: Look) -> None:
    await go(open_window, looks, look, STEPS)


@pytest.mark.parametrize("look", SMALL_PHONES, ids=str)
async def test_every_language_fits_a_small_phone(open_window: OpenWindow, looks: Server, look: Look) -> None:
    await go(open_window, looks, look, STEPS_WITH_TEXTS)


async def go(open_window: OpenWindow, looks: Server, look: Look, steps: list[Step]) -> None:
    subscriber = f"looks {look}"
    await send(looks, subscriber, look.words)
    window = await open_window("about:blank", tolerated=TOLERATED, **look.options)
    walk = Walk(look, window, looks, subscriber)
    await walk.show(window)
    await window.is_live()
    for step in steps:
        await step(walk)
    assert not walk.problems, "\n".join(walk.problems)
