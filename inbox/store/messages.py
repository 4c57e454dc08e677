"""Changes of single messages of a feed: append, edit, mark, snooze, press a button, delete, trim.

Each is one script, which changes rows and counts, takes a position, logs and publishes. See store/bulk.py for changes
of many messages at once.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Literal

import msgspec

from inbox.errors import InboxError
from inbox.ids import MessageId
from inbox.models.message import ButtonPress, Message, StoredMessage, encode_stored
from inbox.settings import MAX_FEED_LENGTH
from inbox.store import rows
from inbox.store.base import BaseStore
from inbox.store.bulk import MAX_NAMED, BulkChanges, run_awake
from inbox.store.changes import NOTHING, Change
from inbox.store.client import Argument, Client
from inbox.store.collapses import Call, Collapse, CollapseStore
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, BucketKeys, Keys
from inbox.store.outbox import CHANGED, CREATED, DELETED, RETRACTED, UPDATED, Outbox
from inbox.store.positions import note_position
from inbox.store.references import reference_digest
from inbox.store.replies import MESSAGE_APPEND, AppendReply, ChangeReply, ChangeStatus, change_reply
from inbox.store.rows import ALL, Position, RowId
from inbox.store.scripts import load
from inbox.store.slices import in_slices
from inbox.store.timers import Timer, TimerStore

AppendOutcome = Literal["stored", "again", "suppressed", "failed"]
PreferenceDefault = Literal["0", "1", "c"]
"""Whether a workflow delivers to a subscriber without a preference. `c`: it is critical and ignores preferences."""

MAX_IN_SCRIPT = 16
"""The number of messages that one script appends: it holds the store for some 0.3 ms."""
MAX_MARKED_AT_ONCE = MAX_NAMED
MAX_ROWS = 10_000
"""The number of rows that a feed keeps, live or not. It is limited since every reading takes all of them."""
TRIM_SLACK = 64
"""The rows that a feed may have beyond its length before it is trimmed: one trim for many appends."""


MESSAGE_MARK = load("message_mark", change_reply)
_MESSAGE_DELETE = load("message_delete", lambda reply: Position.parse(reply) if reply else None)
MESSAGE_EDIT = load("message_edit", change_reply)
_FEED_TRIM = load("feed_trim", list[int])
"""Returns the number of rows cut off and the new base, or -1 alone if the feed no longer exists."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One message for one feed."""

    feed: Feed
    content: bytes
    transaction_id: str
    step_id: str
    workflow_id: str
    preference: PreferenceDefault = "1"
    severity: str = "none"
    expires_ms: int = 0
    """The time of its deletion (ms since 1970); 0: never."""
    collapse: Collapse | None = None
    remark: str = ""
    """The text of its activity beside "delivered"."""
    read_later_seconds: int = 0
    """The time in which a later step may read its state; 0: none does."""

    @property
    def is_single(self) -> bool:
        """Return whether it needs a key of its own that leads from its transaction and step to its row."""
        return self.collapse is not None or self.read_later_seconds > 0


class AppendResult(msgspec.Struct, frozen=True, gc=False):
    """The outcome of an append, its row and, if this very call stored it, its time (ms since 1970) and id.

    `reason` says why a `failed` one could not be rendered with the count of its collapse key. `name` is the id in
    parts: feed, row and check.
    """

    outcome: AppendOutcome
    row: int = 0
    created_ms: int = 0
    reason: str = ""
    name: tuple[Feed, int, bytes] | None = None

    @property
    def message_id(self) -> MessageId | None:
        """Return the message's id; None if this call did not store it."""
        if self.name is None:
            return None
        feed, row, check = self.name
        return feed.message_id(row, check)


