"""Two processes over one store, of which one has another idea of the time: everything is as if it had not."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
import redis

from tests.support.client import Api, InboxApi, Json, create_session
from tests.support.server import Server, running_server
from tests.support.sockets import RECEIVED, UPDATED, PlainSocket

from .conftest import Pair

pytestmark = pytest.mark.needs("faketime")

HOUR = 3_600
DELAY_SECONDS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["+5s", "-5s", f"+{HOUR}s", f"-{HOUR}s"])
async def servers(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Server, Server]]:
    """The first has the store's clock, the second one that is so far ahead of it."""
    async with AsyncExitStack() as stack:
        started = []
        for wrapper in ([], ["faketime", "-m", "-f", str(request.param)]):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-server-")))
            running = running_server(home, redis_url=valkey_url, wrapper=wrapper, INBOX_KEY_PREFIX=f"t{request.param}:")
            started.append(await stack.enter_async_context(running))
        yield started[0], started[1]


@pytest.fixture
async def pair(servers: tuple[Server, Server]) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Api.open(server)) for server in servers]
        yield Pair(servers, (first, second), stack)


@pytest.fixture
def name() -> str:
    """Names a subscriber and a workflow of the test's own."""
    return f"c-{secrets.token_hex(5)}"


@pytest.fixture
def store(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


def in_seconds(seconds: float) -> str:
    """That moment on the wire; the test and the store share a machine, and so a clock."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat(timespec="milliseconds")


async def create_delayed(api: Api, name: str) -> None:
    """A workflow of a delay and a message."""
    wait = {"type": "regular", "amount": DELAY_SECONDS, "unit": "seconds"}
    steps = [
        {"name": "Wait", "stepId": "wait", "type": "delay", "controlValues": wait},
        {"name": "In-app", "stepId": "in-app", "type": "in_app", "controlValues": {"body": "later"}},
    ]
    await api.data("POST", "/v2/workflows", 201, {"name": name, "workflowId": name, "steps": steps})


async def opens_everywhere(pair: Pair, issuer: Server, name: str) -> None:
    """A session that one process gave out is good at both, at REST and at sockets."""
    session = await create_session(issuer, name)
    for server in pair.servers:
        async with InboxApi.connected(server, f"Bearer {session['token']}") as inbox:
            await inbox.notifications()
        async with PlainSocket.open(server, name, session["token"]):
            pass


async def test_sessions_and_sockets(pair: Pair, name: str) -> None:
    for issuer in pair.servers:
        await opens_everywhere(pair, issuer, name)


@pytest.mark.parametrize("sender", [0, 1])
async def test_a_delay_lasts_as_long_as_it_says(
    pair: Pair, store: redis.Redis, sender: int, name: str
) -> None:
    await create_delayed(pair.api, name)
    async with PlainSocket.open(pair.servers[1 - sender], name) as socket:
        seconds, _ = store.time()
        await pair.apis[sender].trigger(name, workflow=name)
        message = (await socket.expect(RECEIVED, 30))["message"]
    delivered = datetime.fromisoformat(message["createdAt"]).timestamp()
    assert delivered - seconds >= DELAY_SECONDS - 1, "it came too soon"


async def test_a_snooze_is_taken_and_kept(pair: Pair, name: str) -> None:
    await pair.api.create_workflow(name)
    await pair.api.trigger(name, workflow=name)
    for inbox in await pair.inboxes(name):
        [message] = await inbox.notifications()
        await inbox.change(message["id"], "snooze", {"snoozeUntil": in_seconds(120)})
        for reader in await pair.inboxes(name):
            [snoozed] = await reader.notifications(snoozed="true")
            assert snoozed["isSnoozed"]
        await inbox.change(message["id"], "unsnooze")
        url = f"/v1/inbox/notifications/{message['id']}/snooze"
        await inbox.call("PATCH", url, 422, {"snoozeUntil": in_seconds(10)})


async def test_an_expiry_comes_when_it_is_due(pair: Pair, name: str) -> None:
    await pair.api.create_workflow(name)
    await asyncio.gather(*(expire(pair, sender, f"{name}-{sender}", name) for sender in (0, 1)))


async def expire(pair: Pair, sender: int, subscriber_id: str, workflow: str) -> None:
    """One process sends a message that stays and one that expires, a page at the other sees both."""
    trigger, reader = pair.apis[sender].trigger, pair.apis[1 - sender]
    async with PlainSocket.open(pair.servers[1 - sender], subscriber_id) as socket:
        await trigger(subscriber_id, workflow=workflow, expiresAt=in_seconds(HOUR / 2))
        stays: Json = (await socket.expect(RECEIVED))["message"]
        await trigger(subscriber_id, workflow=workflow, expiresAt=in_seconds(10))
        goes: Json = (await socket.expect(RECEIVED))["message"]
        assert (await socket.expect(UPDATED, 60))["removed"] == [goes["_id"]]
    assert [message["_id"] for message in await reader.feed(subscriber_id)] == [stays["_id"]]
