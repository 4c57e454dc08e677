"""The process's ear: one subscriber connection (per primary on a cluster), kept alive, for the channels asked for.

A link that breaks comes back with back-off and subscribes again; once Redis has acknowledged that, the channels are
reported as restored, since whatever was published in between is lost and has to be read from the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError, RedisError

from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.tasks import end_tasks

OnMessage = Callable[[str, bytes], None]
OnRestored = Callable[[Collection[str]], None]

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
HEARTBEAT_SECONDS = 5.0
ACKNOWLEDGE_SECONDS = 5.0
PROBE_SECONDS = 2.0
CHANNELS_A_COMMAND = 500


class Listener:
    """Subscriptions of this process; calls `on_message` for each publication and `on_restored` after a break."""

    def __init__(self, client: Client, probe_channel: str, on_message: OnMessage, on_restored: OnRestored) -> None:
        self._client = client
        self._probe_channel = probe_channel
        self._probes: dict[bytes, asyncio.Future[None]] = {}
        self._on_message = on_message
        self._on_restored = on_restored
        self._links: dict[str, _Link] = {}

    async def start(self) -> None:
        """Connects and subscribes to the probe channel. Raises StoreUnavailable."""
        await self.subscribe(self._probe_channel)

    async def close(self) -> None:
        """Ends every link."""
        for link in list(self._links.values()):
            await link.close()

    async def subscribe(self, channel: str) -> None:
        """Returns once Redis has acknowledged the subscription. Raises StoreUnavailable after 5 s without."""
        link = self._link_for(channel)
        acknowledged = link.add(channel)
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                await asyncio.shield(acknowledged)  # others may wait for the same, and it may still come
        except TimeoutError:
            raise StoreUnavailable from None

    async def unsubscribe(self, channel: str) -> None:
        """Stops listening to a channel."""
        for link in list(self._links.values()):
            if channel in link.channels:
                await link.remove(channel)

    async def probe(self) -> None:
        """Publishes to itself and waits for it to arrive. Raises StoreUnavailable when it does not within 2 s."""
        nonce = secrets.token_hex(8).encode()
        heard = self._probes[nonce] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._client.execute("SPUBLISH", self._probe_channel, nonce)
                await heard
        except TimeoutError:
            raise StoreUnavailable("Published events do not come back") from None
        finally:
            del self._probes[nonce]

    def _link_for(self, channel: str) -> _Link:
        redis = self._client.redis
        if not isinstance(redis, RedisCluster):
            return self._links.get("") or self._new_link("", redis)
        node = redis.get_node_from_key(channel)
        if node is None:
            raise StoreUnavailable("No node of the cluster serves this channel")
        known = self._links.get(node.name)
        if known:
            return known
        return self._new_link(node.name, self._client.connect_to(node))

    def _new_link(self, name: str, redis: Redis) -> _Link:
        link = self._links[name] = _Link(
            name, redis, self._receive, self._on_restored, self._reroute, self._client.on_failure
        )
        return link

    def _receive(self, channel: str, payload: bytes) -> None:
        if channel != self._probe_channel:
            self._on_message(channel, payload)
        elif (heard := self._probes.get(payload)) and not heard.done():
            heard.set_result(None)

    async def _reroute(self, link: _Link) -> None:
        """After a break on a cluster: channels whose slot has another primary now move to its link."""
        redis = self._client.redis
        if not isinstance(redis, RedisCluster):
            return
        with contextlib.suppress(RedisError, OSError):
            await redis.nodes_manager.initialize()
        for channel in list(link.channels):
            try:
                owner = self._link_for(channel)
            except (RedisError, StoreUnavailable):
                continue  # no primary for it yet: it stays here and is looked at again after the next attempt
            if owner is not link:
                acknowledged = link.channels.pop(channel)
                owner.adopt(channel, acknowledged)


class _Link:
    """One subscriber connection and the channels it carries: channel → future that is done once acknowledged."""

    def __init__(
        self,
        name: str,
        redis: Redis,
        on_message: OnMessage,
        on_restored: OnRestored,
        on_break: Callable[[_Link], Awaitable[None]],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.name = name
        self.channels: dict[str, asyncio.Future[None]] = {}
        self._redis = redis
        self._on_message = on_message
        self._on_restored = on_restored
        self._on_break = on_break
        self._on_failure = on_failure
        self._pubsub: PubSub | None = None
        self._leaving: Counter[str] = Counter()
        self._subscribing: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"listener {name}")

    def add(self, channel: str) -> asyncio.Future[None]:
        """Starts to listen to a channel; the future is done once Redis says so."""
        known = self.channels.get(channel)
        if known is not None and not known.cancelled():
            return known
        future = self.channels[channel] = asyncio.get_running_loop().create_future()
        self._subscribe_soon(channel)
        return future

    def adopt(self, channel: str, future: asyncio.Future[None]) -> None:
        """Takes over a channel from a link whose slot has moved."""
        self.channels[channel] = future
        self._subscribe_soon(channel)

    async def remove(self, channel: str) -> None:
        """Stops listening to a channel."""
        future = self.channels.pop(channel, None)
        if future and not future.done():
            future.cancel()
        if self._pubsub:
            self._leaving[channel] += 1
            with contextlib.suppress(RedisError, OSError):
                await self._pubsub.sunsubscribe(channel)

    async def close(self) -> None:
        await end_tasks(self._task, *self._subscribing)
        if self.name:  # a cluster node's own client; the one of a single server belongs to the store
            await self._redis.aclose()

    def _subscribe_soon(self, channel: str) -> None:
        """Subscribes on the live connection; without one, `_open` does it for every channel."""
        self._wake.set()
        if self._pubsub:
            task = asyncio.create_task(_subscribe(self._pubsub, channel))
            self._subscribing.add(task)
            task.add_done_callback(self._subscribing.discard)

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._wake.wait()
            try:
                async with _Subscriptions(self._redis.connection_pool) as pubsub:
                    await self._open(pubsub)
                    async for message in self._messages(pubsub):
                        failures = 0
                        self._dispatch(message)
            except (RedisError, OSError) as error:
                self._on_failure(error)
            self._pubsub = None
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1
            await self._on_break(self)
            if not self.channels:
                self._wake.clear()

    async def _open(self, pubsub: PubSub) -> None:
        self._leaving.clear()
        named: set[str] = set()
        while missing := [channel for channel in self.channels if channel not in named]:
            named.update(missing)
            for group in _groups(missing):
                await pubsub.ssubscribe(*group)
        self._pubsub = pubsub

    async def _messages(self, pubsub: PubSub) -> AsyncIterator[dict[str, Any]]:
        """Every message; an idle connection is pinged, and given up when it stays silent twice in a row."""
        silent_beats = 0
        while True:
            message = await pubsub.get_message(timeout=HEARTBEAT_SECONDS)
            if message is not None:
                silent_beats = 0
                yield message
                continue
            silent_beats += 1
            if silent_beats > 2:
                raise ConnectionError("no answer on the subscriber connection")
            await pubsub.ping()

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "smessage":
            self._on_message(message["channel"].decode(), message["data"])
        elif kind == "ssubscribe":
            self._acknowledged(message["channel"].decode())
        elif kind == "sunsubscribe":
            self._left(message["channel"].decode())

    def _left(self, channel: str) -> None:
        """The end of a subscription: one we asked for, or the server's word that a slot has moved to another node."""
        if self._leaving[channel] > 0:
            self._leaving[channel] -= 1
            self._leaving += Counter()  # drops the zeros
        elif channel in self.channels:
            raise ConnectionError("the slot of a channel has moved")

    def _acknowledged(self, channel: str) -> None:
        """A first acknowledgement ends the wait for it; a further one means that the connection was made anew."""
        future = self.channels.get(channel)
        if future is None:
            return
        if future.done():
            self._on_restored([channel])
        else:
            future.set_result(None)


class _Subscriptions(PubSub):
    """What redis-py subscribes to again when it has connected by itself: in lots, since a cluster takes no others."""

    async def on_connect(self, _connection: Any) -> None:
        self.pending_unsubscribe_shard_channels.clear()
        for group in _groups([name.decode() for name in self.shard_channels]):
            await self.ssubscribe(*group)


async def _subscribe(pubsub: PubSub, channel: str) -> None:
    with contextlib.suppress(RedisError, OSError):  # the reading side meets the same failure and reconnects
        await pubsub.ssubscribe(channel)


def _groups(channels: Iterable[str]) -> list[list[str]]:
    """Channels in lots that one SSUBSCRIBE may name: the same hash tag, and not too many."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for channel in channels:
        by_tag[channel.partition("{")[2].partition("}")[0]].append(channel)
    return [
        lot[start : start + CHANNELS_A_COMMAND]
        for lot in by_tag.values()
        for start in range(0, len(lot), CHANNELS_A_COMMAND)
    ]
