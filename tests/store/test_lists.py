"""Lists beside creations and deletions: a page is short only at the end, and whoever stays is met exactly once."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.models.context import ContextCreate
from inbox.models.cursor_page import CursorPage, CursorQuery
from inbox.models.tenant import TenantChange
from inbox.models.topic import SubscriptionItem
from inbox.service import scan
from inbox.service.environments.contexts import ContextFilter
from inbox.service.subscribers.listing import SubscriberFilter
from inbox.service.topics.topics import TopicFilter
from inbox.services import Services, open_services
from inbox.settings import Settings
from inbox.store.client import Client
from inbox.store.listing import LISTING_PAGE
from inbox.store.scripts import Script
from inbox.store.subscribers import new_subscriber_oid

Page = tuple[list[str], bool]
Step = Callable[[], Awaitable[None]]
WALK = 3
SEARCH_SLICE = 5
"""A search goes through the list in slices: more than one of them here."""


class Things(ABC):
    """One kind of things that are listed, each with a name of its own; newest first."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.environment = services.environments.current

    @abstractmethod
    async def make(self, name: str) -> None: ...

    @abstractmethod
    async def delete(self, name: str) -> None: ...

    @abstractmethod
    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        """Name and cursor of each row of a page, and the page."""

    async def walk(self, limit: int) -> AsyncIterator[Page]:
        """Page by page to the end: the names, and whether a further page follows."""
        query = CursorQuery(limit)
        while True:
            rows, page = await self.read(query)
            yield [name for name, _ in rows], page.next is not None
            if page.next is None:
                return
            query = CursorQuery(limit, cursor=page.next)


class Subscribers(Things):
    wanted = SubscriberFilter()

    async def make(self, name: str) -> None:
        await self.services.subscribers.upsert(self.environment, SubscriberId(name), {"firstName": "Ada"})

    async def delete(self, name: str) -> None:
        await self.services.subscribers.delete(self.environment, SubscriberId(name))

    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        page = await self.services.subscriber_list.find(self.environment, query, self.wanted)
        return [(one.subscriber_id, one.oid) for one in page.rows], page


class SubscribersByChange(Subscribers):
    wanted = SubscriberFilter(order_by="updatedAt")


class SubscribersFound(Subscribers):
    wanted = SubscriberFilter(name="ada")


class Topics(Things):
    wanted = TopicFilter()

    async def make(self, name: str) -> None:
        await self.services.topics.upsert(self.environment, name, "News")

    async def delete(self, name: str) -> None:
        await self.services.topics.delete(self.environment, name)

    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        page = await self.services.topics.list_page(self.environment, query, "created", self.wanted)
        return [(one.key, one.oid) for one in page.rows], page


class Members(Things):
    """The subscriptions of one topic; a deletion is that of the subscriber."""

    async def make(self, name: str) -> None:
        await self.services.subscribers.upsert(self.environment, SubscriberId(name), {})
        items = [SubscriptionItem(subscriber_id=name)]
        outcome = await self.services.subscriptions.subscribe(self.environment, "news", items)
        assert len(outcome.memberships) == 1

    async def delete(self, name: str) -> None:
        await self.services.subscribers.delete(self.environment, SubscriberId(name))

    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        page = await self.services.memberships.list_page(self.environment, "news", query, None, None)
        return [(one.subscriber.subscriber_id, one.subscription.id) for one in page.rows], page


class Memberships(Things):
    """The subscriptions of one subscriber; a deletion is that of the topic."""

    async def make(self, name: str) -> None:
        await self.services.subscribers.upsert(self.environment, SubscriberId("ada"), {})
        items = [SubscriptionItem(subscriber_id="ada")]
        outcome = await self.services.subscriptions.subscribe(self.environment, name, items)
        assert len(outcome.memberships) == 1

    async def delete(self, name: str) -> None:
        await self.services.topics.delete(self.environment, name)

    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        ada = await self.services.subscribers.get(self.environment, SubscriberId("ada"))
        page = await self.services.memberships.joined(self.environment, ada, query, None, None)
        return [(one.topic.key, one.subscription.id) for one in page.rows], page


class Contexts(Things):
    wanted = ContextFilter()

    async def make(self, name: str) -> None:
        await self.services.contexts.create(self.environment, ContextCreate("tenant", name))

    async def delete(self, name: str) -> None:
        await self.services.contexts.delete(self.environment, "tenant", name)

    async def read(self, query: CursorQuery) -> tuple[list[tuple[str, str]], CursorPage[Any]]:
        page = await self.services.contexts.find(self.environment, query, self.wanted)
        return [(one.id, one.key) for one in page.rows], page


class ContextsFound(Contexts):
    wanted = ContextFilter(search="tenant")


KINDS = [Subscribers, SubscribersByChange, SubscribersFound, Topics, Members, Memberships, Contexts, ContextsFound]


