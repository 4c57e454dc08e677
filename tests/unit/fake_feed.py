"""A feed in memory that changes, logs and publishes as the store's scripts do; and a socket that notes what it gets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec.structs import replace

from inbox.errors import StoreUnavailable
from inbox.ids import MessageId, SubscriberId
from inbox.models.environment import Environment
from inbox.models.message import Message, StoredMessage, encode_stored
from inbox.models.subscriber import Subscriber
from inbox.realtime import connection
from inbox.realtime.compatible import CompatibleCodec
from inbox.realtime.events import Close, SocketEvent
from inbox.store.changes import FIRST_SEEN, LAST_SEEN, READ_NOW
from inbox.store.feed import Feed, LogEntry
from inbox.store.keys import Keys
from inbox.store.publication import BULK, BULK_DELETED, COLLAPSED, DELETED, MARKED, MOVED, NEW, TRIMMED
from inbox.store.rows import UNREAD, UNSEEN, FeedCounts, FeedState, Position

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "app")
CHECK = b"chk"
HANG_SECONDS = 60
START_MS = 1_700_000_000_000


def feed_named(number: int) -> Feed:
    keys = Keys("t:").bucket(1, 5).feed(number)
    return Feed(1, 5, number, SubscriberId(f"subscriber {number}"), f"{number:024x}", "", keys)


class FakeFeeds:
    """What the hub needs of the feed store, over one feed.

    Each change returns its publication, for the test to deliver, lose or repeat. `away` fails that many calls;
    `log_from` is the first counter that the log still holds.
    """

    def __init__(self, number: int = 1, *, cards: FakeCards | None = None) -> None:
        self.feed = feed_named(number)
        self._cards = cards or FakeCards()
        self.messages_by_row: dict[int, Message] = {}
        self.log: list[LogEntry] = []
        self.log_from = 1
        self.away = 0
        self.gone = False
        self.calls: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()

    @property
    def channel(self) -> str:
        return self.feed.keys.channel

    @property
    def position(self) -> Position:
        return Position(START_MS + len(self.log), len(self.log))

    @property
    def counts(self) -> FeedCounts:
        live = self.messages_by_row.values()
        unread = sum(not message.read for message in live)
        return FeedCounts(sum(not message.seen for message in live), unread, unread)

    def id_of(self, row: int) -> MessageId:
        return self.feed.message_id(row, CHECK)

    def append(self) -> bytes:
        row = 1 + sum(entry.kind in (NEW, MOVED) for entry in self.log)
        stored = StoredMessage(f"t{row}", "w" * 24, "workflow", "s" * 24, "step", content=f"message {row}")
        created_ms = self.position.ms + 1
        self.messages_by_row[row] = Message(self.id_of(row), self.feed.subscriber_oid, stored, created_ms, sequence=row)
        return self._publish(NEW, [row], CHECK + encode_stored(stored))

    def mark(self, *marked: int, read: bool = True) -> bytes:
        for row in marked:
            self.messages_by_row[row] = replace(self.messages_by_row[row], seen=True, read=read)
        return self._publish(MARKED, marked)

    def delete(self, *deleted: int) -> bytes:
        for row in deleted:
            del self.messages_by_row[row]
        return self._publish(DELETED, deleted, CHECK * len(deleted))

    def wake(self, row: int) -> bytes:
        """The end of a snooze: the message goes to the top, unread; its id stays."""
        top = 1 + sum(entry.kind in (NEW, MOVED) for entry in self.log)
        self.messages_by_row[top] = replace(
            self.messages_by_row.pop(row), read=False, created_ms=self.position.ms + 1, sequence=top
        )
        return self._publish(MOVED, [top])

    def collapse(self, row: int, onto: int) -> bytes:
        """A new message takes the place of that of `row`: its id stays, the content is new, in row `onto`."""
        former = self.messages_by_row.pop(row)
        stored = StoredMessage(f"t{onto}", "w" * 24, "workflow", "s" * 24, "step", content=f"message {onto}")
        created_ms = self.position.ms + 1
        self.messages_by_row[onto] = replace(
            former, stored=stored, seen=False, read=False, created_ms=created_ms, sequence=onto
        )
        return self._publish(COLLAPSED, [onto])

    def trim(self, base: int) -> bytes:
        """What is up to `base` is cut off."""
        gone = [row for row in sorted(self.messages_by_row) if row <= base]
        for row in gone:
            del self.messages_by_row[row]
        names = b"".join(struct.pack(">I", row) + CHECK for row in gone)
        return self._publish(TRIMMED, [base], names)

    def trim_in_older_release(self, base: int) -> bytes:
        """More is cut off than an older release names."""
        return self.trim(base).partition(b"\n")[0] + b"\n*"

    def read_all(self) -> bytes:
        for row, message in self.messages_by_row.items():
            self.messages_by_row[row] = replace(message, seen=True, read=True)
        counter = self.position.counter + 1
        times = (START_MS + counter).to_bytes(6, "big") + counter.to_bytes(5, "big")
        stamp = struct.pack(">B11sII", FIRST_SEEN | LAST_SEEN | READ_NOW, times, max(self.messages_by_row), 0)
        return self._publish(BULK, [counter], bytes([UNSEEN | UNREAD, 0]) + stamp)

    def delete_all(self) -> bytes:
        """As more than twenty messages are deleted at once: one change of the log."""
        names = b"".join(struct.pack(">I", row) + CHECK for row in self.messages_by_row)
        self.messages_by_row.clear()
        return self._publish(BULK_DELETED, [self.position.counter + 1], names)

    def change_in_later_release(self) -> bytes:
        """A change of a kind that this release does not have."""
        return self._publish("q", [1])

    def _publish(self, kind: str, refs: Sequence[int], body: bytes = b"") -> bytes:
        first = self.position.counter + 1
        bodies = [CHECK] * len(refs) if kind == DELETED else [body]
        kept = bodies if kind in (DELETED, BULK_DELETED, TRIMMED, BULK) else [None] * len(refs)
        self.log += map(LogEntry, [kind] * len(refs), refs, kept)
        counts, what = " ".join(map(str, self.counts)), kind + ",".join(map(str, refs))
        return f"{self.position} {first} {counts} {what}\n".encode() + body

    async def _call(self, name: str, feed: Feed) -> None:
        assert feed is self.feed
        self.calls.append(name)
        await self.hold.wait()
        if self.away:
            self.away -= 1
            raise StoreUnavailable

    @property
    def _state(self) -> FeedState:
        return FeedState(0, 0, self.position, self.counts)

    async def state_and_owner(self, feed: Feed) -> tuple[FeedState, Subscriber] | None:
        read, name = self._state, self._cards.first_name  # as of the question; the answer may take its time
        await self._call("state_and_owner", feed)
        owner = Subscriber(feed.subscriber_oid, feed.subscriber_id, 0, 0, profile={"firstName": name})
        return None if self.gone or name is None else (read, owner)

    async def messages(self, feed: Feed, wanted: Sequence[int]) -> tuple[list[Message], FeedState] | None:
        await self._call("messages", feed)
        found = [self.messages_by_row[row] for row in wanted if row in self.messages_by_row]
        return None if self.gone else (found, self._state)

    async def changes_since(
        self, feed: Feed, since: Position, _: int = 0
    ) -> tuple[FeedState, list[LogEntry] | None] | None:
        await self._call("changes_since", feed)
        known = since.counter + 1 >= self.log_from
        return None if self.gone else (self._state, self.log[since.counter :] if known else None)


class FakeCards:
    """Cards of the one subscriber and of every workflow. `workflows_known` says whether those need no reading."""

    def __init__(self) -> None:
        self.first_name: str | None = "Ada"
        self.workflows_known = True
        self.away = 0
        self.calls: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def subscriber(self, _: Environment, oid: str) -> dict[str, Any] | None:
        read = self.first_name  # as it stood when the question came
        await self._call("subscriber")
        return None if read is None else {"_id": oid, "firstName": read}

    async def workflow(self, _: Environment, message: StoredMessage) -> dict[str, Any]:
        if not self.workflows_known:
            await self._call("workflow")
        return {"identifier": message.template_identifier}

    def cached_workflow(self, _: Environment, message: StoredMessage) -> dict[str, Any] | None:
        return {"identifier": message.template_identifier} if self.workflows_known else None

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        await self.hold.wait()
        if self.away:
            self.away -= 1
            raise StoreUnavailable


class Codec(CompatibleCodec):
    """Encodes an event as a line: a JSON list of name and payload. Counts how often it is asked to."""

    def __init__(self) -> None:
        self.encoded = 0

    def frame(self, event: SocketEvent, _: int) -> bytes:
        self.encoded += 1
        return b'["%b",%b]\n' % (event.name.encode(), event.data)


@dataclass
class Delivery:
    """What one call of the hub brought."""

    events: list[tuple[str, dict[str, Any]]]
    unseen: int
    unread: int


class Tab:
    """A connection that notes the counts it is greeted with, and every delivery after them."""

    def __init__(self, codec: Codec | None = None) -> None:
        self.codec = codec or Codec()
        self.greeting: Delivery | None = None
        self.deliveries: list[Delivery] = []
        self.ended: list[Close] = []
        self._news = asyncio.Event()

    def deliver(self, delivery: connection.EncodedDelivery) -> None:
        unseen, unread = (orjson.loads(line)[1] for line in delivery.counts.splitlines())
        told = [(name, payload) for name, payload in map(orjson.loads, delivery.block.splitlines())]
        assert len(told) == delivery.frames
        heard = Delivery(told, unseen["unseenCount"], unread["unreadCount"])
        if self.greeting is None:
            self.greeting = heard
            return
        self.deliveries.append(heard)
        self._news.set()

    def end(self, close: Close) -> None:
        self.ended.append(close)
        self._news.set()

    async def delivered(self, count: int) -> list[Delivery]:
        """All deliveries, once there are `count`. Raises TimeoutError when it hangs."""
        async with asyncio.timeout(HANG_SECONDS):
            while len(self.deliveries) < count:
                self._news.clear()
                await self._news.wait()
        assert len(self.deliveries) == count
        return self.deliveries

    async def was_ended(self) -> Close:
        """Why it was ended, once it was. Raises TimeoutError when it hangs."""
        async with asyncio.timeout(HANG_SECONDS):
            while not self.ended:
                self._news.clear()
                await self._news.wait()
        return self.ended[0]

    @property
    def told(self) -> list[str]:
        """All events in short: `received 1`, `updated 2 read`, `removed <id>`, `refetch`."""
        return [_short(name, payload) for delivery in self.deliveries for name, payload in delivery.events]


def _short(name: str, payload: dict[str, Any]) -> str:
    verb = name.removeprefix("notification_")
    if "removed" in payload:
        return " ".join(["removed", *payload["removed"]])
    if "refetch" in payload:
        return "refetch"
    message = payload["message"]
    row = message["transactionId"].removeprefix("t")
    return f"{verb} {row}" + (" read" if message["read"] else "")
