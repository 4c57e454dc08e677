"""The snippets of docs/widget.md, each as somebody copies it, shown in a shop's page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, subscriber_hash
from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .conftest import OpenWindow
from .shop import SHOP
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

PAGE = (REPOSITORY / "docs/widget.md").read_text()
BLOCKS = re.findall(r"(?:^ {4,}.*\n)+", PAGE, re.MULTILINE)
INDENTED = [re.sub("^ +", "", block, flags=re.MULTILINE) for block in BLOCKS]
SERVICE = "https://inbox.example.com"
HEAD = '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">'


def indented(*beginnings: str) -> str:
    """The one indented block that begins so."""
    (found,) = [block for block in INDENTED if block.startswith(beginnings)]
    return found


@dataclass
class Shop:
    """A page of another origin, and a service that lists this origin; a snippet's names mean them."""

    server: Server
    headers: dict[str, str] = field(default_factory=dict)

    def fill(self, snippet: str) -> str:
        """The snippet with the names of the service in it, the person's hash among them."""
        service, socket = self.server.url, self.server.url.replace("http", "ws", 1)
        known = {
            SERVICE.replace("https", "wss"): socket,
            SERVICE: service,
            "YOUR_IDENTIFIER": self.server.application_identifier,
            "9a1c…": subscriber_hash(self.server.api_key, "alice"),
        }
        for name, value in known.items():
            snippet = snippet.replace(name, value)
        return snippet

    async def visit(self, window: Window, body: str) -> None:
        async def serve(route: Route) -> None:
            await route.fulfill(body=HEAD + body, content_type="text/html", headers=self.headers)

        await window.page.route(f"{SHOP}/**", serve)
        await window.page.goto(f"{SHOP}/")
        await window.is_live()

    async def deliver(self, subject: str, **step: object) -> None:
        async with Api.open(self.server) as api:
            await api.create_workflow("plain", subject=subject, **step)
            await api.trigger("alice", {"n": 1}, workflow="plain")


@pytest.fixture
async def shop(run_server: RunServer) -> Shop:
    return Shop(await run_server(INBOX_CORS_ORIGINS=SHOP))


SCRIPT, ELEMENT = indented("<script"), indented("<inbox-bell")


async def test_plain_html(shop: Shop, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    await shop.visit(window, shop.fill(SCRIPT + ELEMENT))
    await shop.deliver("Plain")
    await expect(window.badge).to_have_text("1")


async def test_the_listener_keeps_the_page(shop: Shop, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    await shop.visit(window, shop.fill(SCRIPT + ELEMENT))
    await window.page.evaluate("window.router = { pushed: [], push: (url) => router.pushed.push(url) }")
    await window.page.evaluate(indented("document.addEventListener"))
    await shop.deliver("Linked", redirect={"url": f"{SHOP}/orders", "target": "_self"})
    await window.open_panel()
    await window.item("Linked").get_by_role("link", name="Linked Body 1").click()
    await expect(window.item("Linked")).to_have_class("item")
    assert await window.page.evaluate("[router.pushed, location.pathname]") == [["/orders"], "/"]


async def test_the_listener_leaves_another_site_to_the_browser(shop: Shop, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    await shop.visit(window, shop.fill(SCRIPT + ELEMENT))
    await window.page.evaluate("window.router = { pushed: [], push: (url) => router.pushed.push(url) }")
    await window.page.evaluate(indented("document.addEventListener"))
    elsewhere = "https://elsewhere.test/"
    await window.page.context.route(elsewhere, lambda route: route.fulfill(body="elsewhere"))
    await shop.deliver("Foreign", redirect={"url": elsewhere, "target": "_blank"})
    await window.open_panel()
    async with window.page.context.expect_page() as opened:
        await window.item("Foreign").get_by_role("link", name="Foreign Body 1").click()
    assert (await opened.value).url == elsewhere
    assert await window.page.evaluate("router.pushed") == []


async def test_the_style_sheet(shop: Shop, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    style = f"<style>{indented('inbox-bell {')}</style>"
    await shop.visit(window, shop.fill(SCRIPT + style + ELEMENT))
    await shop.deliver("Styled")
    await window.open_panel()
    box = await window.panel.bounding_box()
    assert box is not None
    assert box["width"] == 480
    color = "element => getComputedStyle(element).backgroundColor"
    action = window.item("Styled").get_by_role("link", name="Accept")
    assert await action.evaluate(color) == "rgb(10, 125, 85)"
    assert await window.badge.evaluate("badge => getComputedStyle(badge).fontVariantNumeric") == "tabular-nums"


async def test_a_page_gives_colours_of_its_own_by_names_of_its_own(shop: Shop, open_window: OpenWindow) -> None:
    window = await open_window("about:blank")
    style = "<style>:root { --accent: #0a7d55; --text: #400 } inbox-bell { --inbox-accent: var(--accent) }</style>"
    await shop.visit(window, shop.fill(SCRIPT + style + ELEMENT))
    await shop.deliver("Coloured")
    await window.open_panel()
    action = window.item("Coloured").get_by_role("link", name="Accept")
    assert await action.evaluate("link => getComputedStyle(link).backgroundColor") == "rgb(10, 125, 85)"


async def test_the_policy_is_enough_and_all_of_it_is_needed(shop: Shop, open_window: OpenWindow) -> None:
    policy = shop.fill(indented("script-src")).strip()
    shop.headers["Content-Security-Policy"] = f"default-src 'none'; {policy}"
    window = await open_window("about:blank", tolerated=("Loading the image 'data:,'",))
    await shop.visit(window, shop.fill(SCRIPT + ELEMENT))
    await shop.deliver("Allowed", avatar="https://pictures.test/a.png")
    pixel = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    await window.page.route(
        "https://pictures.test/**", lambda route: route.fulfill(body=pixel, content_type="image/svg+xml")
    )
    await window.open_panel()
    picture = window.item("Allowed").locator("img")
    await picture.evaluate("img => img.decode()")
    assert await window.panel.evaluate("panel => getComputedStyle(panel).position") == "fixed"  # its styles apply
    for part in policy.split("; "):
        for source in part.split()[1:]:
            await is_needed(shop, open_window, policy, source)


async def is_needed(shop: Shop, open_window: OpenWindow, policy: str, source: str) -> None:
    """Fails when no violation is told without this source."""
    less = re.sub(rf"{re.escape(source)}(?=;|$| )", "", policy, count=1)
    shop.headers["Content-Security-Policy"] = f"default-src 'none'; {less}"
    window = await open_window("about:blank", tolerated=("",))
    await window.page.add_init_script(
        """window.blocked = new Promise((done) => {
          const hear = ({ blockedURI }) => blockedURI.startsWith("data") || done(blockedURI);
          addEventListener("securitypolicyviolation", hear);
        });"""
    )

    async def serve(route: Route) -> None:
        await route.fulfill(body=HEAD + shop.fill(SCRIPT + ELEMENT), content_type="text/html", headers=shop.headers)

    await window.page.route(f"{SHOP}/**", serve)
    await window.page.goto(f"{SHOP}/")
    await window.page.evaluate("customElements.get('inbox-bell') && document.querySelector('inbox-bell').show()")
    assert await window.page.evaluate("blocked")
