"""The connected feeds of this process: each publication becomes events, encoded once, for every socket of its feed.

A connected feed remembers the position it has delivered. Publications that continue it go out at once; one that does
not (something was lost), or a subscription that Redis had to be asked for anew, is repaired from the feed's change log.
What the publication alone does not say (the state of a marked message, a card that is not known yet) is read first; all
of a feed's events pass through one line, so their order holds.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Never

from inbox import events
from inbox.errors import InboxError, NotFound, StoreUnavailable
from inbox.events import Close, Event
from inbox.fanout.cards import CardReader, FeedCards
from inbox.fanout.codecs import Codec
from inbox.fanout.connection import Connection
from inbox.models.environment import Environment
from inbox.models.message import Message, decode_stored
from inbox.store.feed import Feed, LogEntry
from inbox.store.feeds import FeedStore
from inbox.store.rows import CHECK_BYTES, Counts, Position, parse_message_id

log = logging.getLogger(__name__)

MAX_NAMED = 20
_READ_FIRST = ("m", "v")
"""Kinds of changes whose messages are read before they are told: marked, and moved to the top as a snooze ended."""
_UNNAMED = ("bulk", "trimmed")
"""Log entries that name no messages."""
TOO_MANY = b"*"
"""What a trim tells that cut off more messages than it names."""
_TRIMMED = struct.Struct(f">I{CHECK_BYTES}s")
"""A message that was cut off: the row and the check of its id."""
MAX_PENDING = 1_000
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Publication:
    """What a script published: the position after it, the first counter it covers, the counts, what changed."""

    position: Position
    first: int
    counts: Counts
    kind: str
    rows: list[int]
    body: bytes


def parse_publication(payload: bytes) -> Publication:
    """The parts of a publication (`_publish.lua`)."""
    head, _, body = payload.partition(b"\n")
    position, first, *counts, what = head.decode().split(" ")
    ms, counter = position.split("-")
    rows = [int(row) for row in what[1:].split(",")]
    return Publication(Position(int(ms), int(counter)), int(first), Counts(*map(int, counts)), what[0], rows, body)


class ConnectedFeed:
    """One feed with open sockets here."""

    def __init__(self, feed: Feed, feeds: FeedStore, cards: FeedCards) -> None:
        self.feed = feed
        self.connections: set[Connection] = set()
        self._feeds = feeds
        self._cards = cards
        self._position: Position | None = None
        self._counts: Counts
        self._pending: deque[Publication] = deque()
        self._must_repair = False
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes the feed's position and reads its cards; to be called once the subscription is acknowledged.

        Raises StoreUnavailable, and NotFound when the feed is gone: from here on its end would have been heard.
        """
        state = await self._feeds.state(self.feed) or _gone()
        await self._cards.read()
        self._position, self._counts = state.position, state.counts
        self._work()

    def join(self, connection: Connection) -> None:
        """One more socket. Its first events are the counts as delivered to the others; what comes later is newer."""
        self.connections.add(connection)
        connection.deliver([], tuple(map(connection.codec.encode, events.count_events(self._counts))))

    def receive(self, payload: bytes) -> None:
        """A publication on the feed's channel."""
        if payload == b"gone":
            self.end(events.SUBSCRIBER_GONE)
            return
        if payload == b"subscriber":
            self._cards.forget_subscriber()
            return
        self._pending.append(parse_publication(payload))
        if len(self._pending) > MAX_PENDING:  # the store is slow to answer: one repair is cheaper than all of these
            self._pending.clear()
            self._must_repair = True
        self._work()

    def restored(self) -> None:
        """The subscription was interrupted: whatever was published meanwhile is read from the log."""
        self._cards.forget_subscriber()
        self._must_repair = True
        self._work()

    def end(self, close: Close) -> None:
        """Ends every socket of the feed."""
        for connection in list(self.connections):
            connection.end(close)

    def stop(self) -> None:
        """The last socket has left."""
        if self._worker:
            self._worker.cancel()

    def _work(self) -> None:
        """Delivers what needs nothing else at once; starts the worker for the rest."""
        if self._position is None or self._worker:
            return
        while self._pending and not self._must_repair:
            publication = self._pending.popleft()  # first: one that cannot be read must not stay in the way
            if not self._deliver_directly(publication):
                self._pending.appendleft(publication)
                break
        if self._pending or self._must_repair:
            self._worker = asyncio.create_task(self._run())
            self._worker.add_done_callback(self._worked)

    def _worked(self, worker: asyncio.Task[None]) -> None:
        self._worker = None
        if not worker.cancelled() and worker.exception():
            log.error("fan-out failed", exc_info=worker.exception(), extra={"action": "fanout_failed"})
            self.end(events.STORE_LOST)
        elif not worker.cancelled():
            self._work()  # what came between its last look and its end

    async def _run(self) -> None:
        failures = 0
        while self._pending or self._must_repair:
            try:
                await self._step()
                failures = 0
            except StoreUnavailable:
                self._must_repair = True
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
            except NotFound:
                self.end(events.SUBSCRIBER_GONE)

    async def _step(self) -> None:
        if self._must_repair:
            self._must_repair = False
            await self._repair()
            return
        publication = self._pending.popleft()
        if not self._deliver_directly(publication):
            await self._deliver_read(publication)

    def _deliver_directly(self, publication: Publication) -> bool:
        """Delivers a publication that tells all by itself, or drops one that is old; False when more is needed."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        if publication.position.counter <= self._position.counter:
            return True
        if publication.first != self._position.counter + 1:
            self._must_repair = True
            return True
        sent = self._events(publication) if self.connections else []
        if sent is None:
            return False
        self._position = publication.position
        self._send(sent, publication.counts)
        return True

    def _events(self, publication: Publication) -> list[Event] | None:
        """The events of a publication, or None when the store has to be asked for something first."""
        body = publication.body
        if publication.kind in _READ_FIRST:
            return None
        if publication.kind == "n":
            message = self._cards.complete_cached(self._new_message(publication))
            return [events.notification_received(message)] if message else None
        if publication.kind == "x":
            checks = [body[at : at + CHECK_BYTES] for at in range(0, len(body), CHECK_BYTES)]
            return [events.notifications_removed(list(map(self.feed.message_id, publication.rows, checks)))]
        if publication.kind == "t" and not body:
            return []  # only rows without a message went
        if publication.kind == "t" and body != TOO_MANY:
            return [events.notifications_removed([self.feed.message_id(*one) for one in _TRIMMED.iter_unpack(body)])]
        return [events.notifications_refetch()]

    def _new_message(self, publication: Publication) -> Message:
        body = publication.body
        message_id = self.feed.message_id(publication.rows[0], body[:CHECK_BYTES])
        stored = decode_stored(body[CHECK_BYTES:])
        return Message(message_id, self.feed.subscriber_oid, stored, publication.position.ms)

    async def _deliver_read(self, publication: Publication) -> None:
        """Marked and moved messages are sent as they are now; the counts are those of the publication."""
        if publication.kind == "n":
            messages = [self._new_message(publication)]
        else:
            messages = (await self._feeds.messages(self.feed, publication.rows) or _gone())[0]
        is_change = publication.kind == "m"
        sent = await (self._updated(messages) if is_change else self._received(messages))
        self._position = publication.position
        self._send(sent, publication.counts)

    async def _received(self, messages: list[Message]) -> list[Event]:
        return list(map(events.notification_received, await self._cards.complete(messages)))

    async def _updated(self, messages: list[Message]) -> list[Event]:
        return list(map(events.notification_updated, await self._cards.complete(messages)))

    async def _repair(self) -> None:
        """Sends what changed since the position delivered last, then the counts; the state the log leads to."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        state, entries = await self._feeds.changes_since(self.feed, self._position) or _gone()
        if entries == []:
            return
        sent = [events.notifications_refetch()] if entries is None else await self._caught_up(entries)
        self._position = state.position
        self._send(sent, state.counts)

    async def _caught_up(self, entries: list[LogEntry]) -> list[Event]:
        """What these changes mean now: removed ids, changed messages in order of their last change, new messages."""
        named = [entry for entry in entries if entry.kind not in _UNNAMED]
        last = {entry.ref: entry.kind for entry in named}
        order = list(dict.fromkeys(entry.ref for entry in reversed(named)))[::-1]
        new = sorted({entry.ref for entry in entries if entry.kind == "new"})
        marked = [row for row in order if last[row] == "marked" and row not in new]
        deleted = [row for row in order if last[row] == "deleted" and row not in new]
        gone = await self._feeds.ids_of(self.feed, deleted) if deleted else []
        # of a message that had moved, the row that named it may be cut off by now
        refetch = len(marked) > MAX_NAMED or len(named) < len(entries) or len(gone) < len(deleted)
        sent = [events.notifications_removed(gone)] if gone else []
        if refetch:
            sent.append(events.notifications_refetch())
            return sent + await self._received(await self._read(new))
        came = set(new)  # a message that came since then is in another row by now if it has collapsed with a later one
        changed = await self._read(marked)
        sent += await self._updated([one for one in changed if self._first_row(one) not in came])
        moved = [one for one in changed if self._first_row(one) in came]
        return sent + await self._received([*await self._read(new), *moved])

    @staticmethod
    def _first_row(message: Message) -> int:
        """The row that its id names."""
        return parse_message_id(message.id).row

    async def _read(self, rows: list[int]) -> list[Message]:
        found = await self._feeds.messages(self.feed, rows) if rows else None
        return found[0] if found else []

    def _send(self, sent: list[Event], counts: Counts) -> None:
        """One delivery to every socket: the events, then both counts."""
        self._counts = counts
        both = events.count_events(counts)
        frames: dict[Codec, tuple[list[bytes], tuple[bytes, ...]]] = {}
        for connection in list(self.connections):
            codec = connection.codec
            if codec not in frames:
                frames[codec] = [codec.encode(event) for event in sent], tuple(map(codec.encode, both))
            connection.deliver(*frames[codec])


