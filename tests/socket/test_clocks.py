"""Two processes over one store, of which one has another idea of the time: everything is as if it had not."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import pytest_asyncio
import redis

from tests.support.client import Api, InboxApi, Json, create_session
from tests.support.server import Server, new_server
from tests.support.sockets import RECEIVED, UPDATED, PlainSocket
from tests.support.waiting import at_once

from .conftest import Pair

pytestmark = pytest.mark.needs("faketime")

HOUR = 3_600
OFFSETS = ("+5s", "-5s", f"+{HOUR}s", f"-{HOUR}s")
DELAY_SECONDS = 3


Servers = tuple[Server, Server]


@pytest.fixture(scope="module")
def faketime() -> str:
    """The library to load: the command would stay in between, take the signals and leave the service behind."""
    command = ["faketime", "-m", "-f", "+0s", "printenv", "LD_PRELOAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(valkey_url: str, faketime: str) -> AsyncIterator[dict[str, Servers]]:
    """By offset: the first has the store's clock, the second one that is so far ahead of it."""
    async with AsyncExitStack() as stack:

        async def start(offset: str, wrapper: Sequence[str]) -> Server:
            server = new_server(redis_url=valkey_url, wrapper=wrapper, INBOX_KEY_PREFIX=f"t{offset}:")
            return await stack.enter_async_context(server)

        wrappers = {offset: ["env", f"LD_PRELOAD={faketime}", f"FAKETIME={offset}"] for offset in OFFSETS}
        firsts = await asyncio.gather(*(start(offset, []) for offset in OFFSETS))
        seconds = await asyncio.gather(*(start(offset, wrapper) for offset, wrapper in wrappers.items()))
        yield dict(zip(OFFSETS, zip(firsts, seconds, strict=True), strict=True))


@pytest.fixture
async def pairs(servers: dict[str, Servers]) -> AsyncIterator[dict[str, Pair]]:
    async with AsyncExitStack() as stack:
        pairs = {}
        for offset, (first, second) in servers.items():
            apis = [await stack.enter_async_context(Api.open(server)) for server in (first, second)]
            pairs[offset] = Pair((first, second), (apis[0], apis[1]), stack)
        yield pairs


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


async def test_sessions_and_sockets(pairs: dict[str, Pair], name: str) -> None:
    await at_once(
        {
            f"{offset}, issued by {issuer}": opens_everywhere(pair, pair.servers[issuer], name)
            for offset, pair in pairs.items()
            for issuer in (0, 1)
        }
    )


async def test_what_is_due_comes_when_it_is_due(pairs: dict[str, Pair], store: redis.Redis, name: str) -> None:
    parts: dict[str, Awaitable[None]] = {}
    for offset, pair in pairs.items():
        await pair.api.create_workflow(name)
        await create_delayed(pair.api, f"{name}-delayed")
        for sender in (0, 1):
            part = f"{offset}, sent by {sender}"
            parts[f"a delay, {part}"] = delay(pair, store, sender, f"{name}-{sender}-waits", f"{name}-delayed")
            parts[f"an expiry, {part}"] = expire(pair, sender, f"{name}-{sender}", name)
    await at_once(parts)


async def delay(pair: Pair, store: redis.Redis, sender: int, subscriber_id: str, workflow: str) -> None:
    """A delay lasts as long as it says."""
    async with PlainSocket.open(pair.servers[1 - sender], subscriber_id) as socket:
        seconds, _ = store.time()
        await pair.apis[sender].trigger(subscriber_id, workflow=workflow)
        message = (await socket.expect(RECEIVED, 30))["message"]
    delivered = datetime.fromisoformat(message["createdAt"]).timestamp()
    assert delivered - seconds >= DELAY_SECONDS - 1, "it came too soon"


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


async def test_a_snooze_is_taken_and_kept(pairs: dict[str, Pair], name: str) -> None:
    await at_once({offset: snooze(pair, name) for offset, pair in pairs.items()})


async def snooze(pair: Pair, name: str) -> None:
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
