"""The subscriptions of this process: one subscriber connection, on a cluster one per primary.

A link that breaks reconnects with back-off and subscribes again. Once Redis has acknowledged that, its channels are
reported as restored: publications in between are lost and have to be read from the log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from inbox import metrics
from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.connection.wire import Wire, pack
from inbox.tasks import end_tasks, start_detached

OnMessage = Callable[[str, bytes], None]
OnRestored = Callable[[Collection[str]], None]

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
HEARTBEAT_SECONDS = 5.0
MAX_SILENT_BEATS = 2
ACKNOWLEDGE_SECONDS = 5.0
PROBE_SECONDS = 2.0
MAX_CHANNELS_PER_COMMAND = 500


class Listener:
    """Subscriptions to channels. `on_message` is called for each publication, `on_restored` after a break."""

    def __init__(self, client: Client, probe_channel: str, on_message: OnMessage, on_restored: OnRestored) -> None:
        self.client = client
        self.on_restored = on_restored
        self._probe_channel = probe_channel
        self._probes: dict[bytes, asyncio.Future[None]] = {}
        self._on_message = on_message
        self._links: dict[StoreNode, _Link] = {}

    async def start(self) -> None:
        """Connect and subscribe to the probe channel. Raise StoreUnavailable."""
        self.subscribe(self._probe_channel)
        await self.acknowledged(self._probe_channel)

    async def close(self) -> None:
        for link in list(self._links.values()):
            await link.close()

    def subscribe(self, channel: str) -> None:
        """Send the subscription, with those of the same loop turn. Raise StoreUnavailable if no server has it."""
        self._link_for(channel).add(channel)

    async def acknowledged(self, channel: str) -> None:
        """Return once Redis has acknowledged the subscription. Raise StoreUnavailable after ACKNOWLEDGE_SECONDS."""
        if (subscribed := self._subscription(channel)) is None:
            return
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                await asyncio.shield(subscribed)  # others may wait for it, and it may still be acknowledged
        except TimeoutError:
            raise StoreUnavailable from None

    def unsubscribe(self, channel: str) -> None:
        """Send the end of a subscription, if there is one."""
        for link in self._links.values():
            link.remove(channel)

    async def probe(self, seconds: float | None = PROBE_SECONDS) -> None:
        """Publish a message and wait until it arrives here. Raise StoreUnavailable after `seconds`; None: never."""
        nonce = secrets.token_hex(8).encode()
        arrival = self._probes[nonce] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self.client.execute("SPUBLISH", self._probe_channel, nonce)
                await arrival
        except TimeoutError:
            raise StoreUnavailable("Published events do not come back") from None
        finally:
            del self._probes[nonce]

    def _subscription(self, channel: str) -> asyncio.Future[None] | None:
        """Return the future of a subscription, or None if it is acknowledged."""
        return next(link.channels[channel] for link in self._links.values() if channel in link.channels)

    def _link_for(self, channel: str) -> _Link:
        node = self.client.node_of(channel)
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = _Link(node, self)
        return link

    def receive(self, channel: str, payload: bytes) -> None:
        if channel != self._probe_channel:
            self._on_message(channel, payload)
        elif (arrival := self._probes.get(payload)) and not arrival.done():
            arrival.set_result(None)

    def forget(self, link: _Link) -> None:
        """Forget a link that has ended: its server was left, and others carry its channels."""
        del self._links[link.node]

    async def reroute(self, link: _Link) -> None:
        """Move the channels whose slot has moved to the link of its new primary, after a break on a cluster."""
        await self.client.topology.refresh()
        for channel in list(link.channels):
            try:
                owner = self._link_for(channel)
            except StoreUnavailable:
                continue  # no primary for it yet: it stays here and is looked at again after the next attempt
            if owner is not link:
                owner.adopt(channel, link.channels.pop(channel))


class _Link:
    """One subscriber connection and its channels: channel → future of the acknowledgement, None once it has come."""

    def __init__(self, node: StoreNode, listener: Listener) -> None:
        self.channels: dict[str, asyncio.Future[None] | None] = {}
        self.node = node
        self._listener = listener
        self._wire: Wire | None = None
        self._unsubscribing: Counter[str] = Counter()
        self._has_answered = False
        self._failures = 0
        self._wake = asyncio.Event()
        self._task = start_detached(self._run(), f"listener {node.name}")

    def add(self, channel: str) -> None:
        """Subscribe to a channel, unless that was done."""
        if channel not in self.channels:
            self.adopt(channel, asyncio.get_running_loop().create_future())

    def adopt(self, channel: str, future: asyncio.Future[None] | None) -> None:
        """Subscribe to a new channel, or to one whose slot has moved from another link."""
        self.channels[channel] = future
        self._wake.set()
        if self._wire is not None:  # else all are subscribed to when the connection is open
            self._wire.send(pack(("SSUBSCRIBE", channel)))

    def remove(self, channel: str) -> None:
        """Unsubscribe from a channel, if this link carries it."""
        if channel not in self.channels:
            return
        if future := self.channels.pop(channel):
            future.cancel()
        if self._wire is not None:
            self._unsubscribing[channel] += 1
            self._wire.send(pack(("SUNSUBSCRIBE", channel)))

    async def close(self) -> None:
        await end_tasks(self._task)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            try:
                wire = await self.node.dial()
                try:
                    await self._listen(wire)
                finally:
                    self._wire = None
                    wire.drop("the listener ends")
            except (ConnectionLost, ReplyError) as error:
                metrics.STORE_BREAKS.add(("subscriptions",))
                self._listener.client.on_failure(error)
            await asyncio.sleep(BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)])
            self._failures += 1
            await self._listener.reroute(self)
            if not self.channels:
                if self.node.is_closed:
                    self._listener.forget(self)
                    return
                self._wake.clear()

    async def _listen(self, wire: Wire) -> None:
        """Subscribe to every channel and take what comes, until the connection is lost or two pings have no answer.

        Raise ConnectionLost, or ReplyError if the server refuses a subscription.
        """
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_answered = True

        def take(reply: Any) -> None:
            try:
                self._take(reply)
            except (ConnectionLost, ReplyError) as error:
                if not ended.done():
                    ended.set_exception(error)

        def end(lost: asyncio.Future[ConnectionLost]) -> None:
            if not ended.done():
                ended.set_exception(lost.result())

        wire.on_push = take
        wire.lost.add_done_callback(end)
        self._unsubscribing.clear()
        for group in _groups(self.channels):
            wire.send(pack(("SSUBSCRIBE", *group)))
        self._wire = wire
        try:
            await self._keep_listening(wire, ended)
        finally:
            wire.lost.remove_done_callback(end)

    async def _keep_listening(self, wire: Wire, ended: asyncio.Future[None]) -> None:
        """Send pings until `ended` is done, or two of them have no answer. Raise ConnectionLost, or what ended it."""
        silent_beats = 0
        while True:
            await asyncio.wait([ended], timeout=HEARTBEAT_SECONDS)
            if ended.done():
                ended.result()
            silent_beats = 0 if self._has_answered else silent_beats + 1
            if silent_beats > MAX_SILENT_BEATS:
                raise ConnectionLost(f"{wire.address}: no answer on the subscriber connection")
            self._has_answered = False
            wire.send(pack(("PING",)))

    def _take(self, reply: Any) -> None:
        """Take a message, an acknowledgement or the answer to a ping. Raise the server's error.

        A message is no answer: the way to the server may be lost, and the way back not.
        """
        if isinstance(reply, ReplyError):
            raise reply
        kind = reply[0]
        if kind == b"smessage":
            self._listener.receive(reply[1].decode(), reply[2])
            return
        self._has_answered = True
        if kind == b"ssubscribe":
            self._acknowledged(reply[1].decode())
        elif kind == b"sunsubscribe":
            self._unsubscribed(reply[1].decode())

    def _unsubscribed(self, channel: str) -> None:
        """Note the end of a subscription. If this link did not request it, the slot has moved to another node."""
        if count := self._unsubscribing.pop(channel, 0):
            if count > 1:
                self._unsubscribing[channel] = count - 1
        elif channel in self.channels:
            raise ConnectionLost("the slot of a channel has moved")

    def _acknowledged(self, channel: str) -> None:
        """Complete the future of a channel. A further acknowledgement means that the connection was made anew."""
        self._failures = 0
        if channel not in self.channels:
            return
        if future := self.channels[channel]:
            self.channels[channel] = None
            future.set_result(None)
        else:
            self._listener.on_restored([channel])


def _groups(channels: Iterable[str]) -> list[list[str]]:
    """Group channels for SSUBSCRIBE: those of a group share a hash tag."""
    by_tag: dict[str, list[str]] = defaultdict(list)
    for channel in channels:
        by_tag[channel.partition("{")[2].partition("}")[0]].append(channel)
    return [
        group[start : start + MAX_CHANNELS_PER_COMMAND]
        for group in by_tag.values()
        for start in range(0, len(group), MAX_CHANNELS_PER_COMMAND)
    ]
