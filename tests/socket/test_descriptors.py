"""A process with few descriptors: it refuses in words what it cannot hold, keeps what it has, and stays well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from inbox.http.descriptors import share_out
from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.server import Server
from tests.support.socketio import PacketSocket
from tests.support.sockets import PlainSocket

LIMIT = 160
MANY = {"INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "1000"}


@pytest.fixture
async def small(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """A service that may have 160 descriptors."""
    few = ["sh", "-c", f'ulimit -n {LIMIT} && exec "$@"', "sh"]
    server = await run_server(redis_url=valkey_url, wrapper=few, INBOX_KEY_PREFIX=key_prefix, **MANY)
    async with Api.open(server) as api:
        await api.create_workflow()
    return server


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.mark.parametrize("limit", [16, 64, 160, 256, 1024, 65_536, 1_048_576])
def test_shares_leave_room_for_each_other(limit: int) -> None:
    share = share_out(limit)
    assert 0 < share.sockets < share.connections < share.answers < limit


async def hears(api: Api, socket: PlainSocket, transaction: str) -> None:
    await api.trigger("ada", {"n": 1}, transactionId=transaction)
    await socket.reach(transaction)


async def test_sockets_beyond_the_descriptors_are_refused_in_words(small: Server, stack: AsyncExitStack) -> None:
    token = (await create_session(small, "ada"))["token"]
    url = f"{small.ws_url}?token={token}"
    async with Api.open(small) as api:
        first = await stack.enter_async_context(PlainSocket.open(small, "ada", token))
        for _ in range(share_out(LIMIT).sockets - 1):
            await stack.enter_async_context(connect(url, compression=None, proxy=None))
        for refused in (
            connect(url, proxy=None),
            connect(f"ws://127.0.0.1:{small.port}/socket.io/?EIO=4&transport=websocket", proxy=None),
        ):
            with pytest.raises(InvalidStatus) as caught:
                await refused
            response = caught.value.response
            assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
            assert b"as many sockets open as it may" in (response.body or b"")
        await hears(api, first, "with-every-socket")
    assert "socket refused" in small.log()


async def test_connections_beyond_the_descriptors_do_not_cut_it_off(small: Server) -> None:
    """Whoever opens connections without end gets no more than are spared; the store is reached all the while."""
    share = share_out(LIMIT)
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    async with Api.open(small) as api, PlainSocket.open(small, "ada") as socket:
        await hears(api, socket, "before")
        idle = [await asyncio.open_connection("127.0.0.1", small.port) for _ in range(2 * LIMIT)]
        await hears(api, socket, "meanwhile")
        answers = []
        for reader, writer in idle:
            writer.write(request)
            try:
                answers.append((await reader.readline()).split()[1:2])
            except ConnectionError:
                answers.append([])
        assert answers.count([b"200"]) <= share.connections
        assert answers.count([b"503"]) > 0
        assert answers.count([]) >= 2 * LIMIT - share.answers
        for _, writer in idle:
            writer.close()
        await hears(api, socket, "after")
    async with httpx.AsyncClient(base_url=small.url, trust_env=False) as client:
        assert (await client.get("/ready")).status_code == 200
    lines = [line for line in small.log().splitlines() if "hardly any descriptor is left" in line]
    assert 0 < len(lines) < LIMIT, "paced, not one for each"


async def test_a_limit_of_sockets_can_be_set(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_SOCKETS="2")
    token = (await create_session(server, "ada"))["token"]
    async with PlainSocket.open(server, "ada", token):
        async with PacketSocket.connected(server, token):
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"{server.ws_url}?token={token}", proxy=None)
            assert caught.value.response.status_code == 503
        while True:  # the room is there once the service has seen the close
            with contextlib.suppress(InvalidStatus):
                async with PlainSocket.open(server, "ada", token):
                    return
