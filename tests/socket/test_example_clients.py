"""The clients of docs/examples keep list and badge right through all that happens to a page."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, subscriber_hash
from tests.support.link import Link
from tests.support.processes import REPOSITORY
from tests.support.server import Server
from tests.support.waiting import until

Json = dict[str, Any]
LIST = {"archived": "false", "snoozed": "false"}
BADGE = '{"read":false,"snoozed":false}'
PAGE = 20
WAIT_SECONDS = 60
COMMANDS = {
    "node": ["node", "--experimental-websocket", "--no-warnings", "tests/js/socket/example-client.mjs"],
    "python": [sys.executable, "tests/support/example_client.py"],
}
LANGUAGES = [pytest.param("node", marks=pytest.mark.needs("node")), "python"]
pytestmark = [pytest.mark.needs("valkey"), pytest.mark.parametrize("language", LANGUAGES)]


class Page:
    """One client in a process of its own: what it shows, and how many sessions it has opened."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.items: list[Json] = []
        self.unread = -1
        self.sessions = 0
        self.refused = ""
        self._process = process
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def open(cls, language: str, url: str, server: Server, *, pulse: float = 1) -> AsyncIterator[Self]:
        """Ada's page at that address of the service; its heart beats `pulse` times faster."""
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *COMMANDS[language], cwd=REPOSITORY, env=environment, stdin=pipe, stdout=pipe, limit=2**24
        )
        page = cls(process)
        try:
            credentials = {
                "applicationIdentifier": server.application_identifier,
                "subscriber": {"subscriberId": "ada"},
                "subscriberHash": subscriber_hash(server.api_key, "ada"),
            }
            page.order({"url": url, "credentials": credentials, "pulse": pulse})
            yield page
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await page._reading

    def order(self, line: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is asked again after each line of the client."""
        async with asyncio.timeout(WAIT_SECONDS), self._news:
            await self._news.wait_for(lambda: condition() or self._reading.done())
        assert condition(), "the client has ended"

    async def shows(self, inbox: InboxApi) -> None:
        """Return once list and badge equal a fresh listing."""
        items = (await inbox.notifications(**LIST))[:PAGE]
        [unread] = await inbox.count(BADGE)
        try:
            await self.until(lambda: (self.items, self.unread) == (items, unread))
        except TimeoutError:
            assert (self.items, self.unread) == (items, unread)
            raise

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self._note(json.loads(line))
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    def _note(self, told: Json) -> None:
        assert "failed" not in told, told
        self.sessions += "session" in told
        self.refused = told.get("refused", self.refused)
        if "items" in told:
            self.items, self.unread = told["items"], told["unread"]


@dataclass
class Scene:
    """A service, its producer, a page of Ada's behind a link, and Ada's second tab."""

    server: Server
    api: Api
    link: Link
    page: Page
    tab: InboxApi

    async def send(self, *numbers: int) -> None:
        for number in numbers:
            await self.api.trigger("ada", {"n": number})

    async def agree(self) -> None:
        await self.page.shows(self.tab)

    async def change_everything(self) -> None:
        """Make all kinds of changes: new ones, a mark, an archived, a snoozed and a deleted notification."""
        first, second, third, fourth, *_ = await self.tab.notifications(**LIST)
        await self.send(10, 11, 12)
        await self.tab.change(first["id"], "read")
        await self.tab.change(second["id"], "archive")
        await self.tab.call("DELETE", f"/v1/inbox/notifications/{third['id']}/delete", 204)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await self.tab.change(fourth["id"], "snooze", {"snoozeUntil": tomorrow.isoformat()})


@asynccontextmanager
async def scene(server: Server, language: str, **options: float) -> AsyncIterator[Scene]:
    """Six notifications, shown."""
    async with (
        Api.open(server) as api,
        Link.to(server.port) as link,
        InboxApi.open(server, "ada") as tab,
        Page.open(language, link.url, server, **options) as page,
    ):
        await api.create_workflow()
        played = Scene(server, api, link, page, tab)
        await played.send(*range(6))
        await played.agree()
        yield played


async def test_another_tab_s_marks_are_shown(fresh_server: Server, language: str) -> None:
    async with scene(fresh_server, language) as played:
        await played.change_everything()
        await played.agree()
        await played.tab.read_all()
        await played.agree()
        assert played.page.unread == 0


async def test_its_own_mark_is_shown_in_both_tabs(fresh_server: Server, language: str) -> None:
    async with scene(fresh_server, language) as played:
        newest = played.page.items[0]["id"]
        played.page.order({"id": newest, "change": "read"})
        await played.page.until(lambda: played.page.items[0]["isRead"])
        await played.agree()
        assert played.page.unread == 5
        assert (await played.tab.notifications())[0]["isRead"]


async def test_a_burst_ends_in_the_right_list(fresh_server: Server, language: str) -> None:
    async with scene(fresh_server, language) as played:
        await played.send(*range(100, 150))
        await played.agree()
        assert played.page.unread == 56


async def test_a_restart_of_the_service(run_server: RunServer, language: str) -> None:
    """Two processes on one store would hide the restart: here nobody answers meanwhile."""
    async with scene(await run_server(), language) as played:
        await played.server.terminate()
        await played.server.start()
        await played.change_everything()
        await played.agree()
        await played.server.kill()
        await played.server.start()
        await played.send(20)
        await played.agree()


async def test_an_offline_while(fresh_server: Server, language: str) -> None:
    async with scene(fresh_server, language) as played:
        await played.link.cut()
        await played.change_everything()
        await played.link.mend()
        await played.agree()
        await played.send(20)
        await played.agree()


async def test_a_connection_that_died_without_a_word(fresh_server: Server, language: str) -> None:
    """Nothing closes it: the client finds out by its own pings."""
    async with scene(fresh_server, language, pulse=10) as played:
        await played.link.fall_silent()
        await played.change_everything()
        await played.link.mend()
        await played.agree()


async def test_an_expired_token(run_server: RunServer, language: str) -> None:
    """The service closes the socket; the client comes back with a new session."""
    async with scene(await run_server(INBOX_TOKEN_TTL_SECONDS="5"), language) as played:

        async def has_expired() -> bool:
            return "token_expired" in played.server.log()

        await until(has_expired, WAIT_SECONDS)
        await played.page.until(lambda: played.page.sessions > 1)
        await played.send(20)
        async with InboxApi.open(played.server, "ada") as tab:  # the other one's token has expired as well
            await played.page.shows(tab)


async def test_a_token_that_nobody_accepts_any_more(run_server: RunServer, language: str) -> None:
    """A service with another secret answers 401 to the handshake and to every request."""
    server = await run_server()
    async with scene(server, language) as played:
        await server.terminate()
        server.settings["INBOX_DATA_DIR"] = str(server.directory / "other")
        await server.start()
        await played.api.create_workflow()
        await played.send(20)
        async with InboxApi.open(server, "ada") as tab:
            await played.page.shows(tab)


async def test_a_deleted_subscriber_is_left_alone(fresh_server: Server, language: str) -> None:
    async with scene(fresh_server, language) as played:
        await played.api.call("DELETE", "/v2/subscribers/ada", 200)
        await played.page.until(lambda: "deleted" in played.page.refused)
        await played.api.call("GET", "/v2/subscribers/ada", 404)


async def test_a_subscriber_deleted_while_it_is_read_is_left_alone(fresh_server: Server, language: str) -> None:
    """A reading that meets the 401 first must not bring the subscriber back: the socket's reason decides."""
    async with scene(fresh_server, language) as played:
        async with asyncio.TaskGroup() as tasks:
            for number in range(30, 40):
                tasks.create_task(played.tab.client.post("/v1/inbox/notifications/read", json={}))
                tasks.create_task(played.api.client.patch("/v2/subscribers/ada", json={"firstName": f"Ada {number}"}))
            tasks.create_task(played.api.call("DELETE", "/v2/subscribers/ada", 200))
        await played.page.until(lambda: "deleted" in played.page.refused)
        assert played.page.sessions == 1
        await played.api.call("GET", "/v2/subscribers/ada", 404)


async def test_a_session_that_is_refused_is_not_asked_for_again(fresh_server: Server, language: str) -> None:
    fresh_server.settings["INBOX_APPLICATION_IDENTIFIER"] = "nobodysIdent"  # of this test's view
    async with Page.open(language, fresh_server.url, fresh_server) as page:
        await page.until(lambda: bool(page.refused))
        assert page.sessions == 1
