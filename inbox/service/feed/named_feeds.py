"""Named feeds of an environment: created, listed, deleted, and looked up by their identifiers."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from inbox.clock import now_ms
from inbox.errors import Conflict, NotFound, UnprocessableEntity
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.named_feed import MAX_NAMED_FEEDS, NamedFeed
from inbox.store.client import Client
from inbox.store.fields import FieldStore
from inbox.store.keys import Keys

_decoder = msgspec.json.Decoder(NamedFeed)


class NamedFeedService:
    """At most a hundred an environment. Messages keep the `_id` of theirs when it is deleted."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def list(self, environment: Environment) -> list[NamedFeed]:
        """Every named feed, oldest first."""
        feeds = map(_decoder.decode, await self._store(environment).all())
        return sorted(feeds, key=lambda feed: (feed.created_ms, feed.id))

    async def create(self, environment: Environment, name: str) -> NamedFeed:
        """A new named feed. Raises Conflict when the name is taken, UnprocessableEntity when there are 100."""
        feed = NamedFeed(new_object_id(), name, now_ms())

        def change(before: bytes | None) -> bytes:
            if before is not None:
                raise Conflict(f"Feed with identifier: {name} already exists")
            return msgspec.json.encode(feed)

        if await self._store(environment).change(name, change) == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_NAMED_FEEDS} feeds")
        return feed

    async def get(self, environment: Environment, feed_id: str) -> NamedFeed:
        """The named feed of this `_id`. Raises NotFound."""
        feed = next((one for one in await self.list(environment) if one.id == feed_id), None)
        if feed is None:
            raise NotFound(f"Feed {feed_id} was not found")
        return feed

    async def delete(self, environment: Environment, feed_id: str) -> None:
        """Deletes a named feed; its messages stay. Raises NotFound."""
        feed = await self.get(environment, feed_id)
        await self._store(environment).change(feed.name, lambda _: None)

    async def ids_of(self, environment: Environment, identifiers: Collection[str]) -> frozenset[str]:
        """The `_id`s of the feeds with these identifiers, of those that there are; an `_id` is taken as well."""
        feeds = await self.list(environment)
        return frozenset(feed.id for feed in feeds if feed.name in identifiers or feed.id in identifiers)

    def _store(self, environment: Environment) -> FieldStore:
        return FieldStore(self._client, self._keys.named_feeds(environment.number), MAX_NAMED_FEEDS)
