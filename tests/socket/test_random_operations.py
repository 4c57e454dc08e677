"""Random operations by concurrent clients over two processes: feeds, counts and pushes agree with a plain model.

The full size: python -m pytest -m slow tests/socket/test_random_operations.py
The seed is printed on failure; give it back with INBOX_TEST_SEED.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import one_server_and_cluster
from tests.support.client import Api, InboxApi, create_session, segment
from tests.support.mirror import FeedMirror, shared
from tests.support.model import EDITS, SubscriberModel, count_unread, count_unseen
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, PlainSocket

from .conftest import Pair

COUNT_LIMIT = 100
MARKS = ("read", "unread", "seen", "unseen")
BUTTONS = ("primary", "secondary")


class Scene:
    """One subscriber: its model, its pages at both processes, and the messages that its clients know of."""

    def __init__(self, subscriber_id: str, pair: Pair) -> None:
        self.subscriber_id = subscriber_id
        self.pair = pair
        self.model = SubscriberModel()
        self.ids: dict[str, str] = {}  # transaction id → message id
        self.triggered = 0

    async def open(self) -> None:
        self.sockets = await self.pair.sockets(self.subscriber_id)
        self.inboxes = await self.pair.inboxes(self.subscriber_id)
        self.mirrors = (FeedMirror(), FeedMirror())
        self.applied = 0
        self.learned = 0

    def learn(self) -> None:
        """Clients act on what a page has been shown."""
        frames = self.sockets[0].frames
        for frame in frames[self.learned :]:
            if frame.event == RECEIVED:
                self.ids[frame.data["message"]["transactionId"]] = frame.data["message"]["_id"]
        self.learned = len(frames)

    def mirrored(self) -> Iterator[FeedMirror]:
        """What each page shows after all that it was told."""
        for socket, mirror in zip(self.sockets, self.mirrors, strict=True):
            mirror.apply(socket.frames[self.applied :])
            yield mirror
        self.applied = len(self.sockets[0].frames)


class Client:
    """One of several that act for a subscriber, each request at either process."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self.scene = scene
        self.chance = chance

    @property
    def api(self) -> Api:
        return self.chance.choice(self.scene.pair.apis)

    @property
    def inbox(self) -> InboxApi:
        return self.chance.choice(self.scene.inboxes)

    async def act(self) -> None:
        """One operation of a kind a page or a backend would choose."""
        if not self.scene.ids or self.chance.random() < 0.35:
            await self.trigger()
            return
        operation = self.chance.choices(
            (self.mark, self.mark_all, self.press, self.change, self.see, self.edit), (4, 1, 2, 4, 2, 3)
        )[0]
        await operation()

    async def run(self, kind: str, transactions: list[str] | None, request: Callable[[], Awaitable[Any]]) -> None:
        operation = self.scene.model.begin(kind, transactions)
        await request()
        self.scene.model.finish(operation)

    def some(self, most: int) -> list[str]:
        """Transaction ids of known messages."""
        known = list(self.scene.ids)
        return self.chance.sample(known, min(len(known), self.chance.randint(1, most)))

    def ids_of(self, transactions: list[str]) -> list[str]:
        return [self.scene.ids[transaction] for transaction in transactions]

    async def trigger(self) -> None:
        """A new transaction, sometimes sent several times at once."""
        transaction = f"{self.scene.subscriber_id}-{self.scene.triggered}"
        self.scene.triggered += 1
        repeats = self.chance.choice((1, 1, 1, 2, 3))
        to, payload = self.scene.subscriber_id, {"n": self.scene.triggered}
        calls = [self.api for _ in range(repeats)]
        await self.run(
            "trigger",
            [transaction],
            lambda: asyncio.gather(*(api.trigger(to, payload, transactionId=transaction) for api in calls)),
        )

    async def mark(self) -> None:
        mark, chosen = self.chance.choice(MARKS), self.some(5)
        ids = self.ids_of(chosen)
        await self.run(f"v1.{mark}", chosen, lambda: self.api.mark_as(self.scene.subscriber_id, ids, mark))

    async def mark_all(self) -> None:
        mark = self.chance.choice(MARKS)
        await self.run(f"v1.all.{mark}", None, lambda: self.api.mark_all(self.scene.subscriber_id, mark))

    async def press(self) -> None:
        button, status, [chosen] = self.chance.choice(BUTTONS), self.chance.choice(("pending", "done")), self.some(1)
        message_id, subscriber_id = self.scene.ids[chosen], self.scene.subscriber_id
        await self.run(
            f"v1.{button}.{status}", [chosen], lambda: self.api.act(subscriber_id, message_id, button, status)
        )

    async def change(self) -> None:
        verb, [chosen] = self.chance.choice(("read", "unread", "complete", "revert")), self.some(1)
        button = self.chance.choice(BUTTONS)
        body = {"actionType": button} if verb in ("complete", "revert") else None
        kind = f"inbox.{button}.{verb}" if body else f"inbox.{verb}"
        await self.run(kind, [chosen], lambda: self.inbox.change(self.scene.ids[chosen], verb, body))

    async def edit(self) -> None:
        """By the backend, one message or that of a transaction."""
        [chosen], text = self.some(1), self.chance.choice(list(EDITS))
        body = {"body": text, "severity": EDITS[text]}
        target = self.chance.choice((self.scene.ids[chosen], f"transaction/{segment(chosen)}"))
        await self.run(f"edit.{text}", [chosen], lambda: self.api.call("PATCH", f"/v1/messages/{target}", 200, body))

    async def see(self) -> None:
        if self.chance.random() < 0.2:
            await self.run("inbox.read", None, self.inbox.read_all)
        else:
            chosen = self.some(20)
            await self.run("inbox.seen", chosen, lambda: self.inbox.see(self.ids_of(chosen)))


