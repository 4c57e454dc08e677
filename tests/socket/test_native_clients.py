"""Clients of the native protocol hold what a fresh listing shows: the Python client, and those of docs/examples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from inbox.client import FeedClosed, LiveFeed, NotificationCreated, RequestRefused, Reset, open_session, plain_hash
from tests.conftest import RunServer
from tests.support.client import WORKFLOW, Api, InboxApi, create_session
from tests.support.link import Link
from tests.support.native_clients import HURRY, FeedClient, NativeClient, NodeExample, PythonExample
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.needs("valkey")
Opening = Callable[[str, str], AbstractAsyncContextManager[NativeClient]]

CLIENTS: dict[str, Opening] = {
    "feed": partial(FeedClient.open, filter={"archived": False, "snoozed": False}),
    "everything": partial(FeedClient.open, filter={}),
    "python": PythonExample.open,
    "node": NodeExample.open,
}
all_clients = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs("node") if name == "node" else []) for name in CLIENTS]
)


@dataclass
class Scene:
    """A service, its producer, a client of Ada's behind a link, and Ada's second device."""

    server: Server
    api: Api
    link: Link
    client: NativeClient
    device: InboxApi

    async def send(self, *numbers: int) -> None:
        for number in numbers:
            await self.api.trigger("ada", {"n": number})

    async def agree(self) -> None:
        await self.client.agree(self.device.notifications)
        assert self.client.missed == 0

    async def change_everything(self) -> None:
        """Make all kinds of changes."""
        ids = [one["id"] for one in await self.device.notifications(archived="false", snoozed="false")]
        await self.send(10, 11)
        await self.device.change(ids[0], "read")
        await self.device.change(ids[1], "archive")
        await self.device.call("DELETE", f"/v1/inbox/notifications/{ids[2]}/delete", 204)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await self.device.change(ids[3], "snooze", {"snoozeUntil": tomorrow.isoformat()})
        await self.device.change(ids[4], "complete", {"actionType": "primary"})
        await self.api.call("PATCH", f"/v1/messages/{ids[5]}", 200, {"body": "Edited", "severity": "high"})
        await self.device.see()


@asynccontextmanager
async def scene(server: Server, name: str) -> AsyncIterator[Scene]:
    """Eight notifications, held."""
    token = (await create_session(server, "ada"))["token"]
    async with Api.open(server) as api:
        await api.create_workflow()
        for number in range(8):
            await api.trigger("ada", {"n": number})
        async with (
            Link.to(server.port) as link,
            InboxApi.open(server, "ada", token) as device,
            CLIENTS[name](link.url, token) as client,
        ):
            played = Scene(server, api, link, client, device)
            await played.agree()
            yield played


@all_clients
async def test_it_follows_everything(fresh_server: Server, name: str) -> None:
    async with scene(fresh_server, name) as played:
        await played.change_everything()
        await played.agree()
        await played.device.read_all()
        await played.agree()
        await played.device.call("POST", "/v1/inbox/notifications/archive", 204, {})
        await played.agree()


@all_clients
async def test_it_continues_after_a_loss(fresh_server: Server, name: str) -> None:
    async with scene(fresh_server, name) as played:
        await played.link.cut()
        await played.change_everything()
        await played.link.mend()
        await played.agree()
        await played.send(20)
        await played.agree()


@all_clients
async def test_it_outlives_restarts(run_server: RunServer, name: str) -> None:
    async with scene(await run_server(), name) as played:
        await played.server.terminate()
        await played.server.start()
        await played.change_everything()
        await played.agree()
        await played.server.kill()
        await played.server.start()
        await played.send(20)
        await played.agree()


def feed_at(server: Server, token: Any, **options: Any) -> LiveFeed:
    return LiveFeed(server.url, token, backoff=HURRY, connect=partial(connect, proxy=None), **options)


async def test_what_the_feed_changes(fresh_server: Server) -> None:
    """Each change is held once it has returned, and is what the service lists."""
    async with scene(fresh_server, "everything") as played:
        assert isinstance(played.client, FeedClient)
        feed = played.client.feed
        ids = [one["id"] for one in feed.notifications]

        async def after(change: Awaitable[None]) -> Any:
            await change
            listing = await played.device.notifications()
            assert [*feed.notifications] == listing
            return {one["id"]: one for one in listing}

        assert (await after(feed.mark(ids[:2], "read")))[ids[1]]["isRead"]
        assert not (await after(feed.mark(ids[0], "unread")))[ids[0]]["isRead"]
        assert (await after(feed.mark(ids[0], "archived")))[ids[0]]["isArchived"]
        assert not (await after(feed.mark(ids[0], "unarchived")))[ids[0]]["isArchived"]
        assert (await after(feed.snooze(ids[2], datetime.now(UTC) + timedelta(days=1))))[ids[2]]["isSnoozed"]
        assert not (await after(feed.unsnooze(ids[2])))[ids[2]]["isSnoozed"]
        assert (await after(feed.act(ids[3])))[ids[3]]["primaryAction"]["isCompleted"]
        assert not (await after(feed.act(ids[3], status="pending")))[ids[3]]["primaryAction"]["isCompleted"]
        assert ids[4] not in await after(feed.delete(ids[4]))
        assert all(one["isSeen"] for one in (await after(feed.mark_all("seen"))).values())
        assert await feed.count({"read": True}, {}) == [3, 7]
        page = await feed.find({"read": False}, limit=2, after=ids[0])
        assert [one["id"] for one in page["data"]] == [ids[2], ids[5]]
        assert all(one["isArchived"] for one in (await after(feed.mark_all("archived"))).values())
        assert await after(feed.delete_all()) == {}
        assert (await feed.set_preferences({"in_app": False}, WORKFLOW))["channels"] == {"in_app": False}
        general, one = await feed.preferences()
        assert (general["level"], one["channels"]) == ("global", {"in_app": False})
        with pytest.raises(RequestRefused) as caught:
            await feed.mark(ids[0], "read")
        assert caught.value.code == "not_found"


async def test_a_feed_of_a_subscriber_that_is_deleted(fresh_server: Server) -> None:
    token = (await create_session(fresh_server, "ada"))["token"]
    async with Api.open(fresh_server) as api, feed_at(fresh_server, token) as feed:
        assert await anext(feed) == Reset("connected")
        await api.call("DELETE", "/v2/subscribers/ada", 200)
        with pytest.raises(FeedClosed) as caught:
            await anext(feed)
    assert (caught.value.code, caught.value.reason) == (4410, "subscriber_deleted")


async def test_a_token_is_renewed(run_server: RunServer) -> None:
    """Of a few seconds: before it ends, and after it was refused."""
    server = await run_server(INBOX_TOKEN_TTL_SECONDS="4")
    opened = 0
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http, Api.open(server) as api:

        async def get_token() -> str:
            nonlocal opened
            opened += 1
            hashed = plain_hash(server.api_key, "ada")
            identifier = server.application_identifier
            return await open_session(server.url, identifier, "ada", subscriber_hash=hashed, http=http)

        await api.create_workflow()
        async with feed_at(server, get_token) as feed:
            assert await anext(feed) == Reset("connected")

            async def is_renewed() -> bool:
                return opened >= 3

            await until(is_renewed, 60)
            await api.trigger("ada", {"n": 1})
            event = await anext(feed)
            assert isinstance(event, NotificationCreated)
            assert event.notification["body"] == "Body 1"


async def test_a_token_that_is_none(fresh_server: Server) -> None:
    with pytest.raises(FeedClosed) as caught:
        async with feed_at(fresh_server, "no token"):
            pass
    assert caught.value.code == 4401


async def test_pages_of_older_ones(fresh_server: Server) -> None:
    async with scene(fresh_server, "feed") as played, feed_at(fresh_server, played.device.token, limit=3) as feed:
        while feed.has_more:
            await feed.more()
        assert [*feed.notifications] == await played.device.notifications(archived="false", snoozed="false")
