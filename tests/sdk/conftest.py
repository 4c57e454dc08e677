"""The unmodified official Python SDK, speaking to a real service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from novu_py import Novu
from novu_py.utils import BackoffStrategy, RetryConfig

from tests.conftest import RunServer
from tests.support.server import Server


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    return await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)


@pytest.fixture
async def novu(server: Server) -> AsyncIterator[Novu]:
    # its own patience is an hour: what looks like an outage is to fail the test, not to hang it
    retries = RetryConfig("backoff", BackoffStrategy(100, 500, 1.5, 5_000), retry_connection_errors=False)
    async with Novu(secret_key=server.api_key, server_url=server.url, retry_config=retries, timeout_ms=10_000) as novu:
        yield novu
