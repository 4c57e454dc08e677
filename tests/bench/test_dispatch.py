"""A broadcast over two processes, one of them killed half-way: everybody has it exactly once. At a fiftieth."""

from __future__ import annotations

from .dispatch import FULL, run


async def test_everybody_has_it_once_although_a_process_was_killed() -> None:
    report = await run(FULL // 50, idle_seconds=1.0)
    assert report.having_it_once == report.people
    assert report.bytes_each < 400  # of so few, a content in each bucket is a good part
