"""The Socket.IO flavour with the clients that people have: python-socketio's and socket.io-client, each unmodified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from inbox.realtime.socketio.heartbeat import Rhythm
from inbox.service.subscribers import sessions
from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, create_session
from tests.support.environments import environment_of, see_from_new_environment, services_of
from tests.support.server import Server, new_server
from tests.support.socketio import CLIENTS, NodeClient, PacketSocket, SocketIoClient

Client = type[SocketIoClient]
BACK_SECONDS = 2.0
"""A client that retries does so within half a second here."""
STAYS_AWAY = {"io server disconnect", "server disconnect"}
RHYTHM = Rhythm(interval_seconds=1.0, timeout_seconds=5.0)  # a busy machine answers late

pytestmark = pytest.mark.parametrize("library", CLIENTS)
places = pytest.mark.parametrize("in_query", [True, False], ids=["query", "payload"])


async def token_of(server: Server) -> str:
    return str((await create_session(server, "ada"))["token"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(valkey_url: str) -> AsyncIterator[Server]:
    constants = {"inbox.logs.PACE_SECONDS": 0.0}  # a line for each refusal
    async with new_server(redis_url=valkey_url, INBOX_KEY_PREFIX="clients:", constants=constants) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hurried_service(valkey_url: str) -> AsyncIterator[Server]:
    """With a heartbeat a second."""
    constants = {"inbox.realtime.socketio.RHYTHM": RHYTHM}
    async with new_server(redis_url=valkey_url, INBOX_KEY_PREFIX="hurried:", constants=constants) as server:
        yield server


async def with_workflow(server: Server) -> Server:
    async with Api.open(server) as api:
        await api.create_workflow()
    return server


@pytest.fixture
async def server(service: Server) -> Server:
    """The service of this file, in an environment of the test's own."""
    [server] = await see_from_new_environment(service)
    return await with_workflow(server)


@pytest.fixture
async def hurried(hurried_service: Server) -> Server:
    """Likewise, with a heartbeat a second."""
    [server] = await see_from_new_environment(hurried_service)
    return await with_workflow(server)


@pytest.fixture
async def own_server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """One that may be stopped."""
    return await with_workflow(await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix))


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


async def test_a_client_survives_a_restart_and_gets_its_counts_again(library: Client, own_server: Server) -> None:
    """What came before the restart is counted again, what comes after it arrives."""
    async with Api.open(own_server) as api, library.open(own_server, await token_of(own_server)) as client:
        await client.expect_counts(0, 0)
        await api.trigger("ada", {"n": 1})
        await client.take(3)
        await own_server.terminate()
        await client.until(lambda: bool(client.disconnects))
        await own_server.start()
        await client.until(lambda: client.connects == 2, seconds=30)
        await client.expect_counts(1, 1)


async def test_what_comes_after_a_restart_arrives(library: Client, own_server: Server) -> None:
    async with library.open(own_server, await token_of(own_server), in_query=True) as client:
        await client.expect_counts(0, 0)
        await own_server.kill()
        await client.until(lambda: bool(client.disconnects))
        await own_server.start()
        await client.until(lambda: client.connects == 2, seconds=30)
        await client.expect_counts(0, 0)
        async with Api.open(own_server) as api:
            await api.trigger("ada", {"n": 2}, transactionId="after")
        [(_, payload)] = await client.take(1)
        assert payload["message"]["transactionId"] == "after"
        await client.expect_counts(1, 1)


async def refused(library: Client, server: Server, token: str, *, in_query: bool) -> tuple[int, list[str]]:
    """How often a client was let in and with which words it was refused, when it would have tried again by now."""
    async with library.started(server, token, in_query=in_query) as client:
        await client.until(lambda: bool(client.errors))
        await asyncio.sleep(BACK_SECONDS)
        return client.connects, client.errors


async def test_a_refused_client_stays_away(
    library: Client, server: Server, hurried: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad token, one that has expired, and a good one of another service; each in the query and in the payload."""
    async with services_of(server) as services:
        environment = await environment_of(services, server)
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "now_seconds", lambda: 0.0)
            expired = await services.sessions.issue_token(environment, "ada")
    tokens = {"bad": "bad", "expired": expired, "foreign": await token_of(hurried)}
    async with asyncio.TaskGroup() as tasks:
        clients = {
            (kind, in_query): tasks.create_task(refused(library, server, token, in_query=in_query))
            for kind, token in tokens.items()
            for in_query in (True, False)
        }
    told = {case: client.result() for case, client in clients.items()}
    assert told == dict.fromkeys(told, (0, ["Missing or invalid token"]))
    assert server.log().count("socket refused") == len(told)


async def test_a_client_of_a_deleted_subscriber_stays_away(library: Client, server: Server) -> None:
    async with Api.open(server) as api, library.open(server, await token_of(server)) as client:
        await api.call("DELETE", "/v2/subscribers/ada", 200)
        await client.until(lambda: bool(client.disconnects), seconds=5)
        await asyncio.sleep(BACK_SECONDS)
        assert (client.connects, len(client.disconnects)) == (1, 1)
        assert client.disconnects[0] in STAYS_AWAY


async def test_a_client_answers_heartbeats_and_silence_is_closed(library: Client, hurried: Server) -> None:
    """A silent client ends by its name; the library's, which came before it, is there after that."""
    token = await token_of(hurried)
    async with Api.open(hurried) as api, library.open(hurried, token) as client:
        await client.expect_counts(0, 0)
        async with PacketSocket.connected(hurried, token) as silent:
            assert await silent.next() == "2"
            assert await silent.closed(seconds=20) == (4504, "ping_timeout")
        await stays(client, api, pings=2)


@pytest.mark.slow
async def test_a_client_answers_heartbeats_for_two_minutes(library: Client, server: Server) -> None:
    async with Api.open(server) as api, library.open(server, await token_of(server)) as client:
        await client.expect_counts(0, 0)
        await asyncio.sleep(125.0)
        await stays(client, api, pings=4)


async def stays(client: SocketIoClient, api: Api, pings: int) -> None:
    await api.trigger("ada", {"n": 1}, transactionId="late")
    [(_, payload)] = await client.take(1)
    assert payload["message"]["transactionId"] == "late"
    assert (client.connects, client.disconnects) == (1, [])
    if isinstance(client, NodeClient):  # python-socketio does not tell
        assert client.pings >= pings
