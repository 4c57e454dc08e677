"""Sockets that are cut all at once come back, each by one write of presence, and nothing is lost. At a tenth."""

from __future__ import annotations

from .reconnect import SOCKETS, run


async def test_all_come_back_and_nothing_is_lost() -> None:
    storm = await run(SOCKETS // 10)
    assert (storm.lost, storm.unheard, storm.refused) == (0, 0, 0)
    # a socket that comes back after the grace has been written as gone before
    assert storm.sockets <= storm.presence_writes <= 2 * storm.sockets
