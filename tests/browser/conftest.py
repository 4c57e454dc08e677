"""Fixtures of the browser tests: Debian's Chromium, windows that must not complain, and a demo service."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest_asyncio
from playwright.async_api import Browser, Route, async_playwright, expect

from tests.support.server import Server, running_server

from .window import Window

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=LocalNetworkAccessChecks",  # a page that a test makes up has no address, so counts as remote
]
STATIC = Path(__file__).resolve().parents[2] / "static"
MODULES = "http://modules.test"
expect.set_options(timeout=20_000)  # of a busy machine: five seconds are Playwright's own


class OpenWindow(Protocol):
    """Opens a page in a browser context of its own.

    `tolerated`: how lines begin that its console may say. `options`: of Playwright's `new_context`.
    """

    async def __call__(self, url: str, *, tolerated: tuple[str, ...] = (), **options: Any) -> Window: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests of this process, which therefore share an event loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(chromium: Browser) -> AsyncIterator[OpenWindow]:
    """Windows of different people or machines; at the end of the test no console has complained."""
    opened: list[tuple[Window, tuple[str, ...]]] = []

    async def open_window(url: str, *, tolerated: tuple[str, ...] = (), **options: Any) -> Window:
        options = {"viewport": {"width": 1200, "height": 820}, "locale": "en-GB", **options}
        context = await chromium.new_context(**options)
        window = Window(await context.new_page())
        opened.append((window, tolerated))
        await window.page.goto(url)
        return window

    yield open_window
    for window, _ in opened:
        await window.page.context.close()
    for window, tolerated in opened:
        assert [text for text in window.complaints if not text.startswith(tolerated)] == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service() -> AsyncIterator[Server]:
    """A service in development mode with the demo and its workflow `welcome`; each test has subscribers of its own."""
    with tempfile.TemporaryDirectory(prefix="inbox-browser-") as directory:
        async with running_server(Path(directory), demo=True) as server:
            yield server


@pytest_asyncio.fixture(loop_scope="session")
async def run_module(chromium: Browser) -> AsyncIterator[Callable[[str], Awaitable[object]]]:
    """Runs the body of an async function in a page that can import the widget's modules and the fakes; its result."""
    page = await chromium.new_page()

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(MODULES)
        if name.startswith("/static/"):
            await route.fulfill(path=STATIC / name.removeprefix("/static/"))
        elif name.startswith("/fakes/"):
            await route.fulfill(path=Path(__file__).parent / name.removeprefix("/"))
        else:
            await route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")

    await page.route(f"{MODULES}/**", serve)
    await page.goto(f"{MODULES}/")

    async def run(body: str) -> object:
        result: object = await page.evaluate(f"async () => {{ {body} }}")
        return result

    yield run
    await page.close()