def _gone() -> Never:
    raise NotFound("The subscriber was deleted")


class Hub:
    """Every connected feed of this process, by channel."""

    def __init__(self, feeds: FeedStore, cards: CardReader) -> None:
        self._feeds = feeds
        self._cards = cards
        self._connected: dict[str, ConnectedFeed] = {}
        self._opening: dict[str, asyncio.Task[ConnectedFeed]] = {}
        self._subscribe: Callable[[str], Awaitable[None]]
        self._unsubscribe: Callable[[str], Awaitable[None]]

    def listen_with(
        self, subscribe: Callable[[str], Awaitable[None]], unsubscribe: Callable[[str], Awaitable[None]]
    ) -> None:
        """Joins the hub to the listener's two verbs."""
        self._subscribe, self._unsubscribe = subscribe, unsubscribe

    def connections_of(self, feed: Feed) -> int:
        """Open sockets of a feed in this process."""
        connected = self._connected.get(feed.keys.channel)
        return len(connected.connections) if connected else 0

    async def attach(self, feed: Feed, environment: Environment, connection: Connection) -> None:
        """From now on the connection gets every event of the feed, first both counts. Raises StoreUnavailable."""
        channel = feed.keys.channel
        while True:
            connected = await self._open(feed, environment)
            if self._connected.get(channel) is connected:  # it may have been closed again while we waited
                connected.join(connection)
                return

    async def detach(self, feed: Feed, connection: Connection) -> None:
        """The connection is gone; the last one ends the subscription."""
        channel = feed.keys.channel
        connected = self._connected.get(channel)
        if connected is None:
            return
        connected.connections.discard(connection)
        if not connected.connections:
            del self._connected[channel]
            connected.stop()
            await self._unsubscribe(channel)

    def receive(self, channel: str, payload: bytes) -> None:
        """A publication from the listener."""
        connected = self._connected.get(channel)
        if connected:
            try:
                connected.receive(payload)
            except (ValueError, InboxError):
                log.exception("unreadable publication", extra={"action": "publication_refused"})
                connected.restored()

    def restored(self, channels: Collection[str]) -> None:
        """Subscriptions that were interrupted."""
        for channel in channels:
            if connected := self._connected.get(channel):
                connected.restored()

    async def _open(self, feed: Feed, environment: Environment) -> ConnectedFeed:
        """The feed, subscribed and with its position taken; concurrent sockets of one feed wait for the same."""
        channel = feed.keys.channel
        task = self._opening.get(channel)
        if task is None and channel in self._connected:
            return self._connected[channel]
        if task is None:
            task = self._opening[channel] = asyncio.create_task(self._start(feed, environment))
            task.add_done_callback(lambda _: self._opening.pop(channel, None))
        return await asyncio.shield(task)

    async def _start(self, feed: Feed, environment: Environment) -> ConnectedFeed:
        channel = feed.keys.channel
        cards = FeedCards(feed, environment, self._cards)
        connected = self._connected[channel] = ConnectedFeed(feed, self._feeds, cards)
        try:
            await self._subscribe(channel)
            await connected.start()
        except BaseException:
            self._connected.pop(channel, None)
            await self._unsubscribe(channel)
            raise
        return connected
