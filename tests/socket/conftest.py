"""Two processes of the service on one store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.sockets import PlainSocket

PRESENCE_LEASE_SECONDS = 4.0  # a process that is held up for longer is taken for dead
PRESENCE_GRACE_SECONDS = 1.0


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
    servers = [
        await run_server(
            redis_url=redis_url,
            INBOX_KEY_PREFIX=key_prefix,
            INBOX_PRESENCE_LEASE_SECONDS=str(PRESENCE_LEASE_SECONDS),
            INBOX_PRESENCE_GRACE_SECONDS=str(PRESENCE_GRACE_SECONDS),
            **settings,
        )
        for _ in range(2)
    ]
    apis = [await stack.enter_async_context(Api.open(server)) for server in servers]
    await apis[0].create_workflow()
    return Pair((servers[0], servers[1]), (apis[0], apis[1]), stack)


@pytest.fixture
async def pair(run_server: RunServer, valkey_url: str, key_prefix: str) -> AsyncIterator[Pair]:
    """On the embedded kind of store."""
    async with AsyncExitStack() as stack:
        yield await start_pair(run_server, stack, valkey_url, key_prefix)


@pytest.fixture
async def any_pair(run_server: RunServer, store_url: str, key_prefix: str) -> AsyncIterator[Pair]:
    """The test runs on each kind of store."""
    async with AsyncExitStack() as stack:
        yield await start_pair(run_server, stack, store_url, key_prefix)
