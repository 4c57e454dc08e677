"""Changes of messages: seen, read, archived, snoozed, deleted, and the buttons of their call to action.

Every method changes only messages of the feeds it gets; it treats the id of a message in another feed as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import BadRequest, NotFound, existing
from inbox.models.message import ButtonPress, ButtonStatus, ButtonType, Message, decode_labels
from inbox.service.feed.notification_filter import EVERYTHING, NotificationFilter
from inbox.store.bulk import Choose
from inbox.store.changes import ACTION_PRESSED, INBOX_SNOOZE, NOTHING, Change
from inbox.store.feed import Feed, Scan, Snapshot
from inbox.store.feeds import FeedStore
from inbox.store.messages import MessageStore
from inbox.store.references import ReferenceStore
from inbox.store.rows import ALL, RowId, newest_rows, parse_message_id

MAX_SEARCHED = 1_000


@dataclass(eq=False)
class MarkService:
    """Marks, deletes and acts on messages of a subscriber's feeds."""

    _feeds: FeedStore
    _messages: MessageStore
    _references: ReferenceStore

    async def mark(self, feeds: Sequence[Feed], message_ids: Sequence[str], change: Change) -> list[Message]:
        """Apply a change to the messages with these ids; return those that exist, in the order of the ids."""
        marked: dict[str, Message] = {}
        for feed in feeds:
            if row_ids := _rows(feed, message_ids):
                messages = await self._messages.mark_and_read(feed, row_ids, change)
                marked |= {message.id: message for message in messages}
        return [marked[message_id] for message_id in dict.fromkeys(message_ids) if message_id in marked]

    async def mark_named(self, feeds: Sequence[Feed], message_ids: Sequence[str], change: Change) -> int:
        """Do as `mark` does without reading the messages; return how many of them exist and can be changed so."""
        total = 0
        for feed in feeds:
            if row_ids := _rows(feed, message_ids):
                total += len(await self._messages.mark(feed, row_ids, change) or ())
        return total

    async def mark_one(self, feeds: Sequence[Feed], message_id: str, change: Change) -> Message:
        """Apply a change to one message. Raise NotFound if it is unknown or the change does not apply to it."""
        feed, row = _locate(feeds, message_id)
        return _only(await self._messages.mark_and_read(feed, [row], change), message_id)

    async def snooze(self, feeds: Sequence[Feed], message_id: str, until_ms: int) -> Message:
        """Snooze a message until `until_ms` (ms since 1970), also one that is snoozed. Raise NotFound."""
        feed, row = _locate(feeds, message_id)
        return _only(await self._messages.snooze(feed, row, INBOX_SNOOZE, until_ms), message_id)

    async def mark_all(self, feeds: Sequence[Feed], change: Change, filter_: NotificationFilter = EVERYTHING) -> None:
        """Apply a change to every message that matches the filter and to which the change applies."""
        if filter_.by_content:
            await self.mark_where(feeds, change, filter_)
        else:
            for feed in feeds:
                await self._messages.bulk.mark_all(feed, change)

    async def mark_where(self, feeds: Sequence[Feed], change: Change, filter_: NotificationFilter) -> int:
        """Do as `mark_all` does, and return the number of messages to which the change applied."""
        total = 0
        for feed in feeds:
            total += await self._messages.bulk.mark_where(feed, change, self._chooser(feed, filter_)) or 0
        return total

    async def delete_all(self, feeds: Sequence[Feed], filter_: NotificationFilter = EVERYTHING) -> int:
        """Delete every message that matches the filter permanently; return their number."""
        total = 0
        for feed in feeds:
            total += await self._messages.bulk.delete_where(feed, self._chooser(feed, filter_)) or 0
        return total

    async def ids_by_labels(
        self, feeds: Sequence[Feed], *, transaction_id: str | None, external_reference: str | None
    ) -> list[str]:
        """Return the ids of the messages with both labels, newest first in each feed; None matches all.

        Without a reference only the newest 1,000 messages of each feed are searched.
        """
        messages: list[Message] = []
        for feed in feeds:
            if external_reference is None:
                messages += await self._newest_of_transaction(feed, transaction_id)
            else:
                messages += await self._references.find(feed, external_reference)
        return [message.id for message in messages if transaction_id in (None, message.stored.transaction_id)]

    async def _newest_of_transaction(self, feed: Feed, transaction_id: str | None) -> list[Message]:
        def match(contents: Sequence[bytes]) -> list[bool]:
            return [labels.transaction_id == transaction_id for labels in map(decode_labels, contents)]

        snapshot = await self._feeds.snapshot(feed)
        if snapshot is None:
            return []
        newest = newest_rows(snapshot.flags, snapshot.state.base, ALL, MAX_SEARCHED, None)
        read = await self._feeds.messages(feed, await self._feeds.scan(feed, snapshot, Scan(match), newest))
        return read[0] if read else []

    async def act_referenced(
        self, feeds: Sequence[Feed], reference: str, kind: ButtonType, status: ButtonStatus, payload: Any
    ) -> list[Message]:
        """Do as `act` does for every message with this external reference, and return them, newest first."""
        press = ButtonPress(kind, status, payload)
        acted: list[Message] = []
        for feed in feeds:
            for message in await self._references.find(feed, reference):
                acted += await self._messages.act(feed, parse_message_id(message.id), press, NOTHING)
        return acted

    async def act(
        self, feeds: Sequence[Feed], message_id: str, kind: ButtonType, status: ButtonStatus, payload: Any
    ) -> Message:
        """Record that a button was pressed (`done`) or not (`pending`), as v1 does: read and seen stay.

        Raise NotFound if the message is unknown.
        """
        return await self._act(feeds, message_id, ButtonPress(kind, status, payload), NOTHING)

    async def complete(
        self, feeds: Sequence[Feed], message_id: str, kind: ButtonType, status: ButtonStatus, payload: Any = None
    ) -> Message:
        """Complete or revert a button as the inbox does: an unread message becomes read.

        Raise NotFound if the message is unknown, BadRequest if it has no such button.
        """
        feed, _ = _locate(feeds, message_id)
        message, _ = existing(await self._feeds.find(feed, message_id), unknown_message(message_id))
        if message.stored.button(kind) is None:
            raise BadRequest(f"Could not perform action on the {kind} button because it does not exist.")
        return await self._act(feeds, message_id, ButtonPress(kind, status, payload), ACTION_PRESSED)

    async def delete(self, feeds: Sequence[Feed], message_id: str) -> None:
        """Delete one message permanently. Raise NotFound."""
        feed, row = _locate(feeds, message_id)
        if not await self._messages.delete(feed, row):
            raise unknown_message(message_id)

    async def delete_many(self, feeds: Sequence[Feed], message_ids: Sequence[str]) -> int:
        """Delete the messages with these ids permanently, in each feed as one event; return how many existed."""
        total = 0
        for feed in feeds:
            if row_ids := _rows(feed, message_ids):
                total += await self._messages.bulk.delete_where(feed, self._chooser_of(feed, row_ids)) or 0
        return total

    async def _act(self, feeds: Sequence[Feed], message_id: str, press: ButtonPress, change: Change) -> Message:
        feed, row = _locate(feeds, message_id)
        return _only(await self._messages.act(feed, row, press, change), message_id)

    def _chooser_of(self, feed: Feed, row_ids: Sequence[RowId]) -> Choose:
        async def choose(snapshot: Snapshot, rows: list[int]) -> list[int]:
            present = frozenset(await self._feeds.rows_of(feed, snapshot, row_ids))
            return [row for row in rows if row in present]

        return choose

    def _chooser(self, feed: Feed, filter_: NotificationFilter) -> Choose | None:
        """Return what chooses the rows that match by content, reading each content once; None chooses all rows."""
        if not filter_.by_content:
            return None
        scan = Scan(filter_.match)

        async def choose(snapshot: Snapshot, rows: list[int]) -> list[int]:
            return await self._feeds.scan(feed, snapshot, scan, rows)

        return choose


def unknown_message(message_id: str) -> NotFound:
    """Return the 404 of a message that is unknown or another subscriber's; the reply does not show which."""
    return NotFound(f"Message {message_id} was not found")


def _only(changed: Sequence[Message], message_id: str) -> Message:
    """Return the one message that was changed. Raise NotFound if it was not."""
    if not changed:
        raise unknown_message(message_id)
    return changed[0]


def _locate(feeds: Sequence[Feed], message_id: str) -> tuple[Feed, RowId]:
    for feed in feeds:
        if row := feed.row_of(message_id):
            return feed, row
    raise unknown_message(message_id)


def _rows(feed: Feed, message_ids: Sequence[str]) -> list[RowId]:
    return [row for message_id in dict.fromkeys(message_ids) if (row := feed.row_of(message_id))]
