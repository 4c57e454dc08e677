"""An open socket ends with its session, within 5 s, at every process and in every flavour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from inbox.services import Services, open_services
from inbox.settings import Settings
from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.server import Server
from tests.support.socketio import PacketSocket, PythonClient
from tests.support.sockets import PlainSocket

TOKEN_SECONDS = 8
ENDED_SECONDS = 60.0


@pytest.fixture
async def servers(run_server: RunServer, valkey_url: str, key_prefix: str) -> list[Server]:
    """Two processes over one store."""
    starts = (run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix) for _ in range(2))
    return list(await asyncio.gather(*starts))


@pytest.fixture
async def services(servers: list[Server], valkey_url: str, key_prefix: str) -> AsyncIterator[Services]:
    """The verbs of a third process, as a command has them."""
    async with open_services(Settings(redis_url=valkey_url, key_prefix=key_prefix), valkey_url) as services:
        yield services


async def token_of(server: Server, subscriber_id: str = "ada") -> str:
    return str((await create_session(server, subscriber_id))["token"])


async def test_a_revoked_key_ends_every_socket_of_its_environment(servers: list[Server], services: Services) -> None:
    """field/reliability.md §4, "Close on logout / expiry"; §3, "long-lived socket outlives its token"."""
    environment = services.environments.current
    key = await services.environments.create_key(environment)
    async with AsyncExitStack() as stack:
        plain = [await stack.enter_async_context(PlainSocket.open(server, "ada")) for server in servers]
        token = await token_of(servers[0])
        packets = [await stack.enter_async_context(PacketSocket.connected(server, token)) for server in servers]
        client = await stack.enter_async_context(PythonClient.open(servers[1], token))
        await services.environments.revoke_key(environment, key)
        assert [await socket.closed(ENDED_SECONDS) for socket in plain] == [4401, 4401]
        assert [await socket.next(ENDED_SECONDS) for socket in packets] == ["41", "41"]
        assert [await socket.closed() for socket in packets] == [(4401, "session_revoked")] * 2
        await client.until(lambda: bool(client.disconnects), ENDED_SECONDS)
        await asyncio.sleep(1)  # the client would be back by now
        assert (client.connects, client.client.connected) == (1, False)
        async with PacketSocket.open(servers[1], token=token) as socket:
            await socket.send("40")
            assert await socket.refusal() == "Missing or invalid token"
        async with PlainSocket.open(servers[0], "ada"):  # a new session opens again
            pass


async def test_other_environments_keep_theirs(servers: list[Server], services: Services) -> None:
    """field/reliability.md §4, "Environments"."""
    production = next(one for one in services.environments.all() if one.name == "Production")
    development = next(one for one in services.environments.all() if one.name == "Development")
    key = await services.environments.create_key(development)
    token = await services.sessions.issue_token(development, "ada")
    async with (
        PlainSocket.open(servers[0], "ada", token) as theirs,
        PlainSocket.open(servers[0], "ada", await services.sessions.issue_token(production, "ada")) as ours,
    ):
        await services.environments.revoke_key(development, key)
        assert await theirs.closed(ENDED_SECONDS) == 4401
        await ours.send("ping")
        assert (await ours.next()).event == "pong"


async def test_a_socket_ends_with_its_token(run_server: RunServer) -> None:
    """field/reliability.md §4, "Close on logout / expiry"."""
    server = await run_server(INBOX_TOKEN_TTL_SECONDS=str(TOKEN_SECONDS))
    async with Api.open(server) as api:
        await api.create_workflow()
        token = await token_of(server)
        issued = time.monotonic()
        async with (
            PlainSocket.open(server, "ada", token) as plain,
            PacketSocket.connected(server, token) as packets,
            PythonClient.open(server, token) as client,
        ):
            await api.trigger("ada", {"n": 1})
            assert (await plain.next()).event == "notification_received"
            assert (await packets.next_event())[0] == "notification_received"
            assert await plain.closed(TOKEN_SECONDS + ENDED_SECONDS) == 4401
            assert plain.connection.close_reason == "token_expired"
            assert time.monotonic() - issued > TOKEN_SECONDS - 1
            for _ in range(2):
                await packets.next_event()  # the counts
            assert await packets.next() == "41"
            assert await packets.closed() == (4401, "token_expired")
            await client.until(lambda: bool(client.disconnects))
            await asyncio.sleep(1)  # the client would be back by now
            assert client.connects == 1
