"""Subscribers: who receives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inbox.errors import BadRequest, NotFound
from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.store.subscribers import SubscriberStore


def unknown_subscriber(subscriber_id: str) -> NotFound:
    """The 404 of an unknown subscriber."""
    return NotFound(f"Subscriber: {subscriber_id} was not found", externalSubscriberId=subscriber_id)


class SubscriberService:
    """Creates, reads, changes and deletes subscribers of an environment."""

    def __init__(self, store: SubscriberStore) -> None:
        self._store = store

    async def get(self, environment: Environment, subscriber_id: SubscriberId) -> Subscriber:
        """The subscriber. Raises NotFound."""
        subscriber = await self._store.get(environment.number, subscriber_id)
        if subscriber is None:
            raise unknown_subscriber(subscriber_id)
        return subscriber

    async def require(self, environment: Environment, subscriber_id: SubscriberId) -> Subscriber:
        """The subscriber, for calls that answer an unknown one with 400 (feed, unseen, action). Raises BadRequest."""
        subscriber = await self._store.get(environment.number, subscriber_id)
        if subscriber is None:
            raise BadRequest(
                f"Subscriber {subscriber_id} does not exist in environment {environment.id}, "
                "please provide a valid subscriber identifier"
            )
        return subscriber

    async def upsert(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Creates the subscriber, or changes the fields given (None clears one)."""
        written = await self._store.write(environment.number, subscriber_id, profile)
        if written is None:
            raise unknown_subscriber(subscriber_id)
        return written[0]

    async def create(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Creates the subscriber. Raises Conflict when it exists."""
        written = await self._store.write(environment.number, subscriber_id, profile, "create")
        if written is None:
            raise unknown_subscriber(subscriber_id)
        return written[0]

    async def update(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Changes the fields given of a known subscriber. Raises NotFound."""
        written = await self._store.write(environment.number, subscriber_id, profile, "update")
        if written is None:
            raise unknown_subscriber(subscriber_id)
        return written[0]

    async def set_online(self, environment: Environment, subscriber_id: SubscriberId, online: bool) -> Subscriber:
        """Sets the presence flag; going offline also dates `lastOnlineAt`. Raises NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        written = await self._store.set_online(environment.number, subscriber, online)
        if written is None:
            raise unknown_subscriber(subscriber_id)
        return written

    async def delete(self, environment: Environment, subscriber_id: SubscriberId) -> None:
        """Deletes the subscriber with feeds, tokens and open sockets. Raises NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        if not await self._store.delete(environment.number, subscriber):
            raise unknown_subscriber(subscriber_id)
