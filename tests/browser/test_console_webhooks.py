"""The console's webhook: set, tried, given a new secret, removed; and what a receiver has missed is sent again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from inbox.models.webhook import EVENT_TYPES
from tests.support.client import Api
from tests.support.receiver import Receiver
from tests.support.server import Server
from tests.support.waiting import until

from .accessibility import find_problems
from .conftest import OpenWindow
from .console import accept, see_from_own_environment
from .test_console import FAILED, log_in, row

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.running() as receiver:
        yield receiver


@pytest_asyncio.fixture(loop_scope="session")
async def own(service: Server) -> Server:
    """The service, seen from an environment without a webhook."""
    return await see_from_own_environment(service)


async def give_up(server: Server, receiver: Receiver, count: int) -> None:
    """As many events that the receiver has refused for good; it takes them from now on."""
    receiver.status = 410
    async with Api.open(server) as api:
        await api.data("PUT", "/v2/webhook", 200, {"url": receiver.url, "events": ["message.created"]})
        await api.create_workflow()
        for number in range(count):
            await api.trigger(f"con-{number}")

        async def all_failed() -> bool:
            return bool((await api.data("GET", "/v2/webhook", 200))["failed"] == count)

        await until(all_failed, 60)
    receiver.status = 200
    receiver.received.clear()


async def test_a_webhook_is_made_tried_and_removed(open_window: OpenWindow, own: Server, receiver: Receiver) -> None:
    window = await log_in(open_window, own)
    page, result = window.page, window.page.locator(".result")
    asked = accept(window)
    await page.get_by_role("link", name="Webhook").click()
    await expect(page.locator(".facts")).to_contain_text("nowhere: there is no webhook")
    boxes = page.get_by_role("group", name="Events").get_by_role("checkbox")
    assert [await box.get_attribute("value") for box in await boxes.all()] == list(EVENT_TYPES)
    await page.get_by_label("URL").fill(receiver.url)
    await page.get_by_label("presence.changed").uncheck()
    await page.get_by_role("button", name="Make the webhook").click()
    secret = page.get_by_label("Signing secret, shown only now")
    await expect(secret).to_be_focused()
    first = await secret.input_value()
    await expect(page.locator(".facts")).to_contain_text(receiver.url)
    await page.get_by_role("button", name="Send a test").click()
    await expect(result).to_have_text("Delivered: the receiver answered 200.")
    assert receiver.received[0].is_signed_with(first)
    receiver.status = 500
    await page.get_by_role("button", name="Send a test").click()
    await expect(result).to_have_text("Not delivered: the receiver answered 500.")
    receiver.status = 200
    await page.get_by_role("button", name="New secret").click()
    await expect(secret).to_be_focused()
    second = await secret.input_value()
    assert first != second
    await page.get_by_role("button", name="Send a test").click()
    await expect(result).to_have_text("Delivered: the receiver answered 200.")
    assert receiver.received[-1].is_signed_with(first)
    assert receiver.received[-1].is_signed_with(second)
    async with Api.open(own) as api:
        shown = await api.data("GET", "/v2/webhook", 200)
        assert shown["events"] == [one for one in EVENT_TYPES if one != "presence.changed"]
        await page.get_by_role("button", name="Remove").click()
        await expect(page.locator(".facts")).to_contain_text("nowhere: there is no webhook")
        await expect(page.get_by_label("URL")).to_be_focused()
        assert (await api.data("GET", "/v2/webhook", 200))["url"] is None
    assert [one.split("?")[0] for one in asked] == ["Make a new secret", "Remove the webhook"]


async def test_a_host_that_is_not_allowed_is_refused_in_words(open_window: OpenWindow, own: Server) -> None:
    window = await log_in(open_window, own, "webhooks", tolerated=FAILED)
    await window.page.get_by_label("URL").fill("http://10.0.0.1/hook")
    await window.page.get_by_role("button", name="Make the webhook").click()
    await expect(window.page.get_by_role("alert").first).to_contain_text("private addresses")
    for box in await window.page.get_by_role("checkbox").all():
        await box.uncheck()
    await window.page.get_by_role("button", name="Make the webhook").click()
    await expect(window.page.get_by_role("alert").first).to_have_text("Choose at least one event.")


async def test_events_are_sent_again_one_some_and_all(open_window: OpenWindow, own: Server, receiver: Receiver) -> None:
    await give_up(own, receiver, 25)
    window = await log_in(open_window, own, "webhooks")
    page, told = window.page, window.page.get_by_text(re.compile("sent again,"))
    rows = row(window, "message.created")
    await expect(rows).to_have_count(20)
    await expect(rows.first).to_contain_text("the receiver answered 410")
    await rows.first.get_by_role("button", name="Send again").click()
    await expect(told).to_have_text("1 of 1 sent again, 1 delivered.")
    await expect(told).to_be_focused()
    await expect(page.locator(".facts")).to_contain_text("Given up24")
    await page.get_by_role("link", name="Newer").click()
    await expect(rows).to_have_count(4)
    await page.get_by_role("link", name="Older").click()
    await expect(rows).to_have_count(20)
    for place in (1, 3):
        await rows.nth(place).get_by_role("checkbox").check()
    await page.get_by_role("button", name="Send the chosen again").click()
    await expect(told).to_have_text("2 of 2 sent again, 2 delivered.")
    stubborn = {await rows.nth(place).get_by_role("checkbox").input_value() for place in (0, 4)}
    receiver.decide = lambda event: 500 if event["id"] in stubborn else 200
    await page.get_by_role("button", name="Send all again").click()
    await expect(told).to_have_text(
        "22 of 22 sent again, 20 delivered. The last that failed: the receiver answered 500."
    )
    await expect(rows).to_have_count(2)
    receiver.decide = None
    await page.get_by_role("button", name="Send all again").click()
    await expect(told).to_have_text("2 of 2 sent again, 2 delivered.")
    await expect(page.get_by_text("No event was given up.")).to_be_visible()
    delivered = [one.event["id"] for one in receiver.received if one.answered == 200]
    assert len(delivered) == len(set(delivered)) == 25, "each arrived once"


async def test_a_replay_ends_where_nobody_answers(open_window: OpenWindow, own: Server, receiver: Receiver) -> None:
    await give_up(own, receiver, 3)
    await receiver.stop()
    window = await log_in(open_window, own, "webhooks")
    await window.page.get_by_role("button", name="Send all again").click()
    told = window.page.get_by_text(re.compile("1 of 3 sent again, 0 delivered. The last that failed: 127.0.0.1"))
    await expect(told).to_be_focused()
    await expect(row(window, "message.created")).to_have_count(3)


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
async def test_axe_finds_nothing(
    open_window: OpenWindow, own: Server, receiver: Receiver, width: int, scheme: str
) -> None:
    await give_up(own, receiver, 2)
    window = await log_in(open_window, own, "webhooks")
    await window.page.set_viewport_size({"width": width, "height": 800})
    await window.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    accept(window)
    await window.page.get_by_role("button", name="New secret").click()
    await expect(window.page.get_by_label("Signing secret, shown only now")).to_be_focused()
    await window.page.get_by_role("button", name="Send again").first.click()
    await expect(window.page.get_by_text("1 of 1 sent again, 1 delivered.")).to_be_focused()
    assert await find_problems(window.page, "body") == []
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await window.page.evaluate(beyond) == 0
