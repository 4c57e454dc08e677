"""Every state of the widget for those who do not see it: no problem that axe finds, and what a screen reader reads."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Route, WebSocketRoute, expect

from tests.support.client import Api, InboxApi
from tests.support.server import Server

from .accessibility import find_problems
from .conftest import OpenWindow
from .pages import show_page, tag
from .window import Window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

POLICY = {"Content-Security-Policy": "default-src 'self'"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
TOLERATED = ("Failed to load", "WebSocket", "inbox-bell:", "inbox-feed:")
TABS = json.dumps([{"label": "All"}, {"label": "Urgent", "severity": "high"}])
NOTIFICATIONS = "**/v1/inbox/notifications?*"
State = Callable[[Window], Awaitable[None]]
STATES: dict[str, State] = {}
"""How each state is reached, from a bell on a page that was not loaded yet."""


def state(function: State) -> State:
    STATES[function.__name__] = function
    return function


async def live(window: Window) -> None:
    await window.page.reload()
    await window.is_live()


async def opened(window: Window) -> None:
    await live(window)
    await window.open_panel()
    await expect(window.items.first).to_be_visible()


async def menu_of(window: Window, button: str) -> None:
    await opened(window)
    await window.panel.get_by_role("button", name=button).first.click()
    await expect(window.page.locator("inbox-bell .menu")).to_be_visible()


@state
async def closed(window: Window) -> None:
    await live(window)


@state
async def list_(window: Window) -> None:
    await opened(window)
    await window.item("Button").get_by_role("button", name="Accept").click()
    await expect(window.item("Button").get_by_role("button", name="Accept, done")).to_be_visible()


@state
async def filter_menu(window: Window) -> None:
    await menu_of(window, "Show: All")


@state
async def options_menu(window: Window) -> None:
    await menu_of(window, "More actions")


@state
async def snooze_menu(window: Window) -> None:
    await opened(window)
    await window.items.first.get_by_role("button").first.focus()
    await window.page.keyboard.press("h")
    await expect(window.page.locator("inbox-bell .menu")).to_be_visible()


@state
async def undo_of_an_archived_one(window: Window) -> None:
    await opened(window)
    await window.items.first.get_by_role("button").first.focus()
    await window.page.keyboard.press("e")
    await expect(window.panel.get_by_role("button", name="Undo").last).to_be_visible()


@state
async def empty_filter(window: Window) -> None:
    await menu_of(window, "Show: All")
    await window.page.locator("inbox-bell .menu").get_by_text("Snoozed", exact=True).click()
    await expect(window.panel.locator(".hint")).to_be_visible()


@state
async def shortcuts(window: Window) -> None:
    await opened(window)
    await window.page.keyboard.press("?")
    await expect(window.panel.get_by_role("group", name="Keyboard shortcuts")).to_be_visible()


@state
async def preferences(window: Window) -> None:
    await opened(window)
    await window.panel.get_by_role("button", name="Preferences").click()
    await expect(window.panel.get_by_role("switch", name="All notifications")).to_be_visible()


@state
async def loading(window: Window) -> None:
    """Nothing is answered: neither the socket nor the list."""
    await window.page.route_web_socket("**/v1/socket", lambda _: None)
    await window.page.route("**/v1/inbox/**", lambda _: None)
    await window.page.reload()
    await window.open_panel()
    await expect(window.panel.locator(".skeletons")).to_be_visible()


@state
async def not_loaded(window: Window) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json={"message": "away"})

    await window.block_push()
    await window.page.route(NOTIFICATIONS, refuse)
    await window.page.reload()
    await window.open_panel()
    await expect(window.panel.get_by_role("alert")).to_be_visible()


@state
async def refused(window: Window) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=400, json={"message": "Please provide a valid HMAC hash"})

    await window.page.route("**/v1/inbox/session", refuse)
    await window.page.reload()
    await window.open_panel()
    await expect(window.panel.get_by_role("alert")).to_be_visible()


@state
async def offline(window: Window) -> None:
    await opened(window)
    await window.page.context.set_offline(True)
    await expect(window.status).to_be_visible()


@state
async def idle(window: Window) -> None:
    await window.page.locator("inbox-bell").evaluate("bell => bell.removeAttribute('subscriber')")
    await window.open_panel()
    await expect(window.panel.locator(".hint")).to_be_visible()


@state
async def reconnecting(window: Window) -> None:
    """A connection is lost, and the next one is not answered."""
    opened: list[WebSocketRoute] = []

    def connect(route: WebSocketRoute) -> None:
        if not opened:
            route.connect_to_server()
        opened.append(route)

    await window.page.route_web_socket("**/v1/socket", connect)
    await live(window)
    await window.open_panel()
    await opened[0].close(code=1012)
    await expect(window.status).to_be_visible()


@state
async def failed_change(window: Window) -> None:
    await offline(window)
    await window.item("Plain").get_by_role("button", name="Mark as read").click()
    await expect(window.problem).to_be_visible()


@state
async def schedule(window: Window) -> None:
    await preferences(window)
    await window.panel.get_by_role("switch", name="Only at these hours").check()
    await expect(window.panel.get_by_label("Friday, to")).to_be_visible()


HEAD = """
- dialog "Notifications":
  - heading "Notifications" [level=2]
