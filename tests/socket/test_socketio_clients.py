"""The Socket.IO flavour with the clients that people have: python-socketio's and socket.io-client, each unmodified."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, create_session
from tests.support.hurried import HURRIED, RHYTHM
from tests.support.server import Server, running_server
from tests.support.socketio import CLIENTS, NodeClient, PacketSocket, SocketIoClient

Client = type[SocketIoClient]
BACK_SECONDS = 2.0
"""A client that retries does so within half a second here."""
STAYS_AWAY = {"io server disconnect", "server disconnect"}

pytestmark = pytest.mark.parametrize("library", CLIENTS)
places = pytest.mark.parametrize("in_query", [True, False], ids=["query", "payload"])


async def token_of(server: Server) -> str:
    return str((await create_session(server, "ada"))["token"])


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with Api.open(server) as api:
        await api.create_workflow()
    return server


@pytest.fixture
async def hurried() -> AsyncIterator[Server]:
    """A service with a heartbeat a second."""
    with tempfile.TemporaryDirectory(prefix="inbox-server-") as home:
        async with running_server(Path(home), wrapper=HURRIED) as server, Api.open(server) as api:
            await api.create_workflow()
            yield server


@places
async def test_a_client_gets_counts_and_every_change(library: Client, server: Server, in_query: bool) -> None:
    async with (
        Api.open(server) as api,
        InboxApi.open(server, "ada") as inbox,
        library.open(server, await token_of(server), in_query=in_query) as client,
    ):
        await client.expect_counts(0, 0)
        await api.trigger("ada", {"n": 1}, transactionId="first")
        [(event, payload)] = await client.take(1)
        message = payload["message"]
        assert (event, message["transactionId"]) == ("notification_received", "first")
        assert [message[flag] for flag in ("read", "seen", "archived")] == [False, False, False]
        assert isinstance(message["cta"], dict)
        await client.expect_counts(1, 1)
        await inbox.change(message["_id"], "read")
        [(event, payload)] = await client.take(1)
        assert (event, payload["message"]["_id"]) == ("notification_updated", message["_id"])
        assert payload["message"]["read"] is True
        await client.expect_counts(0, 0)


async def test_a_client_survives_a_restart_and_gets_its_counts_again(library: Client, server: Server) -> None:
    """What came before the restart is counted again, what comes after it arrives."""
    async with Api.open(server) as api, library.open(server, await token_of(server)) as client:
        await client.expect_counts(0, 0)
        await api.trigger("ada", {"n": 1})
        await client.take(3)
        await server.terminate()
        await client.until(lambda: bool(client.disconnects))
        await server.start()
        await client.until(lambda: client.connects == 2, seconds=30)
        await client.expect_counts(1, 1)


async def test_what_comes_after_a_restart_arrives(library: Client, server: Server) -> None:
    async with library.open(server, await token_of(server), in_query=True) as client:
        await client.expect_counts(0, 0)
        await server.kill()
        await client.until(lambda: bool(client.disconnects))
        await server.start()
        await client.until(lambda: client.connects == 2, seconds=30)
        await client.expect_counts(0, 0)
        async with Api.open(server) as api:
            await api.trigger("ada", {"n": 2}, transactionId="after")
        [(_, payload)] = await client.take(1)
        assert payload["message"]["transactionId"] == "after"
        await client.expect_counts(1, 1)


@places
@pytest.mark.parametrize("kind", ["bad", "expired", "foreign"])
async def test_a_refused_client_stays_away(library: Client, run_server: RunServer, in_query: bool, kind: str) -> None:
    """A bad token, one that has expired, and a good one of another service."""
    server = await run_server(INBOX_TOKEN_TTL_SECONDS="1")
    token = await token_of(server)
    if kind == "foreign":
        other = await run_server()
        token = await token_of(other)
    elif kind == "expired":
        await asyncio.sleep(1.5)
    else:
        token = "bad"
    async with library.started(server, token, in_query=in_query) as client:
        await client.until(lambda: bool(client.errors))
        assert client.errors == ["Missing or invalid token"]
        await asyncio.sleep(BACK_SECONDS)
        assert (client.connects, len(client.errors)) == (0, 1)
        assert server.log().count("socket refused") == 1


async def test_a_client_of_a_deleted_subscriber_stays_away(library: Client, server: Server) -> None:
    async with Api.open(server) as api, library.open(server, await token_of(server)) as client:
        await api.call("DELETE", "/v2/subscribers/ada", 200)
        await client.until(lambda: bool(client.disconnects), seconds=5)
        await asyncio.sleep(BACK_SECONDS)
        assert (client.connects, len(client.disconnects)) == (1, 1)
        assert client.disconnects[0] in STAYS_AWAY


async def test_a_client_answers_heartbeats(library: Client, hurried: Server) -> None:
    """Twice as long as its silence would be borne."""
    await stays_for(library, hurried, 2 * (RHYTHM.interval_seconds + RHYTHM.patience_seconds), pings=6)


@pytest.mark.slow
async def test_a_client_answers_heartbeats_for_two_minutes(library: Client, server: Server) -> None:
    await stays_for(library, server, 125.0, pings=4)


async def stays_for(library: Client, server: Server, seconds: float, pings: int) -> None:
    async with Api.open(server) as api, library.open(server, await token_of(server)) as client:
        await client.expect_counts(0, 0)
        await asyncio.sleep(seconds)
        await api.trigger("ada", {"n": 1}, transactionId="late")
        [(_, payload)] = await client.take(1)
        assert payload["message"]["transactionId"] == "late"
        assert (client.connects, client.disconnects) == (1, [])
        if library is NodeClient:  # python-socketio does not tell
            assert client.pings >= pings


async def test_who_does_not_answer_is_closed(library: Client, hurried: Server) -> None:
    """Silence, by a client that speaks packet by packet; the library's beside it stays."""
    token = await token_of(hurried)
    async with library.open(hurried, token) as client, PacketSocket.connected(hurried, token) as silent:
        assert await silent.next() == "2"
        assert await silent.closed(seconds=20) == (4504, "ping_timeout")
        assert client.disconnects == []
