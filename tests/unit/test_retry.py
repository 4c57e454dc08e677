"""Attempts: bounded, in one row at first, and with a pause after that."""

from __future__ import annotations

import asyncio

import pytest

from inbox.store import retry
from inbox.store.retry import EAGER_ATTEMPTS, MAX_ATTEMPTS, MAX_PAUSE_SECONDS, Attempts


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes time."""
    made: list[float] = []

    async def note(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(retry.asyncio, "sleep", note)
    return made


async def test_they_are_bounded(pauses: list[float]) -> None:
    assert [attempt async for attempt in Attempts()] == list(range(MAX_ATTEMPTS))
    assert [attempt async for attempt in Attempts(2)] == [0, 1]


async def test_the_first_follow_each_other_at_once(pauses: list[float]) -> None:
    async for attempt in Attempts():
        assert len(pauses) == max(0, attempt + 1 - EAGER_ATTEMPTS)
    assert all(0 <= seconds <= MAX_PAUSE_SECONDS for seconds in pauses)
    assert len(set(pauses)) > 1  # writers that met once do not meet again in step


async def test_others_have_their_turn_in_between() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in Attempts(EAGER_ATTEMPTS + 1):
        pass
    task.cancel()
    assert turns
