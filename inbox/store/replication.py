"""Waits until replicas have what was written, before a trigger is acknowledged (INBOX_WAIT_REPLICAS).

WAIT blocks its connection, so each primary has a connection for it alone. It covers only the writes of its own
connection. So a small write is sent just before it: that comes later in the server's history than the trigger's writes.
All triggers that finish while a WAIT is under way share the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.connection.wire import Wire, pack_all
from inbox.store.keys import TAGS, Keys
from inbox.tasks import start_detached

LATE = "Too few replicas have what was stored: repeat the request with the same transactionId"

Breaks = Mapping[StoreNode, int]
"""Each primary with how often its connection had broken."""


class Replication:
    """Waits until `replicas` replicas of each primary have the writes, for at most `seconds`; 0 does not wait."""

    def __init__(self, client: Client, keys: Keys, process: str, replicas: int, seconds: float) -> None:
        self._client = client
        self._keys = keys
        self._process = process
        self._replicas = replicas
        self._ms = int(seconds * 1_000)
        self._waits: WeakKeyDictionary[StoreNode, _SharedWait] = WeakKeyDictionary()

    def begin(self) -> Breaks:
        """Return what `wait` needs to see that a primary was replaced since. Call it before the first write."""
        return {node: node.breaks for node in self._client.primaries} if self._replicas else {}

    async def wait(self, before: Breaks) -> None:
        """Return once the replicas have every write since `before` that was answered. Raise StoreUnavailable otherwise.

        What was stored stays stored. But a primary whose connection broke may be another server now, one that never
        had the writes: it cannot say whether they were copied.
        """
        if self._replicas:
            copies = await asyncio.gather(*(self._wait_at(node) for node in self._client.primaries))
            is_replaced = any(before.get(node) != node.breaks for node in self._client.primaries)
            if is_replaced or min(copies) < self._replicas:
                raise StoreUnavailable(LATE, code="replicas_late")

    async def _wait_at(self, node: StoreNode) -> int:
        wait = self._waits.get(node)
        if wait is None:
            wait = self._waits[node] = _SharedWait(self._key_at, self._replicas, self._ms)
        try:
            return await wait.join(node)
        except ConnectionLost as error:
            raise StoreUnavailable from error
        except ReplyError as error:
            await self._client.topology.refresh()  # the slot of its key has moved
            raise StoreUnavailable from error

    def _key_at(self, node: StoreNode) -> str | None:
        """Return a key that this server has now; None if it has none of ours."""
        keys = (self._keys.replication_probe(tag, self._process) for tag in TAGS)
        return next((key for key in keys if self._client.node_of(key) is node), None)


class _SharedWait:
    """The waits at one primary: one under way, and the callers of the next one."""

    def __init__(self, key_at: Callable[[StoreNode], str | None], replicas: int, ms: int) -> None:
        self._key_at = key_at
        self._replicas = replicas
        self._ms = ms
        self._wire: Wire | None = None
        self._next: asyncio.Task[int] | None = None
        self._running: asyncio.Lock = asyncio.Lock()

    async def join(self, node: StoreNode) -> int:
        """Return how many replicas have every write before this call. Raise ConnectionLost and ReplyError."""
        if self._next is None:
            self._next = start_detached(self._run(node))
        return await asyncio.shield(self._next)

    async def _run(self, node: StoreNode) -> int:
        async with self._running:
            self._next = None  # whoever comes from now on may have written after the probe
            key = self._key_at(node)
            if key is None:
                return self._replicas  # nothing of ours is there
            if self._wire is None or self._wire.lost.done():
                self._wire = await node.dial()
            commands = pack_all([("SET", key, "", "PX", 1_000), ("WAIT", self._replicas, self._ms)])
            written, copies = await self._wire.request(commands, 2)
        for reply in (written, copies):
            if isinstance(reply, ReplyError):
                raise reply
        return int(copies)
