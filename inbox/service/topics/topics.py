"""Topics: named groups of subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.errors import Conflict, NotFound, existing
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.topic import Topic
from inbox.service.pages import cursor_of, page_of_all, page_of_list
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import TopicOrder, TopicStore, TopicWriteMode

MAX_SCANNED = 10_000
MAX_LISTED_MEMBERS = 1_000


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """Match topics whose key and name contain these texts, in any case; empty matches all."""

    key: str = ""
    name: str = ""

    def takes(self, topic: Topic) -> bool:
        return self.key.casefold() in topic.key.casefold() and self.name.casefold() in (topic.name or "").casefold()


def unknown_topic(key: str) -> NotFound:
    """Return the 404 of an unknown topic."""
    return NotFound(f"Topic not found for key {key}", topicKey=key)


@dataclass(eq=False)
class TopicService:
    """Creates, lists, renames and deletes topics."""

    _topics: TopicStore
    _subscriptions: SubscriptionStore
    _subscribers: SubscriberStore

    async def get(self, environment: Environment, key: str) -> Topic:
        """Return the topic. Raise NotFound."""
        return existing(await self._topics.get(environment.number, key), unknown_topic(key))

    async def upsert(self, environment: Environment, key: str, name: str | None, *, may_exist: bool = True) -> Topic:
        """Create the topic, or rename it if there is a name. Raise Conflict if it exists and may not."""
        return await self._write(environment, key, name, "upsert" if may_exist else "create")

    async def ensure(self, environment: Environment, key: str, name: str | None) -> Topic:
        """Return the topic; create it with this name if it is missing."""
        return await self._topics.get(environment.number, key) or await self.upsert(environment, key, name)

    async def rename(self, environment: Environment, key: str, name: str) -> Topic:
        """Rename the topic. Raise NotFound."""
        return await self._write(environment, key, name, "update")

    async def delete(self, environment: Environment, key: str) -> None:
        """Delete the topic and its subscriptions. Raise NotFound."""
        topic = await self._write(environment, key, None, "delete")
        await self._subscriptions.delete_topic(environment.number, topic.oid)

    async def delete_empty(self, environment: Environment, key: str) -> None:
        """Delete the topic as v1 does. Raise NotFound, and Conflict while it has subscribers."""
        topic = await self.get(environment, key)
        if await self._subscriptions.count(environment.number, topic.oid):
            raise Conflict(f"Topic with key {key} in the environment cannot be deleted as it has subscribers assigned")
        await self.delete(environment, key)

    async def list_page(
        self, environment: Environment, query: CursorQuery, order_by: TopicOrder, filter_: TopicFilter
    ) -> CursorPage[Topic]:
        """Return a page beside a cursor. A filter searches the first 10,000 topics in that order."""
        number = environment.number
        if filter_ != TopicFilter():
            scan = self._topics.scan(number, order_by, query.order, MAX_SCANNED)
            hits = [topic async for topics in scan for topic in topics if filter_.takes(topic)]
            return page_of_all(hits, [topic.oid for topic in hits], query)
        return page_of_list(await self._topics.page(number, order_by, query.order, query.limit, cursor_of(query)))

    async def list_numbered(
        self, environment: Environment, page: int, page_size: int, key: str | None, name: str | None
    ) -> tuple[Sequence[Topic], int]:
        """Return page `page` (from 0), newest first, of the topics with this exact key and name, and their number."""
        number = environment.number
        if key is not None:
            topic = await self._topics.get(number, key)
            topics = [topic] if topic and name in (None, topic.name) else []
            return topics[page * page_size :][:page_size], len(topics)
        if name is not None:
            return await self._topics.named(number, name, page_size, page * page_size)
        listed = await self._topics.page(number, "created", "desc", page_size, skip=page * page_size)
        return (listed.records, listed.total) if listed else ([], 0)

    async def member_ids(self, environment: Environment, topic: Topic) -> Sequence[str]:
        """Return the subscriberIds of the first 1,000 members of a topic."""
        ids: list[str] = []
        async for members in self._subscriptions.members(environment.number, topic.oid):
            subscribers = (await self._subscribers.get_many(environment.number, list(members))).values()
            ids += [one.subscriber_id for one in subscribers if one and one.subscriber_id not in ids[-1:]]
            if len(ids) >= MAX_LISTED_MEMBERS:
                break
        return ids[:MAX_LISTED_MEMBERS]

    async def keys_of(self, environment: Environment, subscriber: Subscriber) -> Sequence[str]:
        """Return the keys of the topics that a subscriber is in."""
        oids = await self._subscriptions.topics_of(environment.number, subscriber.oid)
        topics = await self._topics.get_many(environment.number, oids)
        return [topics[oid].key for oid in oids if oid in topics]

    async def _write(self, environment: Environment, key: str, name: str | None, mode: TopicWriteMode) -> Topic:
        return existing(await self._topics.write(environment.number, key, name, mode), unknown_topic(key))[0]
