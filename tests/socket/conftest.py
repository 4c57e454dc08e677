"""Two processes of the service on one store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.environments import see_from_new_environment
from tests.support.server import Server, new_server
from tests.support.sockets import PlainSocket

PRESENCE_LEASE_SECONDS = 4.0  # a process that is held up for longer is taken for dead
PRESENCE_GRACE_SECONDS = 1.0
PRESENCE = {
    "INBOX_PRESENCE_LEASE_SECONDS": str(PRESENCE_LEASE_SECONDS),
    "INBOX_PRESENCE_GRACE_SECONDS": str(PRESENCE_GRACE_SECONDS),
}


@dataclass
class Pair:
    """Two services that share a store and a key prefix, each with a producer's client; the workflow exists."""

    servers: tuple[Server, Server]
    apis: tuple[Api, Api]
    stack: AsyncExitStack

    @property
    def api(self) -> Api:
        return self.apis[0]

    async def sockets(self, subscriber_id: str) -> tuple[PlainSocket, PlainSocket]:
        """A tab of the subscriber at each process, closed with the test."""
        first, second = [
            await self.stack.enter_async_context(PlainSocket.open(server, subscriber_id)) for server in self.servers
        ]
        return first, second

    async def inboxes(self, subscriber_id: str) -> tuple[InboxApi, InboxApi]:
        """A page's HTTP client of the subscriber at each process."""
        first, second = [
            await self.stack.enter_async_context(InboxApi.open(server, subscriber_id)) for server in self.servers
        ]
        return first, second


async def start_pair(
    run_server: RunServer, stack: AsyncExitStack, redis_url: str, key_prefix: str, **settings: str
) -> Pair:
    """Two new services."""
    first, second = [
        await run_server(redis_url=redis_url, INBOX_KEY_PREFIX=key_prefix, **PRESENCE, **settings) for _ in range(2)
    ]
    return await open_pair(stack, first, second)


async def open_pair(stack: AsyncExitStack, *servers: Server) -> Pair:
    first, second = servers
    apis = [await stack.enter_async_context(Api.open(server)) for server in servers]
    await apis[0].create_workflow()
    return Pair((first, second), (apis[0], apis[1]), stack)


async def share_pair(stack: AsyncExitStack, servers: Sequence[Server]) -> Pair:
    """Running services, seen from a new environment."""
    return await open_pair(stack, *await see_from_new_environment(*servers))


@pytest.fixture
async def own_pair(run_server: RunServer, valkey_url: str, key_prefix: str) -> AsyncIterator[Pair]:
    """On the embedded kind of store; for a test that stops its processes or holds them up."""
    async with AsyncExitStack() as stack:
        yield await start_pair(run_server, stack, valkey_url, key_prefix)


@pytest.fixture
async def any_own_pair(run_server: RunServer, store_url: str, key_prefix: str) -> AsyncIterator[Pair]:
    """The test runs on each kind of store."""
    async with AsyncExitStack() as stack:
        yield await start_pair(run_server, stack, store_url, key_prefix)


@asynccontextmanager
async def running_servers(redis_url: str) -> AsyncIterator[tuple[Server, Server]]:
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(new_server(redis_url=redis_url, INBOX_KEY_PREFIX="pair:", **PRESENCE))
            for _ in range(2)
        ]
        yield first, second


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers_on_valkey(valkey_url: str) -> AsyncIterator[tuple[Server, Server]]:
    """Two services for all tests of this folder that only talk to them; they end with it."""
    async with running_servers(valkey_url) as servers:
        yield servers


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers_on_redis7(redis7_url: str) -> AsyncIterator[tuple[Server, Server]]:
    async with running_servers(redis7_url) as servers:
        yield servers


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers_on_cluster(cluster_url: str) -> AsyncIterator[tuple[Server, Server]]:
    async with running_servers(cluster_url) as servers:
        yield servers


@pytest.fixture
async def pair(servers_on_valkey: tuple[Server, Server]) -> AsyncIterator[Pair]:
    """On the embedded kind of store; in an environment of the test's own."""
    async with AsyncExitStack() as stack:
        yield await share_pair(stack, servers_on_valkey)


@pytest.fixture
def any_servers(request: pytest.FixtureRequest, store_url: str) -> tuple[Server, Server]:
    """Those of the test's kind of store."""
    servers: tuple[Server, Server] = request.getfixturevalue(f"servers_on_{request.node.callspec.params['store_url']}")
    return servers


@pytest.fixture
async def any_pair(any_servers: tuple[Server, Server]) -> AsyncIterator[Pair]:
    """The test runs on each kind of store."""
    async with AsyncExitStack() as stack:
        yield await share_pair(stack, any_servers)
