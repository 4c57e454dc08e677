"""Topics: named groups of subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.errors import Conflict, NotFound
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.topic import Topic
from inbox.service.pages import cursor_of, page_of_all, page_of_list
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.topics import OrderBy, TopicStore

MAX_SCANNED = 10_000
MAX_LISTED_MEMBERS = 1_000


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """Which topics: those that have these texts somewhere in key and name, in any case."""

    key: str = ""
    name: str = ""

    def takes(self, topic: Topic) -> bool:
        """Whether the topic is one of them."""
        return self.key.casefold() in topic.key.casefold() and self.name.casefold() in (topic.name or "").casefold()


def unknown_topic(key: str) -> NotFound:
    """The 404 of an unknown topic."""
    return NotFound(f"Topic not found for key {key}", topicKey=key)


class TopicService:
    """Creates, lists, renames and deletes topics of an environment."""

    def __init__(
        self, topics: TopicStore, subscriptions: SubscriptionStore, subscribers: SubscriberStore
    ) -> None:
        self._topics = topics
        self._subscriptions = subscriptions
        self._subscribers = subscribers

    async def get(self, environment: Environment, key: str) -> Topic:
        """The topic. Raises NotFound."""
        topic = await self._topics.get(environment.number, key)
        if topic is None:
            raise unknown_topic(key)
        return topic

    async def upsert(self, environment: Environment, key: str, name: str | None, *, may_exist: bool = True) -> Topic:
        """Creates the topic, or renames it when a name is given. Raises Conflict when it exists and may not."""
        written = await self._topics.write(environment.number, key, name, "upsert" if may_exist else "create")
        if written is None:
            raise unknown_topic(key)
        return written[0]

    async def ensure(self, environment: Environment, key: str, name: str | None) -> Topic:
        """The topic as it is; made, under this name, if it is missing."""
        return await self._topics.get(environment.number, key) or await self.upsert(environment, key, name)

    async def rename(self, environment: Environment, key: str, name: str) -> Topic:
        """Gives the topic another name. Raises NotFound."""
        written = await self._topics.write(environment.number, key, name, "update")
        if written is None:
            raise unknown_topic(key)
        return written[0]

    async def delete(self, environment: Environment, key: str) -> None:
        """Deletes the topic and its subscriptions. Raises NotFound."""
        written = await self._topics.write(environment.number, key, None, "delete")
        if written is None:
            raise unknown_topic(key)
        await self._subscriptions.delete_topic(environment.number, written[0].oid)

    async def delete_empty(self, environment: Environment, key: str) -> None:
        """Deletes the topic as v1 does. Raises NotFound, and Conflict while it has subscribers."""
        topic = await self.get(environment, key)
        if await self._subscriptions.count(environment.number, topic.oid):
            raise Conflict(f"Topic with key {key} in the environment cannot be deleted as it has subscribers assigned")
        await self.delete(environment, key)

    async def list_page(
        self, environment: Environment, query: CursorQuery, order_by: OrderBy, wanted: TopicFilter
    ) -> CursorPage[Topic]:
        """A page beside a cursor. What is filtered is looked for among the first 10,000 topics in that order."""
        number = environment.number
        if wanted != TopicFilter():
            hits = await self._search(environment, query, order_by, wanted)
            return page_of_all(hits, [topic.oid for topic in hits], query)
        return page_of_list(await self._topics.page(number, order_by, query.order, query.limit, cursor_of(query)))

    async def list_numbered(
        self, environment: Environment, page: int, page_size: int, key: str | None, name: str | None
    ) -> tuple[Sequence[Topic], int]:
        """A page by number (from 0), newest first, of the topics with exactly this key and name; and how many."""
        number = environment.number
        if key is not None:
            topic = await self._topics.get(number, key)
            found = [topic] if topic and name in (None, topic.name) else []
            return found[page * page_size :][:page_size], len(found)
        if name is not None:
            return await self._topics.named(number, name, page_size, page * page_size)
        listed = await self._topics.page(number, "created", "desc", page_size, skip=page * page_size)
        return (listed.records, listed.total) if listed else ([], 0)

    async def member_ids(self, environment: Environment, topic: Topic) -> Sequence[str]:
        """The subscriberIds of a topic's members, the first 1,000 of them."""
        ids: list[str] = []
        async for members in self._subscriptions.members(environment.number, topic.oid):
            known = await self._subscribers.get_many(environment.number, list(members))
            ids += [one.subscriber_id for one in known.values() if one and one.subscriber_id not in ids[-1:]]
            if len(ids) >= MAX_LISTED_MEMBERS:
                break
        return ids[:MAX_LISTED_MEMBERS]

    async def keys_of(self, environment: Environment, subscriber: Subscriber) -> Sequence[str]:
        """The keys of the topics that a subscriber is in."""
        oids = await self._subscriptions.topics_of(environment.number, subscriber.oid)
        known = await self._topics.get_many(environment.number, oids)
        return [known[oid].key for oid in oids if oid in known]

    async def _search(
        self, environment: Environment, query: CursorQuery, order_by: OrderBy, wanted: TopicFilter
    ) -> Sequence[Topic]:
        scan = self._topics.scan(environment.number, order_by, query.order, MAX_SCANNED)
        return [topic async for topics in scan for topic in topics if wanted.takes(topic)]
