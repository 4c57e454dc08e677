"""Behind Sentinel: the primary dies, a replica takes its place, and nobody has missed anything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from inbox.store.client import open_client
from inbox.store.keys import Keys
from tests.conftest import RunServer, binary_of
from tests.support.everything import read_everything, where
from tests.support.processes import ChildProcess, free_port, wait_until
from tests.support.stores import StoreServer, answers, call, connect, running_store
from tests.support.waiting import until

from .conftest import start_pair
from .test_recovery import is_ready

NAME = "inbox-primary"
FAILOVER_SECONDS = 60.0
CONFIGURATION = """
port {port}
bind 127.0.0.1
dir {directory}
sentinel monitor {name} 127.0.0.1 {primary} 1
sentinel down-after-milliseconds {name} 4000
sentinel failover-timeout {name} 3000
"""


@dataclass(frozen=True)
class Watched:
    """A primary with its replica, and the URL of the Sentinel that watches them."""

    primary: StoreServer
    replica: StoreServer
    url: str

    def replicate(self) -> None:
        """Returns once the replica has all that the primary has."""
        with connect(self.primary.url) as client:
            call(client, "SET", "replicated", 1)  # WAIT is about this connection's writes: all others lie before it
            wait_until(lambda: call(client, "WAIT", 1, 500) == 1, "the replica has everything", 30)


@contextmanager
def running_sentinel(binary: str, primary: StoreServer) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="inbox-sentinel-") as directory:
        path = Path(directory, "sentinel.conf")
        path.write_text(CONFIGURATION.format(port=port, directory=directory, name=NAME, primary=primary.port))
        process = ChildProcess([binary, str(path), "--sentinel"], log_path=Path(directory, "sentinel.log"))
        try:
            wait_until(lambda: answers(f"redis://127.0.0.1:{port}"), "the sentinel answers")
            with connect(f"redis://127.0.0.1:{port}") as client:
                wait_until(lambda: bool(client.sentinel_slaves(NAME)), "the sentinel knows the replica", 20)
            yield f"redis+sentinel://127.0.0.1:{port}/{NAME}"
        finally:
            process.kill()


@pytest.fixture
def watched() -> Iterator[Watched]:
    binary = binary_of("valkey")
    with running_store(binary) as primary:
        follow = ["--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0"]
        with running_store(binary, options=follow) as replica, running_sentinel(binary, primary) as url:
            stores = Watched(primary, replica, url)
            stores.replicate()
            yield stores


async def test_sockets_outlive_a_failover(run_server: RunServer, watched: Watched, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, watched.url, key_prefix)
        sockets = await pair.sockets("ada")
        await pair.api.trigger("ada", {"n": 1}, transactionId="before")
        watched.replicate()
        watched.primary.kill()
        for server in pair.servers:
            await until(partial(is_ready, server.url), FAILOVER_SECONDS)
        await pair.apis[1].trigger("ada", {"n": 2}, transactionId="after")
        for socket in sockets:
            await socket.reach("after", FAILOVER_SECONDS)
            assert socket.received() == ["before", "after"]
        assert [message["transactionId"] for message in await pair.api.feed("ada")] == ["after", "before"]


async def test_an_erasure_outlives_a_failover(run_server: RunServer, watched: Watched, key_prefix: str) -> None:
    """What is erased is gone from the replica that takes over, too."""
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, watched.url, key_prefix)
        for name in ("adalovelace", "bobross"):
            await pair.api.trigger(name, {"n": 1})
        erased = await pair.api.data("DELETE", "/v2/subscribers/adalovelace/data", 200)
        assert (erased["removed"]["messages"], erased["appendOnlyFile"]) == (1, "requested")
        watched.replicate()
        watched.primary.kill()
        for server in pair.servers:
            await until(partial(is_ready, server.url), FAILOVER_SECONDS)
        await pair.apis[1].call("DELETE", "/v2/subscribers/adalovelace/data", 404)
        client = await open_client(watched.replica.url)
        everything = await read_everything(client, Keys(key_prefix))
        await client.close()
        assert where(everything, [b"adalovelace"]) == set()
        assert where(everything, [b"bobross"])
