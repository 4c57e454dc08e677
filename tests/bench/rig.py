"""A throw-away server with the store on it, twice: one that works, and one that writes down what it would send."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from inbox.ids import SubscriberId
from inbox.models.message import StoredMessage, encode_stored
from inbox.store.changes import Change
from inbox.store.client import Client, topology_of
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.messages import Delivery, MessageStore
from inbox.store.rows import RowId, parse_message_id
from inbox.store.scripts import load_all
from inbox.store.subscribers import SubscriberStore
from tests.support.stores import StoreServer, running_store
from tests.support.tools import find_redis, find_valkey

from .recorder import Recorder
from .wire import Operation, Wire

ENVIRONMENT = 1
CONTENT_BYTES = 600
SERVERS = {"valkey": find_valkey, "redis7": find_redis}
# as the service starts its own; what is deleted between two measurements has to be gone at once
OPTIONS = ("--appendonly", "no", "--stream-node-max-bytes", "1024", "--lazyfree-lazy-user-del", "no")
WORDS = ("order", "shipped", "payment", "received", "comment", "mention", "deploy", "review", "approved", "reminder")


@cache
def contents() -> list[bytes]:
    """500 stored messages, each of 600 bytes as it stands in the stream."""
    return [_content(random.Random(number)) for number in range(500)]


def _content(dice: random.Random) -> bytes:
    message = StoredMessage(
        transaction_id=f"txn_{dice.getrandbits(48):012x}",
        template_id=f"{dice.getrandbits(96):024x}",
        template_identifier=f"workflow-{dice.randrange(40)}",
        message_template_id=f"{dice.getrandbits(96):024x}",
        step_id="in-app",
        subject=" ".join(dice.choices(WORDS, k=6)),
        payload={"order": dice.randrange(10**6), "url": f"/orders/{dice.randrange(10**8)}"},
    )
    text = " ".join(dice.choices(WORDS, k=100))
    message.content = text[: CONTENT_BYTES - len(encode_stored(message)) - len(',"content":""')]
    return encode_stored(message)


@dataclass
class BenchFeed:
    """A feed, and the check bytes of its rows, which its ids need."""

    feed: Feed
    checks: list[bytes] = field(default_factory=list)

    def row(self, number: int) -> RowId:
        return RowId(self.feed.bucket, self.feed.number, number, self.checks[number - 1])


class Rig:
    """What the measurements share. `feeds` and `messages` work at once; `append`, `mark` and so on are to be sent."""

    def __init__(self, server: StoreServer) -> None:
        self.server = server
        self.wire = Wire(server.url)
        self.client = Client(topology_of(server.url))
        self.recorder = Recorder(topology_of(server.url))
        self._appended = 0
        self.clear()

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def clear(self) -> None:
        """Empties the server, gives it the scripts, and forgets which feeds there were."""
        self.wire.call("FLUSHALL", "SYNC")
        for script in load_all():
            self.wire.call("SCRIPT", "LOAD", script.text)
        keys = Keys("")
        subscribers = SubscriberStore(self.client, keys)
        self.feeds = FeedStore(self.client, keys, subscribers)
        self.messages = MessageStore(self.client, keys, self.feeds)
        self.recorded_feeds = FeedStore(self.recorder, keys, subscribers)
        self.recorded_messages = MessageStore(self.recorder, keys, self.recorded_feeds)

    def info(self, section: str) -> dict[str, str]:
        """What the server tells about itself."""
        lines = self.wire.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    async def open_feeds(self, count: int) -> list[BenchFeed]:
        """New subscribers with an empty feed each."""
        return [
            BenchFeed(await self.feeds.open(ENVIRONMENT, SubscriberId(f"subscriber-{number:06d}")))
            for number in range(count)
        ]

    async def fill(self, feeds: Sequence[BenchFeed], size: int) -> None:
        """Appends `size` messages to each feed, in turn."""
        for _ in range(size):
            self.wire.run([await self.append(feed) for feed in feeds])

    async def append(self, target: BenchFeed) -> Operation:
        self._appended += 1
        content = contents()[self._appended % len(contents())]
        delivery = Delivery(
            target.feed, content, transaction_id=f"t{self._appended}", step_id="in-app", workflow_id="welcome"
        )
        (appended,) = await self.recorded_messages.append([delivery])
        assert appended is not None
        assert appended.message_id is not None
        target.checks.append(parse_message_id(appended.message_id).check)
        return self.recorder.take()

    async def mark(self, target: BenchFeed, numbers: Sequence[int], change: Change) -> Operation:
        await self.recorded_messages.mark(target.feed, [target.row(number) for number in numbers], change)
        return self.recorder.take()

    async def mark_all(self, target: BenchFeed, change: Change) -> Operation:
        await self.recorded_messages.bulk.mark_all(target.feed, change)
        return self.recorder.take()

    async def close(self) -> None:
        self.wire.close()
        await self.recorder.close()
        await self.client.close()


@asynccontextmanager
async def open_rig(server: str, *options: str) -> AsyncIterator[Rig]:
    """A rig on a new server (`valkey` or `redis7`), gone with its data at the end."""
    binary = SERVERS[server]()
    assert binary is not None, f"no server for {server}"
    with running_store(binary, unix=True, options=[*OPTIONS, *options]) as running:
        rig = Rig(running)
        try:
            yield rig
        finally:
            await rig.close()
