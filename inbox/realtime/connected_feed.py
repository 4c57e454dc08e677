"""A feed with open sockets in this process: each publication becomes one event, encoded once for each flavour.

A connected feed keeps the position that it has delivered. A publication that continues it is sent at once. After a gap,
or a break of the subscription, the feed is repaired from its change log. What a publication lacks (the state of a
marked message, a card that is not cached) is read first. All events pass through one queue, which keeps their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Never

from inbox import clock, metrics
from inbox.errors import Contention, NotFound, ServiceUnavailable
from inbox.models.message import Message
from inbox.models.subscriber import subscriber_card
from inbox.realtime import events
from inbox.realtime.cards import FeedCards
from inbox.realtime.connection import Codec, Connection, EncodedDelivery
from inbox.realtime.events import Close
from inbox.realtime.feed_events import (
    BulkMark,
    CompleteMessage,
    FeedChange,
    FeedEvent,
    MessageCreated,
    MessagesRemoved,
    MessageUpdated,
    PreferencesChanged,
    Refetch,
)
from inbox.realtime.missed import Missed
from inbox.store import publication as kinds
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.publication import Publication, parse_publication
from inbox.store.retry import Attempts
from inbox.store.rows import FeedCounts, Position
from inbox.tasks import SharedTurn, start_detached

log = logging.getLogger(__name__)

MAX_PENDING = 1_000
CATCH_UP_ATTEMPTS = 8
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
        """Add a socket. The first that it gets is an event without changes: the position and the counts of the others.

        Raise NotFound for a feed that is gone.
        """
        if self._is_gone:
            _raise_deleted()
        self.connections += (connection,)
        connection.deliver(connection.codec.encode(self._unchanged()))

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
            self._repair_after("too many")
        self._work()

    def on_resubscribed(self) -> None:
        """Repair the feed after a break of the subscription."""
        self._cards.forget_subscriber()
        self._repair_after("break")
        self._work()

    def _repair_after(self, cause: str) -> None:
        """Have the feed repaired, since it has missed publications."""
        metrics.FEED_GAPS.add((cause,))
        self._must_repair = True

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
            self._worker = start_detached(self._run())
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
            self._deliver(publication.position, publication.counts, await self._read_changes(publication))

    def _deliver_directly(self, publication: Publication) -> bool:
        """Deliver a publication that needs no read, or drop an old one. Return False if a read is needed."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        if publication.position.counter <= self._position.counter:
            return True
        if publication.first != self._position.counter + 1:
            self._repair_after("lost")
            return True
        changes = self._direct_changes(publication) if self.connections else []
        if changes is None:
            return False
        self._deliver(publication.position, publication.counts, changes)
        return True

    def _direct_changes(self, publication: Publication) -> Sequence[FeedChange] | None:
        """Return the changes of a publication; None if the store has to be read first."""
        kind = publication.kind
        if kind == kinds.NEW:
            message = self._cards.complete_cached(self._new_message(publication))
            return [MessageCreated(message)] if message else None
        if kind in (kinds.MOVED, kinds.COLLAPSED, kinds.MARKED, kinds.PREFERENCES):
            return None
        if kind in (kinds.DELETED, kinds.BULK_DELETED, kinds.TRIMMED):
            if (removed := publication.removed) is None:
                return [Refetch()]
            ids = [self.feed.message_id(*row_and_check) for row_and_check in removed]
            return [MessagesRemoved(ids)] if ids else []  # a trim may remove only rows without a message
        if kind == kinds.BULK and (mark := publication.bulk_mark):
            return [BulkMark(*mark)]
        return [Refetch()]  # also for a kind that only a later release knows

    async def _read_changes(self, publication: Publication) -> list[FeedChange]:
        """Read messages and cards. The changes have the messages as they are now, the counts are the publication's."""
        kind = publication.kind
        if kind == kinds.PREFERENCES:
            return [PreferencesChanged(await self._cards.preferences())]
        if kind == kinds.NEW:
            messages = [self._new_message(publication)]
        else:
            messages = (await self._feeds.messages(self.feed, publication.rows) or _raise_deleted())[0]
        completed = await self.complete(messages)
        if kind == kinds.MARKED:
            return [MessageUpdated(item) for item in completed]
        return [MessageCreated(item, is_collapse=kind == kinds.COLLAPSED) for item in completed]

    def _new_message(self, publication: Publication) -> Message:
        row, check, stored = publication.new_message
        message_id = self.feed.message_id(row, check)
        return Message(message_id, self.feed.subscriber_oid, stored, publication.position.ms, sequence=row)

    async def complete(self, messages: Iterable[Message]) -> list[CompleteMessage]:
        """Return messages of this feed with their cards. Raise StoreUnavailable, and NotFound once it is deleted."""
        return await self._cards.complete(messages)

    async def catch_up(self, since: Position) -> FeedEvent | None:
        """Return all that changed after a position, as one event up to the present one; None if the log cannot say it.

        Raise StoreUnavailable, NotFound for a feed that is gone, and Contention if it keeps changing.
        """
        assert self._position is not None  # noqa: S101 (`start` came first)
        if since == self._position:
            return self._unchanged()
        expected = max(0, self._position.counter - since.counter)
        async for _ in Attempts(CATCH_UP_ATTEMPTS):
            state, entries = await self._feeds.changes_since(self.feed, since, expected) or _raise_deleted()
            missed = Missed(self.feed, entries)
            if not missed.is_complete:
                return None
            changes, read_at = await self._missed_changes(missed)
            if read_at in (None, state.position):
                return FeedEvent(self.feed, since, state.position, state.counts, changes)
        raise Contention

    async def _repair(self) -> None:
        """Send what has changed since the last delivered position, as of the end of the log."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        state, entries = await self._feeds.changes_since(self.feed, self._position) or _raise_deleted()
        if entries != []:
            changes, _ = await self._missed_changes(Missed(self.feed, entries))
            metrics.FEED_REPAIRS.add()
            self._deliver(state.position, state.counts, changes)

    async def _missed_changes(self, missed: Missed) -> tuple[list[FeedChange], Position | None]:
        """Return the missed changes, and the position at which their messages were read, if any were.

        If more has changed than the log says, they are a `Refetch` and the new messages.
        """
        steps = missed.steps if missed.is_complete else sorted(missed.new)
        rows = [step for step in steps if isinstance(step, int)]
        messages, state = await self._feeds.messages(self.feed, rows) or _raise_deleted() if rows else ([], None)
        items = {item.message.sequence: item for item in await self.complete(messages)}
        changes: list[FeedChange] = [] if missed.is_complete else [Refetch()]
        for step in steps:
            if not isinstance(step, int):
                changes.append(step)
            elif item := items.get(step):
                changes.append(_missed_change(missed, item))
        if missed.has_preferences:
            changes.append(PreferencesChanged(await self._cards.preferences()))
        return changes, state.position if state else None

    def _deliver(self, position: Position, counts: FeedCounts, changes: Sequence[FeedChange]) -> None:
        """Deliver an event that continues the last one to every socket, and keep its position and counts."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        event = FeedEvent(self.feed, self._position, position, counts, changes)
        self._position, self._counts = position, counts
        deliveries: dict[Codec, EncodedDelivery] = {}
        for connection in self.connections:
            codec = connection.codec
            delivery = deliveries.get(codec)
            if delivery is None:
                delivery = deliveries[codec] = codec.encode(event)
            connection.deliver(delivery)
        if self.connections:
            metrics.DELIVERIES.add(number=len(self.connections))
            metrics.DELIVERY_SECONDS.observe(clock.now_seconds() - position.ms / 1_000)

    def _unchanged(self) -> FeedEvent:
        """Return an event that says where the feed is."""
        assert self._position is not None  # noqa: S101 (`start` came first)
        return FeedEvent(self.feed, self._position, self._position, self._counts)


def _missed_change(missed: Missed, item: CompleteMessage) -> FeedChange:
    if missed.is_new(item.message):
        return MessageCreated(item)
    return MessageCreated(item, is_collapse=True) if missed.is_collapse(item.message) else MessageUpdated(item)


def _raise_deleted() -> Never:
    raise NotFound("The subscriber was deleted")
