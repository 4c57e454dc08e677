"""Without a mouse: every control is reached by Tab or arrows, and does by Enter or Space what a press does."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from playwright.async_api import expect

from tests.support.client import Api
from tests.support.server import Server

from .conftest import OpenWindow
from .pages import show_page, tag
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

TABS = json.dumps([{"label": "All"}, {"label": "Urgent", "severity": "high"}])
MOST_STEPS = 60
CONTROLS = """bell => [...bell.shadowRoot.querySelectorAll("button, a[href], input")]
  .filter((control) => control.checkVisibility() && control.tabIndex >= 0)
  .map((control, n) => (control.dataset.number = String(n)))"""
FOCUSED = "bell => bell.shadowRoot.activeElement?.dataset.number ?? null"
NAME = "bell => { const at = bell.shadowRoot.activeElement; return at?.ariaLabel ?? at?.textContent ?? null; }"


async def open_by_key(open_window: OpenWindow, service: Server, subscriber: str) -> Window:
    async with Api.open(service) as api:
        await api.trigger(subscriber, {"subject": "Plain", "body": "b"}, workflow="welcome")
        fields = {"subject": "Button", "body": "b", "actionLabel": "Accept"}
        await api.trigger(subscriber, fields, workflow="welcome")
    window = await open_window("about:blank")
    await show_page(window, service, tag(service, subscriber, f"tabs='{TABS}'"))
    await window.is_live()
    await window.bell.focus()
    await window.page.keyboard.press("Enter")
    await expect(window.items).to_have_count(2)
    await expect(window.panel).to_be_focused()
    return window


async def press(window: Window, *keys: str) -> None:
    for key in keys:
        await window.page.keyboard.press(key)


async def tab_to(window: Window, name: str) -> None:
    """Press Tab until the control of this name has the focus."""
    bell, passed = window.page.locator("inbox-bell"), []
    for _ in range(MOST_STEPS):
        await press(window, "Tab")
        passed.append(await bell.evaluate(NAME))
        if passed[-1] == name:
            return
    raise AssertionError(f"{name} is not reached: {passed}")


async def test_every_control_is_reached_by_tab(open_window: OpenWindow, service: Server) -> None:
    window = await open_by_key(open_window, service, "tabber")
    bell = window.page.locator("inbox-bell")
    await window.bell.focus()
    controls: list[str] = await bell.evaluate(CONTROLS)
    reached = [await bell.evaluate(FOCUSED)]
    while (await press(window, "Tab")) or (number := await bell.evaluate(FOCUSED)) is not None:
        reached.append(number)
        assert len(reached) <= MOST_STEPS
    assert len(controls) > 12
    assert reached == controls, "in the order in which they stand, each once"


async def test_menus_tabs_and_pages_are_used_by_keys(open_window: OpenWindow, service: Server) -> None:
    window = await open_by_key(open_window, service, "menus")
    await tab_to(window, "Show: All")
    await press(window, "Enter", "ArrowDown", "ArrowDown", "Enter")
    await expect(window.panel.locator(".hint")).to_contain_text("Nothing is archived.")
    await press(window, "Enter", "Home", "Space")
    await expect(window.items).to_have_count(2)
    await expect(window.panel.get_by_role("button", name="Show: All")).to_be_focused()
    await press(window, "Enter", "Escape")
    await expect(window.panel.get_by_role("button", name="Show: All")).to_be_focused()
    await tab_to(window, "Preferences")
    await press(window, "Enter")
    await expect(window.panel.get_by_role("switch", name="All notifications")).to_be_visible()
    await press(window, "Escape")
    await expect(window.panel.get_by_role("button", name="Preferences")).to_be_focused()
    await press(window, "Tab", "ArrowRight")
    await expect(window.panel.get_by_role("tab", name="Urgent")).to_be_focused()
    await expect(window.items).to_have_count(0)
    await press(window, "ArrowLeft")
    await expect(window.items).to_have_count(2)


async def test_one_notification_is_handled_by_keys(open_window: OpenWindow, service: Server) -> None:
    window = await open_by_key(open_window, service, "handler")
    await tab_to(window, "Accept")
    await press(window, "Space")
    await expect(window.item("Button").get_by_role("button", name="Accept, done")).to_be_focused()
    await press(window, "Tab", "Enter")
    await expect(window.item("Button").get_by_role("button", name="Accept", exact=True)).to_be_visible()
    await tab_to(window, "Snooze")
    await press(window, "Enter")
    field = window.page.locator("inbox-bell .pick input")
    for _ in range(MOST_STEPS):
        if await field.evaluate("field => field.getRootNode().activeElement === field"):
            break
        await press(window, "Tab")
    await expect(field).to_be_focused()
    day = date.today() + timedelta(days=3)
    await field.fill(f"{day}T07:08")
    await press(window, "Enter")
    await expect(window.items).to_have_count(1)
    await tab_to(window, "Undo")
    await press(window, "Enter")
    await expect(window.items).to_have_count(2)
    await expect(window.item("Button")).to_be_visible()
