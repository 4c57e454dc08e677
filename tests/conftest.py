"""Fixtures of every test: store servers for the whole run, a key prefix for each test, and service processes."""

from __future__ import annotations

import gc
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from .support.server import Server, running_server
from .support.stores import running_cluster, running_store
from .support.tools import TOOLS

pytest_plugins = ["tests.support.left_out", "pytester"]

STORES = [
    pytest.param("valkey", marks=pytest.mark.needs("valkey")),
    pytest.param("redis7", marks=pytest.mark.needs("redis-server")),
    pytest.param("cluster", marks=pytest.mark.needs("valkey")),
]


@pytest.fixture(autouse=True, scope="module")
def collect_what_is_left() -> Iterator[None]:
    """A connection that a file of tests leaves open fails a test of this file, not one that happens to come later."""
    yield
    gc.collect()


def binary_of(tool: str) -> str:
    path = TOOLS[tool].find()
    assert path is not None, f"{tool} is missing: {TOOLS[tool].install}"
    return path


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """One Valkey on a unix socket, shared by the tests of this process: give each test its own key prefix."""
    with running_store(binary_of("valkey"), unix=True) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis7_url() -> Iterator[str]:
    """The system's redis-server on a TCP port, shared likewise."""
    with running_store(binary_of("redis-server")) as server:
        yield server.url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A cluster of three Valkey primaries (redis+cluster://host:port,…), shared likewise."""
    with running_cluster(binary_of("valkey")) as url:
        yield url


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The test runs on each kind of store."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def key_prefix() -> str:
    """A key prefix that no other test uses: the servers are shared and never flushed."""
    return f"t{secrets.token_hex(5)}:"


class RunServer(Protocol):
    """Starts a service and returns it once it is ready; see `running_server` for the arguments."""

    async def __call__(
        self, *, redis_url: str | None = None, demo: bool = False, wrapper: Sequence[str] = (), **settings: str
    ) -> Server: ...


@pytest.fixture
async def run_server() -> AsyncIterator[RunServer]:
    """Starts any number of services, each a process of its own; they end with the test."""
    async with AsyncExitStack() as stack:
        # not pytest's tmp_path: the embedded store's socket needs a path below 108 bytes
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-server-")))

        async def start(
            *, redis_url: str | None = None, demo: bool = False, wrapper: Sequence[str] = (), **settings: str
        ) -> Server:
            directory = Path(tempfile.mkdtemp(dir=home))
            return await stack.enter_async_context(
                running_server(directory, redis_url=redis_url, demo=demo, wrapper=wrapper, **settings)
            )

        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_server(valkey_url: str) -> AsyncIterator[Server]:
    """One service in production mode for all tests that only talk to it: give each its own subscribers."""
    with tempfile.TemporaryDirectory(prefix="inbox-server-") as home:
        async with running_server(Path(home), redis_url=valkey_url, INBOX_KEY_PREFIX="shared:") as server:
            yield server
