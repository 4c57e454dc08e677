"""The playground: a knob for everything, the code that embeds it so, a form that triggers, and what the page hears."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.client import Api, subscriber_hash
from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .conftest import OpenWindow
from .test_examples import build, visit, write_example
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

MANUAL = (REPOSITORY / "docs/widget.md").read_text()
TABS = '[{"label": "All"}, {"label": "Comments", "tags": ["comments"]}, {"label": "Urgent", "severity": "high"}]'


SETTABLE = """() => ["inbox-bell", "inbox-feed"].flatMap((tag) => {
  const names = [];
  for (let kind = customElements.get(tag); kind !== HTMLElement; kind = Object.getPrototypeOf(kind)) {
    const members = Object.entries(Object.getOwnPropertyDescriptors(kind.prototype));
    names.push(...members.filter(([, { set }]) => set).map(([name]) => name));
  }
  return names;
})"""
"""The properties of the elements that a page may set."""


async def knob_names(window: Window, kind: str) -> set[str]:
    knobs: list[dict[str, Any]] = await window.page.evaluate(
        "async () => (await import('./static/playground/knobs.js')).KNOBS"
    )
    return {knob["name"] for knob in knobs if knob["kind"] == kind}


async def attributes(window: Window, tag: str = "inbox-bell") -> dict[str, str]:
    read = "element => Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]))"
    held: dict[str, str] = await window.page.locator(f"#stage {tag}").evaluate(read)
    return held


async def open_playground(open_window: OpenWindow, service: Server, subscriber: str, **settings: str) -> Window:
    window = await open_window("about:blank")
    query = "&".join(f"{name}={value}" for name, value in {"subscriber": subscriber, **settings}.items())
    await window.page.goto(f"{service.url}/playground#{query}")
    await expect(window.page.locator("#code")).to_contain_text(subscriber)
    await window.is_live()  # a socket that is closed before it is open makes the console complain
    return window


async def test_everything_that_the_elements_take_has_a_knob(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "nobody")
    observed: list[str] = await window.page.evaluate(
        "['inbox-bell', 'inbox-feed'].flatMap(tag => customElements.get(tag).observedAttributes)"
    )
    settable: list[str] = await window.page.evaluate(SETTABLE)
    assert "renderItem" in settable
    attributes, properties = await knob_names(window, "attribute"), await knob_names(window, "property")
    assert set(observed) - attributes == set()
    assert {
        re.sub("[A-Z]", lambda found: f"-{found[0].lower()}", name) for name in set(settable) - properties
    } <= attributes
    assert set(re.findall(r"^\| `(--inbox-[\w-]+)`", MANUAL, re.MULTILINE)) - await knob_names(window, "style") == set()


async def test_a_knob_turns_the_element_the_code_and_the_address(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "tuner")
    page, code = window.page, window.page.locator("#code")
    await page.get_by_label("theme").select_option("dark")
    await page.get_by_role("button", name="Use the example for tabs").click()
    await page.get_by_role("group", name="filters").get_by_label("unread").check()
    await page.get_by_role("group", name="filters").get_by_label("archived").check()
    await page.get_by_text("Colours").click()
    await page.get_by_label("--inbox-accent", exact=True).fill("#0a7d55")
    turned = {
        **{"application-identifier": service.application_identifier, "subscriber": "tuner", "theme": "dark"},
        **{"filters": "unread archived", "tabs": TABS},
    }
    style = "--inbox-accent: #0a7d55;"
    assert await attributes(window) == {**turned, "style": style}
    for text in ('theme="dark"', "&quot;label&quot;", style):
        await expect(code).to_contain_text(text)
    address = page.url
    assert service.application_identifier not in address
    again = await open_window(address)
    await again.is_live()
    await expect(again.page.locator("#code")).to_have_text(await code.inner_text())
    assert await attributes(again) == {**turned, "style": style}
    await page.get_by_label("theme").select_option("")
    await expect(code).not_to_contain_text("theme")
    assert "theme" not in await attributes(window)
    await page.get_by_role("button", name="Reset").click()
    assert await attributes(window) == {
        "application-identifier": service.application_identifier,
        "subscriber": "alice",
    }


async def test_what_vouches_for_somebody_stays_out_of_the_address(open_window: OpenWindow, service: Server) -> None:
    context = '{"tenant":"acme"}'
    hashes = {
        "subscriber-hash": subscriber_hash(service.api_key, "vouched"),
        "context-hash": subscriber_hash(service.api_key, context),
    }
    window = await open_playground(open_window, service, "vouched", theme="dark", context=context, **hashes)
    assert (await attributes(window)).items() >= hashes.items()
    assert "theme=dark" in window.page.url
    assert [name for name, value in hashes.items() if name in window.page.url or value in window.page.url] == []


async def test_an_address_opens_the_panel(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "opener", open="")
    await expect(window.panel).to_be_visible()
    await expect(window.page.get_by_label("open", exact=True)).to_be_checked()
    await expect(window.page.locator("#code")).to_contain_text(re.compile(r"\bopen\b"))


async def test_an_avatar_from_elsewhere_and_the_count_on_the_icon(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "painter", alerts="favicon")
    icon = (REPOSITORY / "static/noor.svg").read_bytes()
    await window.page.route(
        "https://pictures.example/*", lambda route: route.fulfill(body=icon, content_type="image/svg+xml")
    )
    await window.page.get_by_label("Avatar").fill("https://pictures.example/noor.svg")
    await window.page.get_by_role("button", name="Send").click()
    await expect(window.badge).to_have_text("1")
    await expect(window.page.locator('link[rel="icon"]')).to_have_attribute("href", re.compile("^data:image/png"))
    await window.open_panel()
    avatar = window.items.locator("img")
    await expect(avatar).to_have_js_property("complete", True)
    assert await avatar.evaluate("image => image.naturalWidth") > 0


async def test_the_other_element_keeps_what_it_has_too(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "feeder", theme="light", placement="top-end")
    assert (await attributes(window))["placement"] == "top-end"
    await window.page.get_by_label("<inbox-feed>").check()
    held = await attributes(window, "inbox-feed")
    assert (held["subscriber"], held["theme"], held.get("placement")) == ("feeder", "light", None)
    await expect(window.page.locator("#code")).to_contain_text("></inbox-feed>")
    await expect(window.page.locator("#stage inbox-bell")).to_have_count(0)


async def test_sending_and_hearing(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "sender")
    page = window.page
    await page.get_by_label("Times").fill("3")
    await page.get_by_label("Workflow").select_option("alert")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#result")).to_contain_text("3 sent: processed")
    await expect(window.badge).to_have_text("3")
    heard = page.locator("#events li").filter(has_text="inbox-notification")
    await expect(heard).to_have_count(3)
    await heard.first.locator("summary").click()
    await expect(heard.first.locator("pre")).to_contain_text('"severity": "high"')
    await page.get_by_role("button", name="Clear").click()
    await expect(page.locator("#events li")).to_have_count(0)


async def test_a_failed_trigger_is_said(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "loser")
    await window.page.route("**/demo/trigger", lambda route: route.fulfill(status=503, json={"message": "away"}))
    window.complaints.clear()
    await window.page.get_by_role("button", name="Send").click()
    await expect(window.page.locator("#result")).to_have_text("Not sent: away")
    assert [text for text in window.complaints if "503" not in text] == []
    window.complaints.clear()


SETTINGS = {"theme": "dark", "--inbox-accent": "%230a7d55", "strings": '{"bell.title": "Post"}', "renderItem": "on"}
HELD = """bell => ({
  tabs: bell.getAttribute("tabs"), theme: bell.getAttribute("theme"),
  strings: bell.strings, render: typeof bell.renderItem,
  accent: getComputedStyle(bell).getPropertyValue("--inbox-accent"),
})"""
MOUNT_VUE = 'import { createApp } from "vue"; import App from "./App.vue"; createApp(App).mount("#app");'
COMPONENTS = {"React": "src/Inbox.jsx", "Vue": "src/App.vue", "Svelte": "src/App.svelte"}


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("framework", ["HTML", *COMPONENTS])
async def test_the_code_works(open_window: OpenWindow, service: Server, tmp_path: Path, framework: str) -> None:
    """The code replaces a file of the example of its framework, or is all there is of an HTML page."""
    subscriber = f"copier-{framework}"
    window = await open_playground(open_window, service, subscriber, **SETTINGS)
    await window.page.get_by_role("button", name="Use the example for tabs").click()
    await window.page.get_by_label(framework, exact=True).check()
    code = await window.page.locator("#code").inner_text()
    shop = await open_window("about:blank")
    if framework == "HTML":
        (tmp_path / "index.html").write_text('<!doctype html><html lang="en"><link rel="icon" href="data:,">' + code)
        await visit(shop, tmp_path)
    else:
        write_example(framework, tmp_path, service)
        (tmp_path / COMPONENTS[framework]).write_text(code)
        if framework == "Vue":  # the properties of the example would become attributes of the element
            (tmp_path / "src/main.js").write_text(MOUNT_VUE)
        await visit(shop, build(tmp_path))
    await shop.is_live()
    async with Api.open(service) as api:
        await api.trigger(subscriber, {"subject": "Copied", "body": "b"}, workflow="welcome")
    await expect(shop.badge).to_have_text("1")
    assert await shop.page.locator("inbox-bell").evaluate(HELD) == {
        **{"tabs": TABS, "theme": "dark", "strings": {"bell.title": "Post"}, "render": "function"},
        "accent": "" if framework == "React" else "#0a7d55",  # its style sheet is a file of its own
    }


async def test_copying(open_window: OpenWindow, service: Server) -> None:
    window = await open_playground(open_window, service, "copyist")
    await window.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await window.page.get_by_label("Vue").check()
    await window.page.get_by_role("button", name="Copy").click()
    await expect(window.page.locator("#copied")).to_have_text("Copied")
    copied: str = await window.page.evaluate("navigator.clipboard.readText()")
    assert copied == await window.page.locator("#code").inner_text()
    assert "isCustomElement" in copied


@pytest.mark.parametrize("width", [1200, 390])
async def test_nothing_sticks_out(open_window: OpenWindow, service: Server, width: int) -> None:
    window = await open_playground(open_window, service, "looker")
    await window.page.set_viewport_size({"width": width, "height": 800})
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await window.page.evaluate(beyond) == 0
