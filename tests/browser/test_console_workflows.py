"""The editor of workflows in the console: create, preview, save, change, copy and delete."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

import pytest
from playwright.async_api import Dialog, Locator, Page, Route, expect

from inbox.steps import STEP_TYPES
from tests.support.client import Api
from tests.support.server import Server

from .accessibility import find_problems
from .conftest import OpenWindow
from .console import see_from_own_environment
from .test_console import FAILED, log_in

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

PHONE: dict[str, Any] = {"width": 390, "height": 800}

WITHOUT_EFFECT = {"in_app": {"disableOutputSanitization"}, "throttle": {"type"}}
"""Controls that leave nothing to choose: a message is text, and each window is fixed."""
SETTINGS = "Description, payload and preferences"


@pytest.fixture
def name() -> str:
    """An identifier of this test only: the service is shared."""
    return f"edited-{secrets.token_hex(4)}"


async def open_editor(open_window: OpenWindow, service: Server, path: str = "") -> Page:
    """A window at the editor; a preview of what is unfinished is refused, and Chromium says so."""
    window = await log_in(open_window, service, f"editor{path}", tolerated=FAILED)
    await expect(window.page.locator("form.editor")).to_be_visible()
    return window.page


def preview(page: Page) -> Locator:
    return page.get_by_role("region", name="Preview")


def problem_of(page: Page, label: str) -> Locator:
    return page.locator(".field").filter(has=page.get_by_label(label, exact=True)).locator(".problem")


async def press_until(page: Page, key: str, target: Locator) -> None:
    """Presses a key until an element has the focus."""
    for _ in range(60):
        if await target.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {target}")


async def test_a_workflow_is_made_by_keyboard_alone(open_window: OpenWindow, service: Server, name: str) -> None:
    window = await log_in(open_window, service, "workflows", tolerated=FAILED)
    page, keyboard = window.page, window.page.keyboard
    await press_until(page, "Tab", page.get_by_role("link", name="New workflow"))
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="New workflow")).to_be_focused()
    for label, text in (
        ("Name", "Order shipped"),
        ("Identifier", name),
        ("Subject", "Order {{payload.order}}"),
        ("Body", "For {{subscriber.firstName}}"),
    ):
        await press_until(page, "Tab", page.get_by_label(label, exact=True))
        await keyboard.type(text)
    message = preview(page).locator(".message")
    await expect(message.locator("strong")).to_have_text("Order order")
    await expect(message.locator(".text")).to_have_text("For Ada")
    await press_until(page, "Tab", page.get_by_role("button", name="Save"))
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Order shipped")).to_be_focused()
    await expect(page.get_by_label("Payload")).to_have_value(re.compile('"order": "order"'))
    await press_until(page, "Tab", page.get_by_label("Its id"))
    await keyboard.type(name)
    await keyboard.press("Enter")
    await expect(page.locator("output")).to_contain_text("processed, ")
    async with Api.open(service) as api:
        [stored] = (await api.call("GET", f"/v2/subscribers/{name}/notifications", 200))["data"]
    assert stored["subject"] == "Order order"


async def test_a_wrong_template_is_said_at_its_field(open_window: OpenWindow, service: Server, name: str) -> None:
    page = await open_editor(open_window, service)
    await expect(preview(page).get_by_role("status")).to_have_text(re.compile("needs a subject or a body"))
    await expect(problem_of(page, "Body")).to_be_empty()
    body = page.get_by_label("Body", exact=True)
    await body.fill("{{ payload.")
    await expect(problem_of(page, "Body")).to_contain_text("is not a valid template")
    await expect(body).to_have_attribute("aria-invalid", "true")
    await body.fill("{{ payload.who }}")
    await expect(problem_of(page, "Body")).to_be_empty()
    await expect(preview(page).locator(".message")).to_have_text("who")
    buttons = page.get_by_text("Buttons and links")
    await buttons.click()
    await page.get_by_label("The message: address").fill("javascript:alert(1)")
    await expect(problem_of(page, "The message: address")).to_contain_text("not allowed")
    await buttons.click()
    await expect(page.get_by_label("The message: address")).to_be_hidden()
    await page.get_by_label("Name", exact=True).fill("N")
    await page.get_by_label("Identifier", exact=True).fill(name)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("The message: address")).to_be_focused()
    await page.get_by_label("The message: address").fill("")
    await page.get_by_text(SETTINGS).click()
    await page.get_by_label("Schema of the payload").fill('{"type": ')
    await expect(problem_of(page, "Schema of the payload")).to_contain_text("Not valid: ")
    await expect(preview(page).get_by_role("status")).to_have_text("A field is not valid.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text("Not saved: a field is not valid.")
    await expect(page.get_by_label("Schema of the payload")).to_be_focused()
    await page.get_by_label("Schema of the payload").fill('{"properties": {"who": {"default": "Grace"}}}')
    await expect(preview(page).locator(".message")).to_have_text("Grace")


async def test_what_the_service_refuses_is_shown(open_window: OpenWindow, service: Server, name: str) -> None:
    async with Api.open(service) as api:
        await api.create_workflow(name)
    page = await open_editor(open_window, service)
    await page.get_by_label("Body", exact=True).fill("b")
    await page.get_by_role("button", name="Save").click()
    await expect(problem_of(page, "Name")).to_contain_text("length >= 1")
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await page.get_by_label("Name", exact=True).fill("A  Name!")
    await expect(problem_of(page, "Name")).to_be_empty()
    await expect(page.get_by_label("Identifier", exact=True)).to_have_value("a-name")
    await page.get_by_label("Identifier", exact=True).fill("a b")
    await page.get_by_role("button", name="Save").click()
    await expect(problem_of(page, "Identifier")).to_contain_text("must consist of letters")
    await page.get_by_label("Identifier", exact=True).fill(name)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text(f"Not saved: Workflow with identifier {name} already exists")
    await expect(page.get_by_role("button", name="Save")).to_be_focused()
    await page.get_by_role("button", name="Add: Delay").click()
    await page.get_by_label("Identifier", exact=True).fill(f"{name}-2")
    await page.get_by_role("button", name="Save").click()
    await expect(problem_of(page, "Amount")).to_contain_text("amount should not be empty")


async def test_steps_are_added_moved_and_removed(open_window: OpenWindow, service: Server, name: str) -> None:
    page = await open_editor(open_window, service)
    await page.get_by_label("Name", exact=True).fill("Steps")
    await page.get_by_label("Identifier", exact=True).fill(name)
    await page.get_by_label("Body", exact=True).fill("{{steps.collect.eventCount}} events")
    await page.get_by_role("button", name="Add: Digest").click()
    await expect(page.get_by_label("Name of the step").nth(1)).to_be_focused()
    await page.get_by_label("Name of the step").nth(1).fill("Collect")
    await page.get_by_label("Identifier of the step").nth(1).fill("collect")
    await page.get_by_label("Amount", exact=True).fill("5")
    await page.get_by_label("Unit", exact=True).select_option("minutes")
    await expect(preview(page).get_by_label("Step")).to_have_value("1")
    await expect(preview(page).locator(".facts")).to_contain_text("Would end")
    await page.get_by_role("button", name="Move up: step 2").click()
    await expect(page.locator(".cards legend")).to_have_text(["Step 1: Digest", "Step 2: In-app message"])
    await expect(page.get_by_label("Name of the step").first).to_be_focused()
    await page.get_by_role("button", name="Add: Throttle").click()
    await page.get_by_role("button", name="Remove: step 3").click()
    await expect(page.get_by_label("Name of the step").nth(1)).to_be_focused()
    await expect(preview(page).locator(".message")).to_have_text("1 events")
    await page.get_by_label("Subject", exact=True).fill("{{steps.colect.eventCount}}")
    await expect(preview(page).locator(".problem").first).to_contain_text("there is no step colect")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    await expect(page.locator(".steps .problem")).to_contain_text("there is no step colect")
    async with Api.open(service) as api:
        steps = (await api.data("GET", f"/v2/workflows/{name}", 200))["steps"]
    assert [(one["type"], one["stepId"]) for one in steps] == [("digest", "collect"), ("in_app", "in-app-message")]
    assert steps[0]["controlValues"] == {"amount": 5, "unit": "minutes"}


async def test_the_form_has_every_control_of_every_type(open_window: OpenWindow, service: Server) -> None:
    page = await open_editor(open_window, service)
    shown = await page.evaluate(
        """async (url) => {
          const { STEP_TYPES } = await import(url);
          const path = (make) => make({}).path.split(".")[1];
          const paths = ({ main, more }) => [...main, ...Object.values(more).flat()].map(path);
          return Object.entries(STEP_TYPES).map(([type, kind]) => [type, paths(kind)]);
        }""",
        f"{service.url}/static/console/steps.js",
    )
    known = {name: set(kind.control_names) - WITHOUT_EFFECT.get(name, set()) for name, kind in STEP_TYPES.items()}
    assert {name: set(paths) for name, paths in shown} == known


async def test_a_change_keeps_what_the_form_does_not_show(open_window: OpenWindow, service: Server, name: str) -> None:
    controls = {
        "subject": "S",
        "body": "b",
        "primaryAction": {"label": "Open", "redirect": {"url": "/x", "target": "_blank"}},
        "data": {"a": 1},
        "skip": {"==": [{"var": "payload.a"}, 1]},
        "disableOutputSanitization": True,
    }
    body = {
        "name": "Before",
        "workflowId": name,
        "description": "D",
        "tags": ["a", "b"],
        "severity": "high",
        "payloadSchema": {"properties": {"a": {"type": "number"}}},
        "validatePayload": True,
        "preferences": {
            "workflow": {"all": {"readOnly": True}, "channels": {"email": {"enabled": False}}},
            "user": {"all": {"enabled": True}, "channels": {"in_app": {"enabled": False}}},
        },
        "steps": [
            {"name": "In-app", "type": "in_app", "controlValues": controls},
            {"name": "Wait", "type": "delay", "controlValues": {"type": "timed", "cron": "0 9 * * *"}},
        ],
    }
    async with Api.open(service) as api:
        before = await api.data("POST", "/v2/workflows", 201, body)
        page = await open_editor(open_window, service, f"/{name}")
        await page.get_by_label("Name", exact=True).fill("After")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="After")).to_be_visible()
        after = await api.data("GET", f"/v2/workflows/{name}", 200)
        assert after.pop("updatedAt") > before.pop("updatedAt")
        assert after == {**before, "name": "After", "slug": after["slug"]}
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_text(SETTINGS).click()
        await page.get_by_label("Delivers to people").check()
        await page.get_by_label("Critical").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".facts")).to_contain_text("yes: nobody can switch it off")
        user = (await api.data("GET", f"/v2/workflows/{name}", 200))["preferences"]["user"]
        assert user["all"] == {"enabled": True, "readOnly": True}
        assert user["channels"]["in_app"] == {"enabled": True}


async def test_a_change_keeps_what_a_control_cannot_show(open_window: OpenWindow, service: Server, name: str) -> None:
    controls = {
        "subject": "{% if payload.a %}\nA\n{% endif %}",
        "body": "one\r\ntwo",
        "primaryAction": {"label": "Open\r\nit"},
        "data": {},
    }
    steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
    body = {"name": "Before", "workflowId": name, "description": "", "tags": ["a,b", " c"], "steps": steps}
    async with Api.open(service) as api:
        before = await api.data("POST", "/v2/workflows", 201, body)
        page = await open_editor(open_window, service, f"/{name}")
        await expect(page.get_by_label("Subject", exact=True)).to_have_value(controls["subject"])
        await page.get_by_label("Severity").select_option("low")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("link", name="Edit")).to_be_visible()
        after = await api.data("GET", f"/v2/workflows/{name}", 200)
        assert after == {**before, "severity": "low", "updatedAt": after["updatedAt"]}
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_label("Tags").fill("a,b\n\n d e \n")
        await page.get_by_label("Subject", exact=True).fill("{{payload.a}}\n!")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("link", name="Edit")).to_be_visible()
        after = await api.data("GET", f"/v2/workflows/{name}", 200)
    assert after["tags"] == ["a,b", "d e"]
    assert after["steps"][0]["controlValues"] == {**controls, "subject": "{{payload.a}}\n!"}


async def test_unsaved_changes_are_not_lost_unasked(open_window: OpenWindow, service: Server, name: str) -> None:
    page = await open_editor(open_window, service)
    asked: list[str] = []
    answers = [False, False, True]

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.accept() if answers.pop(0) else dialog.dismiss())

    page.on("dialog", answer)
    await page.get_by_role("link", name="Topics").click()
    await expect(page.get_by_role("heading", name="Topics")).to_be_visible()
    await page.go_back()
    await page.get_by_label("Name", exact=True).fill("Typed")
    await page.get_by_role("link", name="Topics").click()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Typed")
    assert page.url.endswith("#/editor")
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_role("heading", name="Workflows")).to_be_visible()
    assert asked == ["Leave without saving the changes?"] * 3


async def test_a_refused_way_back_leaves_the_history_as_it_was(open_window: OpenWindow, service: Server) -> None:
    window = await log_in(open_window, service, "topics", tolerated=FAILED)
    page = window.page
    for name in ("Workflows", "Workflows", "New workflow"):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("Typed")
    for steps in (-1, -2, -1):
        async with page.expect_event("dialog") as asked:
            await page.evaluate("steps => history.go(steps)", steps)
        await (await asked.value).dismiss()
        await page.wait_for_url("**/console#/editor")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Typed")
    page.once("dialog", lambda dialog: dialog.accept())
    for steps, name in ((-1, "Workflows"), (-1, "Topics"), (2, "New workflow")):
        await page.evaluate("steps => history.go(steps)", steps)
        await expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


@pytest.mark.needs("node", "npm")
async def test_a_revoked_key_takes_no_changes_along(open_window: OpenWindow, service: Server, name: str) -> None:
    own = await see_from_own_environment(service)
    page = await open_editor(open_window, own)
    await page.get_by_label("Name", exact=True).fill("Kept")
    await page.get_by_label("Identifier", exact=True).fill(name)
    async with Api.open(own) as api:
        environment = await api.data("GET", "/v1/environments/me", 200)
        path = f"/v2/environments/{environment['_id']}/api-keys"
        [first] = await api.data("GET", path, 200)
        other = (await api.data("POST", path, 201))["key"]
        await api.call("DELETE", f"{path}/{first['id']}", 204)
    await page.get_by_label("Body", exact=True).fill("Hello")
    dialog = page.get_by_role("dialog", name="Your key is refused now")
    await expect(dialog.get_by_label("API key")).to_be_focused()
    assert await find_problems(page, "body") == []
    for wrong, problem in (("wrong", "This key opens no environment."), (service.api_key, "opens another environment")):
        await dialog.get_by_label("API key").fill(wrong)
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("alert")).to_contain_text(problem)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Kept")
    await page.get_by_role("button", name="Save").click()
    await dialog.get_by_label("API key").fill(other)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Kept")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Kept")).to_be_visible()
    async with Api.connected(own, f"ApiKey {other}") as api:
        [step] = (await api.data("GET", f"/v2/workflows/{name}", 200))["steps"]
    assert step["controlValues"] == {"body": "Hello"}


async def test_the_tab_asks_before_it_closes(open_window: OpenWindow, service: Server) -> None:
    page = await open_editor(open_window, service)
    kinds: list[str] = []
    answered = asyncio.Event()

    async def answer(dialog: Dialog) -> None:
        kinds.append(dialog.type)
        await dialog.accept()
        answered.set()

    page.on("dialog", answer)
    await page.get_by_label("Name", exact=True).press_sequentially("Typed")
    await page.close(run_before_unload=True)
    await answered.wait()
    assert kinds == ["beforeunload"]


async def test_a_change_by_somebody_else_is_told(open_window: OpenWindow, service: Server, name: str) -> None:
    async with Api.open(service) as api:
        await api.create_workflow(name)
        page = await open_editor(open_window, service, f"/{name}")
        await page.get_by_label("Name", exact=True).fill("Mine")
        await api.call("PATCH", f"/v2/workflows/{name}", 200, json={"name": "Theirs"})
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this workflow.")
        assert (await api.data("GET", f"/v2/workflows/{name}", 200))["name"] == "Theirs"
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Mine")).to_be_visible()


async def test_one_preview_runs_and_the_newest_waits(open_window: OpenWindow, service: Server) -> None:
    page = await open_editor(open_window, service)
    bodies, first, held = list[str](), asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        [step] = json.loads(route.request.post_data or "")["workflow"]["steps"]
        bodies.append(step["controlValues"].get("body", ""))
        if bodies[-1] == "old":
            first.set()
            await held.wait()
        await route.continue_()

    await page.route("**/v2/workflows/preview", hold)
    await page.get_by_label("Body", exact=True).fill("old")
    await first.wait()
    await page.get_by_label("Body", exact=True).fill("")
    await page.get_by_label("Body", exact=True).press_sequentially("newest")
    assert bodies[-1] == "old"
    held.set()
    await expect(preview(page).locator(".message")).to_have_text("newest")
    assert bodies[-2:] == ["old", "newest"]


async def test_samples_stay_in_their_environment(open_window: OpenWindow, service: Server, name: str) -> None:
    own = await see_from_own_environment(service)
    for server in (service, own):
        async with Api.open(server) as api:
            await api.create_workflow(name, body="{{payload.who}}")
    page = await open_editor(open_window, service, f"/{name}")
    sample = preview(page).get_by_label("Sample values")
    await sample.fill('{"payload": {"who": "a secret"}}')
    await expect(preview(page).locator(".message .text")).to_have_text("a secret")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Edit").click()
    await expect(sample).to_have_value(re.compile("a secret"))
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("API key").fill(own.api_key)
    await page.keyboard.press("Enter")
    await expect(preview(page).locator(".message .text")).to_have_text("who")
    await expect(sample).not_to_have_value(re.compile("a secret"))


async def test_who_leaves_while_it_saves_stays_away(open_window: OpenWindow, service: Server, name: str) -> None:
    async with Api.open(service) as api:
        await api.create_workflow(name)
    page = await open_editor(open_window, service, f"/{name}")
    sent, held = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "PUT":
            sent.set()
            await held.wait()
        await route.continue_()

    await page.route(f"**/v2/workflows/{name}", hold)
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_label("Name", exact=True).fill("Saved")
    await page.get_by_role("button", name="Save").click()
    await sent.wait()
    await page.get_by_role("link", name="Topics").click()
    await expect(page.get_by_role("heading", name="Topics")).to_be_visible()
    async with page.expect_event("requestfinished", lambda one: one.method == "PUT"):
        held.set()
    await page.evaluate("fetch(location.pathname).then((reply) => reply.text())")  # by then the page knows the answer
    assert page.url.endswith("#/topics")


async def test_sample_values_are_typed_over_and_reset(open_window: OpenWindow, service: Server, name: str) -> None:
    page = await open_editor(open_window, service)
    await page.get_by_label("Body", exact=True).fill("{{payload.a}} and {{payload.b}}")
    sample = preview(page).get_by_label("Sample values")
    await expect(sample).to_have_value(re.compile('"b": "b"'))
    await sample.fill('{"payload": {"a": 5}}')
    await expect(preview(page).locator(".message")).to_have_text("5 and b")
    await sample.fill("{")
    await expect(preview(page).get_by_role("status")).to_contain_text("The sample is not valid")
    await preview(page).get_by_role("button", name="Use examples again").click()
    await expect(preview(page).locator(".message")).to_have_text("a and b")
    await page.get_by_text("Data, condition and lifetime").click()
    await page.get_by_label("Format of the body").select_option("markdown")
    await page.get_by_label("Body", exact=True).fill("**{{payload.a}}** and [{{payload.b}}](/b)")
    await expect(preview(page).locator(".message strong")).to_have_text("a")
    await expect(preview(page).locator(".message a")).to_have_attribute("href", re.compile("/b$"))
    await preview(page).locator(".message a").click()
    await page.get_by_label("Condition", exact=True).fill('{"==": [{"var": "payload.a"}, 1]}')
    await expect(preview(page)).to_contain_text("It would not run")
    await sample.fill('{"payload": {"a": 1, "c": 3}}')
    await expect(preview(page)).not_to_contain_text("It would not run")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Save").click()
    payload = page.get_by_label("Payload", exact=True)
    await expect(payload).to_have_value(re.compile('"c": 3'))
    assert json.loads(await payload.input_value()) == {"a": 1, "b": "b", "c": 3}
    await page.get_by_role("link", name="Edit").click()
    await expect(sample).to_have_value(re.compile('"c": 3'))


async def test_a_copy_and_a_deletion(open_window: OpenWindow, service: Server, name: str) -> None:
    async with Api.open(service) as api:
        original = await api.create_workflow(name, body="copied")
        window = await log_in(open_window, service, f"workflows/{name}", tolerated=FAILED)
        page = window.page
        await page.get_by_role("link", name="Duplicate").click()
        await expect(preview(page).locator(".message")).to_contain_text("copied")
        await page.get_by_label("Identifier", exact=True).fill(f"{name}-copy")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name=f"{name} (copy)")).to_be_visible()
        copied = await api.data("GET", f"/v2/workflows/{name}-copy", 200)
        assert copied["steps"][0]["controlValues"] == original["steps"][0]["controlValues"]
        assert copied["steps"][0]["_id"] != original["steps"][0]["_id"]
        page.once("dialog", lambda dialog: dialog.dismiss())
        await page.get_by_role("button", name="Delete").click()
        assert await api.data("GET", f"/v2/workflows/{name}-copy", 200) == copied
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Workflows")).to_be_visible()
        await api.call("GET", f"/v2/workflows/{name}-copy", 404)


async def test_a_workflow_of_v1_is_changed_elsewhere(open_window: OpenWindow, service: Server, name: str) -> None:
    async with Api.open(service) as api:
        group = (await api.data("GET", "/v1/notification-groups", 200))[0]["_id"]
        steps = [{"name": "m", "template": {"type": "in_app", "content": "c"}}]
        body = {"name": name, "notificationGroupId": group, "steps": steps}
        made = await api.data("POST", "/v1/workflows", 201, body)
    window = await log_in(open_window, service, f"editor/{made['_id']}")
    await expect(window.page.get_by_role("alert")).to_contain_text("made by the v1 API")


async def test_a_step_of_a_newer_version_is_not_lost(open_window: OpenWindow, service: Server) -> None:
    """The API is played here: this version stores no such step."""
    stored = {"origin": "novu-cloud", "steps": [{"stepId": "call", "type": "telephone"}]}
    window = await log_in(open_window, service, "topics")
    await window.page.route("**/v2/workflows/newer", lambda route: route.fulfill(json={"data": stored}))
    await window.page.goto(f"{service.url}/console#/editor/newer")
    await expect(window.page.get_by_role("alert")).to_contain_text("The step call is of the type telephone")


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1200, "height": 820}, PHONE], ids=["wide", "phone"])
async def test_everybody_can_use_it(
    open_window: OpenWindow, service: Server, name: str, scheme: str, viewport: dict[str, int]
) -> None:
    async with Api.open(service) as api:
        await api.create_workflow(name, subject="w" * 300, body="{{payload.long}}", data={"a": "b"})
    page = await open_editor(open_window, service, f"/{name}")
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    await page.set_viewport_size(viewport)  # type: ignore[arg-type]  # two numbers
    for summary in await page.locator("summary").all():
        await summary.click()
    await page.get_by_label("Body", exact=True).fill("{{ payload.")
    await expect(problem_of(page, "Body")).to_contain_text("is not a valid template")
    assert await find_problems(page, "body") == []
    await page.get_by_label("Body", exact=True).fill("{{ payload.long }}")
    await expect(preview(page).locator(".message .text")).to_have_text("long")
    assert await find_problems(page, "body") == []
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(beyond) == 0
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    assert await find_problems(page, "body") == []
    assert await page.evaluate(beyond) == 0
