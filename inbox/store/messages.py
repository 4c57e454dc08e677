"""Changes of a feed: each one script, which changes rows and counts, takes a position, logs and publishes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from inbox.errors import InboxError, StoreUnavailable
from inbox.ids import MessageId
from inbox.settings import MAX_FEED_LENGTH
from inbox.store import bulk, rows, scripts
from inbox.store.alarms import Place
from inbox.store.bulk import Choose
from inbox.store.changes import NOTHING, Change
from inbox.store.client import Argument, Client
from inbox.store.collapses import Call, Collapse, CollapseStore
from inbox.store.feed import Feed, Snapshot
from inbox.store.feeds import FeedStore
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, Keys
from inbox.store.outbox import CHANGED, CREATED, DELETED, Outbox
from inbox.store.rows import ALL, RowId, Select
from inbox.store.scripts import Script
from inbox.store.timers import Timer, TimerStore

Outcome = Literal["stored", "again", "suppressed", "failed"]
Preference = Literal["0", "1", "c"]
"""Whether a workflow delivers where the subscriber has chosen nothing; `c`: whatever was chosen."""

MAX_MARKED_AT_ONCE = bulk.MAX_NAMED
MAX_STAMPS = 8
MOST_ROWS = 10_000
"""So many rows a feed has at most, messages or not: every reading takes all of them."""
TRIM_SLACK = 64
"""So many rows beyond its length a feed may have before it is trimmed: one trim for many appends."""
BULK_ATTEMPTS = 8
"""So often a bulk change is tried as one event, on a feed that keeps moving, before it goes message by message."""
_WAKE, _TRIM = 1, 2
"""What an append says its feed needs."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one feed."""

    feed: Feed
    content: bytes
    transaction_id: str
    step_id: str
    workflow_id: str
    preference: Preference = "1"
    severity: str = "none"
    stored_once: bool = False
    """Whether its bucket keeps the content once for all messages that have it; only dispatches do."""
    expires_ms: int = 0
    """When it is deleted (ms since 1970), 0 never."""
    collapse: Collapse | None = None
    """How it takes the place of an earlier one."""
    remark: str = ""
    """What its activity says beside that it was delivered."""
    read_later_seconds: int = 0
    """For how long a later step may ask for its state, 0 if none does."""

    @property
    def place(self) -> Place:
        """The bucket it is stored in."""
        return self.feed.place

    @property
    def is_single(self) -> bool:
        """Whether it needs a key of its own that leads from its transaction and step to its row."""
        return self.collapse is not None or self.read_later_seconds > 0


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append: the row and, when this very call stored it, the id and the time (ms since 1970).

    `reason`: why its content could not be made with the count of its collapse key (`failed`).
    """

    outcome: Outcome
    row: int = 0
    message_id: MessageId | None = None
    created_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A pressed button: its status and type as two letters and the payload's JSON (empty: what was there stays)."""

    code: str
    payload: bytes = b""


