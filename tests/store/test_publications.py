"""Every change publishes one event that continues the one before, with the counts that the feed then has."""

from __future__ import annotations

import asyncio

from redis.asyncio import RedisCluster

from inbox.fanout.hub import Publication, parse_publication
from inbox.fanout.listener import Listener
from inbox.store.changes import INBOX_READ, V1_MARKS_ALL, V1_READ
from inbox.store.messages import Action
from inbox.store.rows import ORIGIN

from .conftest import Stores


async def test_publications_form_one_chain(stores: Stores) -> None:
    feed = await stores.feed()
    heard: asyncio.Queue[Publication] = asyncio.Queue()
    listener = Listener(
        stores.client,
        stores.keys.probe("test"),
        lambda _, payload: heard.put_nowait(parse_publication(payload)),
        lambda _: None,
    )
    await listener.start()
    try:
        await listener.subscribe(feed.keys.channel)
        rows = await stores.fill(feed, 5)
        await asyncio.gather(
            stores.messages.mark(feed, rows[:3], V1_READ),
            stores.messages.act(feed, rows[4], Action("dp")),
            stores.messages.mark_all(feed, INBOX_READ),
            stores.append(feed, "during"),
        )
        await stores.messages.mark_all(feed, V1_MARKS_ALL["unread"])
        await stores.messages.delete(feed, rows[0])
        state = await stores.feeds.state(feed)
        assert state is not None
        position, counts = ORIGIN, None
        while position != state.position:
            publication = await asyncio.wait_for(heard.get(), 5)
            assert publication.first == position.counter + 1
            assert publication.position.ms >= position.ms
            position, counts = publication.position, publication.counts
        assert counts == state.counts
        assert heard.empty()
    finally:
        await listener.close()


async def test_a_change_of_the_subscriber_is_published_on_every_feed_of_it(stores: Stores) -> None:
    first = await stores.feed()
    feeds = [first, await stores.feeds.open(first.environment, first.subscriber_id, "tenant:acme")]
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    listener = Listener(stores.client, stores.keys.probe("test"), lambda *told: heard.put_nowait(told), lambda _: None)
    await listener.start()
    try:
        for feed in feeds:
            await listener.subscribe(feed.keys.channel)
        for name in ("Ada", "Ada", "Grace"):  # the second changes nothing
            await stores.subscribers.write(feeds[0].environment, feeds[0].subscriber_id, {"firstName": name})
        for feed in feeds:
            await stores.append(feed, "after")
        told = [await asyncio.wait_for(heard.get(), 5) for _ in range(6)]
        for feed in feeds:
            *changes, message = [payload for channel, payload in told if channel == feed.keys.channel]
            assert changes == [b"subscriber"] * 2
            assert parse_publication(message).kind == "n"
    finally:
        await listener.close()


async def test_a_probe_is_heard(stores: Stores) -> None:
    listener = Listener(stores.client, stores.keys.probe("test"), lambda *_: None, lambda _: None)
    await listener.start()
    try:
        await listener.probe()
    finally:
        await listener.close()


async def test_feeds_spread_over_the_primaries(stores: Stores) -> None:
    """On a cluster no primary is left without feeds, since the buckets lie evenly."""
    redis = stores.client.redis
    if isinstance(redis, RedisCluster):
        feeds = [await stores.feed(f"subscriber-{number}") for number in range(60)]
        nodes = {redis.get_node_from_key(feed.keys.state) for feed in feeds}
        assert len(nodes - {None}) == 3
