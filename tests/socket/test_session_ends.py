"""An open socket ends with its session, within 5 s, at every process and in every flavour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from inbox.services import Services
from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.environments import environment_of, see_from_new_environment, services_of
from tests.support.server import Server
from tests.support.socketio import PacketSocket, PythonClient
from tests.support.sockets import PlainSocket

from .test_presence import wait_online

TOKEN_SECONDS = 8
ENDED_SECONDS = 60.0


@pytest.fixture
async def servers(servers_on_valkey: tuple[Server, Server]) -> list[Server]:
    """Two processes over one store, in an environment of the test's own."""
    return await see_from_new_environment(*servers_on_valkey)


@pytest.fixture
async def services(servers: list[Server]) -> AsyncIterator[Services]:
    """The verbs of a third process, as a command has them."""
    async with services_of(servers[0]) as services:
        yield services


async def token_of(server: Server, subscriber_id: str = "ada") -> str:
    return str((await create_session(server, subscriber_id))["token"])


async def test_a_revoked_key_ends_every_socket_of_its_environment(servers: list[Server], services: Services) -> None:
    """A socket that lives long must not outlive its key."""
    environment = await environment_of(services, servers[0])
    key = await services.environments.keys.create(environment)
    async with AsyncExitStack() as stack:
        plain = [await stack.enter_async_context(PlainSocket.open(server, "ada")) for server in servers]
        token = await token_of(servers[0])
        packets = [await stack.enter_async_context(PacketSocket.connected(server, token)) for server in servers]
        client = await stack.enter_async_context(PythonClient.open(servers[1], token))
        await services.environments.keys.revoke(environment, key)
        assert [await socket.closed(ENDED_SECONDS) for socket in plain] == [4403, 4403]
        assert [await socket.next(ENDED_SECONDS) for socket in packets] == ["41", "41"]
        assert [await socket.closed() for socket in packets] == [(4403, "session_revoked")] * 2
        await client.until(lambda: bool(client.disconnects), ENDED_SECONDS)
        await asyncio.sleep(1)  # the client would be back by now
        assert (client.connects, client.client.connected) == (1, False)
        async with PacketSocket.open(servers[1], token=token) as socket:
            await socket.send("40")
            assert await socket.refusal() == "Missing or invalid token"
        async with PlainSocket.open(servers[0], "ada"):  # a new session opens again
            pass


async def test_other_environments_keep_theirs(servers: list[Server], services: Services) -> None:
    """Environments are apart: the end of one's key concerns no other."""
    [other] = await see_from_new_environment(servers[0])
    environment = await environment_of(services, other)
    key = await services.environments.keys.create(environment)
    async with PlainSocket.open(other, "ada") as theirs, PlainSocket.open(servers[0], "ada") as ours:
        await services.environments.keys.revoke(environment, key)
        assert await theirs.closed(ENDED_SECONDS) == 4403
        await ours.send("ping")
        assert (await ours.next()).event == "pong"


async def test_a_socket_ends_with_its_token(run_server: RunServer) -> None:
    """A socket that lives long must not outlive its token; nor does presence."""
    server = await run_server(INBOX_TOKEN_TTL_SECONDS=str(TOKEN_SECONDS), INBOX_PRESENCE_GRACE_SECONDS="1")
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
            await wait_online(api, "ada", True, TOKEN_SECONDS)
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
            await wait_online(api, "ada", False, ENDED_SECONDS)