class MessageStore(BaseStore):
    """Writes single messages of feeds; `bulk` changes many at once."""

    def __init__(
        self,
        client: Client,
        keys: Keys,
        feeds: FeedStore,
        max_length: int = MAX_FEED_LENGTH,
        outbox: Outbox | None = None,
    ) -> None:
        """Keep the newest `max_length` messages of a feed, and at most 64 more."""
        super().__init__(client, keys)
        self._feeds = feeds
        self._timers = TimerStore(client, keys)
        self.outbox = outbox or Outbox(keys)
        self._collapses = CollapseStore(client)
        self._max_length = max_length
        self.bulk = BulkChanges(client, feeds, self.outbox, self._mark_named, self.delete)

    async def append(self, deliveries: Sequence[Delivery]) -> list[AppendResult | None]:
        """Append messages together; each append is atomic, and idempotent per (transaction, step, feed).

        Return one result per delivery, in order; None if the feed no longer exists.
        """
        expires = collapses = False
        for delivery in deliveries:
            expires = expires or delivery.expires_ms > 0
            collapses = collapses or delivery.collapse is not None
        if expires:
            await self.announce(deliveries)
        if not collapses:
            return await self._append_plain(deliveries)
        appended: list[AppendResult | None] = []
        for is_plain, group in itertools.groupby(deliveries, lambda delivery: delivery.collapse is None):
            part = list(group)
            appended += await (self._append_plain(part) if is_plain else self._append_collapsing(part))
        return appended

    async def _append_plain(self, deliveries: Sequence[Delivery]) -> list[AppendResult | None]:
        checks = rows.new_checks(len(deliveries))
        groups = self._in_one_script(deliveries)
        calls = [self._append_call([(deliveries[index], checks[index]) for index in group]) for group in groups]
        if len(calls) == 1:
            replies = [await self._client.run(MESSAGE_APPEND, *calls[0])]
        else:
            replies = await self._client.run_many(MESSAGE_APPEND, calls)
        self.outbox.wrote(delivery.feed.bucket_key for delivery in deliveries)
        appended: list[AppendResult | None] = [None] * len(deliveries)
        for group, group_replies in zip(groups, replies, strict=True):
            for index, reply in zip(group, group_replies, strict=True):
                feed = deliveries[index].feed
                if reply.needs_maintenance:
                    await self.maintain(feed, wake=reply.has_due_snooze, trim=reply.is_too_long)
                appended[index] = append_result(feed, checks[index], reply)
        return appended

    def _in_one_script(self, deliveries: Sequence[Delivery]) -> list[Sequence[int]]:
        """Return the indexes of deliveries by call: those of one environment, on a cluster of one bucket."""
        if len(deliveries) == 1:
            return [[0]]
        is_cluster = self._client.is_cluster
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for index, delivery in enumerate(deliveries):
            feed = delivery.feed
            groups[feed.bucket_key if is_cluster else feed.environment].append(index)
        return [part for group in groups.values() for part in in_slices(group, MAX_IN_SCRIPT)]

    async def _append_collapsing(self, deliveries: Sequence[Delivery]) -> list[AppendResult | None]:
        calls = [self._collapse_call(delivery) for delivery in deliveries]
        replies = await self._collapses.append(calls)
        self.outbox.wrote(delivery.feed.bucket_key for delivery in deliveries)
        appended: list[AppendResult | None] = []
        for delivery, reply in zip(deliveries, replies, strict=True):
            if isinstance(reply, InboxError):
                appended.append(AppendResult("failed", reason=reply.message))
                continue
            if reply.needs_maintenance:
                await self.maintain(delivery.feed, wake=reply.has_due_snooze, trim=reply.is_too_long)
            appended.append(append_result(delivery.feed, b"", reply))
        return appended

    async def announce(self, deliveries: Sequence[Delivery]) -> None:
        """Schedule the buckets of messages that will expire. Call this before the messages are stored."""
        for bucket, ms in {(item.feed.bucket_key, item.expires_ms) for item in deliveries if item.expires_ms}:
            await self._timers.schedule(bucket, ms)

    async def maintain(self, feed: Feed, *, wake: bool, trim: bool) -> None:
        """Wake and trim a feed as an append requested. Safe to cancel: the next append requests it again."""
        if wake:
            await self._feeds.wake(feed)
        if trim:
            await self.trim(feed)

    async def trim(self, feed: Feed, too_old: int | None = None) -> int | None:
        """Cut off the rows beyond the feed's length, or all up to a row that is too old, and return the new base.

        A snoozed message and what came after it are never too old. None if the feed no longer exists.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stream]
        keys += self.outbox.key(feed, DELETED)
        args: list[Argument] = ["", too_old or ""]
        if too_old is None and (beyond := await self._beyond_length(feed)) is not None:
            args = [beyond, ""]
        while True:
            cut, *base = await self._client.run(_FEED_TRIM, keys, [*args, feed.number])
            self.outbox.wrote([feed.bucket_key])
            if cut <= 0:
                return base[0] if base else None

    async def _beyond_length(self, feed: Feed) -> int | None:
        """Return the newest row beyond the feed's length; None if the feed no longer exists.

        Rows of messages that were deleted or moved to the top do not count as messages, but there may not be too many.
        """
        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return None
        state, max_length = snapshot.state, self._max_length
        newest = rows.newest_rows(snapshot.flags, state.base, ALL, max_length + 1, None)
        max_rows = max(max_length, MAX_ROWS)
        has_too_many = state.last - state.base > max_rows + TRIM_SLACK
        beyond = newest[max_length - 1] - 1 if len(newest) > max_length else 0
        return max(beyond, state.last - max_rows if has_too_many else 0)

    @property
    def trims_beyond(self) -> int:
        """Return the number of rows beyond which an append reports that its feed is too long."""
        return self._max_length + TRIM_SLACK

    def _append_call(self, messages: Sequence[tuple[Delivery, bytes]]) -> tuple[list[str], list[Argument]]:
        """Return KEYS and ARGV of `message_append.lua` for deliveries with the check bytes of their ids."""
        keys: list[str] = []
        indexes: dict[tuple[Argument, ...], int] = {}
        contents: list[Argument] = []
        args: list[Argument] = []
        for delivery, check in messages:
            feed, bucket = delivery.feed, self._bucket(delivery.feed)
            keys += (feed.keys.state, _delivered_key(bucket, delivery), bucket.times)
            keys += self.outbox.key(feed, CREATED)
            shared = _shared_arguments(delivery)
            index = indexes.get(shared)
            if index is None:
                index = indexes[shared] = len(indexes) + 1
                contents += (*shared, reference_digest(delivery.content))
            args += (index, check, feed.number, feed.subscriber_oid)
        head: list[Argument] = [len(keys) // len(messages), self.trims_beyond, len(indexes)]
        return keys, head + contents + args

    def _collapse_call(self, delivery: Delivery) -> Call:
        """Return KEYS and ARGV of `message_collapse.lua`."""
        assert delivery.collapse is not None  # noqa: S101 (`append` has looked)
        feed, bucket = delivery.feed, self._bucket(delivery.feed)
        keys = [feed.keys.state, feed.keys.stream, feed.keys.rows, feed.keys.log, _delivered_key(bucket, delivery)]
        keys += [bucket.times, bucket.timers, feed.keys.side, feed.keys.collapses]
        keys += self.outbox.key(feed, CREATED)
        content, *shared, expires_ms = _shared_arguments(delivery)
        args = [content, *rows.new_checks(1), *shared, feed.number, expires_ms, self.trims_beyond, feed.subscriber_oid]
        return Call(delivery.collapse, keys, [*args, reference_digest(delivery.content)])

    async def mark(self, feed: Feed, messages: Sequence[RowId], change: Change) -> list[int] | None:
        """Apply a change to named messages and return the rows of those that exist. None if the feed no longer exists.

        Up to 20 are one script and one event that names them; more are one bulk change. Messages outside `change.when`
        are passed over.
        """
        if len(messages) > MAX_MARKED_AT_ONCE:
            return await self.bulk.mark_named(feed, messages, change)
        return await self._mark_named(feed, messages, change)

    async def mark_and_read(self, feed: Feed, messages: Sequence[RowId], change: Change) -> list[Message]:
        """Do as `mark` does, and return the messages that exist as they are then, up to 20 in one round trip."""
        if len(messages) > MAX_MARKED_AT_ONCE:
            changed = await self.bulk.mark_named(feed, messages, change)
            read = await self._feeds.messages(feed, changed) if changed else None
            return read[0] if read else []
        return await self._change_and_read(feed, messages, change)

    async def snooze(self, feed: Feed, message: RowId, change: Change, until_ms: int) -> list[Message]:
        """Snooze one message until `until_ms` (ms since 1970), and return it; nothing if there is no such message."""
        await self._timers.schedule(feed.bucket_key, until_ms)
        return await self._change_and_read(feed, [message], change, until=until_ms)

    async def _change_and_read(
        self,
        feed: Feed,
        messages: Sequence[RowId],
        change: Change,
        press: ButtonPress | None = None,
        until: Argument = "",
    ) -> list[Message]:
        entries = self._feeds.begin_entries(feed, messages)
        try:
            reply = await self._change_named(feed, messages, change, press, until)
        except BaseException:
            entries.drop()
            raise
        if reply is None or not reply.rows:
            entries.drop()
            return []
        read = await self._feeds.changed_messages(feed, reply, entries)
        if len(read) < len(reply.rows):  # some were moved or deleted meanwhile
            return list((await self._feeds.find_many(feed, messages)).values())
        return read

    async def _mark_named(self, feed: Feed, messages: Sequence[RowId], change: Change) -> list[int] | None:
        reply = await self._change_named(feed, messages, change)
        return list(reply.rows) if reply else None

    async def _change_named(
        self,
        feed: Feed,
        messages: Sequence[RowId],
        change: Change,
        press: ButtonPress | None = None,
        until: Argument = "",
    ) -> ChangeReply | None:
        timers = self._bucket(feed).timers
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stamps, timers]
        keys += self.outbox.key(feed, CHANGED)
        head: list[Argument] = [change.clear, change.set, change.dates, until, change.when.mask, change.when.value]
        named = [part for message in messages for part in (message.row, message.check)]
        head += [feed.number, feed.subscriber_oid, *rows.pack_press(press)]
        reply = await run_awake(self._client, self._feeds, feed, MESSAGE_MARK, keys, [*head, *named])
        note_position(feed.number, reply.position if reply else None)
        self.outbox.wrote([feed.bucket_key])
        return reply

    async def act(self, feed: Feed, message: RowId, press: ButtonPress, change: Change = NOTHING) -> list[Message]:
        """Record a pressed button on one message, change its flags, and return it; nothing if there is no such one."""
        return await self._change_and_read(feed, [message], change, press)

    async def edit(self, feed: Feed, message: Message, stored: StoredMessage) -> ChangeStatus:
        """Replace the content of a message as it was read: DONE, MOVED_ON if it has another one by now, or GONE.

        A message that has expired counts as gone.
        """
        row_id, bucket = rows.parse_message_id(message.id), self._bucket(feed)
        if stored.expires_ms and stored.expires_ms != message.stored.expires_ms:
            await self._timers.schedule(feed.bucket_key, stored.expires_ms)
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, bucket.timers]
        keys += self.outbox.key(feed, UPDATED)
        args: list[Argument] = [row_id.row, row_id.check, feed.number, message.sequence, message.edited_ms]
        args += [message.stored.expires_ms, encode_stored(stored), rows.SEVERITIES.index(stored.severity)]
        reply = await self._client.run(MESSAGE_EDIT, keys, [*args, stored.expires_ms])
        self.outbox.wrote([feed.bucket_key])
        return reply.status

    async def delete(
        self, feed: Feed, message: RowId, timer: Timer | None = None, *, is_retracted: bool = False
    ) -> bool:
        """Delete one message. False if there is no such message.

        With `timer`, delete it only if that is still the timer of its expiry: a later write may have changed the time.
        `is_retracted`: its sender takes it back, which is an event of its own.
        """
        keys = [feed.keys.state, feed.keys.rows, feed.keys.side, feed.keys.log, feed.keys.stream]
        keys.append(self._bucket(feed).timers)
        keys += self.outbox.key(feed, RETRACTED if is_retracted else DELETED)
        args: list[Argument] = [message.row, message.check, feed.number, feed.subscriber_oid, int(is_retracted)]
        if timer:
            args += [timer.member, timer.due_ms]
        position = await self._client.run(_MESSAGE_DELETE, keys, args)
        note_position(feed.number, position)
        self.outbox.wrote([feed.bucket_key])
        return position is not None


def append_result(feed: Feed, check: bytes, reply: AppendReply) -> AppendResult | None:
    """Return the result of an append; `check` is that of its id, unless the reply has another."""
    outcome = reply.outcome
    if outcome == "stored":
        name = feed, reply.id_row or reply.row, reply.id_check or check
        return AppendResult("stored", reply.row, reply.created_ms, name=name)
    if outcome == "again":
        return AppendResult("again", reply.row)
    return AppendResult("suppressed") if outcome == "suppressed" else None


def _delivered_key(bucket: BucketKeys, delivery: Delivery) -> str:
    return bucket.delivered(delivery.transaction_id, delivery.step_id, delivery.feed.number)


def _shared_arguments(delivery: Delivery) -> tuple[Argument, ...]:
    """Return the arguments of an append that do not depend on the feed, but for the digest of the reference.

    One message for many has them once.
    """
    ttl = max(IDEMPOTENCY_TTL_SECONDS, delivery.read_later_seconds)
    severity = rows.SEVERITIES.index(delivery.severity)
    return delivery.content, delivery.workflow_id, delivery.preference, ttl, severity, delivery.expires_ms or ""
