"""The preferences of a person: in general, of each workflow, hours; saved, taken back, and live in two tabs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.support.client import Api, subscriber_hash
from tests.support.server import Server, new_server

from .accessibility import find_problems

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey", "node"), pytest.mark.asyncio(loop_scope="session")]

PAGE = """<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Preferences</title>
<main><inbox-preferences></inbox-preferences></main></html>"""
MOUNT = """async ({ url, session, language }) => {
  const { Inbox } = await import("/static/client/index.js");
  const { learnEnglish, loadStrings, translator } = await import("/static/widget/locale.js");
  learnEnglish((await import("/static/widget/locales/en.js")).strings); // as the list does
  const { PreferencesView } = await import("/static/widget/preferences.js");
  const { sheet } = await import("/static/widget/style.js");
  const { theme } = await import("/static/widget/theme.js");
  const inbox = new Inbox({ url, session });
  inbox.start();
  const t = translator(language, {}, await loadStrings(language));
  const view = new PreferencesView({ inbox, t, close: () => (globalThis.isClosed = true) });
  const root = document.querySelector("inbox-preferences").attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [theme, sheet];
  root.host.style.cssText = "display: block; color: var(--_text); background: var(--_ground)"; // as the panel has it
  root.append(view.element);
  view.back.focus();
  Object.assign(globalThis, { inbox, view });
}"""

OpenTab = Callable[..., Coroutine[Any, Any, Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_tab(chromium: Browser) -> AsyncIterator[OpenTab]:
    """Opens the preferences of a subscriber in a page of its own, and returns once they are live."""
    pages: list[Page] = []

    async def serve(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html")

    async def open_tab(
        server: Server, subscriber: str, *, language: str = "en", before: Callable[[Page], Any] | None = None
    ) -> Page:
        page = await chromium.new_page(base_url=server.url, viewport={"width": 420, "height": 900})
        pages.append(page)
        await page.route("**/preferences-page", serve)
        if before:
            await before(page)
        await page.goto("/preferences-page")
        session = {
            "applicationIdentifier": server.application_identifier,
            "subscriberId": subscriber,
            "subscriberHash": subscriber_hash(server.api_key, subscriber),
        }
        await page.evaluate(MOUNT, {"url": server.url, "session": session, "language": language})
        return page

    yield open_tab
    for page in pages:
        await page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people() -> AsyncIterator[tuple[Server, Api]]:
    """A service with two workflows, `Orders` and `News`, and a critical one, `Security`."""
    async with new_server() as server, Api.open(server) as api:
        for name in ("Orders", "News", "Security"):
            await create_workflow(api, name, critical=name == "Security")
        yield server, api


async def create_workflow(api: Api, name: str, *, critical: bool = False) -> None:
    steps = [{"name": "In-app", "type": "in_app", "controlValues": {"subject": name, "body": "b"}}]
    levels = {"workflow": {"all": {"enabled": True, "readOnly": critical}, "channels": {}}}
    body = {"name": name, "workflowId": name.lower(), "steps": steps, "preferences": levels}
    await api.call("POST", "/v2/workflows", 201, body)


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("switch", name=name)


async def saved(api: Api, subscriber: str) -> dict[str, bool]:
    """What the service has: the switch in general, and that of each workflow."""
    found = (await api.call("GET", f"/v2/subscribers/{subscriber}/preferences", 200))["data"]
    own = {one["workflow"]["name"]: one["channels"]["in_app"] for one in found["workflows"]}
    return {"All notifications": found["global"]["channels"]["in_app"], **own}


async def test_choices_are_shown_and_saved(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    server, api = people
    page = await open_tab(server, "ada")
    await expect(page.get_by_role("switch")).to_have_count(4)
    for name in ("All notifications", "Orders", "News", "Security"):
        await expect(switch(page, name)).to_be_checked()
    await switch(page, "Orders").uncheck()
    await until_saved(page)
    assert await saved(api, "ada") == {"All notifications": True, "Orders": False, "News": True}
    await switch(page, "All notifications").uncheck()
    await expect(switch(page, "News")).not_to_be_checked()
    await expect(switch(page, "Security")).to_be_checked()
    await until_saved(page)
    assert (await saved(api, "ada"))["All notifications"] is False


async def test_a_critical_workflow_is_locked(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    page = await open_tab(people[0], "bob")
    await expect(switch(page, "Security")).to_be_disabled()
    await expect(switch(page, "Security")).to_have_accessible_description("These always arrive.")
    await expect(switch(page, "Orders")).to_be_enabled()


async def test_a_choice_that_is_not_saved_goes_back(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    server, api = people
    page = await open_tab(server, "cleo")
    held: list[Route] = []
    await page.route("**/v1/inbox/preferences/*", lambda route: held.append(route))
    async with page.expect_request("**/v1/inbox/preferences/*"):
        await switch(page, "Orders").uncheck()
    await expect(switch(page, "Orders")).not_to_be_checked()
    await held.pop().fulfill(status=503, json={"statusCode": 503, "message": "away"})
    await expect(page.get_by_role("alert")).to_have_text("That change was not saved. Please try again.")
    await expect(switch(page, "Orders")).to_be_checked()
    assert (await saved(api, "cleo"))["Orders"] is True
    await page.unroute("**/v1/inbox/preferences/*")
    await switch(page, "Orders").uncheck()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await until_saved(page)
    assert (await saved(api, "cleo"))["Orders"] is False


async def test_the_last_of_many_choices_counts(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    server, api = people
    page = await open_tab(server, "dora")
    for _ in range(5):
        await switch(page, "News").click()
    await until_saved(page)
    await expect(switch(page, "News")).not_to_be_checked()
    assert (await saved(api, "dora"))["News"] is False


async def test_another_tab_follows_and_keeps_its_focus(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    server, api = people
    one, other = [await open_tab(server, "eve") for _ in range(2)]
    await switch(other, "News").focus()
    await switch(one, "Orders").uncheck()
    await expect(switch(other, "Orders")).not_to_be_checked()
    await create_workflow(api, "Payments")
    await switch(one, "News").uncheck()
    await expect(switch(other, "News")).not_to_be_checked()
    await expect(switch(other, "Payments")).to_be_checked()
    await expect(switch(other, "News")).to_be_focused()
    await expect(switch(other, "Security")).to_be_disabled()
    await api.call("DELETE", "/v2/workflows/payments", 204)


async def test_is_used_by_keyboard_alone(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    page = await open_tab(people[0], "fay")
    await expect(page.get_by_role("switch")).to_have_count(4)
    await expect(page.get_by_role("button", name="Back")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(switch(page, "All notifications")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(switch(page, "Orders")).not_to_be_checked()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("isClosed")


async def test_what_cannot_be_read_is_tried_again(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    async def refuse(page: Page) -> None:
        await page.route("**/v1/inbox/preferences?*", lambda route: route.fulfill(status=503, json={"message": "away"}))

    page = await open_tab(people[0], "gus", before=refuse)
    await expect(page.get_by_role("alert")).to_have_text("Your preferences could not be loaded.")
    assert await find_problems(page, "inbox-preferences") == []
    await page.unroute("**/v1/inbox/preferences?*")
    await page.get_by_role("button", name="Try again").click()
    await expect(switch(page, "Orders")).to_be_checked()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_hours_are_chosen_day_by_day(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    """Those who have a schedule see it."""
    server, _ = people
    range_ = {"start": "10:30 AM", "end": "12:00 PM"}
    days = {"saturday": {"isEnabled": True, "hours": [range_, {"start": "01:00 PM", "end": "02:00 PM"}]}}
    schedule = {"isEnabled": False, "weeklySchedule": days}
    page = await open_tab(server, "hugo")
    await expect(switch(page, "Orders")).to_be_checked()
    await expect(page.get_by_role("group", name="Schedule")).to_be_hidden()
    await page.evaluate("schedule => inbox.setPreferences({ schedule })", schedule)
    await expect(page.get_by_role("group", name="Schedule")).to_be_visible()
    await switch(page, "Only at these hours").check()
    await expect(page.get_by_label("Saturday, from")).to_have_value("10:30")
    await expect(page.get_by_label("Saturday, to")).to_have_value("12:00")
    await page.get_by_label("Saturday, to").fill("18:05")
    await page.get_by_role("checkbox", name="Sunday").check()
    await expect(page.get_by_label("Sunday, from")).to_have_value("09:00")
    await until_saved(page)
    stored = await page.evaluate("async () => (await inbox.preferences())[0].schedule")
    assert stored == {
        "isEnabled": True,
        "weeklySchedule": {
            "saturday": {
                "isEnabled": True,
                "hours": [{"start": "10:30 AM", "end": "06:05 PM"}, {"start": "01:00 PM", "end": "02:00 PM"}],
            },
            "sunday": {"isEnabled": True, "hours": [{"start": "09:00 AM", "end": "05:00 PM"}]},
        },
    }


async def test_several_channels_stand_under_the_name_of_their_workflow(
    people: tuple[Server, Api], open_tab: OpenTab
) -> None:
    """As at a service whose workflows have steps of other channels."""
    workflow = {"id": "1", "identifier": "orders", "name": "Orders", "critical": False, "severity": "none"}
    answer = [
        {"level": "global", "channels": {"in_app": True, "email": True}},
        {"level": "template", "channels": {"in_app": True, "email": False}, "workflow": workflow},
    ]

    async def serve(page: Page) -> None:
        await page.route("**/v1/inbox/preferences?*", lambda route: route.fulfill(json={"data": answer}))

    page = await open_tab(people[0], "ida", before=serve)
    orders = page.get_by_role("group", name="Orders")
    await expect(orders.get_by_role("switch", name="Email")).not_to_be_checked()
    await expect(orders.get_by_role("switch", name="In this inbox")).to_be_checked()
    await expect(page.get_by_role("group", name="Schedule")).to_be_visible()
    assert await find_problems(page, "inbox-preferences") == []


async def test_what_a_screen_reader_reads(people: tuple[Server, Api], open_tab: OpenTab) -> None:
    page = await open_tab(people[0], "jon", language="de")
    await expect(page.get_by_role("region", name="Einstellungen")).to_match_aria_snapshot(
        """
        - region "Einstellungen":
          - heading "Einstellungen" [level=2]
          - button "Zurück"
          - text: Alle Benachrichtigungen
          - switch "Alle Benachrichtigungen" [checked]
          - text: Orders
          - switch "Orders" [checked]
          - text: News
          - switch "News" [checked]
          - text: Security
          - switch "Security" [checked] [disabled]
          - paragraph: Diese kommen immer an.
        """
    )
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await find_problems(page, "inbox-preferences") == []


async def until_saved(page: Page) -> None:
    """Return once no choice waits to be saved."""
    await expect(page.locator("inbox-preferences section")).to_have_attribute("aria-busy", "false")
