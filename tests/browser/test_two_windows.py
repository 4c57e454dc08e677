"""Two windows of one subscriber stay in step, through the demo page and the real service."""

from __future__ import annotations

import shlex
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .conftest import OpenWindow
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

SHOTS = REPOSITORY / "test-results"


async def two_windows(open_window: OpenWindow, service: Server, subscriber: str) -> tuple[Window, Window]:
    first = await open_window(f"{service.url}/?subscriber={subscriber}")
    second = await open_window(f"{service.url}/?subscriber={subscriber}")
    await first.is_live()
    await second.is_live()
    return first, second


async def send(window: Window, **fields: str) -> None:
    """Fills and sends the form of the demo page; returns once the service took it."""
    for label, text in fields.items():
        await window.page.get_by_label(label, exact=True).fill(text)
    async with window.page.expect_response("**/demo/trigger") as answered:
        await window.page.get_by_role("button", name="Send").click()
    transaction = (await (await answered.value).json())["data"]["transactionId"]
    await expect(window.page.locator("#result")).to_have_text(f"processed, {transaction}")


async def screenshot(window: Window, name: str) -> Path:
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / name
    await window.page.screenshot(path=path)
    return path


async def test_a_trigger_appears_in_both_and_reading_it_updates_both(open_window: OpenWindow, service: Server) -> None:
    first, second = await two_windows(open_window, service, "ann")
    await expect(first.badge).to_be_hidden()

    await send(first, Subject="Parcel 1")
    for window in (first, second):
        await expect(window.badge).to_have_text("1")
        await window.open_panel()
        await expect(window.item("Parcel 1")).to_have_count(1)
        await expect(window.item("Parcel 1")).to_have_class("item unread")

    await second.item("Parcel 1").get_by_role("button", name="Mark as read").click()
    for window in (first, second):
        await expect(window.badge).to_be_hidden()
        await expect(window.item("Parcel 1")).to_have_class("item")

    await first.item("Parcel 1").get_by_role("button", name="Mark as unread").click()
    for window in (first, second):
        await expect(window.badge).to_have_text("1")
        await expect(window.item("Parcel 1")).to_have_class("item unread")


async def test_an_action_is_done_in_both_and_can_be_taken_back(open_window: OpenWindow, service: Server) -> None:
    first, second = await two_windows(open_window, service, "ben")
    await send(first, Subject="Invitation", Button="Accept")
    for window in (first, second):
        await window.open_panel()
    await first.item("Invitation").get_by_role("button", name="Accept").click()
    for window in (first, second):
        await expect(window.item("Invitation").get_by_role("button", name="Accept, done")).to_be_visible()
        await expect(window.badge).to_be_hidden()
    size = (await screenshot(first, "two-windows.png")).stat().st_size
    assert size > 20_000  # a blank page of this size compresses to less

    await second.item("Invitation").get_by_role("button", name="Undo Accept").click()
    for window in (first, second):
        await expect(window.item("Invitation").get_by_role("button", name="Accept", exact=True)).to_be_visible()


async def test_mark_all_read_reaches_the_other_window(open_window: OpenWindow, service: Server) -> None:
    first, second = await two_windows(open_window, service, "cy")
    for number in range(3):
        await send(first, Subject=f"News {number}")
        await expect(second.badge).to_have_text(str(number + 1))
    for window in (first, second):
        await window.open_panel()
    await first.page.get_by_role("button", name="Mark all read").click()
    for window in (first, second):
        await expect(window.badge).to_be_hidden()
        await expect(window.page.locator("inbox-bell .item.unread")).to_have_count(0)
        await expect(window.items).to_have_count(3)


async def test_windows_of_others_see_nothing(open_window: OpenWindow, service: Server) -> None:
    dan = await open_window(f"{service.url}/?subscriber=dan")
    eve = await open_window(f"{service.url}/?subscriber=eve")
    await dan.is_live()
    await eve.is_live()
    await send(dan, To="eve", Subject="For Eve")
    await expect(eve.badge).to_have_text("1")
    await send(dan, To="dan", Subject="For Dan")  # later than Eve's, so hers would be here if it came
    await dan.open_panel()
    await expect(dan.item("For Dan")).to_be_visible()
    assert await dan.subjects() == ["For Dan"]


async def test_switching_the_subscriber_shows_that_inbox(open_window: OpenWindow, service: Server) -> None:
    window = await open_window(f"{service.url}/?subscriber=fay")
    await window.is_live()
    await send(window, To="gus", Subject="For Gus")
    await send(window, To="fay", Subject="For Fay")
    await expect(window.badge).to_have_text("1")
    await window.page.get_by_label("Subscriber").fill("gus")
    await window.page.get_by_role("button", name="Switch").click()
    await window.open_panel()
    await expect(window.item("For Gus")).to_be_visible()
    assert await window.subjects() == ["For Gus"]


async def test_the_page_shows_the_same_request_for_a_backend(open_window: OpenWindow, service: Server) -> None:
    window = await open_window(f"{service.url}/?subscriber=hal")
    await window.page.get_by_label("Subject", exact=True).fill("It's here")
    await expect(window.page.locator("#curl")).to_contain_text("s here")  # the page may still be reading its settings
    curl = await window.page.locator("#curl").text_content()
    assert curl is not None
    words = shlex.split(curl.replace("\\\n", "").replace("$API_KEY", service.api_key))
    assert words[:4] == ["curl", "-X", "POST", f"{service.url}/v1/events/trigger"]
    headers = dict(header.split(": ") for header in words[5:8:2])
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(words[3], headers=headers, content=words[-1])
    assert reply.status_code == 201, reply.text
    await window.open_panel()
    await expect(window.item("It's here")).to_be_visible()
    assert service.api_key not in await window.page.content()
