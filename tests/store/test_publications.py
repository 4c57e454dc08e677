"""Every change publishes one event that continues the one before, with the counts that the feed then has."""

from __future__ import annotations

import asyncio

import pytest

from inbox.models.message import ButtonPress, StoredMessage, encode_stored
from inbox.service.trigger.delivery import MAX_IN_REQUEST
from inbox.store.changes import INBOX_READ, INBOX_SNOOZE, V1_MARKS_ALL, V1_READ
from inbox.store.client import Client, open_client
from inbox.store.feed import Snapshot
from inbox.store.keys import Keys
from inbox.store.messages import Delivery, MessageStore
from inbox.store.publication import (
    BULK,
    BULK_DELETED,
    DELETED,
    GONE,
    MARKED,
    MOVED,
    NEW,
    SUBSCRIBER,
    TRIMMED,
    parse_publication,
)
from inbox.store.rows import ORIGIN
from tests.bench.server_stats import command_stats
from tests.conftest import binary_of, every_store
from tests.support.stores import running_store

from .conftest import WORKFLOW, Stores
from .hearing import hearing


@every_store
async def test_publications_form_one_chain(stores: Stores) -> None:
    feed = await stores.feed()
    async with hearing(stores) as heard:
        await heard.subscribe(feed.keys.channel)
        rows = await stores.fill(feed, 5)
        await asyncio.gather(
            stores.messages.mark(feed, rows[:3], V1_READ),
            stores.messages.act(feed, rows[4], ButtonPress("primary", "done")),
            stores.messages.bulk.mark_all(feed, INBOX_READ),
            stores.append(feed, "during"),
        )
        await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL["unread"])
        await stores.messages.delete(feed, rows[0])
        state = await stores.feeds.state(feed)
        assert state is not None
        position, counts = ORIGIN, None
        while position != state.position:
            publication = await heard.publication()
            assert publication.first == position.counter + 1
            assert publication.position.ms >= position.ms
            position, counts = publication.position, publication.counts
        assert counts == state.counts
        assert heard.heard.empty()


async def test_a_change_of_the_subscriber_is_published_on_every_feed_of_it(stores: Stores) -> None:
    first = await stores.feed()
    feeds = [first, await stores.feeds.open(first.environment, first.subscriber_id, "tenant:acme")]
    async with hearing(stores) as heard:
        await heard.subscribe(*(feed.keys.channel for feed in feeds))
        for name in ("Ada", "Ada", "Grace"):  # the second changes nothing
            await stores.subscribers.write(feeds[0].environment, feeds[0].subscriber_id, {"firstName": name})
        for feed in feeds:
            await stores.append(feed, "after")
        told = [await heard.next() for _ in range(6)]
        for feed in feeds:
            *changes, message = [payload for channel, payload in told if channel == feed.keys.channel]
            assert changes == [SUBSCRIBER] * 2
            assert parse_publication(message).kind == NEW


async def test_every_kind_that_scripts_publish_is_parsed(stores: Stores) -> None:
    feed = await stores.feed()

    async def choose(_: Snapshot, rows: list[int]) -> list[int]:
        return rows

    async with hearing(stores) as heard:
        published = heard.publication
        await heard.subscribe(feed.keys.channel)
        rows = await stores.fill(feed, 30)
        for row in rows:
            publication = await published()
            number, check, stored = publication.new_message
            assert (publication.kind, number, check) == (NEW, row.row, row.check)
            assert stored.content == f"m{row.row - 1}"
        await stores.messages.mark(feed, rows[3:5], V1_READ)
        assert ((marked := await published()).kind, marked.rows) == (MARKED, [4, 5])
        await stores.messages.bulk.mark_where(feed, INBOX_READ, choose)
        assert ((bulk := await published()).kind, bulk.bulk_mark and bulk.bulk_mark[:2]) == (BULK, (6, 0))
        await stores.messages.bulk.mark_all(feed, V1_MARKS_ALL["unread"])
        assert ((bulk := await published()).kind, bulk.bulk_mark and bulk.bulk_mark[:2]) == (BULK, (2, 4))
        await stores.messages.snooze(feed, rows[29], INBOX_SNOOZE, 1_000_000)
        assert (await published()).kind == MARKED
        await stores.feeds.wake(feed)
        assert ((moved := await published()).kind, moved.rows) == (MOVED, [31])
        await stores.messages.delete(feed, rows[29])
        assert ((deleted := await published()).kind, deleted.removed) == (DELETED, [(30, rows[29].check)])
        await MessageStore(stores.client, stores.keys, stores.feeds, 28).trim(feed)
        trimmed = await published()
        assert (trimmed.kind, trimmed.rows, trimmed.removed) == (TRIMMED, [1], [(1, rows[0].check)])
        await MessageStore(stores.client, stores.keys, stores.feeds, 4).trim(feed)
        assert ((many := await published()).kind, many.removed) == (TRIMMED, [(r.row, r.check) for r in rows[1:25]])
        await stores.messages.bulk.delete_where(feed, choose)
        assert ((few := await published()).kind, few.removed) == (DELETED, [(r.row, r.check) for r in rows[25:29]])
        for number in range(21):
            await stores.append(feed, f"more {number}")
            assert (await published()).kind == NEW
        await stores.messages.bulk.delete_where(feed, choose)
        assert ((many := await published()).kind, len(many.removed)) == (BULK_DELETED, 21)
        subscriber = await stores.subscribers.get(feed.environment, feed.subscriber_id)
        assert subscriber is not None
        assert await stores.subscribers.delete(feed.environment, subscriber)
        assert await heard.next() == (feed.keys.channel, GONE)


async def test_a_probe_is_heard(stores: Stores) -> None:
    async with hearing(stores) as heard:
        await heard.listener.probe()


async def test_feeds_spread_over_the_primaries(stores: Stores) -> None:
    """On a cluster no primary is left without feeds, since the buckets lie evenly."""
    if stores.client.is_cluster:
        feeds = [await stores.feed(f"subscriber-{number}") for number in range(60)]
        assert len({stores.client.node_of(feed.keys.state) for feed in feeds}) == 3


@pytest.mark.parametrize("binary", ["valkey", pytest.param("redis-server", marks=pytest.mark.needs("redis-server"))])
@pytest.mark.parametrize("people", [2, MAX_IN_REQUEST])
async def test_of_messages_that_are_stored_together_only_those_with_listeners_are_published(
    people: int, binary: str
) -> None:
    """On a server of its own, since all publications are counted, and a service publishes its canary."""
    content = encode_stored(StoredMessage("t", WORKFLOW, "workflow", WORKFLOW, "step", content="hello"))
    with running_store(binary_of(binary)) as server:
        client = await open_client(server.url)
        stores = Stores(client, Keys("inbox:"))
        feeds = [await stores.feed(f"s{number}") for number in range(people)]
        async with hearing(stores) as heard:
            await heard.subscribe(feeds[0].keys.channel)
            before = await published(client)
            for transaction in "ab":
                given = {"transaction_id": transaction, "step_id": "step", "workflow_id": WORKFLOW}
                await stores.messages.append([Delivery(feed, content, **given) for feed in feeds])
            assert [(await heard.next())[0] for _ in "ab"] == [feeds[0].keys.channel] * 2
            assert await published(client) - before == 2
        await client.close()


async def published(client: Client) -> float:
    """How often the server was told to publish."""
    return (await command_stats(client)).get("spublish", {"calls": 0})["calls"]
