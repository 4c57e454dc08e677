"""The console: an operator logs in and finds out why somebody did not get a notification."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from playwright.async_api import Locator, Route, expect

from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.server import Server

from .conftest import OpenWindow
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

NO_DISPATCH = ("Failed to load resource: the server responded with a status of 404",)
"""A trigger to few has no progress."""
REFUSED = ("Failed to load resource: the server responded with a status of 401",)
FAILED = ("Failed to load resource: the server responded with a status of",)


async def log_in(
    open_window: OpenWindow, service: Server, path: str = "", *, tolerated: tuple[str, ...] = NO_DISPATCH
) -> Window:
    window = await open_window(f"{service.url}/console#/{path}", tolerated=tolerated)
    await window.page.get_by_label("API key").fill(service.api_key)
    await window.page.keyboard.press("Enter")
    await expect(window.page.get_by_role("navigation", name="Sections")).to_be_visible()
    return window


def row(window: Window, text: str) -> Locator:
    return window.page.locator("tbody tr").filter(has_text=text)


async def test_a_newcomer_finds_why_somebody_did_not_get_it(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.trigger("con-alice", {"subject": "First", "body": "b"}, workflow="welcome")
        muted = {"workflowId": "comment", "channels": {"in_app": False}}
        await api.call("PATCH", "/v2/subscribers/con-alice/preferences", 200, json=muted)
        await api.trigger("con-alice", {"subject": "Muted", "body": "b"}, workflow="comment")
    window = await log_in(open_window, service)
    page = window.page
    await page.get_by_role("link", name="Activity").click()
    await page.get_by_label("Subscriber").fill("con-alice")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(row(window, "Comments")).to_contain_text("Not delivered")
    await expect(row(window, "Welcome")).to_contain_text("Delivered")
    await row(window, "Comments").get_by_role("link", name="Why").click()
    await expect(page.get_by_role("heading", name="Comments for con-alice")).to_be_focused()
    await expect(page.locator(".verdict")).to_contain_text("Suppressed by preference")
    await page.get_by_role("link", name="The preferences of con-alice").click()
    preferences = page.get_by_role("region", name="In-app preferences of con-alice").locator("tr")
    await expect(preferences.filter(has_text="Comments")).to_contain_text("off")
    await expect(preferences.filter(has_text="Welcome")).to_contain_text("on")


async def test_the_story_follows_the_message(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.trigger("con-bob", {"subject": "Followed", "body": "b"}, workflow="welcome")
        [message] = await api.feed("con-bob")
        window = await log_in(open_window, service, "activity?subscriberIds=con-bob")
        story = row(window, "Welcome").get_by_role("link", name="Why")
        verdict = window.page.locator(".verdict")
        await story.click()
        await expect(verdict).to_contain_text("con-bob has the message. It was not seen yet. con-bob is not online now")
        await api.mark_as("con-bob", message["_id"], "read")
        await window.page.go_back()
        await story.click()
        await expect(verdict).to_contain_text("It was read.")
        await api.call("DELETE", f"/v1/messages/{message['_id']}", 200)
        await window.page.go_back()
        await story.click()
        await expect(verdict).to_contain_text("Retracted. The message was retracted: it is no longer in the feed")


async def test_somebody_who_was_never_named(open_window: OpenWindow, service: Server) -> None:
    window = await log_in(open_window, service, "activity?subscriberIds=con-nobody")
    await expect(window.page.locator(".empty")).to_contain_text("There is no subscriber con-nobody.")


async def test_presence_and_one_feed(open_window: OpenWindow, service: Server) -> None:
    reader = await open_window(f"{service.url}/?subscriber=con-carol")
    await reader.is_live()
    async with Api.open(service) as api:
        await api.trigger("con-carol", {"subject": "Hello Carol", "body": "<b>text</b>"}, workflow="welcome")
    await expect(reader.badge).to_have_text("1")
    window = await log_in(open_window, service, "subscribers")
    await window.page.get_by_label("Presence").select_option("online")
    await window.page.get_by_role("button", name="Apply").click()
    await row(window, "con-carol").get_by_role("link", name="con-carol").click()
    await expect(window.page.locator(".facts .presence")).to_have_text("online")
    await expect(row(window, "Hello Carol")).to_contain_text("<b>text</b>")
    await expect(row(window, "Hello Carol")).to_contain_text("unseen")


async def test_the_overview_renews_itself(open_window: OpenWindow, service: Server) -> None:
    window = await log_in(open_window, service)
    await expect(window.page.get_by_role("img", name="activities")).to_be_visible()
    async with Api.open(service) as api:
        await api.trigger("con-late", {"subject": "Late", "body": "b"}, workflow="welcome")
    await expect(row(window, "con-late")).to_contain_text("Delivered")


async def test_the_overview_says_what_it_counts(open_window: OpenWindow, service: Server) -> None:
    """The API is played here: four full pages, and more behind them."""
    one = {"createdAt": "2026-01-01T00:00:00.000Z", "to": {"subscriberId": "s"}, "_id": "a", "template": {"name": "W"}}
    full = [{**one, "jobs": [{"status": "completed", "executionDetails": []}]}] * 50
    window = await log_in(open_window, service, "topics")
    await window.page.route("**/v1/notifications?*", lambda route: route.fulfill(json={"data": full, "hasMore": True}))
    await window.page.get_by_role("link", name="Overview").click()
    await expect(window.page.locator(".figure").filter(has_text="delivered")).to_have_text(
        "200delivered of the newest 200"
    )
    await expect(window.page.get_by_role("img", name="The newest 200 activities")).to_be_visible()


async def test_an_overview_that_is_not_renewed_says_so(open_window: OpenWindow, service: Server) -> None:
    window = await log_in(open_window, service, tolerated=FAILED)
    page, status = window.page, window.page.get_by_role("status")
    await expect(page.get_by_role("img", name="activities")).to_be_visible()
    await page.route("**/v2/subscribers?*", lambda route: route.fulfill(status=503, json={"message": "away"}))
    await expect(status).to_have_text(re.compile(r"Not renewed since \S+: away"))
    await page.unroute("**/v2/subscribers?*")
    await expect(status).to_be_empty()
    await page.route("**/v2/subscribers?*", lambda route: route.fulfill(status=401, json={"message": "no"}))
    await expect(page.get_by_role("alert")).to_have_text("This key opens no environment.")
    await expect(page.get_by_label("API key")).to_be_focused()


async def test_a_workflow_is_tried(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.create_workflow("con-order", subject="Order {{payload.order.number}}", body="{{payload.note}}")
        await api.call("PATCH", "/v2/workflows/con-order", 200, json={"name": "Order"})
    window = await log_in(open_window, service, "workflows?query=con-order")
    page = window.page
    await page.get_by_role("link", name="con-order", exact=True).click()
    payload = page.get_by_label("Payload")
    assert json.loads(await payload.input_value()) == {"order": {"number": "number"}, "note": "note"}
    await payload.fill('{"order": {"number": 7}, "note": "Tried"}')
    await page.get_by_label("Its id").fill("con-dan")
    await page.get_by_role("button", name="Trigger").click()
    await expect(page.locator("output")).to_contain_text("processed, ")
    await page.locator("output").get_by_role("link").click()
    await row(window, "con-dan").get_by_role("link", name="Why").click()
    await expect(page.locator(".facts")).to_contain_text("Order 7")
    await page.get_by_role("link", name="Workflows").click()
    await page.get_by_label("Name or identifier").fill("con-order")
    await page.get_by_role("button", name="Apply").click()
    await page.get_by_role("link", name="con-order", exact=True).click()
    await page.get_by_role("button", name="Switch off").click()
    await expect(page.locator(".facts")).to_contain_text("inactive: triggers of it deliver nothing")
    await page.get_by_label("Its id").fill("con-dan")
    await page.get_by_role("button", name="Trigger").click()
    await expect(page.locator("output")).to_contain_text("trigger_not_active")
    await payload.fill("{")
    await page.get_by_role("button", name="Trigger").click()
    await expect(page.locator("output")).to_contain_text("Not triggered: ")


async def test_a_variable_may_have_any_name(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        body = "{{payload.__proto__.method}} {{payload.constructor.name}}"
        await api.create_workflow("con-names", subject="S", body=body)
    window = await log_in(open_window, service, "workflows/con-names")
    await expect(window.page.get_by_label("Payload")).to_have_value(re.compile('"__proto__": {\\s*"method": "method"'))
    await expect(window.page.get_by_label("Payload")).to_have_value(re.compile('"constructor": {\\s*"name": "name"'))
    assert await window.page.evaluate("'method' in {}") is False


async def test_a_topic_and_a_trigger_to_many(open_window: OpenWindow, service: Server) -> None:
    people = [f"con-many-{number:03}" for number in range(101)]
    async with Api.open(service) as api:
        await api.call(
            "POST", "/v1/subscribers/bulk", 201, json={"subscribers": [{"subscriberId": one} for one in people]}
        )
        for part in (people[:100], people[100:]):
            await api.call("POST", "/v2/topics/con-news/subscriptions", 201, json={"subscriberIds": part})
        body = {
            "name": "welcome",
            "to": {"type": "Topic", "topicKey": "con-news"},
            "payload": {"subject": "S", "body": "b"},
        }
        transaction = (await api.data("POST", "/v1/events/trigger", 201, json=body))["transactionId"]
        await api.dispatched(transaction)
    window = await log_in(open_window, service, "topics?key=con-news")
    await window.page.get_by_role("link", name="con-news", exact=True).click()
    await expect(window.page.locator(".lead")).to_have_text("Key con-news, 101 found")
    await expect(row(window, "con-many-")).to_have_count(20)
    await window.page.get_by_role("link", name="Next").click()
    await expect(window.page.get_by_role("link", name="Previous")).to_be_visible()
    await window.page.get_by_role("link", name="Everything that was triggered to it").click()
    await expect(window.page.get_by_label("Topic")).to_have_value("con-news")
    await expect(row(window, "con-many-")).to_have_count(20)
    await window.page.goto(f"{service.url}/console#/transactions/{transaction}")
    await expect(window.page.locator(".progress")).to_contain_text("done: 101 of 101")
    await expect(window.page.get_by_role("button", name="Cancel what is left")).to_have_count(0)


async def test_a_trigger_to_many_is_cancelled(open_window: OpenWindow, service: Server) -> None:
    """The API is played here: a real trigger to many is over before anybody can press."""
    progress = {"total": 900, "delivered": 300, "suppressed": 0, "failed": 0, "skipped": 0, "waiting": 0}
    states = ["running"]

    async def play(route: Route) -> None:
        if route.request.method == "DELETE":
            states[0] = "cancelled"
            await route.fulfill(json={"data": True})
        else:
            await route.fulfill(json={"data": {**progress, "status": states[0], "transactionId": "many"}})

    window = await log_in(open_window, service, "topics")
    await window.page.route("**/v1/events/trigger/many", play)
    window.page.on("dialog", lambda dialog: dialog.accept())
    await window.page.goto(f"{service.url}/console#/transactions/many")
    await expect(window.page.locator(".progress")).to_contain_text("running: 300 of 900")
    await window.page.get_by_role("button", name="Cancel what is left").click()
    await expect(window.page.locator(".progress")).to_contain_text("cancelled: 300 of 900")
    await expect(window.page.get_by_role("button", name="Cancel what is left")).to_have_count(0)


async def test_the_button_that_cancels_keeps_the_focus(open_window: OpenWindow, service: Server) -> None:
    """While the progress is renewed, and when it is refused; at its end the outcome has it. The API is played here."""
    states = ["running"]
    progress = {"total": 900, "delivered": 0, "suppressed": 0, "failed": 0, "skipped": 0, "waiting": 0}

    async def play(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503, json={"message": "away"})
        else:
            progress["delivered"] += 1
            await route.fulfill(json={"data": {**progress, "status": states[0], "transactionId": "many"}})

    window = await log_in(open_window, service, "topics", tolerated=FAILED)
    page = window.page
    await page.route("**/v1/events/trigger/many", play)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{service.url}/console#/transactions/many")
    button = page.get_by_role("button", name="Cancel what is left")
    await button.focus()
    await expect(page.locator(".progress")).to_contain_text(re.compile("running: ([3-9]|[0-9]{2,}) of 900"))
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Not cancelled: away")
    await expect(button).to_be_focused()
    states[0] = "done"
    await expect(page.get_by_text("done: ")).to_be_focused()
    await expect(button).to_have_count(0)


@pytest.mark.parametrize("key", ["wrong", "ключ"])
async def test_a_wrong_key_is_refused_and_forgotten(open_window: OpenWindow, service: Server, key: str) -> None:
    window = await open_window(f"{service.url}/console", tolerated=REFUSED)
    page = window.page
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text("This key opens no environment.")
    await expect(page.get_by_role("navigation", name="Sections")).to_be_hidden()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_logging_out_forgets_the_key(open_window: OpenWindow, service: Server) -> None:
    window = await log_in(open_window, service)
    assert service.api_key not in await window.page.content()
    assert service.api_key not in window.page.url
    await window.page.get_by_role("button", name="Log out").click()
    await expect(window.page.get_by_role("heading", name="Log in")).to_be_visible()
    await window.page.reload()
    await expect(window.page.get_by_label("API key")).to_be_focused()


async def test_nothing_goes_on_after_logging_out(open_window: OpenWindow, service: Server) -> None:
    """Neither the renewals, nor a page that was being read."""
    window = await open_window("about:blank", tolerated=NO_DISPATCH)
    page, asked, answered, sent = window.page, asyncio.Event(), asyncio.Event(), list[str]()

    async def hold(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await page.clock.install()
    await page.goto(f"{service.url}/console#/")
    await page.get_by_label("API key").fill(service.api_key)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("img", name="activities")).to_be_visible()
    await page.route("**/v2/topics?*", hold)
    await page.get_by_role("link", name="Topics").click()
    await asked.wait()
    await page.get_by_role("button", name="Log out").click()
    page.on("request", lambda request: sent.append(request.url))
    answered.set()
    await page.clock.run_for(60_000)
    await page.evaluate("fetch('health')")
    await expect(page.get_by_role("heading")).to_have_text("Log in")
    await expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")
    assert sent == [f"{service.url}/health"]


async def test_the_overview_ends_with_logging_out(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank", tolerated=NO_DISPATCH)
    page, sent = window.page, list[str]()
    await page.clock.install()
    await page.goto(f"{service.url}/console#/")
    await page.get_by_label("API key").fill(service.api_key)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("img", name="activities")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    page.on("request", lambda request: sent.append(request.url))
    await page.clock.run_for(60_000)
    await page.evaluate("fetch('health')")
    assert sent == [f"{service.url}/health"]


async def test_an_identifier_that_no_address_can_hold(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.trigger("..", {"subject": "S", "body": "b"}, workflow="welcome")
    window = await log_in(open_window, service, "subscribers?subscriberId=..")
    await row(window, "..").get_by_role("link", name="..").click()
    await expect(window.page.get_by_role("alert")).to_contain_text('A browser cannot ask for ".."')


async def test_unknown_pages_and_a_service_that_fails(open_window: OpenWindow, service: Server) -> None:
    missing = "Failed to load resource: the server responded with a status of"
    window = await log_in(open_window, service, "nowhere")
    await expect(window.page.get_by_role("heading", name="Not found")).to_be_visible()
    failing = await open_window("about:blank", tolerated=(missing,))
    await failing.page.route("**/v2/subscribers?*", lambda route: route.fulfill(status=503, json={"message": "away"}))
    await failing.page.goto(f"{service.url}/console#/subscribers")
    await failing.page.get_by_label("API key").fill(service.api_key)
    await failing.page.keyboard.press("Enter")
    await expect(failing.page.get_by_role("alert")).to_have_text("away")
    await failing.page.unroute("**/v2/subscribers?*")
    await failing.page.get_by_role("button", name="Try again").click()
    await expect(failing.page.get_by_role("heading", name="Subscribers")).to_be_visible()


@pytest.mark.parametrize("page", ["", "activity", "subscribers"])
async def test_nothing_sticks_out_on_a_phone(open_window: OpenWindow, service: Server, page: str) -> None:
    async with Api.open(service) as api:
        await api.trigger(f"con-{'long' * 20}", {"subject": "w" * 200, "body": "b"}, workflow="alert")
    window = await log_in(open_window, service, page)
    await window.page.set_viewport_size({"width": 390, "height": 800})
    await expect(row(window, "con-long").first).to_be_visible()
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await window.page.evaluate(beyond) == 0


async def test_production_has_it_by_a_setting_only(run_server: RunServer, service: Server) -> None:
    production, allowed = await run_server(), await run_server(INBOX_CONSOLE="true")
    refused = await run_server(demo=True, INBOX_CONSOLE="false")
    async with httpx.AsyncClient(trust_env=False) as client:
        found = {one: await client.get(f"{one.url}/console") for one in (service, production, allowed, refused)}
    assert [answer.status_code for answer in found.values()] == [200, 404, 200, 404]
    policy = found[allowed].headers["content-security-policy"]
    assert policy == "default-src 'self'; frame-ancestors 'none'"