async def settle(scene: Scene) -> list[dict[str, Any]]:
    """The feed as listed once all that was acknowledged has also reached both pages: a last message is the fence."""
    fence = f"{scene.subscriber_id}-{scene.triggered}"
    scene.triggered += 1
    operation = scene.model.begin("trigger", [fence])
    await scene.pair.apis[0].trigger(scene.subscriber_id, {"n": scene.triggered}, transactionId=fence)
    scene.model.finish(operation)
    for socket in scene.sockets:
        await socket.reach(fence)
    return await scene.pair.apis[1].feed(scene.subscriber_id)


def changes_told(socket: PlainSocket) -> list[tuple[str, Any]]:
    """What changed, in order. Not in which state: an update shows a message as it is when the update is sent."""
    changes = [frame for frame in socket.frames if frame.event not in (UNSEEN, UNREAD)]
    return [(frame.event, frame.data["message"]["_id"] if "message" in frame.data else frame.data) for frame in changes]


def check_pages(scene: Scene, feed: list[dict[str, Any]]) -> None:
    """Each page was told the same in the same order, and what it was told adds up to the feed as it is."""
    first, second = scene.sockets
    assert changes_told(first) == changes_told(second)
    assert sorted(first.received()) == sorted(message["transactionId"] for message in feed), "each message came once"
    for mirror in scene.mirrored():
        assert mirror.unseen == min(count_unseen(feed), COUNT_LIMIT)
        assert mirror.unread == min(count_unread(feed), COUNT_LIMIT)
        if not mirror.stale:
            assert mirror.messages == {message["_id"]: shared(message) for message in feed}
        mirror.load(feed)


async def check_counts(scene: Scene, feed: list[dict[str, Any]]) -> None:
    """Every count that the service gives is what a recount of the listed messages gives."""
    unseen, unread = count_unseen(feed), count_unread(feed)
    for server, api, inbox in zip(scene.pair.servers, scene.pair.apis, scene.inboxes, strict=True):
        assert await api.unseen(scene.subscriber_id) == unseen
        counts = await inbox.count('{"seen":false}', '{"read":false}', "{}", '{"read":true}')
        expected = (unseen, unread, len(feed), len(feed) - unread)
        assert counts == [min(count, COUNT_LIMIT) for count in expected]
        session = await create_session(server, scene.subscriber_id)
        assert session["totalUnreadCount"] == session["unreadCount"]["total"] == min(unread, COUNT_LIMIT)
        assert len(await api.feed(scene.subscriber_id, read="true")) == len(feed) - unread
        assert len(await inbox.notifications(read="false")) == unread


async def pause(scene: Scene) -> None:
    feed = await settle(scene)
    scene.model.check(feed)
    check_pages(scene, feed)
    await check_counts(scene, feed)
    listed = [(item["id"], item["isSeen"], item["isRead"]) for item in await scene.inboxes[0].notifications()]
    assert listed == [(message["_id"], message["seen"], message["read"]) for message in feed]


async def work(client: Client, operations: int) -> None:
    for _ in range(operations):
        await client.act()
        client.scene.learn()


def frames_in_groups(socket: PlainSocket) -> None:
    """Every change comes as its events, then unseen, then unread."""
    for before, after in zip(socket.frames, socket.frames[1:], strict=False):
        assert (after.event == UNREAD) == (before.event == UNSEEN)
        assert after.event != UNSEEN or before.event not in (UNSEEN, UNREAD)


@dataclass(frozen=True)
class Load:
    """How many subscribers, how many clients act for each at once, and how much they do between how many pauses."""

    subscribers: int
    clients: int
    operations: int
    pauses: int


LOADS = [
    pytest.param(Load(subscribers=5, clients=3, operations=1_000, pauses=8), id="1,000"),
    pytest.param(Load(subscribers=1, clients=12, operations=500, pauses=10), id="one contended feed"),
    pytest.param(Load(subscribers=5, clients=3, operations=10_000, pauses=25), id="10,000", marks=pytest.mark.slow),
]


@one_server_and_cluster
@pytest.mark.parametrize("load", LOADS)
async def test_everything_agrees_with_the_model_at_every_pause(any_pair: Pair, load: Load) -> None:
    seed = int(os.environ.get("INBOX_TEST_SEED") or random.randrange(2**32))
    print(f"INBOX_TEST_SEED={seed}")
    chance = random.Random(seed)
    scenes = [Scene(f"subscriber-{number}", any_pair) for number in range(load.subscribers)]
    for scene in scenes:
        await scene.open()
    clients = [Client(scene, random.Random(chance.random())) for scene in scenes for _ in range(load.clients)]
    share = -(-load.operations // (load.pauses * len(clients)))
    for _ in range(load.pauses):
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(work(client, share))
        for scene in scenes:
            await pause(scene)
    for scene in scenes:
        for socket in scene.sockets:
            frames_in_groups(socket)
