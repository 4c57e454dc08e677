"""A window that loses its service says so, comes back by itself, misses nothing and shows nothing twice."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .window import LONGEST_TRY_MS, Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

LOST = ("Failed to load resource", "WebSocket connection to", "inbox-bell: ")  # of a service that is away or refuses


async def two_services(run_server: RunServer, url: str, key_prefix: str) -> tuple[Server, Server]:
    """Two processes on one store; the window is at the first."""
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_MODE": "development"}
    first = await run_server(redis_url=url, demo=True, **settings)
    return first, await run_server(redis_url=url, demo=True, **settings)


async def trigger(api: Api, subscriber: str, *subjects: str) -> None:
    for subject in subjects:
        await api.trigger(subscriber, {"subject": subject, "body": "Hello"}, workflow="welcome")


async def is_cut_off(window: Window) -> None:
    await expect(window.status).to_have_text("Connection lost. Reconnecting…")


async def test_a_restart_loses_nothing_and_repeats_nothing(
    run_server: RunServer, open_window: OpenWindow, valkey_url: str, key_prefix: str
) -> None:
    first, second = await two_services(run_server, valkey_url, key_prefix)
    async with Api.open(second) as api, InboxApi.open(second, "mia") as inbox:
        await trigger(api, "mia", "One", "Two", "Three")
        window = await open_window(f"{first.url}/?subscriber=mia", tolerated=LOST)
        await window.is_live()
        await window.open_panel()
        await expect(window.items).to_have_count(3)

        await first.kill()
        await is_cut_off(window)
        await trigger(api, "mia", "Four", "Five")
        one = (await inbox.notifications())[-1]
        await inbox.change(one["id"], "read")
        await first.start()

        await window.is_live()  # without a push from outside: its own next try
        await expect(window.status).to_be_hidden()
        assert await window.subjects() == ["Five", "Four", "Three", "Two", "One"]
        await expect(window.item("One")).to_have_class("item")
        await expect(window.badge).to_have_text("4")

        await trigger(api, "mia", "Six")
        await expect(window.badge).to_have_text("5")
        assert await window.subjects() == ["Six", "Five", "Four", "Three", "Two", "One"]


async def test_more_than_a_page_missed_is_loaded_without_a_gap(
    run_server: RunServer, open_window: OpenWindow, valkey_url: str, key_prefix: str
) -> None:
    first, second = await two_services(run_server, valkey_url, key_prefix)
    async with Api.open(second) as api:
        await trigger(api, "ned", "Old 1", "Old 2")
        window = await open_window(f"{first.url}/?subscriber=ned", tolerated=LOST)
        await window.is_live()
        await window.open_panel()
        await first.terminate()
        await is_cut_off(window)
        await trigger(api, "ned", *[f"Missed {number:02}" for number in range(15)])
        await first.start()
        await window.page.evaluate("window.dispatchEvent(new Event('online'))")
        await window.is_live()
        await window.scroll_until_shown(window.item("Old 1"))
        missed = [f"Missed {number:02}" for number in reversed(range(15))]
        assert await window.subjects() == [*missed, "Old 2", "Old 1"]


async def test_the_inbox_is_readable_where_only_the_socket_fails(open_window: OpenWindow, service: Server) -> None:
    """A proxy that lets no WebSocket through: it goes on over what gets through."""
    async with Api.open(service) as api:
        await trigger(api, "oda", "Over HTTP")
        window = await open_window("about:blank", tolerated=LOST)
        await window.block_push()
        await window.page.goto(f"{service.url}/?subscriber=oda")
        await window.is_live()
        await window.open_panel()
        await expect(window.item("Over HTTP")).to_be_visible()
        await window.item("Over HTTP").get_by_role("button", name="Mark as read").click()
        await expect(window.item("Over HTTP")).to_have_class("item")
        await expect(window.badge).to_be_hidden()


async def test_a_refused_session_is_said_and_not_tried_again(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank", tolerated=LOST)
    sessions: list[str] = []
    window.page.on("request", lambda request: sessions.append(request.url) if "/session" in request.url else None)
    await window.page.goto(f"{service.url}/?subscriber=pat")
    await window.is_live()
    sessions.clear()
    await window.page.locator("inbox-bell").evaluate("bell => bell.setAttribute('application-identifier', 'nobody')")
    await window.open_panel()
    await expect(window.problem).to_contain_text("Your notifications are not available.")
    await window.page.evaluate("window.dispatchEvent(new Event('online'))")
    await window.page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(window.status).to_be_hidden()
    assert len(sessions) == 1


async def test_a_token_that_no_longer_holds_is_replaced(run_server: RunServer, open_window: OpenWindow) -> None:
    server = await run_server(demo=True)
    window = await open_window(f"{server.url}/?subscriber=rae", tolerated=LOST)
    await window.is_live()
    await window.open_panel()
    async with Api.open(server) as api:
        await trigger(api, "rae", "Before")
        await expect(window.item("Before")).to_be_visible()
    await server.terminate()
    await is_cut_off(window)
    server.settings["INBOX_DATA_DIR"] = str(server.directory / "other")  # other keys: every earlier token is worthless
    await server.start()
    await window.is_live()
    async with Api.open(server) as api:
        await trigger(api, "rae", "After")
    await expect(window.item("After")).to_be_visible()
    assert await window.subjects() == ["After"]


async def test_a_change_refused_for_its_token_is_made_with_a_new_one(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api, InboxApi.open(service, "sam") as inbox:
        await trigger(api, "sam", "Token")
        window = await open_window("about:blank", tolerated=LOST)
        await window.block_push()
        await window.page.goto(f"{service.url}/?subscriber=sam")
        await window.is_live()
        await window.open_panel()
        refusals = 0

        async def refuse(route: Route) -> None:
            nonlocal refusals
            refusals += 1
            await route.fulfill(status=401, json={"message": "Unauthorized"})

        await window.page.route("**/read", refuse, times=1)
        await window.item("Token").get_by_role("button", name="Mark as read").click()
        await expect(window.item("Token")).to_have_class("item")
        await until(lambda: has_read(inbox), 60)
    assert refusals == 1
    await expect(window.problem).to_be_hidden()


async def has_read(inbox: InboxApi) -> bool:
    return bool((await inbox.notifications())[0]["isRead"])


async def test_a_change_that_fails_is_said_and_not_shown(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await trigger(api, "tia", "Kept")
    window = await open_window("about:blank", tolerated=LOST)
    await window.block_push()
    await window.page.goto(f"{service.url}/?subscriber=tia")
    await window.is_live()
    await window.open_panel()
    await window.page.route("**/read", lambda route: route.fulfill(status=500, json={"message": "no"}), times=1)
    await window.item("Kept").get_by_role("button", name="Mark as read").click()
    await expect(window.problem).to_have_text("That change was not saved. Please try again.")
    await expect(window.item("Kept")).to_have_class("item unread failed")
    await window.item("Kept").get_by_role("button", name="Mark as read").click()
    await expect(window.item("Kept")).to_have_class("item")
    await expect(window.problem).to_be_hidden()


async def test_a_load_that_fails_is_tried_again(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await trigger(api, "ugo", "Loaded later")
    window = await open_window("about:blank", tolerated=LOST)
    await window.block_push()
    pages = f"{service.url}/v1/inbox/notifications?*"
    await window.page.route(pages, lambda route: route.fulfill(status=503, json={"message": "busy"}))
    await window.page.goto(f"{service.url}/?subscriber=ugo")
    await window.open_panel()
    await expect(window.problem).to_have_text("Notifications could not be loaded.")
    await window.page.unroute(pages)
    await expect(window.item("Loaded later")).to_be_visible(timeout=LONGEST_TRY_MS)  # by its own next try
    await expect(window.problem).to_be_hidden()


@pytest.mark.parametrize("transport", ["socket", "events"])
async def test_a_deleted_subscriber_is_not_brought_back(
    open_window: OpenWindow, service: Server, transport: str
) -> None:
    window = await open_window("about:blank", tolerated=LOST)
    if transport == "events":
        await window.page.route_web_socket("**/v1/socket", lambda route: route.close(code=1011))
    await window.page.goto(f"{service.url}/?subscriber=uwe")
    await window.is_live()
    await window.open_panel()
    async with Api.open(service) as api:
        await trigger(api, "uwe", "Left over")
        await expect(window.item("Left over")).to_be_visible()
        await api.call("DELETE", "/v2/subscribers/uwe", 200)
        await expect(window.problem).to_contain_text("Your notifications are not available.")
        await window.page.evaluate("window.dispatchEvent(new Event('online'))")
        sent: list[str] = []
        window.page.on("request", lambda request: sent.append(request.url))
        await window.item("Left over").get_by_role("button", name="Mark as read").click()
        await window.bell.click()
        await window.bell.click()
        assert sent == []  # a new session would make the subscriber anew
        await api.call("GET", "/v2/subscribers/uwe", 404)
