"""Delivery, as far as it needs no store."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

from inbox.models.environment import Environment
from inbox.service.trigger.triggers import TriggerService

ENVIRONMENT = Environment(1, "0" * 24, "1" * 24, "Development", "identifier00", 0)


async def test_events_that_all_fail_let_others_have_their_turn() -> None:
    count = len(inspect.signature(TriggerService).parameters)
    part = AsyncMock(begin=Mock())
    triggers = TriggerService(*cast("list[Any]", [part] * count))
    task = asyncio.create_task(triggers.trigger_many(ENVIRONMENT, [{}] * 100))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert {outcome.status for outcome in task.result()} == {"error"}
    assert turns >= 100
