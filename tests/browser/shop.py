"""A shop's page of another origin that holds one of Novu's widgets, built as a shop would build it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route, WebSocket

from tests.support.npm import install_packages

SHOP = "http://shop.test"
BUNDLE_SECONDS = 120
GREETING_SECONDS = 20


def bundle_page(script: str, built: Path) -> Path:
    """Bundles `tests/js/browser/<script>` with the packages it imports into the file `built`."""
    home = install_packages()
    command = [
        *("node", "node_modules/esbuild/bin/esbuild", f"browser/{script}", "--bundle", "--format=iife"),
        *('--define:process.env.NODE_ENV="production"', "--define:global=globalThis", f"--outfile={built}"),
    ]
    ended = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=BUNDLE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    return built


async def visit_shop(page: Page, bundle: Path, place: str, settings: dict[str, Any]) -> None:
    """Shows the page: an element with the id `place`, the settings, then the script. Returns once its Socket.IO socket
    has had an event: the counts that come with it.
    """
    html = (
        f'<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><div id="{place}"></div>'
        f'<script>window.settings = {json.dumps(settings)}</script><script src="/page.js"></script>'
    )

    async def serve(route: Route) -> None:
        if route.request.url.endswith("/page.js"):
            await route.fulfill(path=bundle, content_type="text/javascript")
        else:
            await route.fulfill(body=html, content_type="text/html")

    greeted = asyncio.Event()

    def hear(frame: str | bytes) -> None:
        if str(frame).startswith("42"):
            greeted.set()

    def follow(socket: WebSocket) -> None:  # from its first moment: its frames may come before the page has loaded
        if "/socket.io/" in socket.url:
            socket.on("framereceived", hear)

    page.set_default_timeout(20_000)
    page.on("websocket", follow)
    await page.route(f"{SHOP}/**", serve)
    await page.goto(f"{SHOP}/")
    async with asyncio.timeout(GREETING_SECONDS):
        await greeted.wait()
