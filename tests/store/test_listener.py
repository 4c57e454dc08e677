"""The process's ear on each kind of server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from inbox.realtime.listener import Listener
from inbox.store.connection.errors import ConnectionLost

from ..conftest import every_store
from .conftest import Stores


@asynccontextmanager
async def listening(stores: Stores) -> AsyncIterator[tuple[Listener, list[tuple[str, bytes]], list[str]]]:
    """A started listener, what it heard (channel, payload) and which channels it reported as restored."""
    heard: list[tuple[str, bytes]] = []
    restored: list[str] = []
    listener = Listener(stores.client, stores.keys.probe("p"), lambda *message: heard.append(message), restored.extend)
    await listener.start()
    try:
        yield listener, heard, restored
    finally:
        await listener.close()


async def subscribe(listener: Listener, *channels: str) -> None:
    """Subscribe to channels, and return once all are acknowledged."""
    for channel in channels:
        listener.subscribe(channel)
    await asyncio.gather(*map(listener.acknowledged, channels))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@every_store
async def test_a_listener_hears_every_bucket_and_itself(stores: Stores) -> None:
    channels = [stores.keys.bucket(1, bucket).feed(1).channel for bucket in range(0, 256, 16)]
    async with listening(stores) as (listener, heard, _):
        await listener.probe()
        await subscribe(listener, *channels)
        for channel in channels:
            await stores.client.execute("SPUBLISH", channel, "x")
        await _until(lambda: len(heard) == len(channels))
        assert sorted(channel for channel, _ in heard) == sorted(channels)
        for channel in channels[:8]:
            listener.unsubscribe(channel)
        for channel in channels:
            await stores.client.execute("SPUBLISH", channel, "y")
        await _until(lambda: len(heard) >= len(channels) + 8)
        await listener.probe()
        assert sorted(channel for channel, payload in heard if payload == b"y") == sorted(channels[8:])


@every_store
async def test_a_listener_tells_which_channels_were_interrupted(stores: Stores) -> None:
    breaks: list[Exception] = []
    stores.client.on_failure = breaks.append
    channels = [stores.keys.bucket(1, bucket).feed(1).channel for bucket in range(0, 256, 16)]
    async with listening(stores) as (listener, _, restored):
        await subscribe(listener, *channels)
        for primary in stores.client.primaries:
            await stores.client.execute_at(primary, "CLIENT", "KILL", "TYPE", "pubsub")
        await _until(lambda: set(channels) <= set(restored))
        await listener.probe()
    assert [type(error) for error in breaks] == [ConnectionLost] * (3 if stores.client.is_cluster else 1)


async def test_a_channel_left_and_asked_for_again_at_once_is_heard(stores: Stores) -> None:
    channel = stores.keys.bucket(1, 3).feed(1).channel
    async with listening(stores) as (listener, heard, restored):
        for turn in range(50):
            await subscribe(listener, channel)
            await stores.client.execute("SPUBLISH", channel, str(turn))
            await _until(lambda: heard[-1:] == [(channel, str(turn).encode())])  # noqa: B023
            listener.unsubscribe(channel)
        assert restored == []
