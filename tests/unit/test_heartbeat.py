"""Heartbeats: asked, answered, or the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from inbox.events import PING_TIMEOUT, Close
from inbox.fanout.heartbeat import Heartbeat, Rhythm

INTERVAL, PATIENCE = 0.05, 0.2


class Peer:
    """A connection that notes when it was asked, and how it ended."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.ended: list[Close] = []
        self.news = asyncio.Event()
        self.began = 0.0

    def send(self, frame: bytes) -> None:
        assert frame == b"2"
        self.asked.append(asyncio.get_running_loop().time())
        self.news.set()

    def end(self, close: Close) -> None:
        self.ended.append(close)
        self.news.set()

    async def next(self) -> None:
        self.news.clear()
        async with asyncio.timeout(5):
            await self.news.wait()


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def heartbeat(peer: Peer) -> AsyncIterator[Heartbeat]:
    peer.began = asyncio.get_running_loop().time()
    heartbeat = Heartbeat(peer, b"2", Rhythm(INTERVAL, PATIENCE))  # type: ignore[arg-type]
    yield heartbeat
    heartbeat.stop()


async def test_each_answer_is_followed_by_another_question(peer: Peer, heartbeat: Heartbeat) -> None:
    for _ in range(5):
        await peer.next()
        heartbeat.heard()
    gaps = [later - earlier for earlier, later in zip(peer.asked, peer.asked[1:], strict=False)]
    assert (len(gaps), min(gaps) >= INTERVAL * 0.8, peer.ended) == (4, True, [])


async def test_silence_is_the_end(peer: Peer, heartbeat: Heartbeat) -> None:
    await peer.next()
    await peer.next()
    assert (len(peer.asked), peer.ended) == (1, [PING_TIMEOUT])
    assert asyncio.get_running_loop().time() - peer.asked[0] >= PATIENCE * 0.8


async def test_an_answer_that_nobody_asked_for_puts_nothing_off(peer: Peer, heartbeat: Heartbeat) -> None:
    asking = asyncio.create_task(peer.next())
    while not asking.done():
        heartbeat.heard()
        await asyncio.sleep(INTERVAL / 10)
    assert peer.asked[0] - peer.began >= INTERVAL * 0.8


async def test_a_stopped_one_is_silent(peer: Peer, heartbeat: Heartbeat) -> None:
    heartbeat.stop()
    await asyncio.sleep(2 * INTERVAL)
    assert (peer.asked, peer.ended) == ([], [])
