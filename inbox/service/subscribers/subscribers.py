"""Subscribers: the recipients of notifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import BadRequest, NotFound, existing
from inbox.ids import SubscriberId
from inbox.models.credentials import ChannelCredentials, Channels, append_channel, drop_provider, merge_channels
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.store.subscribers import SubscriberRead, SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.tasks import in_turn


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The subscribers that a bulk write has created and updated, in the order of the request."""

    created: list[SubscriberId]
    updated: list[SubscriberId]


def unknown_subscriber(subscriber_id: str) -> NotFound:
    """Return the 404 of an unknown subscriber."""
    return NotFound(f"Subscriber: {subscriber_id} was not found", externalSubscriberId=subscriber_id)


def missing_subscriber(environment: Environment, subscriber_id: str) -> BadRequest:
    """Return the 400 of an unknown subscriber, for the calls that Novu answers so."""
    return BadRequest(
        f"Subscriber {subscriber_id} does not exist in environment {environment.id}, "
        "please provide a valid subscriber identifier"
    )


@dataclass(eq=False)
class SubscriberService:
    """Creates, reads, changes and deletes subscribers."""

    _store: SubscriberStore
    _subscriptions: SubscriptionStore

    async def get(self, environment: Environment, subscriber_id: SubscriberId) -> Subscriber:
        """Return the subscriber. Raise NotFound."""
        return existing(await self._store.get(environment.number, subscriber_id), unknown_subscriber(subscriber_id))

    async def find_many(self, environment: Environment, subscriber_ids: Sequence[SubscriberId]) -> list[Subscriber]:
        """Return the subscribers with these ids that exist."""
        subscribers = await self._store.find_many(environment.number, subscriber_ids)
        return [subscriber for subscriber in subscribers if subscriber]

    def begin(self, environment: Environment, subscriber_id: SubscriberId) -> SubscriberRead:
        """Begin to read a subscriber, in one round trip with what the caller sends next."""
        return self._store.begin_named(environment.number, subscriber_id)

    async def upsert(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Create the subscriber, or change these profile fields (None clears one)."""
        return (await self._store.write(environment.number, subscriber_id, profile))[0]

    async def create(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Create the subscriber. Raise Conflict if it exists."""
        return (await self._store.write(environment.number, subscriber_id, profile, may_exist=False))[0]

    async def update(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Change these profile fields of an existing subscriber. Raise NotFound."""
        written = await self._store.update(environment.number, subscriber_id, profile)
        return existing(written, unknown_subscriber(subscriber_id))

    async def upsert_many(
        self, environment: Environment, profiles: Sequence[tuple[SubscriberId, Mapping[str, Any]]]
    ) -> BulkOutcome:
        """Create or update each subscriber; an id that occurs twice is written twice, in order."""
        indexes: dict[SubscriberId, list[int]] = {}
        for index, (subscriber_id, _) in enumerate(profiles):
            indexes.setdefault(subscriber_id, []).append(index)
        is_new: dict[int, bool] = {}

        async def write(subscriber_id: SubscriberId) -> None:
            for index in indexes[subscriber_id]:
                _, is_new[index] = await self._store.write(environment.number, subscriber_id, profiles[index][1])

        await in_turn(write, list(indexes))
        created = [profiles[index][0] for index in sorted(is_new) if is_new[index]]
        updated = [profiles[index][0] for index in sorted(is_new) if not is_new[index]]
        return BulkOutcome(created, list(dict.fromkeys(updated)))

    async def set_credentials(
        self, environment: Environment, subscriber_id: SubscriberId, channel: ChannelCredentials
    ) -> Subscriber:
        """Replace the credentials of a provider and integration. Raise BadRequest for an unknown subscriber."""
        new = channel.stored()
        return await self._change_channels(environment, subscriber_id, lambda stored: merge_channels(stored, [new]))

    async def add_credentials(
        self, environment: Environment, subscriber_id: SubscriberId, channel: ChannelCredentials
    ) -> Subscriber:
        """Add credentials of a provider and integration; keep the stored device tokens. Raise as `set_credentials`."""
        new = channel.stored()
        return await self._change_channels(environment, subscriber_id, lambda stored: append_channel(stored, new))

    async def drop_credentials(self, environment: Environment, subscriber_id: SubscriberId, provider_id: str) -> None:
        """Delete the credentials of a provider, if there are any. Raise NotFound for an unknown subscriber."""
        await self.get(environment, subscriber_id)
        await self._change_channels(environment, subscriber_id, lambda stored: drop_provider(stored, provider_id))

    async def _change_channels(
        self, environment: Environment, subscriber_id: SubscriberId, change: Callable[[Channels], Channels]
    ) -> Subscriber:
        written = await self._store.change_channels(environment.number, subscriber_id, change)
        return existing(
            written, BadRequest(f"Subscriber: {subscriber_id} was not found", externalSubscriberId=subscriber_id)
        )[0]

    async def set_online(self, environment: Environment, subscriber_id: SubscriberId, online: bool) -> Subscriber:
        """Set the presence flag, and `lastOnlineAt` when going offline. Raise NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        written = await self._store.set_online(environment.number, subscriber, online)
        return existing(written, unknown_subscriber(subscriber_id))

    async def delete(self, environment: Environment, subscriber_id: SubscriberId) -> None:
        """Delete the subscriber with its feeds, subscriptions, tokens and open sockets. Raise NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        if not await self._store.delete(environment.number, subscriber):
            raise unknown_subscriber(subscriber_id)
        await self._subscriptions.delete_subscriber(environment.number, subscriber.oid)
