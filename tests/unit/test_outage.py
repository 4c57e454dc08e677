"""An outage of the store is two lines: one when it begins, one when all is well again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from inbox.errors import StoreUnavailable
from inbox.store import outage
from inbox.store.outage import OutageWatch


class Store:
    """Whether it is well, and how often it was asked."""

    def __init__(self) -> None:
        self.is_well = False
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()

    async def check(self) -> None:
        self.asked.set()
        if not self.is_well:
            raise StoreUnavailable
        self.answered.set()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(outage, "BACKOFF_SECONDS", (0.001,))
    return Store()


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "action", "") for record in caplog.records if record.name == outage.__name__]


async def end_of(store: Store, caplog: pytest.LogCaptureFixture, lines: int) -> None:
    store.is_well = True
    await asyncio.wait_for(store.answered.wait(), 10)
    async with asyncio.timeout(10):
        while len(actions(caplog)) < lines:
            await asyncio.sleep(0)
    store.is_well = False
    store.asked.clear()
    store.answered.clear()


async def test_many_failures_are_one_outage(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    watch = OutageWatch(store.check)
    for outages in (1, 2):
        for _ in range(3):
            for number in range(50):
                watch.note(ConnectionError(f"connection {number}\nrefused"))
            await asyncio.wait_for(store.asked.wait(), 10)
            store.asked.clear()
        assert actions(caplog) == ["store_failing", "store_recovered"] * (outages - 1) + ["store_failing"]
        await end_of(store, caplog, 2 * outages)
        assert actions(caplog) == ["store_failing", "store_recovered"] * outages
    await watch.close()
    first, second = caplog.records[:2]
    assert (first.levelno, first.getMessage()) == (logging.ERROR, "the store fails: connection 0 refused")
    assert second.getMessage().startswith("the store is well again, after ")


async def test_a_stop_is_no_outage(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    watch = OutageWatch(store.check)
    watch.note(TimeoutError())
    await asyncio.wait_for(store.asked.wait(), 10)
    await watch.close()
    watch.note(TimeoutError())
    assert actions(caplog) == ["store_failing"]
    assert caplog.records[0].getMessage() == "the store fails: TimeoutError"
