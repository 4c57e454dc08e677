"""Ending tasks that do not want to."""

from __future__ import annotations

import asyncio

from inbox.tasks import end_tasks


async def test_a_task_that_loses_cancellations_ends_all_the_same() -> None:
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert task.cancelled()
    assert lost == 3


async def test_a_task_that_failed_is_simply_over() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await end_tasks(task)
    assert isinstance(task.exception(), ValueError)
