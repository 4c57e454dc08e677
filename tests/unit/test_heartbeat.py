"""Heartbeats: asked, answered, or the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from inbox.realtime.events import PING_TIMEOUT, Close
from inbox.realtime.socketio.heartbeat import Heartbeat, Rhythm

INTERVAL, PATIENCE = 0.05, 0.2
ENDLESS = 3_600.0
"""A patience that no stalled machine exhausts."""


class Peer:
    """A connection that notes when it was asked, and how it ended."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.ended: list[Close] = []
        self._news: asyncio.Queue[None] = asyncio.Queue()
        self.began = 0.0

    def send(self, frame: bytes) -> None:
        assert frame == b"2"
        self.asked.append(asyncio.get_running_loop().time())
        self._news.put_nowait(None)

    def end(self, close: Close) -> None:
        self.ended.append(close)
        self._news.put_nowait(None)

    async def next(self) -> None:
        """Return once it was asked, or ended, once more than before."""
        async with asyncio.timeout(60):
            await self._news.get()


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture(params=[ENDLESS])
async def heartbeat(peer: Peer, request: pytest.FixtureRequest) -> AsyncIterator[Heartbeat]:
    peer.began = asyncio.get_running_loop().time()
    heartbeat = Heartbeat(peer, b"2", Rhythm(INTERVAL, request.param))  # type: ignore[arg-type]
    yield heartbeat
    heartbeat.stop()


async def test_each_answer_is_followed_by_another_question(peer: Peer, heartbeat: Heartbeat) -> None:
    for _ in range(5):
        await peer.next()
        heartbeat.acknowledge()
    gaps = [later - earlier for earlier, later in zip(peer.asked, peer.asked[1:], strict=False)]
    assert (len(gaps), min(gaps) >= INTERVAL * 0.8, peer.ended) == (4, True, [])


@pytest.mark.parametrize("heartbeat", [PATIENCE], indirect=True)
async def test_silence_is_the_end(peer: Peer, heartbeat: Heartbeat) -> None:
    await peer.next()
    await peer.next()
    assert (len(peer.asked), peer.ended) == (1, [PING_TIMEOUT])
    assert asyncio.get_running_loop().time() - peer.asked[0] >= PATIENCE * 0.8


async def test_an_answer_that_nobody_asked_for_puts_nothing_off(peer: Peer, heartbeat: Heartbeat) -> None:
    asking = asyncio.create_task(peer.next())
    while not asking.done():
        heartbeat.acknowledge()
        await asyncio.sleep(INTERVAL / 10)
    assert peer.asked[0] - peer.began >= INTERVAL * 0.8


async def test_a_stopped_one_is_silent(peer: Peer, heartbeat: Heartbeat) -> None:
    heartbeat.stop()
    await asyncio.sleep(2 * INTERVAL)
    assert (peer.asked, peer.ended) == ([], [])
