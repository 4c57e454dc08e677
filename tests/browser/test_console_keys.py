"""The console's environments and API keys, and the preferences of one subscriber."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import Dialog, Route, expect

from tests.support.client import Api
from tests.support.server import Server

from .accessibility import find_problems
from .conftest import OpenWindow
from .console import accept, see_from_own_environment
from .test_console import FAILED, REFUSED, log_in, row

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def own(service: Server) -> Server:
    """The service, seen from an environment with one stored key."""
    return await see_from_own_environment(service)


async def test_a_key_is_made_shown_once_and_revoked(open_window: OpenWindow, own: Server) -> None:
    window = await log_in(open_window, own, tolerated=FAILED)
    page = window.page
    asked = accept(window)
    await page.get_by_role("link", name="Keys").click()
    yours = row(window, "you are logged in with it")
    await expect(yours).to_contain_text(f"…{own.api_key[-4:]}")
    await yours.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_role("alert").filter(has_text="This is the last key of")).to_be_visible()
    await page.get_by_role("button", name="Make a key").click()
    shown = page.get_by_label("The new API key, shown only now")
    await expect(shown).to_be_focused()
    second = await shown.input_value()
    keys = page.get_by_role("region", name="API keys of").locator("tbody tr")
    await expect(keys).to_have_count(2)
    assert own.api_key not in await page.content()
    async with Api.connected(own, f"ApiKey {second}") as api:
        await api.call("GET", "/v1/environments/me", 200)
        await keys.filter(has_text=second[-4:]).get_by_role("button", name="Revoke").click()
        await expect(page.get_by_text(f"The key …{second[-4:]} is revoked.")).to_be_visible()
        await expect(page.get_by_role("button", name="Make a key")).to_be_focused()
        await expect(keys).to_have_count(1)
        await api.call("GET", "/v1/environments/me", 401)
    assert "you will be logged out" in asked[0]
    assert "logged out" not in asked[1]


async def test_who_revokes_the_own_key_is_told_and_logged_out(open_window: OpenWindow, own: Server) -> None:
    window = await log_in(open_window, own, "environments", tolerated=REFUSED)
    page, asked = window.page, list[str]()

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.dismiss() if len(asked) == 1 else dialog.accept())

    page.on("dialog", answer)
    await page.get_by_role("button", name="Make a key").click()
    second = await page.get_by_label("The new API key, shown only now").input_value()
    revoke = row(window, "you are logged in with it").get_by_role("button", name="Revoke")
    await revoke.click()
    await revoke.click()
    await expect(page.get_by_role("alert").filter(has_text="This key opens no environment.")).to_be_visible()
    assert [("you will be logged out" in one) for one in asked] == [True, True], "the first was refused by the person"
    await page.get_by_label("API key").fill(second)
    await page.keyboard.press("Enter")
    await expect(row(window, "you are logged in with it")).to_contain_text(f"…{second[-4:]}")


async def test_an_environment_is_made(open_window: OpenWindow, own: Server) -> None:
    name = f"made {own.application_identifier}"
    window = await log_in(open_window, own, "environments", tolerated=FAILED)
    page = window.page
    await page.get_by_label("Name of a new environment").fill(name)
    await page.get_by_role("button", name="Make the environment").click()
    shown = page.get_by_label(f"The API key of {name}, shown only now")
    await expect(shown).to_be_focused()
    await expect(page.get_by_role("region", name="Environments").locator("tr").filter(has_text=name)).to_have_count(1)
    async with Api.connected(own, f"ApiKey {await shown.input_value()}") as api:
        assert (await api.data("GET", "/v1/environments/me", 200))["name"] == name
    await page.get_by_label("Name of a new environment").fill(name.upper())
    await page.get_by_role("button", name="Make the environment").click()
    await expect(page.get_by_role("alert").filter(has_text="exists already")).to_be_visible()


@pytest.mark.parametrize("button", ["Make a key", "Make the environment"])
async def test_a_key_is_shown_though_the_list_is_not_renewed(open_window: OpenWindow, own: Server, button: str) -> None:
    window = await log_in(open_window, own, "environments", tolerated=FAILED)
    page = window.page
    await expect(page.get_by_role("button", name="Make a key")).to_be_visible()

    async def refuse(route: Route) -> None:
        if route.request.method == "GET":
            await route.fulfill(status=503, json={"message": "away"})
        else:
            await route.fallback()

    await page.route(re.compile(r"/v1/environments$|/api-keys$"), refuse)
    await page.get_by_label("Name of a new environment").fill(f"shown {own.application_identifier}")
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("alert").filter(has_text="away")).to_be_visible()
    shown = page.get_by_label("shown only now")
    await expect(shown).to_be_focused()
    await expect(page.get_by_role("status").filter(has=shown)).to_contain_text("GET v1/environments/api-keys")
    async with Api.connected(own, f"ApiKey {await shown.input_value()}") as api:
        listed = await api.data("GET", "/v1/environments/api-keys", 200)
    assert await shown.input_value() in [one["key"] for one in listed], "as the page says"


async def test_a_key_of_the_settings_is_changed_there(open_window: OpenWindow, service: Server) -> None:
    """The keys of the service itself are given by INBOX_API_KEY."""
    window = await log_in(open_window, service, "environments")
    given = row(window, "INBOX_API_KEY, a setting of the service")
    await expect(given).to_contain_text("change it there")
    await expect(given.get_by_role("button")).to_have_count(0)


async def test_preferences_are_switched(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.create_subscriber("con-switch")
    window = await log_in(open_window, service, "subscribers/con-switch")
    page = window.page
    every = page.get_by_role("switch", name="In-app messages: all workflows")
    comments = page.get_by_role("switch", name="In-app messages: Comments")
    await expect(row(window, "Alerts")).to_contain_text("on: the workflow is critical, nobody can switch it off")
    await expect(row(window, "Alerts").get_by_role("switch")).to_have_count(0)
    await expect(comments).to_be_checked()
    await comments.focus()
    await page.keyboard.press("Space")
    await expect(row(window, "Comments")).to_contain_text("off")
    await expect(comments).to_be_focused()
    async with Api.open(service) as api:
        payload = {"subject": "S", "body": "b"}
        await api.trigger("con-switch", payload, workflow="comment")
        await api.trigger("con-switch", payload, workflow="welcome")
        await api.trigger("con-switch", payload, workflow="alert")
        assert [one["subject"] for one in await api.feed("con-switch")] == ["S", "S"]
        await every.uncheck()
        await expect(row(window, "Welcome")).to_contain_text("off")
        await expect(every).to_be_focused()
        await every.check()
        await expect(row(window, "Comments")).to_contain_text("on")
        stored = await api.data("GET", "/v2/subscribers/con-switch/preferences", 200)
    assert all(one["channels"]["in_app"] for one in stored["workflows"])


async def test_a_preference_that_is_refused_goes_back(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.create_subscriber("con-refused")
    window = await log_in(open_window, service, "subscribers/con-refused", tolerated=FAILED)
    page = window.page

    async def refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            await route.fulfill(status=503, json={"message": "away"})
        else:
            await route.fallback()

    await page.route("**/v2/subscribers/con-refused/preferences*", refuse)
    switch = page.get_by_role("switch", name="In-app messages: Comments")
    await switch.click()
    await expect(page.get_by_role("alert")).to_have_text("away")
    await expect(switch).to_be_checked()


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
@pytest.mark.parametrize("address", ["environments", "subscribers/con-axe"])
async def test_axe_finds_nothing(open_window: OpenWindow, own: Server, address: str, width: int, scheme: str) -> None:
    async with Api.open(own) as api:
        await api.create_subscriber("con-axe")
        await api.create_workflow()
    window = await log_in(open_window, own, address)
    await window.page.set_viewport_size({"width": width, "height": 800})
    await window.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    if address == "environments":
        await window.page.get_by_role("button", name="Make a key").click()
        await expect(window.page.get_by_label("The new API key, shown only now")).to_be_focused()
    await expect(window.page.get_by_role("region").first).to_be_visible()
    assert await find_problems(window.page, "body") == []
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await window.page.evaluate(beyond) == 0


async def test_the_overview_asks_who_did_not_get_it(open_window: OpenWindow, own: Server) -> None:
    """By subscriberId, e-mail address or name: one press leads to what was triggered for that person, and why."""
    async with Api.open(own) as api:
        await api.create_workflow("con-why")
        await api.create_subscriber("u-1815", firstName="Ada", lastName="Lovelace", email="ada@example.org")
        await api.create_subscriber("u-1816", firstName="Ada", lastName="Byron", email="both@example.org")
        await api.create_subscriber("u-1817", firstName="Grace", email="both@example.org")
        muted = {"workflowId": "con-why", "channels": {"in_app": False}}
        await api.call("PATCH", "/v2/subscribers/u-1815/preferences", 200, json=muted)
        await api.trigger("u-1815", workflow="con-why")
    window = await log_in(open_window, own)
    page = window.page
    for words in ("u-1815", "ada@example.org", "Lovelace"):
        await page.get_by_role("link", name="Overview").click()
        await page.get_by_label("Who did not get it?").fill(words)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("subscriberIds=u-1815"))
        await expect(row(window, "u-1815")).to_contain_text("Suppressed by preference")
    await row(window, "u-1815").get_by_role("link", name="Why").click()
    await expect(page.locator(".verdict")).to_contain_text("Suppressed by preference")
    nobody = "nobody-of-this-name"
    for words, found in (
        ("Ada", "2 found"),
        ("both@example.org", "2 found"),
        (nobody, f"There is no subscriber {nobody}."),
    ):
        await page.get_by_role("link", name="Overview").click()
        await page.get_by_label("Who did not get it?").fill(words)
        await page.get_by_role("button", name="Find out why").click()
        await expect(page.get_by_role("main")).to_contain_text(found)


async def test_the_overview_draws_what_it_reads(open_window: OpenWindow, own: Server) -> None:
    async with Api.open(own) as api:
        await api.create_workflow("con-chart")
        await api.data("PUT", "/v2/webhook", 200, {"url": "https://hooks.example/", "events": ["message.actioned"]})
        muted = {"workflowId": "con-chart", "channels": {"in_app": False}}
        await api.create_subscriber("muted")
        await api.call("PATCH", "/v2/subscribers/muted/preferences", 200, json=muted)
        for subscriber_id in ("muted", "other", "another"):
            await api.trigger(subscriber_id, workflow="con-chart")
    window = await log_in(open_window, own)
    images = window.page.get_by_role("img")
    await expect(images.nth(0)).to_have_accessible_name(
        re.compile("3 activities in the last hour, at most [1-3] in two minutes, 1 not delivered")
    )
    await expect(images.nth(0).locator("rect.bad")).to_have_count(1)
    await expect(images.nth(1)).to_have_accessible_name("Online: 0 now, from 0 to 0 while the console was open")
    await expect(images.nth(2)).to_have_accessible_name(re.compile("Webhook events that wait: 0 now"))
    points = images.nth(1).locator("polyline")
    await expect(points).to_have_attribute("points", re.compile(r"\S+ \S+"))  # a second reading has come
