"""The process's ear on each kind of server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError

from inbox.fanout.listener import Listener, _Subscriptions

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


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_listener_hears_every_bucket_and_itself(stores: Stores) -> None:
    channels = [stores.keys.bucket(1, bucket).feed(1).channel for bucket in range(0, 256, 16)]
    async with listening(stores) as (listener, heard, _):
        await listener.probe()
        await asyncio.gather(*map(listener.subscribe, channels))
        for channel in channels:
            await stores.client.execute("SPUBLISH", channel, "x")
        await _until(lambda: len(heard) == len(channels))
        assert sorted(channel for channel, _ in heard) == sorted(channels)
        for channel in channels[:8]:
            await listener.unsubscribe(channel)
        for channel in channels:
            await stores.client.execute("SPUBLISH", channel, "y")
        await _until(lambda: len(heard) >= len(channels) + 8)
        await listener.probe()
        assert sorted(channel for channel, payload in heard if payload == b"y") == sorted(channels[8:])


async def test_a_listener_tells_which_channels_were_interrupted(stores: Stores) -> None:
    breaks: list[Exception] = []
    stores.client.on_failure = breaks.append
    channels = [stores.keys.bucket(1, bucket).feed(1).channel for bucket in range(0, 256, 16)]
    async with listening(stores) as (listener, _, restored):
        await asyncio.gather(*map(listener.subscribe, channels))
        if stores.client.is_cluster:
            await stores.client.redis.execute_command("CLIENT KILL", "TYPE", "pubsub", target_nodes="primaries")
        else:
            await stores.client.execute("CLIENT KILL", "TYPE", "pubsub")
        await _until(lambda: set(channels) <= set(restored))
        await listener.probe()
    assert [type(error) for error in breaks] == [ConnectionError] * (3 if stores.client.is_cluster else 1)


async def test_a_connection_made_anew_by_the_library_subscribes_again_slot_by_slot(stores: Stores) -> None:
    redis = stores.client.redis
    channels = [stores.keys.bucket(1, bucket).feed(1).channel for bucket in range(256)]
    owned = channels
    if isinstance(redis, RedisCluster):
        node = redis.get_node_from_key(channels[0])
        assert node is not None
        owned = [channel for channel in channels if redis.get_node_from_key(channel) == node]
        redis = stores.client.connect_to(node)
    async with _Subscriptions(redis.connection_pool) as pubsub:
        for channel in owned:
            await pubsub.ssubscribe(channel)
        assert await _acknowledged(pubsub, len(owned)) == set(owned)
        assert pubsub.connection is not None
        await pubsub.connection.disconnect()
        await pubsub.connect()
        assert await _acknowledged(pubsub, len(owned)) == set(owned)
    if redis is not stores.client.redis:
        await redis.aclose()


async def _acknowledged(pubsub: _Subscriptions, count: int) -> set[str]:
    found = [await pubsub.get_message(timeout=5) for _ in range(count)]
    return {one["channel"].decode() for one in found if one and one["type"] == "ssubscribe"}


async def test_a_channel_left_and_asked_for_again_at_once_is_heard(stores: Stores) -> None:
    channel = stores.keys.bucket(1, 3).feed(1).channel
    async with listening(stores) as (listener, heard, restored):
        for turn in range(50):
            await listener.subscribe(channel)
            await stores.client.execute("SPUBLISH", channel, str(turn))
            await _until(lambda: heard[-1:] == [(channel, str(turn).encode())])  # noqa: B023
            await listener.unsubscribe(channel)
        assert restored == []
