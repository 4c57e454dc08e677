"""Subscribers: who receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.errors import BadRequest, NotFound
from inbox.ids import SubscriberId
from inbox.models.credentials import Channel, Channels, append_channel, drop_provider, merge_channels
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.tasks import in_turn


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of each subscriber of a bulk write, in the order given."""

    created: list[SubscriberId]
    updated: list[SubscriberId]


def unknown_subscriber(subscriber_id: str) -> NotFound:
    """The 404 of an unknown subscriber."""
    return NotFound(f"Subscriber: {subscriber_id} was not found", externalSubscriberId=subscriber_id)


class SubscriberService:
    """Creates, reads, changes and deletes subscribers of an environment."""

    def __init__(self, store: SubscriberStore, subscriptions: SubscriptionStore) -> None:
        self._store = store
        self._subscriptions = subscriptions

    async def get(self, environment: Environment, subscriber_id: SubscriberId) -> Subscriber:
        """The subscriber. Raises NotFound."""
        subscriber = await self._store.get(environment.number, subscriber_id)
        if subscriber is None:
            raise unknown_subscriber(subscriber_id)
        return subscriber

    async def find_many(self, environment: Environment, subscriber_ids: Sequence[SubscriberId]) -> list[Subscriber]:
        """Those of these subscribers that exist."""
        found = await self._store.find_many(environment.number, subscriber_ids) if subscriber_ids else []
        return [one for one in found if one]

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

    async def upsert_many(
        self, environment: Environment, wanted: Sequence[tuple[SubscriberId, Mapping[str, Any]]]
    ) -> BulkOutcome:
        """Creates or changes each; an id given twice is written twice, in order."""
        writes: dict[SubscriberId, list[tuple[int, Mapping[str, Any]]]] = {}
        for place, (subscriber_id, profile) in enumerate(wanted):
            writes.setdefault(subscriber_id, []).append((place, profile))

        async def write(subscriber_id: SubscriberId) -> list[tuple[int, bool]]:
            made = []
            for place, profile in writes[subscriber_id]:
                written = await self._store.write(environment.number, subscriber_id, profile)
                made.append((place, bool(written and written[1])))
            return made

        results = await in_turn(write, list(writes))
        is_new = dict(pair for made in results for pair in made)
        created = [wanted[place][0] for place in sorted(is_new) if is_new[place]]
        updated = [wanted[place][0] for place in sorted(is_new) if not is_new[place]]
        return BulkOutcome(created, list(dict.fromkeys(updated)))

    async def set_credentials(
        self, environment: Environment, subscriber_id: SubscriberId, channel: Channel
    ) -> Subscriber:
        """Replaces the credentials of a provider and integration. Raises BadRequest for an unknown subscriber."""
        given = channel.stored()
        return await self._change_channels(environment, subscriber_id, lambda known: merge_channels(known, [given]))

    async def add_credentials(
        self, environment: Environment, subscriber_id: SubscriberId, channel: Channel
    ) -> Subscriber:
        """Adds to the credentials of a provider and integration; device tokens are added to the known ones."""
        given = channel.stored()
        return await self._change_channels(environment, subscriber_id, lambda known: append_channel(known, given))

    async def drop_credentials(
        self, environment: Environment, subscriber_id: SubscriberId, provider_id: str
    ) -> None:
        """Forgets a provider; one that has no credentials is fine. Raises NotFound for an unknown subscriber."""
        await self.get(environment, subscriber_id)
        await self._change_channels(environment, subscriber_id, lambda known: drop_provider(known, provider_id))

    async def _change_channels(
        self, environment: Environment, subscriber_id: SubscriberId, change: Callable[[Channels], Channels]
    ) -> Subscriber:
        written = await self._store.change_channels(environment.number, subscriber_id, change)
        if written is None:
            raise BadRequest(f"Subscriber: {subscriber_id} was not found", externalSubscriberId=subscriber_id)
        return written[0]

    async def set_online(self, environment: Environment, subscriber_id: SubscriberId, online: bool) -> Subscriber:
        """Sets the presence flag; going offline also dates `lastOnlineAt`. Raises NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        written = await self._store.set_online(environment.number, subscriber, online)
        if written is None:
            raise unknown_subscriber(subscriber_id)
        return written

    async def delete(self, environment: Environment, subscriber_id: SubscriberId) -> None:
        """Deletes the subscriber with feeds, topic subscriptions, tokens and open sockets. Raises NotFound."""
        subscriber = await self.get(environment, subscriber_id)
        if not await self._store.delete(environment.number, subscriber):
            raise unknown_subscriber(subscriber_id)
        await self._subscriptions.delete_subscriber(environment.number, subscriber.oid)
