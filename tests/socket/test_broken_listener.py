"""The pub/sub connection alone dies again and again: nobody misses, doubles or reorders anything."""

from __future__ import annotations

import asyncio
import random

from tests.support.mirror import FeedMirror, shared
from tests.support.model import count_unread, count_unseen
from tests.support.sockets import PlainSocket
from tests.support.stores import connect, server_urls

from .conftest import Pair

SUBSCRIBERS = 6
MESSAGES = 60  # to each
MAX_SECONDS_BETWEEN_KILLS = 0.25
REPAIR_SECONDS = 20


def kill_listeners(store_url: str) -> int:
    """Ends every connection in pub/sub mode; how many there were."""
    killed = 0
    for url in server_urls(store_url):
        with connect(url) as client:
            killed += int(client.client_kill_filter(_type="pubsub"))
    return killed


async def keep_killing(store_url: str, done: asyncio.Event) -> int:
    killed = 0
    while not done.is_set():
        killed += await asyncio.to_thread(kill_listeners, store_url)
        pause = random.uniform(0, MAX_SECONDS_BETWEEN_KILLS)
        try:
            await asyncio.wait_for(done.wait(), pause)
        except TimeoutError:
            continue
    return killed


async def send(pair: Pair, subscriber_id: str) -> None:
    """Messages one after the other, alternately at both processes, some marked on the way."""
    for number in range(MESSAGES):
        api = pair.apis[number % 2]
        await api.trigger(subscriber_id, {"n": number}, transactionId=f"{subscriber_id}-{number}")
        if number % 7 == 3 and number < MESSAGES - 1:  # the last change is the last message: the sockets wait for it
            page = await api.feed_page(subscriber_id, limit=3)
            await api.mark_as(subscriber_id, [message["_id"] for message in page["data"]], "read")


async def check(pair: Pair, subscriber_id: str, socket: PlainSocket) -> None:
    feed = await pair.api.feed(subscriber_id)
    assert socket.received() == [f"{subscriber_id}-{number}" for number in range(MESSAGES)]
    mirror = FeedMirror()
    mirror.apply(socket.frames)
    assert (mirror.unseen, mirror.unread) == (count_unseen(feed), count_unread(feed))
    if not mirror.stale:
        assert mirror.messages == {message["_id"]: shared(message) for message in feed}


async def test_every_message_comes_once_and_in_order(any_own_pair: Pair, store_url: str) -> None:
    names = [f"subscriber-{number}" for number in range(SUBSCRIBERS)]
    sockets = {name: await any_own_pair.sockets(name) for name in names}
    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        killer = tasks.create_task(keep_killing(store_url, done))
        await asyncio.gather(*(send(any_own_pair, name) for name in names))
        done.set()
    assert killer.result() >= 4, "the listeners have to be there to be killed"
    for name in names:
        for socket in sockets[name]:
            await socket.reach(f"{name}-{MESSAGES - 1}", REPAIR_SECONDS)
            await check(any_own_pair, name, socket)
