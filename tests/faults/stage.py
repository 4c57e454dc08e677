"""Where scenarios run: a store of their own, and processes of the service on it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.support.client import Api
from tests.support.cluster import Cluster, Node, running_cluster
from tests.support.link import Link
from tests.support.processes import wait_until
from tests.support.sentinel import Watched, running_sentinel
from tests.support.server import running_server
from tests.support.stores import StoreServer, running_store
from tests.support.tools import TOOLS

from .processes import Process

LEASE_SECONDS, GRACE_SECONDS = 4.0, 1.0
PROCESSES = 3
DOWN_AFTER_MS = 4_000
"""A primary counts as dead after this silence; a busy machine may delay a living one for seconds."""
ONE, LINKED, EMBEDDED = "one Redis", "one Redis behind a link", "embedded store"
CLUSTER, LINKED_CLUSTER, SENTINEL = "cluster", "cluster behind links", "Sentinel"
Store = StoreServer | Link | Cluster | Watched | None
Kind = TypeVar("Kind", StoreServer, Link, Cluster, Watched)


class Stage:
    """A store and its processes. Scenarios of one kind share it, one after another, each with people of its own."""

    def __init__(self, processes: list[Process], store: Store) -> None:
        self.processes = processes
        self._store = store
        self._runs = 0

    def store(self, kind: type[Kind]) -> Kind:
        """Return the store that the processes share."""
        assert isinstance(self._store, kind), self._store
        return self._store

    def next_run(self) -> int:
        """Return a number that no earlier run has used, for names."""
        self._runs += 1
        return self._runs


@asynccontextmanager
async def open_stage(kind: str, older: Path | None = None) -> AsyncIterator[Stage]:
    """Start a store of this kind and the processes on it, the first of the release in `older` if there is one."""
    async with AsyncExitStack() as stack:
        # not pytest's tmp_path: the embedded store's socket needs a path below 108 bytes
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-faults-")))
        url, store = await stack.enter_async_context(_running(kind))
        processes = []
        for number in range(PROCESSES if url else 1):
            directory = home / str(number)
            directory.mkdir()
            is_older = older is not None and number == 0
            server = await stack.enter_async_context(
                running_server(
                    directory,
                    redis_url=url,
                    wrapper=("env", "-u", "INBOX_DRAIN_SECONDS", "-C", str(older)) if is_older else (),
                    INBOX_PRESENCE_LEASE_SECONDS=str(LEASE_SECONDS),
                    INBOX_PRESENCE_GRACE_SECONDS=str(GRACE_SECONDS),
                )
            )
            processes.append(await stack.enter_async_context(Process.of(server)))
        async with Api.open(processes[-1].server) as api:
            await api.create_workflow()
        yield Stage(processes, store)


class Stages:
    """One stage at a time: scenarios of one kind that come one after another share it, unless one of them fails."""

    def __init__(self, older: Path | None = None) -> None:
        self._kind = ""
        self._older = older
        self._stack = AsyncExitStack()
        self._stage: Stage

    @asynccontextmanager
    async def of(self, kind: str) -> AsyncIterator[Stage]:
        try:
            if kind != self._kind:
                await self.aclose()
                self._stage, self._kind = await self._stack.enter_async_context(open_stage(kind, self._older)), kind
            yield self._stage
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        self._kind = ""
        await self._stack.aclose()


@asynccontextmanager
async def _running(kind: str) -> AsyncIterator[tuple[str | None, Store]]:
    """Start a store of this kind. Yield its URL and the store; None for both if the service embeds its own."""
    binary = TOOLS["valkey"].find()
    assert binary is not None, TOOLS["valkey"].install
    if kind == EMBEDDED:
        yield None, None
    elif kind == ONE:
        with running_store(binary) as server:
            yield server.url, server
    elif kind == LINKED:
        with running_store(binary) as server:
            async with Link.to(server.port) as link:
                yield f"redis://127.0.0.1:{link.port}", link
    elif kind == LINKED_CLUSTER:
        with running_cluster(binary, replicas=1, node_timeout_ms=DOWN_AFTER_MS) as cluster:
            async with AsyncExitStack() as stack:
                primaries = [server for server in cluster.servers if server.primary is None]
                links = [await stack.enter_async_context(Link.to(server.port)) for server in primaries]
                await asyncio.to_thread(_announce, cluster, dict(zip(primaries, links, strict=True)))
                yield "redis+cluster://" + ",".join(f"127.0.0.1:{link.port}" for link in links), links[0]
    elif kind == CLUSTER:
        with running_cluster(binary, replicas=1, node_timeout_ms=DOWN_AFTER_MS) as cluster:
            yield cluster.url, cluster
    else:
        with running_sentinel(binary, down_after_ms=DOWN_AFTER_MS) as watched:
            yield watched.url, watched


def _announce(cluster: Cluster, links: Mapping[Node, Link]) -> None:
    """Make clients and replicas reach these nodes through their links. The nodes talk to each other without them."""
    for server, link in links.items():
        server.call("CONFIG", "SET", "cluster-announce-port", link.port)
    ports = {link.port for link in links.values()}

    def is_known() -> bool:
        views = (server.call("CLUSTER", "SLOTS") for server in cluster.servers)
        return all({entry[2][1] for entry in view} == ports for view in views)

    wait_until(is_known, "every node knows the links")
