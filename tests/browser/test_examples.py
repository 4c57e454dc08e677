"""The examples of docs/examples.md as somebody copies them: their files written, built, served and used."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, subscriber_hash
from tests.support.client_package import run
from tests.support.npm import install_packages
from tests.support.processes import REPOSITORY, ChildProcess, free_port
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .shop import SHOP
from .window import Window

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

PAGE = (REPOSITORY / "docs/examples.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!^## ).*\n)+)", PAGE, re.MULTILINE))
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


def write_example(title: str, home: Path, server: Server) -> None:
    """Write the files of an example, with the names of this service in them."""
    known = {
        "https://inbox.example.com": server.url,
        "YOUR_IDENTIFIER": server.application_identifier,
        "HASH_OF_ALICE": subscriber_hash(server.api_key, "alice"),
    }
    for name, text in FILE.findall(SECTIONS[title]):
        for placeholder, value in known.items():
            text = text.replace(placeholder, value)
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def build(home: Path) -> Path:
    """Build the app with Vite. Return the folder of what was built."""
    (home / "package.json").write_text('{"private": true, "type": "module"}')
    (home / "node_modules").symlink_to(install_packages() / "node_modules")
    run("node", "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", cwd=home)
    return home / "dist"


async def visit(window: Window, folder: Path) -> None:
    """Show the folder as the site of the shop."""

    async def serve(route: Route) -> None:
        path = folder / (route.request.url.removeprefix(f"{SHOP}/") or "index.html")
        await route.fulfill(path=path, content_type=TYPES[path.suffix])

    await window.page.route(f"{SHOP}/**", serve)
    await window.page.goto(f"{SHOP}/")


async def use(window: Window, server: Server) -> None:
    """Send a notification, which the page shows and hears of, and read it in the panel."""
    await window.is_live()
    async with Api.open(server) as api:
        await api.create_workflow("order", subject="Order {{payload.n}}", body="On its way")
        await api.trigger("alice", {"n": 7}, workflow="order")
    await expect(window.badge).to_have_text("1")
    await expect(window.page.locator("#last")).to_have_text("Order 7")
    opener = window.page.get_by_role("button", name="Open my inbox")
    await (opener if await opener.count() else window.bell).click()
    await expect(window.panel).to_be_visible()
    await window.item("Order 7").get_by_role("button", name="Mark as read").click()
    await expect(window.badge).to_be_hidden()


async def test_every_example_is_run_here() -> None:
    assert list(SECTIONS) == ["Plain HTML", "React", "Vue", "Svelte", "A server-rendered page with a strict policy"]
    assert all(FILE.findall(section) for section in SECTIONS.values())


async def test_plain_html(run_server: RunServer, open_window: OpenWindow, tmp_path: Path) -> None:
    server = await run_server(INBOX_CORS_ORIGINS=SHOP)
    write_example("Plain HTML", tmp_path, server)
    window = await open_window("about:blank")
    await visit(window, tmp_path)
    await use(window, server)


@pytest.mark.parametrize("framework", ["React", "Vue", "Svelte"])
async def test_framework(run_server: RunServer, open_window: OpenWindow, tmp_path: Path, framework: str) -> None:
    server = await run_server(INBOX_CORS_ORIGINS=SHOP)
    write_example(framework, tmp_path, server)
    window = await open_window("about:blank")
    await visit(window, build(tmp_path))
    await use(window, server)


@asynccontextmanager
async def running_app(home: Path, port: int, server: Server) -> AsyncIterator[str]:
    """The URL of the example's own server, until the end of the block."""
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)]
    env = {**os.environ, "API_KEY": server.api_key}
    process = ChildProcess(command, env=env, log_path=home / "shop.log", cwd=home)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def answers() -> bool:
                assert process.exit_code is None, process.log()
                try:
                    return (await client.get(url)).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers, seconds=60)
        yield url
    finally:
        process.terminate()


async def test_server_rendered(run_server: RunServer, open_window: OpenWindow, tmp_path: Path) -> None:
    port = free_port()
    server = await run_server(INBOX_CORS_ORIGINS=f"http://127.0.0.1:{port}")
    write_example("A server-rendered page with a strict policy", tmp_path, server)
    async with running_app(tmp_path, port, server) as url:
        window = await open_window("about:blank")  # its console would name each violation, and the test fail
        answer = await window.page.goto(url)
        assert answer is not None
        policy = (await answer.all_headers())["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        await use(window, server)
