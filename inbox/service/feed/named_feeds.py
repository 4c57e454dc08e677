"""Named feeds of an environment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from inbox.clock import now_ms
from inbox.errors import Conflict, NotFound, existing
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.named_feed import NamedFeed
from inbox.store.documents import DocumentStore


@dataclass(eq=False)
class NamedFeedService:
    """Creates, lists and deletes named feeds, at most 100 an environment; messages keep the `_id` of a deleted one."""

    _store: DocumentStore[NamedFeed]

    async def list(self, environment: Environment) -> list[NamedFeed]:
        """Return every named feed, oldest first."""
        return sorted(await self._store.all(environment.number), key=lambda feed: (feed.created_ms, feed.id))

    async def create(self, environment: Environment, name: str) -> NamedFeed:
        """Store a new named feed. Raise Conflict when the name is taken, UnprocessableEntity when there are 100."""
        feed = NamedFeed(new_object_id(), name, now_ms())
        if not await self._store.add(environment.number, name, feed):
            raise Conflict(f"Feed with identifier: {name} already exists")
        return feed

    async def get(self, environment: Environment, feed_id: str) -> NamedFeed:
        """Return the named feed of this `_id`. Raise NotFound."""
        feed = next((feed for feed in await self.list(environment) if feed.id == feed_id), None)
        return existing(feed, NotFound(f"Feed {feed_id} was not found"))

    async def delete(self, environment: Environment, feed_id: str) -> None:
        """Delete a named feed; its messages stay. Raise NotFound."""
        feed = await self.get(environment, feed_id)
        await self._store.delete(environment.number, feed.name)

    async def ids_of(self, environment: Environment, identifiers: Collection[str]) -> frozenset[str]:
        """Return the `_id`s of the existing feeds among these identifiers; an `_id` is accepted as well."""
        feeds = await self.list(environment)
        return frozenset(feed.id for feed in feeds if feed.name in identifiers or feed.id in identifiers)
