"""Messages by the producer's reference: however many are newer, wherever they moved, and those of older releases."""

from __future__ import annotations

import asyncio

import pytest

from inbox.models.message import StoredMessage, encode_stored
from inbox.store import changes
from inbox.store.dispatches import Batch, DispatchShare, DispatchStore
from inbox.store.feed import Feed
from inbox.store.messages import Delivery
from inbox.store.references import reference_digest
from inbox.store.rows import parse_message_id

from .conftest import ENVIRONMENT, WORKFLOW, Stores


async def send(stores: Stores, feed: Feed, transaction: str, reference: str | None) -> str:
    appended = await stores.append(feed, transaction, external_reference=reference)
    assert appended is not None
    assert appended.message_id is not None
    return appended.message_id


async def found(stores: Stores, feed: Feed, reference: str) -> list[str]:
    return [message.id for message in await stores.references.find(feed, reference)]


async def indexed(stores: Stores, feed: Feed) -> list[bytes]:
    return sorted(await stores.client.execute("ZRANGE", feed.keys.references, 0, -1))


def content(transaction: str, reference: str | None) -> bytes:
    stored = StoredMessage(transaction, WORKFLOW, "workflow", WORKFLOW, "step", external_reference=reference)
    return encode_stored(stored)


async def test_messages_without_a_reference_keep_nothing(stores: Stores) -> None:
    feed = await stores.feed()
    await stores.fill(feed, 5)
    assert await indexed(stores, feed) == []
    assert reference_digest(content("t", None)) == ""
    told = StoredMessage("t", WORKFLOW, "w", WORKFLOW, "s", payload={"externalReference": "x"})
    assert reference_digest(encode_stored(told)) == ""


async def test_any_message_is_found_newest_first(stores: Stores) -> None:
    feed = await stores.feed()
    first = await send(stores, feed, "a", "order-1")
    await stores.messages.append(
        [Delivery(feed, content(f"t{n}", None), f"t{n}", "step", WORKFLOW) for n in range(1_100)]
    )
    last, other = await send(stores, feed, "b", "order-1"), await send(stores, feed, "c", "order-2")
    assert await found(stores, feed, "order-1") == [last, first]
    assert await found(stores, feed, "order-2") == [other]
    assert await found(stores, feed, "order-3") == []
    assert await found(stores, await stores.feed("bob"), "order-1") == []


async def test_messages_that_are_stored_together_keep_their_own_references(stores: Stores) -> None:
    feeds = [await stores.feed(name) for name in ("ada", "bob", "grace")]
    contents = [content("t", reference) for reference in ("order-1", None, "order-2", "order-1")]
    deliveries = [
        Delivery(feed, text, "t", f"step{number}", WORKFLOW) for number, text in enumerate(contents) for feed in feeds
    ]
    assert all(one and one.outcome == "stored" for one in await stores.messages.append(deliveries))
    for feed in feeds:
        listed = [message for message in await stores.list(feed) if message.stored.external_reference == "order-1"]
        assert len(listed) == 2
        assert await found(stores, feed, "order-1") == [message.id for message in listed]
        assert len(await found(stores, feed, "order-2")) == 1
        assert sorted(await indexed(stores, feed)) == [b"", b"1", b"3", b"4"]


async def test_messages_of_an_older_release_are_found_too(stores: Stores) -> None:
    """The first search completes what the set lacks; from then on it is not read again."""
    feed = await stores.feed()
    ids = [await send(stores, feed, f"m{number}", f"order-{number % 2}") for number in range(6)]
    await stores.client.execute("DEL", feed.keys.references)
    newer = await send(stores, feed, "m6", "order-0")
    assert await found(stores, feed, "order-0") == [newer, ids[4], ids[2], ids[0]]
    assert await indexed(stores, feed) == [b"", *(str(row).encode() for row in range(1, 8))]
    await stores.client.execute("ZREM", feed.keys.references, "1")
    assert await found(stores, feed, "order-0") == [newer, ids[4], ids[2]]


async def test_they_are_completed_while_others_write(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed()
    ids = [await send(stores, feed, f"m{number}", "order") for number in range(120)]
    await stores.client.execute("DEL", feed.keys.references)

    async def write() -> None:
        for number in range(30):
            ids.append(await send(other_stores, feed, f"n{number}", "order"))
            assert await other_stores.messages.delete(feed, parse_message_id(ids.pop(0)))

    await asyncio.gather(write(), *(stores.references.find(feed, "order") for _ in range(3)))
    assert await found(stores, feed, "order") == ids[::-1]


async def test_a_reference_follows_its_message(stores: Stores) -> None:
    feed = await stores.feed()
    snoozed, deleted, trimmed = [await send(stores, feed, name, "order") for name in ("c", "b", "a")][::-1]
    assert await found(stores, feed, "order") == [snoozed, deleted, trimmed]
    assert await stores.messages.snooze(feed, parse_message_id(snoozed), changes.INBOX_SNOOZE, 1_000)
    assert await found(stores, feed, "order") == [snoozed, deleted, trimmed]
    assert (await stores.list(feed))[0].id == snoozed
    assert await indexed(stores, feed) == [b"", b"1", b"2", b"4"]
    assert await stores.messages.delete(feed, parse_message_id(deleted))
    await stores.messages.trim(feed, 1)
    assert await found(stores, feed, "order") == [snoozed]
    assert await indexed(stores, feed) == [b"", b"4"]
    assert await stores.messages.bulk.delete_where(feed) == 1
    assert await indexed(stores, feed) == [b""]


@pytest.mark.parametrize("shares_contents", [True, False])
async def test_messages_of_a_dispatch_are_found(stores: Stores, shares_contents: bool) -> None:
    feed = await stores.feed()
    deliveries = [
        Delivery(feed, content("t", reference), "t", f"step-{reference}", WORKFLOW) for reference in ("x", None, "y")
    ]
    share = DispatchShare(ENVIRONMENT, "1" * 24, feed.bucket)
    dispatches = DispatchStore(stores.client, stores.keys, stores.messages)
    appended = await dispatches.append(share, "", Batch("a", deliveries, shares_contents=shares_contents))
    assert appended is not None
    ids = [one.message_id for one in appended if one]
    assert await found(stores, feed, "x") == [ids[0]]
    assert await found(stores, feed, "y") == [ids[2]]
    assert await indexed(stores, feed) == [b"", b"1", b"3"]


async def test_nothing_is_left_of_a_deleted_subscriber(stores: Stores) -> None:
    feed = await stores.feed()
    await send(stores, feed, "a", "order")
    subscriber = await stores.subscribers.get(ENVIRONMENT, feed.subscriber_id)
    assert subscriber is not None
    assert await stores.subscribers.delete(ENVIRONMENT, subscriber)
    assert await indexed(stores, feed) == []
    assert await stores.references.find(feed, "order") == []
