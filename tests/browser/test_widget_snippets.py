"""The snippets of docs/widget.md, each as somebody copies it: type-checked, bundled, and shown in a shop's page."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, subscriber_hash
from tests.support.npm import install_packages
from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .conftest import OpenWindow
from .shop import BUNDLE_SECONDS, SHOP
from .window import Window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

PAGE = (REPOSITORY / "docs/widget.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = dict(FENCE.findall(PAGE))
BLOCKS = re.findall(r"(?:^ {4,}.*\n)+", FENCE.sub("", PAGE), re.MULTILINE)
INDENTED = [re.sub("^ +", "", block, flags=re.MULTILINE) for block in BLOCKS]
SERVICE = "https://inbox.example.com"
HEAD = '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">'
STRICT = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--jsx",
    "react-jsx",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
]
MOUNT_REACT = """
import { createRoot } from "react-dom/client";
import { Bell } from "./Bell";
const { subscriber, hash } = window.settings;
window.heard = [];
createRoot(document.querySelector("#app")).render(
  <Bell subscriber={subscriber} hash={hash} onNotification={({ subject }) => window.heard.push(subject)} />,
);
"""
WRONG_REACT = """
import { Bell } from "./Bell";
// @ts-expect-error: the subscriber is missing
export const first = <Bell onNotification={() => {}} />;
// @ts-expect-error: it is a text
export const second = <inbox-bell application-identifier="x" subscriber={5} />;
document.addEventListener("inbox-error", ({ detail }) => {
  const operation: "session" | "connection" | "load" | "change" | "seen" = detail.operation;
  // @ts-expect-error: there is no such field
  return [operation, detail.reason];
});
"""
MOUNT_VUE = """
import { createApp } from "vue";
import Bell from "./Bell.js";
const { subscriber, hash } = window.settings;
window.heard = [];
const onNotification = ({ subject }) => window.heard.push(subject);
createApp(Bell, { subscriber, hash, onNotification }).mount("#app");
"""


def indented(*beginnings: str) -> str:
    """The one indented block that begins so."""
    (found,) = [block for block in INDENTED if block.startswith(beginnings)]
    return found


def run(home: Path, *command: str) -> None:
    ended = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=BUNDLE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@dataclass
class Shop:
    """A page of another origin, and a service that lists this origin; a snippet's names mean them."""

    server: Server
    home: Path
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

    def write(self, name: str, text: str) -> None:
        (self.home / name).write_text(self.fill(text))

    def bundle(self, name: str) -> str:
        """The script with all that it imports."""
        esbuild = "node_modules/esbuild/bin/esbuild"
        define = '--define:process.env.NODE_ENV="production"'
        run(
            self.home,
            "node",
            esbuild,
            name,
            "--bundle",
            "--format=iife",
            "--jsx=automatic",
            define,
            "--outfile=page.js",
        )
        return (self.home / "page.js").read_text()

    async def visit(self, window: Window, body: str, script: str = "") -> None:
        settings = f'{{subscriber: "alice", hash: "{subscriber_hash(self.server.api_key, "alice")}"}}'
        page = (
            HEAD
            + body
            + (f'<script>window.settings = {settings}</script><script src="/page.js"></script>' if script else "")
        )

        async def serve(route: Route) -> None:
            if route.request.url.endswith("/page.js"):
                await route.fulfill(body=script, content_type="text/javascript")
            else:
                await route.fulfill(body=page, content_type="text/html", headers=self.headers)

        await window.page.route(f"{SHOP}/**", serve)
        await window.page.goto(f"{SHOP}/")
        await window.is_live()

    async def deliver(self, subject: str, **step: object) -> None:
        async with Api.open(self.server) as api:
            await api.create_workflow("plain", subject=subject, **step)
            await api.trigger("alice", {"n": 1}, workflow="plain")


@pytest.fixture
async def shop(run_server: RunServer, tmp_path: Path) -> Shop:
    (tmp_path / "node_modules").symlink_to(install_packages() / "node_modules")
    return Shop(await run_server(INBOX_CORS_ORIGINS=SHOP), tmp_path)


SCRIPT, ELEMENT = indented("<script"), indented("<inbox-bell")


async def test_the_widget_s_own_types_hold() -> None:
    check = [option for option in STRICT if option not in ("--jsx", "react-jsx")]
    script = str(REPOSITORY / "static/inbox.js")
    run(install_packages(), "node", "node_modules/typescript/bin/tsc", *check, "--allowJs", "--checkJs", script)


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
    assert await window.page.evaluate("[router.pushed, location.pathname]") == [[f"{SHOP}/orders"], "/"]


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


async def test_react_with_types(shop: Shop, open_window: OpenWindow) -> None:
    shop.write("inbox-bell.d.ts", FENCED["ts"])
    shop.write("Bell.tsx", FENCED["tsx"])
    shop.write("wrong.tsx", WRONG_REACT)
    run(shop.home, "node", "node_modules/typescript/bin/tsc", *STRICT, "inbox-bell.d.ts", "Bell.tsx", "wrong.tsx")
    shop.write("mount.jsx", MOUNT_REACT)
    await is_live_in_a_framework(shop, open_window, shop.bundle("mount.jsx"))


async def test_vue(shop: Shop, open_window: OpenWindow) -> None:
    is_custom = re.search(r"isCustomElement: (.*?) \}", FENCED["js"])
    assert is_custom is not None
    shop.write("Bell.vue", FENCED["vue"])
    compiler = REPOSITORY / "tests/js/browser/compile-vue.mjs"
    run(shop.home, "node", str(compiler), "Bell.vue", "Bell.js", is_custom[1])
    shop.write("mount.js", MOUNT_VUE)
    window = await is_live_in_a_framework(shop, open_window, shop.bundle("mount.js"))
    await window.bell.click()
    await expect(window.panel).to_be_hidden()
    await window.page.get_by_role("button", name="Open my inbox").click()
    await expect(window.panel).to_be_visible()


async def is_live_in_a_framework(shop: Shop, open_window: OpenWindow, script: str) -> Window:
    window = await open_window("about:blank")
    await shop.visit(window, shop.fill(SCRIPT) + '<div id="app"></div>', script)
    await shop.deliver("In a framework")
    await expect(window.badge).to_have_text("1")
    assert await window.page.evaluate("heard") == ["In a framework"]
    await window.open_panel()
    await expect(window.item("In a framework")).to_be_visible()
    return window
