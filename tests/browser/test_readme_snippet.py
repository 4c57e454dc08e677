"""The snippet of the README in an empty HTML file, beside a service that is started as `make run` starts it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.client import Api
from tests.support.processes import REPOSITORY, ChildProcess
from tests.support.server import Server

from .conftest import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

README = (REPOSITORY / "README.md").read_text()
SNIPPET = re.compile(r'^    <script type="module".*\n    <inbox-bell .*\n', re.MULTILINE)
RECIPE = re.compile(r"^\t@(INBOX_MODE=(?:.*\\\n)*.*)$", re.MULTILINE)
IN_README = "http://127.0.0.1:8000"


class MadeServer(Server):
    """A service that `make run` would start: its command is the last one of the recipe."""

    async def start(self) -> None:
        [recipe] = RECIPE.findall((REPOSITORY / "Makefile").read_text())
        environment = self.environment()
        for name in ("INBOX_MODE", "INBOX_APPLICATION_IDENTIFIER"):  # the recipe sets them
            environment.pop(name, None)
        command = ["sh", "-c", recipe.replace("$$", "$")]
        self.process = ChildProcess(command, env=environment, log_path=self.directory / "log", cwd=REPOSITORY)
        await self.wait_ready()


@pytest_asyncio.fixture(loop_scope="session")
async def made_server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="inbox-made-") as home:
        settings = {"INBOX_DATA_DIR": f"{home}/data"}
        server = MadeServer(Path(home), settings, demo=False, wrapper=(), constants=None)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


async def test_the_snippet_works_as_it_stands(made_server: Server, open_window: OpenWindow, tmp_path: Path) -> None:
    [snippet] = SNIPPET.findall(README)
    file = tmp_path / "bell.html"
    file.write_text(snippet.replace(IN_README, made_server.url))
    window = await open_window(file.as_uri())
    await window.is_live()
    async with Api.open(made_server) as api:
        await api.trigger("alice", {"subject": "Hello", "body": "It works."}, workflow="welcome")
    await expect(window.badge).to_have_text("1")
    await window.open_panel()
    await expect(window.item("Hello")).to_contain_text("It works.")
