"""Changing messages: seen, read, archived, snoozed, deleted, and the buttons of their call to action.

Every verb is given the feeds it may touch; an id of any other feed is unknown to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from inbox.errors import BadRequest, NotFound
from inbox.models.message import Labels, Message, decode_labels, encode_action
from inbox.service.feed.notification_filter import EVERYTHING, NotificationFilter
from inbox.store.bulk import Choose
from inbox.store.changes import ACTION_PRESSED, INBOX_SNOOZE, INBOX_UNSNOOZE, NOTHING, Change
from inbox.store.feed import Feed, Scan, Snapshot
from inbox.store.feeds import FeedStore
from inbox.store.messages import Action, MessageStore
from inbox.store.rows import ALL, RowId, newest_rows

MOST_SEARCHED = 1_000


class MarkService:
    """Marks, actions and deletions in a subscriber's feeds."""

    def __init__(self, feeds: FeedStore, messages: MessageStore) -> None:
        self._feeds = feeds
        self._messages = messages

    async def mark(self, feeds: Sequence[Feed], message_ids: Sequence[str], change: Change) -> list[Message]:
        """Applies a change to named messages and gives those that exist, in the order named."""
        marked: dict[str, Message] = {}
        for feed in feeds:
            wanted = _rows(feed, message_ids)
            changed = await self._messages.mark(feed, wanted, change) if wanted else []
            found = await self._feeds.messages(feed, changed) if changed else None
            marked |= {message.id: message for message in found[0]} if found else {}
        return [marked[message_id] for message_id in dict.fromkeys(message_ids) if message_id in marked]

    async def mark_one(self, feeds: Sequence[Feed], message_id: str, change: Change) -> Message:
        """Applies a change to one message. Raises NotFound when it is unknown, or the change is not for it."""
        feed, row = _locate(feeds, message_id)
        if not await self._messages.mark(feed, [row], change):
            raise unknown_message(message_id)
        return await self._one(feed, message_id)

    async def snooze(self, feeds: Sequence[Feed], message_id: str, until_ms: int) -> Message:
        """Snoozes a message until then (ms since 1970); of a snoozed one the time is replaced. Raises NotFound."""
        feed, row = _locate(feeds, message_id)
        if not await self._messages.snooze(feed, row, INBOX_SNOOZE, until_ms):
            raise unknown_message(message_id)
        return await self._one(feed, message_id)

    async def unsnooze(self, feeds: Sequence[Feed], message_id: str) -> Message:
        """Ends a snooze by hand: the message stays where it is. Raises NotFound, also when it is not snoozed."""
        return await self.mark_one(feeds, message_id, INBOX_UNSNOOZE)

    async def mark_all(self, feeds: Sequence[Feed], change: Change, wanted: NotificationFilter = EVERYTHING) -> int:
        """Applies a change to every message it is for and the filter takes; gives how many."""
        total = 0
        for feed in feeds:
            if wanted.by_content:
                total += await self._messages.mark_where(feed, change, self._chooser(feed, wanted)) or 0
            else:
                total += await self._messages.mark_all(feed, change) or 0
        return total

    async def delete_all(self, feeds: Sequence[Feed], wanted: NotificationFilter = EVERYTHING) -> int:
        """Deletes every message that the filter takes, for good; gives how many."""
        total = 0
        for feed in feeds:
            choose = self._chooser(feed, wanted) if wanted.by_content else None
            total += await self._messages.delete_where(feed, choose) or 0
        return total

    async def ids_by_labels(
        self, feeds: Sequence[Feed], *, transaction_id: str | None, external_reference: str | None
    ) -> list[str]:
        """The ids of messages of that transaction, or of that reference, among the newest 1,000 of each feed."""

        def holds(labels: Labels) -> bool:
            by_transaction = transaction_id is None or labels.transaction_id == transaction_id
            return by_transaction and external_reference in (None, labels.external_reference)

        def judge(contents: Sequence[bytes]) -> list[bool]:
            return [holds(decode_labels(content)) for content in contents]

        ids: list[str] = []
        for feed in feeds:
            snapshot = await self._feeds.snapshot(feed)
            if snapshot:
                newest = newest_rows(snapshot.flags, snapshot.state.base, ALL, MOST_SEARCHED, None)
                found = await self._feeds.messages(feed, await self._feeds.scan(feed, Scan(judge), newest))
                ids += [message.id for message in found[0]] if found else []
        return ids

    async def act(self, feeds: Sequence[Feed], message_id: str, kind: str, status: str, payload: Any) -> Message:
        """Records that a button was pressed (`done`) or not (`pending`); read and seen stay (semantics.md §1.3, v1).

        Raises NotFound when the message is unknown or another subscriber's.
        """
        body = orjson.dumps(payload) if payload is not None else b""
        return await self._act(feeds, message_id, Action(encode_action(kind, status), body), NOTHING)

    async def complete(self, feeds: Sequence[Feed], message_id: str, kind: str, status: str) -> Message:
        """Completes or reverts a button in the inbox; an unread message becomes read (semantics.md §1.1).

        Raises NotFound when the message is unknown or another subscriber's, BadRequest when it has no such button.
        """
        feed, _ = _locate(feeds, message_id)
        if (await self._one(feed, message_id)).button(kind) is None:
            raise BadRequest(f"Could not perform action on the {kind} button because it does not exist.")
        return await self._act(feeds, message_id, Action(encode_action(kind, status)), ACTION_PRESSED)

    async def delete(self, feeds: Sequence[Feed], message_id: str) -> None:
        """Deletes one message for good. Raises NotFound."""
        feed, row = _locate(feeds, message_id)
        if not await self._messages.delete(feed, row):
            raise unknown_message(message_id)

    async def delete_many(self, feeds: Sequence[Feed], message_ids: Sequence[str]) -> int:
        """Deletes named messages for good, of those that exist, in each feed as one event; gives how many."""
        total = 0
        for feed in feeds:
            if wanted := _rows(feed, message_ids):
                total += await self._messages.delete_where(feed, self._named(feed, wanted)) or 0
        return total

    async def _act(self, feeds: Sequence[Feed], message_id: str, action: Action, change: Change) -> Message:
        feed, row = _locate(feeds, message_id)
        if not await self._messages.act(feed, row, action, change):
            raise unknown_message(message_id)
        return await self._one(feed, message_id)

    async def _one(self, feed: Feed, message_id: str) -> Message:
        found = await self._feeds.find(feed, message_id)
        if found is None:
            raise unknown_message(message_id)
        return found[0]

    def _named(self, feed: Feed, wanted: Sequence[RowId]) -> Choose:
        """Chooses the rows where these messages are now."""

        async def choose(snapshot: Snapshot, rows: list[int]) -> list[int]:
            known = frozenset(await self._feeds.rows_of(feed, snapshot, wanted))
            return [row for row in rows if row in known]

        return choose

    def _chooser(self, feed: Feed, wanted: NotificationFilter) -> Choose:
        """Chooses the rows that the filter takes; what it has read once it does not read again."""
        scan = Scan(wanted.judge)

        async def choose(_: Snapshot, rows: list[int]) -> list[int]:
            return await self._feeds.scan(feed, scan, rows)

        return choose


def unknown_message(message_id: str) -> NotFound:
    """The 404 of a message that is unknown, or not the subscriber's: nobody can tell which."""
    return NotFound(f"Message {message_id} was not found")


def _locate(feeds: Sequence[Feed], message_id: str) -> tuple[Feed, RowId]:
    for feed in feeds:
        if row := feed.row_of(message_id):
            return feed, row
    raise unknown_message(message_id)


def _rows(feed: Feed, message_ids: Sequence[str]) -> list[RowId]:
    found = (feed.row_of(message_id) for message_id in dict.fromkeys(message_ids))
    return [row for row in found if row]