"""
READ = {
    "closed": """
- button "Notifications, 3 unread, 1 urgent"
""",
    "list_": f"""
- button "Notifications, 2 unread, 1 urgent" [expanded]
{HEAD}
  - 'button "Show: All"'
  - button "Mark all read"
  - button "More actions"
  - button "Preferences"
  - tablist "Notifications":
    - tab "All 2" [selected]
    - tab "Urgent 1"
  - tabpanel "All 2":
    - list:
      - listitem:
        - 'button "Urgent: Alarm Fire!"'
        - button "Archive"
        - button "Snooze"
        - button "Delete"
        - button "Mark as read"
      - listitem:
        - button "Button Please answer."
        - button "Accept, done" [disabled]
        - button "Undo Accept"
        - button "Mark as unread"
      - listitem:
        - button "Plain Nothing to do."
        - button "Mark as read"
""",
    "filter_menu": """
- menu "Show":
  - menuitemradio "All" [checked]
  - menuitemradio "Unread"
  - menuitemradio "Archived"
  - menuitemradio "Snoozed"
""",
    "options_menu": """
- menu "More actions":
  - menuitem "Mark all read"
  - menuitem "Archive read"
  - menuitem "Archive all"
""",
    "snooze_menu": """
- menu "Snooze":
  - menuitem /In an hour/
  - menuitem /Tomorrow/
  - menuitem /Next week/
- text: Pick a time
- textbox "Pick a time"
- button "Snooze"
""",
    "undo_of_an_archived_one": """
- text: Archived.
- button "Undo"
""",
    "empty_filter": """
- 'button "Show: Snoozed"'
- tabpanel:
  - paragraph: Nothing is snoozed.
""",
    "shortcuts": """
- group "Keyboard shortcuts":
  - heading "Keyboard shortcuts" [level=2]
""",
    "preferences": """
- region "Preferences":
  - heading "Preferences" [level=2]
  - button "Back"
  - switch "All notifications" [checked]
""",
    "loading": f"""
- button "Notifications" [expanded]
{HEAD}
  - button "Mark all read" [disabled]
""",
    "not_loaded": f"""
{HEAD}
  - status: The service cannot be reached. Trying again…
  - tabpanel:
    - alert:
      - text: Notifications could not be loaded.
      - button "Try again"
""",
    "refused": f"""
{HEAD}
  - tabpanel:
    - alert: Your notifications are not available. Please sign in again.
""",
    "offline": f"""
{HEAD}
  - status: You are offline. New notifications appear when you are back.
  - tabpanel:
    - list
""",
    "idle": f"""
- button "Notifications" [expanded]
{HEAD}
  - tabpanel:
    - paragraph: Sign in to see your notifications.
""",
    "reconnecting": f"""
