"""Fixtures of every test: store servers for the whole run, a key prefix for each test, and service processes."""

from __future__ import annotations

import functools
import gc
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import httpx
import pytest
import pytest_asyncio

from inbox.store.connection import sentinel, wire

from .support.cluster import running_cluster
from .support.environments import see_from_new_environment
from .support.forking import Constants
from .support.sentinel import running_sentinel
from .support.server import DEFAULTS, Server, new_server
from .support.stores import running_store, running_tls_store
from .support.tools import TOOLS

pytest_plugins = ["tests.support.left_out", "pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "what holds the sockets of every service that a test starts (INBOX_WEBSOCKETS)"
    parser.addoption("--websockets", choices=["inbox", "websockets"], default="inbox", help=text)


def pytest_configure(config: pytest.Config) -> None:
    DEFAULTS["INBOX_WEBSOCKETS"] = config.getoption("websockets")


DOWN_AFTER_MS = 30_000
"""No test ends a shared store: one that is only held up for seconds must not be taken for dead."""

STORES = {
    "valkey": ("valkey",),
    "redis7": ("redis-server",),
    "cluster": ("valkey",),
    "sentinel": ("valkey",),
    "tls": ("redis-server", "openssl"),
}
"""Each kind of store → the tools that it needs. Its URL comes from the fixture `<kind>_url`."""


def kinds_of_store(*usual: str) -> list[Any]:
    """A test runs on the usual kinds, and with --all-stores on all."""
    return [
        pytest.param(kind, marks=[pytest.mark.needs(*tools), *([] if kind in usual else [pytest.mark.all_stores])])
        for kind, tools in STORES.items()
    ]


one_server_and_cluster = pytest.mark.parametrize("store_url", kinds_of_store("valkey", "cluster"), indirect=True)
"""For a long test of what only keys on several servers change: tests of the same scripts run on each kind."""

every_store = pytest.mark.parametrize("store_url", kinds_of_store(*STORES), indirect=True)
"""For a test of what the connection changes: it always runs behind Sentinel and over TLS, too."""


@pytest.fixture(scope="module", autouse=True)
def patient_clients() -> Iterator[None]:
    """A store that a busy machine holds up for seconds is not away: no test here is about that limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "REPLY_SECONDS", 60.0)
        patch.setattr(wire, "CONNECT_SECONDS", 60.0)
        patch.setattr(sentinel, "ANSWER_SECONDS", 30.0)
        yield


def pytest_collection_finish() -> None:
    """Keep what collection made, which lives until the end, out of all garbage collections of the run."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def certificates_once() -> Iterator[None]:
    """Read the trusted certificates once: each HTTP client would spend 25 ms on them, and services here speak HTTP."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(httpx.create_ssl_context)  # not of ssl: clients of the store change theirs
        patch.setattr("httpx._transports.default.create_ssl_context", once)
        yield


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
def cluster_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """A cluster of three Valkey primaries, shared likewise; with --all-stores each has a replica."""
    with running_cluster(binary_of("valkey"), replicas=1 if pytestconfig.getoption("all_stores") else 0) as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def sentinel_url() -> Iterator[str]:
    """A Valkey primary with a replica behind three sentinels, shared likewise."""
    with running_sentinel(binary_of("valkey"), down_after_ms=DOWN_AFTER_MS) as watched:
        yield watched.url


@pytest.fixture(scope="session")
def tls_url() -> Iterator[str]:
    """The system's redis-server on TLS, which lets in one ACL user with a password, shared likewise."""
    with running_tls_store(binary_of("redis-server")) as (_, url):
        yield url


@pytest.fixture(params=kinds_of_store("valkey", "redis7", "cluster"))
def store_url(request: pytest.FixtureRequest) -> str:
    """The test runs on one server of each make and on a cluster; see `one_server_and_cluster` and `every_store`."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def key_prefix() -> str:
    """A key prefix that no other test uses: the servers are shared and never flushed."""
    return f"t{secrets.token_hex(5)}:"


class RunServer(Protocol):
    """Starts a service and returns it once it is ready; see `running_server` for the arguments."""

    async def __call__(
        self,
        *,
        redis_url: str | None = None,
        demo: bool = False,
        wrapper: Sequence[str] = (),
        constants: Constants | None = None,
        **settings: str,
    ) -> Server: ...


@pytest.fixture
async def run_server() -> AsyncIterator[RunServer]:
    """Starts any number of services, each a process of its own; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            *,
            redis_url: str | None = None,
            demo: bool = False,
            wrapper: Sequence[str] = (),
            constants: Constants | None = None,
            **settings: str,
        ) -> Server:
            options = {"redis_url": redis_url, "demo": demo, "wrapper": wrapper, "constants": constants}
            return await stack.enter_async_context(new_server(**options, **settings))

        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_server(valkey_url: str) -> AsyncIterator[Server]:
    """One service in production mode for all tests that only talk to it: give each its own subscribers."""
    async with new_server(redis_url=valkey_url, INBOX_KEY_PREFIX="shared:") as server:
        yield server


@pytest.fixture
async def fresh_server(shared_server: Server) -> Server:
    """The shared service in an environment of the test's own."""
    [server] = await see_from_new_environment(shared_server)
    return server
