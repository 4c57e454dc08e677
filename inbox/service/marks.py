"""Changing messages: seen, read, and the buttons of their call to action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from inbox.errors import BadRequest, NotFound
from inbox.models.environment import Environment
from inbox.models.message import Message, encode_action
from inbox.models.subscriber import Subscriber
from inbox.store.changes import ACTION_PRESSED, NOTHING, Change
from inbox.store.feeds import Feed, FeedStore
from inbox.store.messages import Action, MessageStore
from inbox.store.rows import RowId


class MarkService:
    """Marks and actions on a subscriber's feed; ids of other feeds are unknown here."""

    def __init__(self, feeds: FeedStore, messages: MessageStore) -> None:
        self._feeds = feeds
        self._messages = messages

    async def mark(
        self, environment: Environment, subscriber: Subscriber, message_ids: Sequence[str], change: Change
    ) -> list[Message]:
        """Applies a change to named messages and gives those that exist, in the order named."""
        feed = await self._feeds.open_for(environment.number, subscriber)
        wanted = _rows(feed, message_ids)
        changed = await self._messages.mark(feed, wanted, change) if wanted else []
        found = await self._feeds.messages(feed, changed) if changed else None
        if not found:
            return []
        by_id: dict[str, Message] = {message.id: message for message in found[0]}
        return [by_id[message_id] for message_id in dict.fromkeys(message_ids) if message_id in by_id]

    async def mark_one(
        self, environment: Environment, subscriber: Subscriber, message_id: str, change: Change
    ) -> Message:
        """Applies a change to one message. Raises NotFound when it is unknown or another subscriber's."""
        marked = await self.mark(environment, subscriber, [message_id], change)
        if not marked:
            raise unknown_message(message_id)
        return marked[0]

    async def mark_all(self, environment: Environment, subscriber: Subscriber, change: Change) -> int:
        """Applies a change to every message it is for; gives how many."""
        feed = await self._feeds.open_for(environment.number, subscriber)
        return await self._messages.mark_all(feed, change) or 0

    async def act(
        self, environment: Environment, subscriber: Subscriber, message_id: str, kind: str, status: str, payload: Any
    ) -> Message:
        """Records that a button was pressed (`done`) or not (`pending`); read and seen stay (semantics.md §1.3, v1).

        Raises NotFound when the message is unknown or another subscriber's.
        """
        body = orjson.dumps(payload) if payload is not None else b""
        return await self._act(environment, subscriber, message_id, Action(encode_action(kind, status), body), NOTHING)

    async def complete(
        self, environment: Environment, subscriber: Subscriber, message_id: str, kind: str, status: str
    ) -> Message:
        """Completes or reverts a button in the inbox; an unread message becomes read (semantics.md §1.1).

        Raises NotFound when the message is unknown or another subscriber's, BadRequest when it has no such button.
        """
        feed = await self._feeds.open_for(environment.number, subscriber)
        if (await self._one(feed, message_id)).button(kind) is None:
            raise BadRequest(f"Could not perform action on the {kind} button because it does not exist.")
        action = Action(encode_action(kind, status))
        return await self._act(environment, subscriber, message_id, action, ACTION_PRESSED)

    async def delete(self, environment: Environment, subscriber: Subscriber, message_id: str) -> None:
        """Deletes one message for good. Raises NotFound."""
        feed = await self._feeds.open_for(environment.number, subscriber)
        row = feed.row_of(message_id)
        if row is None or not await self._messages.delete(feed, row):
            raise unknown_message(message_id)

    async def _act(
        self, environment: Environment, subscriber: Subscriber, message_id: str, action: Action, change: Change
    ) -> Message:
        feed = await self._feeds.open_for(environment.number, subscriber)
        row = feed.row_of(message_id)
        if row is None or not await self._messages.act(feed, row, action, change):
            raise unknown_message(message_id)
        return await self._one(feed, message_id)

    async def _one(self, feed: Feed, message_id: str) -> Message:
        row = feed.row_of(message_id)
        found = await self._feeds.messages(feed, [row.row]) if row else None
        if not found or [message.id for message in found[0]] != [message_id]:
            raise unknown_message(message_id)
        return found[0][0]


def unknown_message(message_id: str) -> NotFound:
    """The 404 of a message that is unknown, or not the subscriber's: nobody can tell which."""
    return NotFound(f"Message {message_id} was not found")


def _rows(feed: Feed, message_ids: Sequence[str]) -> list[RowId]:
    found = (feed.row_of(message_id) for message_id in dict.fromkeys(message_ids))
    return [row for row in found if row]
