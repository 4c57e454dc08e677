"""The widget, the demo and the API's page below a path of a proxy's host."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.client import Api
from tests.support.nginx import running_nginx
from tests.support.server import running_server

from .conftest import OpenWindow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey"),
    pytest.mark.needs("nginx"),
    pytest.mark.asyncio(loop_scope="session"),
]
PREFIX = "/tools/inbox"


@pytest.mark.parametrize("strips", [False, True], ids=["passes", "strips"])
async def test_the_bell_is_live_below_a_path(open_window: OpenWindow, strips: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="inbox-browser-") as directory:
        async with running_server(Path(directory), demo=True, INBOX_BASE_PATH=PREFIX) as server:
            with running_nginx(server.port, prefix=PREFIX, strips=strips) as port:
                window = await open_window(f"http://127.0.0.1:{port}{PREFIX}/?subscriber=quin")
                requests: list[str] = []
                window.page.on("request", lambda request: requests.append(request.url))
                await window.is_live()
                async with Api.open(server) as api:
                    await api.trigger("quin", {"subject": "Below", "body": "b"}, workflow="welcome")
                await expect(window.badge).to_have_text("1")
                await window.open_panel()
                await window.item("Below").get_by_role("button", name="Mark as read").click()
                await expect(window.badge).to_be_hidden()
                await expect(window.page.locator("#curl")).to_contain_text(f"{port}{PREFIX}/v1/events/trigger")
                await window.page.goto(f"http://127.0.0.1:{port}{PREFIX}/docs")
                await expect(window.page.locator(".opblock").first).to_be_attached()
                await window.page.goto("about:blank")  # it would complain of a service that ends
                assert [url for url in requests if "blank" not in url and f":{port}{PREFIX}/" not in url] == []
