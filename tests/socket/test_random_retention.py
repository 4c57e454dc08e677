"""A feed at its length limit in an environment at its age limit: at every pause the counts are those of a recount.

Clients of two processes trigger, mark, press, delete and snooze at random while feeds are trimmed by length and by age;
snoozes have ended already, so messages move as well. The full size:

    python -m pytest -m slow tests/socket/test_random_retention.py
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from inbox.ids import SubscriberId
from inbox.service.environments.retention import DAY_MS, RetentionSweep
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.changes import INBOX_SNOOZE
from inbox.store.client import open_client
from inbox.store.messages import TRIM_SLACK, MessageStore
from inbox.store.retention import RetentionStore
from inbox.store.rows import parse_message_id
from tests.conftest import RunServer, one_server_and_cluster
from tests.support.client import Api, InboxApi
from tests.support.mirror import FeedMirror, shared
from tests.support.model import count_unread, count_unseen
from tests.support.sockets import PlainSocket

from .conftest import Pair, start_pair

LENGTH = 30
COUNT_LIMIT = 100
PEOPLE = ("ada", "bob")
CLIENTS = 3


@dataclass
class Rig:
    """Two processes, and the store beneath them for what the API does not do: snoozes in the past, an early sweep."""

    pair: Pair
    services: Services
    messages: MessageStore
    sweep: RetentionSweep

    async def snooze(self, subscriber_id: str, message_id: str) -> None:
        """A snooze that has ended by the time anybody looks."""
        environment = self.services.environments.current.number
        feed = await self.services.feed_store.open(environment, SubscriberId(subscriber_id))
        await self.messages.snooze(feed, parse_message_id(message_id), INBOX_SNOOZE, int(time.time() * 1_000) - 1)

    async def cut_off(self, subscriber_id: str) -> int:
        """How many rows of a feed have been cut off."""
        environment = self.services.environments.current.number
        feed = await self.services.feed_store.open(environment, SubscriberId(subscriber_id))
        state = await self.services.feed_store.state(feed)
        assert state is not None
        return state.base

    async def expire_before(self, moment_ms: int) -> None:
        """A sweep as if what was stored before that moment were too old."""
        days = self.services.environments.current.max_age_days
        await self.sweep.sweep(moment_ms + days * DAY_MS)


@pytest.fixture
async def rig(run_server: RunServer, store_url: str, key_prefix: str) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        pair = await start_pair(run_server, stack, store_url, key_prefix, INBOX_MAX_FEED_LENGTH=str(LENGTH))
        client = await open_client(store_url)
        stack.push_async_callback(client.close)
        services = Services(Settings(redis_url=store_url, key_prefix=key_prefix), client)
        await services.environments.load()
        messages = MessageStore(client, services.keys, services.feed_store, LENGTH)
        store = RetentionStore(client, services.keys)
        yield Rig(pair, services, messages, RetentionSweep(store, services.feed_store, messages, services.environments))


class Person:
    """One subscriber with a page at each process."""

    def __init__(self, rig: Rig, name: str, chance: random.Random) -> None:
        self.rig, self.name, self.chance = rig, name, chance
        self.mirrors = (FeedMirror(), FeedMirror())
        self.read_to = [0, 0]

    async def open(self) -> None:
        self.sockets: tuple[PlainSocket, PlainSocket] = await self.rig.pair.sockets(self.name)
        self.inboxes: tuple[InboxApi, InboxApi] = await self.rig.pair.inboxes(self.name)

    @property
    def api(self) -> Api:
        return self.chance.choice(self.rig.pair.apis)

    async def work(self, operations: int) -> None:
        known: list[str] = []
        for _ in range(operations):
            if self.chance.random() < 0.55 or not known:
                await self.api.trigger(self.name, {"n": 1})
                known = [one["id"] for one in (await self.inboxes[0].page(limit=50))["data"]]
            else:
                await self.change(self.chance.choice(known))

    async def change(self, message_id: str) -> None:
        inbox = self.chance.choice(self.inboxes)
        match self.chance.randrange(6):
            case 0:
                await self.api.mark_all(self.name, self.chance.choice(("read", "unread", "seen", "unseen")))
            case 1:
                await inbox.see([message_id])
            case 2:
                await self.rig.snooze(self.name, message_id)
            case 3:
                await inbox.read_all()
            case 4:  # it may be gone by now
                await inbox.client.delete(f"/v1/inbox/notifications/{message_id}/delete")
            case 5:
                await inbox.client.patch(f"/v1/inbox/notifications/{message_id}/unread")

    async def pause(self, fence: str) -> None:
        """Lists every message, once all that was acknowledged has reached both pages, and recounts."""
        await self.api.unseen(self.name)  # a reading: what was snoozed last has moved before the fence comes
        await self.api.trigger(self.name, {"n": 0}, transactionId=fence)
        for socket in self.sockets:
            await socket.reach(fence)
        feed = await self.rig.pair.apis[1].feed(self.name)
        assert len(feed) <= LENGTH + TRIM_SLACK
        unseen, unread = count_unseen(feed), count_unread(feed)
        for api, inbox in zip(self.rig.pair.apis, self.inboxes, strict=True):
            assert await api.unseen(self.name) == unseen
            counts = await inbox.count('{"seen":false}', '{"read":false}', "{}")
            assert counts == [min(count, COUNT_LIMIT) for count in (unseen, unread, len(feed))]
            assert len(await inbox.notifications()) == len(feed)
        for place, socket in enumerate(self.sockets):
            self.check_page(place, socket, feed)

    def check_page(self, place: int, socket: PlainSocket, feed: list[dict[str, Any]]) -> None:
        mirror = self.mirrors[place]
        mirror.apply(socket.frames[self.read_to[place] :])
        self.read_to[place] = len(socket.frames)
        assert (mirror.unseen, mirror.unread) == (
            min(count_unseen(feed), COUNT_LIMIT),
            min(count_unread(feed), COUNT_LIMIT),
        )
        if not mirror.stale:
            assert mirror.messages == {message["_id"]: shared(message) for message in feed}
        mirror.load(feed)


SIZES = [
    pytest.param(30, 6, id="1,000"),
    pytest.param(100, 20, id="12,000", marks=pytest.mark.slow),
]


@one_server_and_cluster
@pytest.mark.parametrize(("operations", "pauses"), SIZES)
async def test_counts_are_those_of_a_recount_at_every_pause(rig: Rig, operations: int, pauses: int) -> None:
    seed = int(os.environ.get("INBOX_TEST_SEED") or random.randrange(2**32))
    print(f"INBOX_TEST_SEED={seed}")
    chance = random.Random(seed)
    people = [Person(rig, name, random.Random(chance.random())) for name in PEOPLE]
    for person in people:
        await person.open()
    for turn in range(pauses):
        began_ms = int(time.time() * 1_000)
        async with asyncio.TaskGroup() as tasks:
            for person in people:
                for _ in range(CLIENTS):
                    tasks.create_task(person.work(operations))
            tasks.create_task(rig.expire_before(began_ms))
        for person in people:
            await person.pause(f"{person.name}-{turn}")
    assert await rig.cut_off(PEOPLE[0]) > 0, "feeds were trimmed"
