"""A feed with open sockets in this process: each publication becomes events, encoded once for all sockets.

A connected feed keeps the position that it has delivered. A publication that continues it is sent at once. After a gap,
or a break of the subscription, the feed is repaired from its change log. What a publication lacks (the state of a
marked message, a card that is not cached) is read first. All events pass through one queue, which keeps their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Never

from inbox.errors import NotFound, ServiceUnavailable
from inbox.models.message import Message
from inbox.models.subscriber import subscriber_card
from inbox.realtime import events
from inbox.realtime.cards import FeedCards
from inbox.realtime.connection import Codec, Connection, EncodedDelivery
from inbox.realtime.events import Close, SocketEvent
from inbox.store import publication as kinds
from inbox.store.feed import Feed, LogEntry
from inbox.store.feeds import FeedStore
from inbox.store.publication import Publication, parse_publication
from inbox.store.rows import FeedCounts, Position, parse_message_id
from inbox.tasks import SharedTurn

log = logging.getLogger(__name__)

MAX_REPAIRED = 20
"""Changed messages that a repair sends one by one; for more, clients are told to read the feed again."""
MAX_PENDING = 1_000
ROW_KINDS = (kinds.NEW, kinds.MOVED, kinds.MARKED, kinds.DELETED)
"""The kinds of log entries that a repair sends message by message."""
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)


class ConnectedFeed:
    """A feed with open sockets in this process. `sockets` counts also those whose handshake has not ended."""

    __slots__ = (
        *("_cards", "_counts", "_feeds", "_is_gone", "_must_repair", "_pending", "_position", "_starting", "_worker"),
        *("channel", "connections", "feed", "sockets"),
    )

    def __init__(self, feed: Feed, channel: str, feeds: FeedStore, cards: FeedCards) -> None:
        self.feed = feed
        self.channel = channel
        self.sockets = 0
        self.connections: tuple[Connection, ...] = ()
        """Replaced at each change, so that a delivery can end sockets while it goes through them."""
        self._feeds = feeds
        self._cards = cards
        self._position: Position | None = None
        self._counts: FeedCounts
        self._pending: list[Publication] = []
        self._is_gone = False
        self._must_repair = False
        self._worker: asyncio.Task[None] | None = None
        self._starting: SharedTurn | None = SharedTurn()

    @property
    def has_started(self) -> bool:
        return self._position is not None

    async def start(self, acknowledged: Callable[[str], Awaitable[None]]) -> None:
        """Read the feed's position and its subscriber, once the subscription is acknowledged. Sockets share the wait.

        Raise StoreUnavailable, and NotFound if the feed no longer exists: its deletion was published before.
        """
        assert self._starting  # noqa: S101 (it has not started)
        async with self._starting.take():
            if self.has_started:
                return
            await acknowledged(self.channel)
            changes = self._cards.changes
            state, subscriber = await self._feeds.state_and_owner(self.feed) or _raise_deleted()
            self._cards.keep_subscriber(subscriber_card(subscriber), changes)
            self._position, self._counts = state.position, state.counts
            self._starting = None
        self._work()

    def join(self, connection: Connection) -> None:
        """Add a socket. Its first events are the counts that the others got last.

        Raise NotFound for a feed that is gone.
        """
        if self._is_gone:
            _raise_deleted()
        self.connections += (connection,)
        connection.deliver(_encode(connection.codec, [], events.count_events(self._counts)))

    def drop(self, connection: Connection) -> None:
        """Remove a socket, if it has joined."""
        if connection in self.connections:
            index = self.connections.index(connection)
            self.connections = self.connections[:index] + self.connections[index + 1 :]

    def receive(self, payload: bytes) -> None:
        """Handle a payload from the feed's channel. Raise ValueError for a malformed one."""
        if payload == kinds.GONE:
            self._end_gone()
            return
        if payload == kinds.SUBSCRIBER:
            self._cards.forget_subscriber()
            return
        self._pending.append(parse_publication(payload))
        if len(self._pending) > MAX_PENDING:  # the store is slow to answer: one repair is cheaper than all of these
            self._pending.clear()
            self._must_repair = True
        self._work()

    def on_resubscribed(self) -> None:
        """Repair the feed after a break of the subscription."""
        self._cards.forget_subscriber()
        self._must_repair = True
        self._work()

    def end(self, close: Close) -> None:
        """End every socket of the feed."""
        for connection in self.connections:
            connection.end(close)

    def _end_gone(self) -> None:
        """End every socket of a feed that is gone. One whose handshake has not ended is refused when it joins."""
        self._is_gone = True
        self.end(events.SUBSCRIBER_DELETED)

    def stop(self) -> None:
        """Stop the worker, since the last socket has left."""
        if self._worker:
            self._worker.cancel()

    def _work(self) -> None:
        """Deliver publications that need no read at once, and start the worker for the others."""
        if self._position is None or self._worker:
            return
        while self._pending and not self._must_repair:
            publication = self._pending.pop(0)  # before it is parsed: a malformed one must not block the queue
            if not self._deliver_directly(publication):
                self._pending.insert(0, publication)
                break
        if self._pending or self._must_repair:
            self._worker = asyncio.create_task(self._run())
            self._worker.add_done_callback(self._on_worker_end)

    def _on_worker_end(self, worker: asyncio.Task[None]) -> None:
        self._worker = None
        if not worker.cancelled() and worker.exception():
            log.error("fan-out failed", exc_info=worker.exception(), extra={"action": "fanout_failed"})
            self.end(events.STORE_LOST)
        elif not worker.cancelled():
            self._work()  # it may have got publications after its last check

    async def _run(self) -> None:
        failures = 0
        while self._pending or self._must_repair:
            try:
                await self._step()
                failures = 0
            except ServiceUnavailable:
                self._must_repair = True
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
            except NotFound:
                self._end_gone()

    async def _step(self) -> None:
        if self._must_repair:
            self._must_repair = False
            await self._repair()
            return
        publication = self._pending.pop(0)
        if not self._deliver_directly(publication):
            self._deliver(publication.position, await self._read_events(publication), publication.counts)

    def _deliver_directly(self, publication: Publication) -> bool:
        """Deliver a publication that needs no read, or drop an old one. Return False if a read is needed."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        if publication.position.counter <= self._position.counter:
            return True
        if publication.first != self._position.counter + 1:
            self._must_repair = True
            return True
        direct_events = self._direct_events(publication) if self.connections else []
        if direct_events is None:
            return False
        self._deliver(publication.position, direct_events, publication.counts)
        return True

    def _direct_events(self, publication: Publication) -> list[SocketEvent] | None:
        """Return the events of a publication; None if the store has to be read first."""
        kind = publication.kind
        if kind in (kinds.MOVED, kinds.MARKED):
            return None
        if kind == kinds.NEW:
            message = self._cards.complete_cached(self._new_message(publication))
            return [events.notification_received(message)] if message else None
        if kind in (kinds.DELETED, kinds.TRIMMED) and (removed := publication.removed) is not None:
            ids = [self.feed.message_id(*row_and_check) for row_and_check in removed]
            return [events.notifications_removed(ids)] if ids else []  # a trim may remove only rows without a message
        return [events.notifications_refetch()]  # also for a kind that only a later release knows

    async def _read_events(self, publication: Publication) -> list[SocketEvent]:
        """Read messages and cards. The events have the messages as they are now, but the counts of the publication."""
        if publication.kind == kinds.NEW:
            return await self._received([self._new_message(publication)])
        messages = (await self._feeds.messages(self.feed, publication.rows) or _raise_deleted())[0]
        return await (self._updated(messages) if publication.kind == kinds.MARKED else self._received(messages))

    def _new_message(self, publication: Publication) -> Message:
        row, check, stored = publication.new_message
        message_id = self.feed.message_id(row, check)
        return Message(message_id, self.feed.subscriber_oid, stored, publication.position.ms, sequence=row)

    async def _received(self, messages: Iterable[Message]) -> list[SocketEvent]:
        return list(map(events.notification_received, await self._cards.complete(messages)))

    async def _updated(self, messages: Iterable[Message]) -> list[SocketEvent]:
        return list(map(events.notification_updated, await self._cards.complete(messages)))

    async def _repair(self) -> None:
        """Send what has changed since the last delivered position, then the counts, as of the end of the log."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        state, entries = await self._feeds.changes_since(self.feed, self._position) or _raise_deleted()
        if entries != []:
            missed = [events.notifications_refetch()] if entries is None else await self._missed_events(entries)
            self._deliver(state.position, missed, state.counts)

    async def _missed_events(self, entries: list[LogEntry]) -> list[SocketEvent]:
        """Return removed ids, then changed messages in the order of their last change, then new messages."""
        row_entries = [entry for entry in entries if entry.kind in ROW_KINDS]  # the others need a refetch
        new = {entry.ref for entry in row_entries if entry.kind in (kinds.NEW, kinds.MOVED)}
        last_kinds: dict[int, str] = {}
        for entry in row_entries:
            last_kinds.pop(entry.ref, None)  # so that the order is that of the last changes
            last_kinds[entry.ref] = entry.kind
        marked = [row for row, kind in last_kinds.items() if kind == kinds.MARKED and row not in new]
        # also those that were new: no event told of them, but a page may have read them over HTTP meanwhile
        deleted = [row for row, kind in last_kinds.items() if kind == kinds.DELETED]
        removed_ids = await self._feeds.ids_of(self.feed, deleted) if deleted else []
        missed = [events.notifications_removed(removed_ids)] if removed_ids else []
        # the row in the id of a moved message may have been trimmed, so that `ids_of` lacks it
        if len(marked) > MAX_REPAIRED or len(row_entries) < len(entries) or len(removed_ids) < len(deleted):
            missed.append(events.notifications_refetch())
            return missed + await self._received(await self._read(sorted(new)))
        changed = await self._read(marked)
        # a new message that has collapsed with a later one is in another row now, and was not delivered yet
        moved = [message for message in changed if parse_message_id(message.id).row in new]
        missed += await self._updated([message for message in changed if message not in moved])
        return missed + await self._received([*await self._read(sorted(new)), *moved])

    async def _read(self, rows: list[int]) -> list[Message]:
        result = await self._feeds.messages(self.feed, rows) if rows else None
        return result[0] if result else []

    def _deliver(self, position: Position, feed_events: list[SocketEvent], counts: FeedCounts) -> None:
        """Deliver the events, then both counts, to every socket, and keep position and counts."""
        self._position, self._counts = position, counts
        count_events = events.count_events(counts)
        deliveries: dict[Codec, EncodedDelivery] = {}
        for connection in self.connections:
            codec = connection.codec
            if codec not in deliveries:
                deliveries[codec] = _encode(codec, feed_events, count_events)
            connection.deliver(deliveries[codec])


def _encode(codec: Codec, feed_events: Sequence[SocketEvent], count_events: Iterable[SocketEvent]) -> EncodedDelivery:
    block = b"".join(map(codec.encode, feed_events))
    return EncodedDelivery(block, len(feed_events), b"".join(map(codec.encode, count_events)))


def _raise_deleted() -> Never:
    raise NotFound("The subscriber was deleted")