- button "Notifications, 3 unread, 1 urgent" [expanded]
{HEAD}
  - status: Connection lost. Reconnecting…
  - tabpanel:
    - list
""",
    "failed_change": f"""
{HEAD}
  - status: You are offline. New notifications appear when you are back.
  - alert: That change was not saved. Please try again.
  - tabpanel:
    - list:
      - listitem:
        - button "Plain Nothing to do."
        - button "Mark as read"
""",
    "schedule": """
- region "Preferences":
  - group "Schedule":
    - paragraph: Outside these hours only this inbox gets notifications.
    - switch "Only at these hours" [checked]
    - checkbox "Friday" [checked]
    - textbox "Friday, from"
    - textbox "Friday, to"
    - checkbox "Saturday"
    - checkbox "Sunday"
""",
}
"""What a screen reader reads in each state, in this order; more may stand between."""


async def send_samples(service: Server, subscriber: str) -> None:
    async with Api.open(service) as api:
        await api.trigger(subscriber, {"subject": "Plain", "body": "Nothing to do."}, workflow="welcome")
        fields = {"subject": "Button", "body": "Please answer.", "actionLabel": "Accept"}
        await api.trigger(subscriber, fields, workflow="welcome")
        urgent = {"subject": "Alarm", "body": "Fire!"}
        await api.trigger(subscriber, urgent, workflow="welcome", overrides={"severity": "high"})
    async with InboxApi.open(service, subscriber) as inbox:  # those who have a schedule see it
        await inbox.call(
            "PATCH", "/v1/inbox/preferences", 200, {"schedule": {"isEnabled": False, "weeklySchedule": {}}}
        )


@pytest.mark.parametrize("name", STATES)
async def test_a_state_is_read_and_axe_finds_nothing(open_window: OpenWindow, service: Server, name: str) -> None:
    subscriber = f"axe-{name}"
    await send_samples(service, subscriber)
    window = await open_window("about:blank", tolerated=TOLERATED)
    element = tag(service, subscriber, f"tabs='{TABS}'")
    await show_page(window, service, f"<main>{element}</main>", POLICY)
    await STATES[name](window)
    await expect(window.page.locator("inbox-bell")).to_match_aria_snapshot(READ[name])
    for scheme in ("light", "dark"):
        await window.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await find_problems(window.page) == []


LOOKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "phone": ("inbox-bell", "", PHONE),
    "right to left": ("inbox-bell", 'locale="ar"', {}),
    "compact": ("inbox-bell", 'density="compact"', {}),
    "forced colours": ("inbox-bell", "", {"forced_colors": "active"}),
    "feed": ("inbox-feed", "", {}),
    "dark feed on a phone": ("inbox-feed", 'theme="dark"', PHONE),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_in_another_look(open_window: OpenWindow, service: Server, look: str) -> None:
    name, attributes, options = LOOKS[look]
    subscriber = f"axe-{look}"
    await send_samples(service, subscriber)
    window = await open_window("about:blank", **options)
    await show_page(window, service, f"<main>{tag(service, subscriber, attributes, name)}</main>", POLICY)
    if name == "inbox-bell":
        await window.is_live()
        await window.page.locator("inbox-bell .bell").click()
    await expect(window.page.locator(f"{name} .item")).to_have_count(3)
    assert await find_problems(window.page, name) == []


async def test_a_markdown_body_is_said_without_its_signs(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    await show_page(window, service, tag(service, "listener"), POLICY)
    await window.is_live()
    async with Api.open(service) as api:
        body = "**Ada** wrote [a reply](/r)"
        await api.create_workflow("said-markdown", subject="", body=body, bodyFormat="markdown")
        await api.trigger("listener", {}, workflow="said-markdown")
    said = window.page.locator("inbox-bell [aria-live=polite]")
    await expect(said).to_have_text("New notification: Ada wrote a reply")
    await window.open_panel()
    await expect(window.items.get_by_role("button", name="Ada wrote a reply")).to_have_count(1)
    await expect(window.items.get_by_role("link", name="a reply")).to_have_attribute("rel", "noopener noreferrer")
    assert await find_problems(window.page) == []