@pytest.fixture
async def services(store_url: str, key_prefix: str) -> AsyncIterator[Services]:
    async with open_services(Settings(redis_url=store_url, key_prefix=key_prefix), store_url, serving=True) as services:
        yield services


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def things(services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Things:
    monkeypatch.setattr(scan, "SLICE", SEARCH_SLICE)
    kind: type[Things] = request.param
    return kind(services)


class Interruption:
    """What happens right after each of the next readings of an index, before its rows are read."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[Step] = []
        self._execute, self._run = client.execute, client.run
        monkeypatch.setattr(client, "execute", self.execute)
        monkeypatch.setattr(client, "run", self.run)

    async def execute(self, *command: Any) -> Any:
        reply = await self._execute(*command)
        if command[0] == "ZREVRANGEBYLEX":
            await self._interrupt()
        return reply

    async def run(self, script: Script[Any], *call: Any) -> Any:
        reply = await self._run(script, *call)
        if script is LISTING_PAGE:
            await self._interrupt()
        return reply

    async def _interrupt(self) -> None:
        if self.steps:
            await self.steps.pop(0)()


@pytest.fixture
def interruption(services: Services, monkeypatch: pytest.MonkeyPatch) -> Interruption:
    return Interruption(services.client, monkeypatch)


def deleting(things: Things, *names: str) -> Step:
    async def delete() -> None:
        for name in names:
            await things.delete(name)

    return delete


async def make(things: Things, count: int) -> list[str]:
    """So many, newest first."""
    names = [f"n{number:03d}" for number in range(count)]
    for name in names:
        await things.make(name)
    rows, page = await things.read(CursorQuery(100))
    assert {name for name, _ in rows} == set(names)
    assert page.next is None
    return [name for name, _ in rows]


async def test_a_page_fills_up_though_its_rows_go(things: Things, interruption: Interruption) -> None:
    """The index names rows that are gone when they are read, the last one too, from which the next reading goes on."""
    names = await make(things, 14)
    gone = [names[0], names[2], *names[4:8]]
    interruption.steps = [deleting(things, *gone), deleting(things, names[8], names[9])]
    pages = [page async for page in things.walk(5)]
    left = [name for name in names if name not in gone and name not in names[8:10]]
    assert [name for page, _ in pages for name in page] == left
    assert [len(page) for page, _ in pages] == [5, 1]
    assert interruption.steps == []


async def test_backwards_too(things: Things, interruption: Interruption) -> None:
    names = await make(things, 14)
    rows, _ = await things.read(CursorQuery(100))
    gone = [*names[5:10], names[11]]
    interruption.steps = [deleting(things, *gone)]
    read, page = await things.read(CursorQuery(5, cursor=dict(rows)[names[12]], side="before"))
    assert [name for name, _ in read] == [*names[1:5], names[10]]
    assert page.previous is not None
    assert interruption.steps == []


async def test_the_last_page_says_that_it_is(things: Things, interruption: Interruption) -> None:
    names = await make(things, 8)
    interruption.steps = [deleting(things, *names[5:])]
    rows, page = await things.read(CursorQuery(5))
    assert ([name for name, _ in rows], page.next) == (names[:5], None)


async def test_one_that_is_still_being_made_shortens_no_page(services: Services) -> None:
    """An entry is written before its record."""
    things = Subscribers(services)
    names = await make(things, 6)
    number = things.environment.number
    key = services.keys.subscribers(number)
    for bucket in range(4):
        await services.client.execute("ZADD", key, 2**42, bytes.fromhex(new_subscriber_oid(bucket)))
    rows, page = await things.read(CursorQuery(4))
    assert ([name for name, _ in rows], page.next) == (names[:4], dict(rows)[names[3]])
    newest = await services.subscriber_list.newest(things.environment, 0, 4)
    assert len(newest) == 4


async def test_numbered_pages_fill_up(services: Services, interruption: Interruption) -> None:
    topics, environment = Topics(services), services.environments.current
    names = await make(topics, 10)
    interruption.steps = [deleting(topics, *names[:3])]
    named, total = await services.topics.list_numbered(environment, 0, 4, None, "News")
    assert ([one.key for one in named], total) == (names[3:7], 10)
    interruption.steps = [deleting(topics, names[3])]
    listed, _ = await services.topics.list_numbered(environment, 0, 4, None, None)
    assert [one.key for one in listed] == names[4:8]

    for number in range(8):
        await services.tenants.create(environment, f"t{number}", TenantChange(name="T"))

    async def delete_tenants() -> None:
        for number in (7, 5):
            await services.tenants.delete(environment, f"t{number}")

    interruption.steps = [delete_tenants]
    tenants, has_more = await services.tenants.list_page(environment, 0, 4)
    assert ([one.identifier for one in tenants], has_more) == (["t6", "t4", "t3", "t2"], True)


@pytest.mark.parametrize("seed", range(2))
async def test_whoever_stays_is_met_once_on_full_pages(things: Things, seed: int) -> None:
    """Beside real creations and deletions, walk after walk until they have ended."""
    stable = [f"s{number}" for number in range(12)]
    order = random.Random(seed).sample([*stable, *(f"v{number}" for number in range(24))], 36)
    for name in order:
        await things.make(name)

    async def change(names: list[str]) -> None:
        for name in names:
            await things.delete(name)
            await things.make(f"{name}-again")
            await things.delete(f"{name}-again")

    async def walk() -> None:
        while not changing.done():
            pages = [page async for page in things.walk(WALK)]
            assert [len(page) for page, _ in pages[:-1]] == [WALK] * (len(pages) - 1)
            met = [name for page, _ in pages for name in page]
            assert sorted(name for name in met if name in stable) == sorted(stable)
            assert len(set(met)) == len(met)

    volatile = [name for name in order if name.startswith("v")]
    changing = asyncio.gather(*(change(volatile[start::3]) for start in range(3)))
    await asyncio.gather(changing, walk(), walk())
