"""Timers over two processes, one of them killed half-way: each fires once, none early. At a twentieth."""

from __future__ import annotations

from .timers import FULL, run


async def test_each_timer_fires_once_and_none_early() -> None:
    report = await run(FULL // 20, spread_seconds=3.0)
    assert report.once == report.timers
    assert report.lateness[0] >= 0
