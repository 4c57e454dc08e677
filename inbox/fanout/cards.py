"""What pushed messages carry beside the message: the cards of the subscriber and of the workflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from inbox.errors import NotFound
from inbox.models.environment import Environment
from inbox.models.message import Message, StoredMessage, entity
from inbox.store.feed import Feed


class CardReader(Protocol):
    """Where cards come from (`service/feed/cards.py`)."""

    async def subscriber(self, environment: Environment, oid: str) -> dict[str, Any] | None: ...

    async def workflow(self, environment: Environment, message: StoredMessage) -> dict[str, Any]: ...

    def cached_workflow(self, environment: Environment, message: StoredMessage) -> dict[str, Any] | None: ...


class FeedCards:
    """The cards of one connected feed. Its subscriber's is read once and kept until it changes."""

    def __init__(self, feed: Feed, environment: Environment, reader: CardReader) -> None:
        self._feed = feed
        self._environment = environment
        self._reader = reader
        self._subscriber: dict[str, Any] | None = None
        self._changes = 0

    async def read(self) -> None:
        """Read the subscriber's card ahead, so that the first message waits for nothing. Raises as `complete`."""
        await self._read_subscriber()

    def forget_subscriber(self) -> None:
        """Read the subscriber's card again with the next message: it has changed, or may have."""
        self._subscriber = None
        self._changes += 1

    def complete_cached(self, message: Message) -> dict[str, Any] | None:
        """Return the message as it is pushed, or None when a card has to be read first."""
        if self._subscriber is None:
            return None
        workflow = self._reader.cached_workflow(self._environment, message.stored)
        return self._complete(message, self._subscriber, workflow) if workflow else None

    async def complete(self, messages: Iterable[Message]) -> list[dict[str, Any]]:
        """Return the messages as they are pushed.

        Raises StoreUnavailable, and NotFound when the subscriber is gone.
        """
        completed = []
        for message in messages:
            workflow = await self._reader.workflow(self._environment, message.stored)
            completed.append(self._complete(message, await self._read_subscriber(), workflow))
        return completed

    async def _read_subscriber(self) -> dict[str, Any]:
        if self._subscriber is not None:
            return self._subscriber
        changes = self._changes
        card = await self._reader.subscriber(self._environment, self._feed.subscriber_oid)
        if card is None:
            raise NotFound("The subscriber was deleted")
        if changes == self._changes:  # else it changed while it was read, and is read again with the next message
            self._subscriber = card
        return card

    def _complete(self, message: Message, subscriber: dict[str, Any], workflow: dict[str, Any]) -> dict[str, Any]:
        return {**entity(message, self._environment), "subscriber": subscriber, "workflow": workflow}
