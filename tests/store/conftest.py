"""The stores on each kind of server, under a key prefix of the test's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.models.message import Message, StoredMessage, encode_stored
from inbox.store.client import Client, open_client
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.messages import AppendResult, Delivery, MessageStore
from inbox.store.presence import PresenceStore
from inbox.store.references import ReferenceStore
from inbox.store.rows import ALL, RowId, count_flags, parse_message_id
from inbox.store.subscribers import SubscriberStore
from inbox.store.transactions import TransactionStore

ENVIRONMENT = 1
WORKFLOW = "0123456789abcdef01234567"


@dataclass
class Stores:
    """Every store over one client."""

    client: Client
    keys: Keys
    subscribers: SubscriberStore = field(init=False)
    feeds: FeedStore = field(init=False)
    references: ReferenceStore = field(init=False)
    messages: MessageStore = field(init=False)
    presence: PresenceStore = field(init=False)
    transactions: TransactionStore = field(init=False)

    def __post_init__(self) -> None:
        self.subscribers = SubscriberStore(self.client, self.keys)
        self.feeds = FeedStore(self.client, self.keys, self.subscribers)
        self.references = ReferenceStore(self.client, self.keys, self.feeds)
        self.messages = MessageStore(self.client, self.keys, self.feeds)
        self.presence = PresenceStore(self.client, self.keys)
        self.transactions = TransactionStore(self.client, self.keys)

    async def feed(self, subscriber_id: str = "ada") -> Feed:
        return await self.feeds.open(ENVIRONMENT, SubscriberId(subscriber_id))

    async def append(self, feed: Feed, transaction: str, **options: Any) -> AppendResult | None:
        """A message that carries its transaction as content."""
        severity, reference = options.get("severity", "none"), options.pop("external_reference", None)
        content = StoredMessage(
            *(transaction, WORKFLOW, "workflow", WORKFLOW, "step"),
            content=transaction,
            severity=severity,
            external_reference=reference,
        )
        given = {"transaction_id": transaction, "step_id": "step", "workflow_id": WORKFLOW, **options}
        return (await self.messages.append([Delivery(feed, encode_stored(content), **given)]))[0]

    async def fill(self, feed: Feed, count: int) -> list[RowId]:
        """`count` messages with transactions m0, m1, …; their rows, oldest first."""
        rows = []
        for number in range(count):
            appended = await self.append(feed, f"m{number}")
            assert appended is not None
            assert appended.message_id is not None
            rows.append(parse_message_id(appended.message_id))
        return rows

    async def list(self, feed: Feed) -> list[Message]:
        """Every message, newest first."""
        page = await self.feeds.page(feed, ALL, 100_000)
        assert page is not None
        return page.messages

    async def check(self, feed: Feed) -> None:
        """What is kept agrees with itself: the packed counts with the rows, and both with the messages as listed."""
        snapshot = await self.feeds.snapshot(feed)
        assert snapshot is not None
        counts = snapshot.state.counts
        assert counts == count_flags(snapshot.flags)
        listed = await self.list(feed)
        assert counts.unseen == sum(not message.seen for message in listed)
        assert counts.unread == sum(not message.read for message in listed)
        assert [message.created_ms for message in listed] == sorted((m.created_ms for m in listed), reverse=True)

    async def keys_in_use(self) -> set[str]:
        """Every key under this test's prefix."""
        return {key async for keys in self.client.scan(f"{self.keys.prefix}*", 1_000) for key in keys}


@pytest.fixture
async def stores(store_url: str, key_prefix: str) -> AsyncIterator[Stores]:
    client = await open_client(store_url)
    try:
        yield Stores(client, Keys(key_prefix))
    finally:
        await client.close()


@pytest.fixture
async def other_stores(store_url: str, key_prefix: str) -> AsyncIterator[Stores]:
    """The same data through connections and caches of its own, as another process has them."""
    client = await open_client(store_url)
    try:
        yield Stores(client, Keys(key_prefix))
    finally:
        await client.close()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
