"""One story: two people, two devices of one of them, a network that goes and comes, and a service that is restarted."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.server import Server

from .conftest import OpenWindow
from .pages import show_page, tag
from .window import LONGEST_TRY_MS, Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

LOST = ("Failed to load resource", "WebSocket connection to", "inbox-bell: ", "inbox-feed: ")
PHONE = {"width": 390, "height": 760}


async def trigger(api: Api, to: str | list[str], *subjects: str) -> None:
    for subject in subjects:
        await api.trigger(to, {"subject": subject, "body": "Hello"}, workflow="welcome")


async def open_bell(open_window: OpenWindow, service: Server, subscriber: str) -> Window:
    window = await open_window("about:blank", tolerated=LOST)
    await show_page(window, service, tag(service, subscriber))
    await window.is_live()
    await window.open_panel()
    return window


async def open_feed(open_window: OpenWindow, service: Server, subscriber: str) -> Window:
    """The list as a page of its own, on a phone."""
    window = await open_window("about:blank", tolerated=LOST, viewport=PHONE)
    await show_page(window, service, tag(service, subscriber, name="inbox-feed"))
    return window


def subjects(window: Window) -> Locator:
    """Of the bell or the feed, from the top."""
    return window.page.locator(":is(inbox-bell, inbox-feed) .item strong")


async def shows(window: Window, *expected: str) -> None:
    await expect(subjects(window)).to_have_text(list(expected), timeout=LONGEST_TRY_MS)


async def focus(window: Window, subject: str) -> None:
    await window.page.locator(":is(inbox-bell, inbox-feed) .item").filter(has_text=subject).locator(".text").focus()


async def test_two_people_two_devices_and_a_bad_day(
    run_server: RunServer, open_window: OpenWindow, valkey_url: str, key_prefix: str
) -> None:
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_MODE": "development"}
    first = await run_server(redis_url=valkey_url, demo=True, **settings)
    second = await run_server(redis_url=valkey_url, demo=True, **settings)
    async with Api.open(second) as api:
        laptop = await open_bell(open_window, first, "ann")
        phone = await open_feed(open_window, first, "ann")
        bob = await open_bell(open_window, first, "bob")
        await trigger(api, ["ann", "bob"], "One", "Two", "Three")
        for window in (laptop, phone, bob):
            await shows(window, "Three", "Two", "One")

        # what Ann does on one device shows on the other, and nothing of it at Bob's
        await focus(laptop, "Three")
        await laptop.page.keyboard.press("e")
        await shows(phone, "Two", "One")
        await focus(phone, "One")
        await phone.page.keyboard.press("u")
        await expect(laptop.badge).to_have_text("1")
        await expect(bob.badge).to_have_text("3")
        await shows(bob, "Three", "Two", "One")

        # the laptop loses its network
        await laptop.page.context.set_offline(True)
        await expect(laptop.status).to_have_text("You are offline. New notifications appear when you are back.")
        await trigger(api, "ann", "Four")
        await shows(phone, "Four", "Two", "One")
        await focus(phone, "Two")
        await phone.page.keyboard.press("e")
        await shows(phone, "Four", "One")
        await focus(laptop, "Two")
        await laptop.page.keyboard.press("u")
        await expect(laptop.problem).to_have_text("That change was not saved. Please try again.")
        await expect(laptop.badge).to_have_text("1")
        await laptop.page.context.set_offline(False)
        await shows(laptop, "Four", "One")
        await expect(laptop.status).to_be_hidden(timeout=LONGEST_TRY_MS)
        await expect(laptop.badge).to_have_text("1")

        # the service is restarted while all are open
        await first.kill()
        for window in (laptop, bob):
            await expect(window.status).to_be_visible()
        await trigger(api, ["ann", "bob"], "Five")
        await first.start()
        await shows(laptop, "Five", "Four", "One")
        await shows(phone, "Five", "Four", "One")
        await shows(bob, "Five", "Three", "Two", "One")

        # and all of it goes on
        await bob.is_live()
        await bob.page.keyboard.press("Shift+I")
        await expect(bob.badge).to_be_hidden()
        await laptop.is_live()
        await expect(laptop.badge).to_have_text("2")
        await trigger(api, ["ann", "bob"], "Six")
        await shows(phone, "Six", "Five", "Four", "One")
        await shows(bob, "Six", "Five", "Three", "Two", "One")
        await expect(bob.badge).to_have_text("1")