class MessageStore:
    """Writes to feeds."""

    def __init__(
        self,
        client: Client,
        keys: Keys,
        feeds: FeedStore,
        max_length: int = MAX_FEED_LENGTH,
        outbox: Outbox | None = None,
    ) -> None:
        """A feed keeps its newest `max_length` messages and at most 64 more."""
        self._client = client
        self._keys = keys
        self._feeds = feeds
        self._timers = TimerStore(client, keys)
        self.outbox = outbox or Outbox(keys)
        self._collapses = CollapseStore(client)
        self._max_length = max_length
        self._folding: set[Place] = set()

    async def append(self, deliveries: Sequence[Delivery]) -> list[Appended | None]:
        """Stores messages, each once per transaction, step and feed; safe to repeat. They are sent together and each is
        stored by itself: what became of it, in their order; None where the feed is gone.
        """
        await self.announce(deliveries)
        appended: list[Appended | None] = []
        for is_plain, group in itertools.groupby(deliveries, lambda one: one.collapse is None):
            part = list(group)
            appended += await (self._append_plain(part) if is_plain else self._append_collapsing(part))
        return appended

    async def _append_plain(self, deliveries: Sequence[Delivery]) -> list[Appended | None]:
        checks = [rows.new_check() for _ in deliveries]
        calls = [self._append_call(delivery, check) for delivery, check in zip(deliveries, checks, strict=True)]
        for delivery, (keys, _) in zip(deliveries, calls, strict=True):
            keys += self.outbox.key(delivery.place, CREATED)
        if len(calls) == 1:
            replies = [await self._client.run(scripts.MESSAGE_APPEND, *calls[0])]
        else:
            replies = await self._client.run_many(scripts.MESSAGE_APPEND, calls)
        self.outbox.wrote(delivery.place for delivery in deliveries)
        return [
            await self._appended(delivery.feed, check, reply)
            for delivery, check, reply in zip(deliveries, checks, replies, strict=True)
        ]

    async def _append_collapsing(self, deliveries: Sequence[Delivery]) -> list[Appended | None]:
        calls: list[Call] = []
        for delivery in deliveries:
            assert delivery.collapse is not None  # noqa: S101 (`append` has looked)
            keys, args = self._append_call(delivery, rows.new_check())
            keys += [delivery.feed.keys.side, delivery.feed.keys.collapses]
            keys += self.outbox.key(delivery.place, CREATED)
            calls.append(Call(delivery.collapse, keys, args))
        replies = await self._collapses.append(calls)
        self.outbox.wrote(delivery.place for delivery in deliveries)
        return [
            Appended("failed", reason=reply.message)
            if isinstance(reply, InboxError)
            else await self._appended(delivery.feed, b"", reply)
            for delivery, reply in zip(deliveries, replies, strict=True)
        ]

    async def _appended(self, feed: Feed, check: bytes, reply: list[Any]) -> Appended | None:
        """What an append's answer means, once what it says the feed needs is done."""
        status, *rest = reply
        if status < 0:
            return None
        if status == 0:
            return Appended("again", rest[1]) if rest[0] == b"again" else Appended("suppressed")
        position, row, needs, *named = rest
        await self.tend(feed, wake=bool(needs & _WAKE), trim=bool(needs & _TRIM))
        message_id = feed.message_id(*(named or (row, check)))
        return Appended("stored", row, message_id, int(position.partition(b"-")[0]))

    async def announce(self, deliveries: Sequence[Delivery]) -> None:
        """Leaves the alarms of messages that will expire; to be called before they are stored."""
        for place, ms in {(one.place, one.expires_ms) for one in deliveries if one.expires_ms}:
            await self._timers.ring_at(place, ms)

    async def tend(self, feed: Feed, *, wake: bool, trim: bool) -> None:
        """Does what an append said its feed needs. Cut short, the next append says it again."""
        if wake:
            await self._feeds.wake(feed)
        if trim:
            await self.trim(feed)

    async def trim(self, feed: Feed, too_old: int | None = None) -> int | None:
        """Cuts off what is beyond the feed's length, or all up to a row that is too old; gives the base then.

        A snoozed message is not too old, nor is what came after it. None when the feed is gone.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stream]
        keys += self.outbox.key(feed.place, DELETED)
        args: list[Argument] = ["", too_old or ""]
        if too_old is None and (beyond := await self._beyond_length(feed)) is not None:
            args = [beyond, ""]
        while True:
            cut, *base = await self._client.run(scripts.FEED_TRIM, keys, [*args, feed.number])
            self.outbox.wrote([feed.place])
            if cut <= 0:
                return int(base[0]) if base else None

    async def _beyond_length(self, feed: Feed) -> int | None:
        """The newest row that the feed's length leaves no place for; None when the feed is gone.

        Rows of messages that were deleted, or moved to the top, are not messages; only there may not be too many.
        """
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return None
        state, most = snapshot.state, self._max_length
        newest = rows.newest_rows(snapshot.flags, state.base, ALL, most + 1, None)
        most_rows = max(most, MOST_ROWS)
        has_too_many = state.last - state.base > most_rows + TRIM_SLACK
        return max(newest[most - 1] - 1 if len(newest) > most else 0, state.last - most_rows if has_too_many else 0)

    @property
    def trims_beyond(self) -> int:
        """How many rows a feed may have before an append says that it is to be trimmed."""
        return self._max_length + TRIM_SLACK

    def _append_call(self, delivery: Delivery, check: bytes) -> tuple[list[str], list[Argument]]:
        """KEYS and ARGV of `message_append.lua`."""
        feed = delivery.feed
        bucket = self._keys.bucket(feed.environment, feed.bucket)
        keys = [
            feed.keys.state,
            feed.keys.stream,
            feed.keys.rows,
            feed.keys.log,
            bucket.delivered(delivery.transaction_id, delivery.step_id, feed.number),
            bucket.times,
            bucket.timers,
        ]
        level = rows.SEVERITIES.index(delivery.severity)
        return keys, [
            delivery.content,
            check,
            delivery.workflow_id,
            delivery.preference,
            max(IDEMPOTENCY_TTL_SECONDS, delivery.read_later_seconds),
            level,
            feed.number,
            delivery.expires_ms or "",
            self.trims_beyond,
            feed.subscriber_oid,
        ]

    async def mark(
        self, feed: Feed, wanted: Sequence[RowId], change: Change, action: Action | None = None
    ) -> list[int] | None:
        """Applies a change to named messages and gives their rows, of those that exist. None when the feed is gone.

        Up to 20 are one script and one event that names them; more become one bulk change. A message that the change
        is not for is passed over, unless an action is recorded.
        """
        if len(wanted) > MAX_MARKED_AT_ONCE and action is None:
            return await self._mark_many(feed, wanted, change)
        return await self._mark_named(feed, wanted, change, action or Action(""), "")

    async def snooze(self, feed: Feed, row: RowId, change: Change, until_ms: int) -> bool:
        """Snoozes one message until then (ms since 1970), or anew; False when there is no such message."""
        await self._timers.ring_at(feed.place, until_ms)
        return bool(await self._mark_named(feed, [row], change, Action(""), until_ms))

    async def _mark_named(
        self, feed: Feed, wanted: Sequence[RowId], change: Change, action: Action, until: Argument
    ) -> list[int] | None:
        timers = self._keys.bucket(feed.environment, feed.bucket).timers
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stamps, timers]
        keys += self.outbox.key(feed.place, CHANGED)
        head: list[Argument] = [change.clear, change.set, change.dates, until, change.when.mask, change.when.value]
        named = [part for row in wanted for part in (row.row, row.check)]
        args = [*head, feed.number, action.code, action.payload, *named]
        rest = await self._run_awake(feed, scripts.MESSAGE_MARK, keys, args)
        self.outbox.wrote([feed.place])
        return None if rest is None else list(rest[1])

    async def _run_awake(
        self, feed: Feed, script: Script, keys: Sequence[str], args: Sequence[Argument]
    ) -> list[Any] | None:
        """What a script answers that lets snoozes that have ended take effect first. None when the feed is gone."""
        while True:
            reply: list[Any] = await self._client.run(script, keys, args)
            status, *rest = reply
            if status:
                return rest
            if not rest:
                return None
            await self._feeds.wake(feed)

    async def act(self, feed: Feed, row: RowId, action: Action, change: Change = NOTHING) -> bool:
        """Records a pressed button on one message, with a change of its flags; False when there is no such message."""
        return bool(await self.mark(feed, [row], change, action))

    async def mark_all(self, feed: Feed, change: Change) -> int | None:
        """Applies a change to every message it is for, as one event; gives how many. None when the feed is gone."""
        if change.set or change.when.mask or self.outbox.key(feed.place, CHANGED):
            return await self.mark_where(feed, change)
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps, feed.keys.scratch]
        rest = await self._run_awake(feed, scripts.FEED_MARK_ALL, keys, [change.clear, change.dates])
        if rest is None:
            return None
        self._fold_later(feed, rest[1])
        return 0

    async def mark_where(self, feed: Feed, change: Change, choose: Choose | None = None) -> int | None:
        """Applies a change to the rows it is for and that are chosen, as one event; gives how many there were.

        The rows are computed here from the feed as it stands; had it moved on when the change arrives, both are done
        again. A feed that never holds still is changed in lots, an event each. None when the feed is gone.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.log, feed.keys.stamps]
        outbox = self.outbox.key(feed.place, CHANGED)
        for _ in range(BULK_ATTEMPTS):
            snapshot = await self._feeds.snapshot(feed)
            if snapshot is None:
                return None
            marked = await bulk.hits(snapshot, change.when, choose)
            if not marked:
                return 0
            arguments = bulk.mark_arguments(snapshot, change, marked)
            if outbox:
                origins = await self._feeds.origins(feed, marked)
                arguments.append(bulk.told_changes(feed, snapshot, change, marked, origins))
            status, *rest = await self._client.run(scripts.FEED_MARK_ROWS, [*keys, *outbox], arguments)
            if status:
                self.outbox.wrote([feed.place])
                self._fold_later(feed, rest[1])
                return len(marked)
            if not rest:
                return None
        named = await self._named_where(feed, change.when, choose)
        if named is None:
            return None
        starts = range(0, len(named), MAX_MARKED_AT_ONCE)
        lots = [named[start : start + MAX_MARKED_AT_ONCE] for start in starts]
        return sum([len(await self._mark_named(feed, lot, change, Action(""), "") or ()) for lot in lots])

    async def _named_where(self, feed: Feed, select: Select, choose: Choose | None) -> list[RowId] | None:
        """The ids of the messages that a bulk change is for, as the feed stands. None when it is gone."""
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return None
        hit = await bulk.hits(snapshot, select, choose)
        origins = await self._feeds.origins(feed, hit)
        base = snapshot.state.base
        checks = [rows.check_of(snapshot.rows, base, row) for row in hit]
        return [
            RowId(feed.bucket, feed.number, origins.get(row, row), check)
            for row, check in zip(hit, checks, strict=True)
        ]

    async def delete_where(self, feed: Feed, choose: Choose | None = None) -> int | None:
        """Deletes every message, or those chosen, as one event; gives how many. None when the feed is gone.

        They are gone for readers at once; what they held is removed before this returns, or by the next call if this
        one is cut short. A feed that never holds still loses them one by one, an event each.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.purge]
        keys += self.outbox.key(feed.place, DELETED)
        for _ in range(BULK_ATTEMPTS):
            snapshot = await self._feeds.snapshot(feed)
            if snapshot is None:
                return None
            deleted = await bulk.hits(snapshot, ALL, choose)
            if deleted:
                origins = await self._feeds.origins(feed, deleted) if len(keys) > 5 else None
                arguments = bulk.delete_arguments(feed, snapshot, deleted, origins)
                status, *rest = await self._client.run(scripts.FEED_DELETE_ROWS, keys, arguments)
                if not status and rest:
                    continue
                if not status:
                    return None
            self.outbox.wrote([feed.place])
            await self._purge(feed)
            return len(deleted)
        named = await self._named_where(feed, ALL, choose)
        return None if named is None else sum([await self._delete(feed, row) for row in named])

    async def _purge(self, feed: Feed) -> None:
        while await self._client.run(scripts.FEED_PURGE, [feed.keys.purge, feed.keys.stream, feed.keys.side]):
            pass

    async def delete(self, feed: Feed, row: RowId) -> bool:
        """Deletes one message; False when there is no such message."""
        return await self._delete(feed, row)

    async def expire(self, feed: Feed, row: RowId, timer: Timer) -> bool:
        """Deletes one message whose timer is due, unless it was given a later end meanwhile, or none."""
        return await self._delete(feed, row, timer.member, timer.due_ms)

    async def _delete(self, feed: Feed, row: RowId, *timer: Argument) -> bool:
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stream]
        keys.append(self._keys.bucket(feed.environment, feed.bucket).timers)
        keys += self.outbox.key(feed.place, DELETED)
        args: list[Argument] = [row.row, row.check, feed.number, *timer]
        status, *_ = await self._client.run(scripts.MESSAGE_DELETE, keys, args)
        self.outbox.wrote([feed.place])
        return bool(status)

    async def _mark_many(self, feed: Feed, wanted: Sequence[RowId], change: Change) -> list[int] | None:
        marked: list[int] = []

        async def choose(snapshot: Snapshot, takes: list[int]) -> list[int]:
            known = frozenset(await self._feeds.rows_of(feed, snapshot, wanted))
            marked[:] = [row for row in takes if row in known]
            return marked

        done = await self.mark_where(feed, change, choose)
        return None if done is None else marked if done else []

    def _fold_later(self, feed: Feed, stamps: int) -> None:
        if stamps > MAX_STAMPS and feed.place not in self._folding:
            self._folding.add(feed.place)
            self._client.aside(self._fold(feed))

    async def _fold(self, feed: Feed) -> None:
        try:
            await self._feeds.fold(feed, MAX_STAMPS // 2)
        except StoreUnavailable:
            pass  # the next bulk change has it folded
        finally:
            self._folding.discard(feed.place)
