"""The canary: one late probe is no break, two in a row are, and what fails at once counts at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from inbox.errors import ServiceUnavailable, StoreUnavailable, WriteRefused
from inbox.realtime import canary as module
from inbox.realtime.canary import Canary


class Way:
    """What a probe goes through. `outcomes` are those of the next probes: an error or `LOST`; then all is well."""

    LOST = "no answer"

    def __init__(self, *outcomes: Exception | str) -> None:
        self.outcomes = [*outcomes]
        self.probes = 0
        self.hold: asyncio.Event | None = None

    async def __call__(self) -> None:
        self.probes += 1
        if self.hold:
            await self.hold.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            await asyncio.Event().wait()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe is late at once."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.0)


def noting(breaks: list[ServiceUnavailable]) -> Callable[[ServiceUnavailable], None]:
    return breaks.append


async def test_what_is_known_is_answered_without_a_probe() -> None:
    way = Way()
    canary = Canary(way, noting([]))
    for _ in range(3):
        await canary.check()
    assert way.probes == 1, "before the first one nothing is known"
    canary.note_failure(StoreUnavailable())
    await canary.check()
    assert way.probes == 2, "after a failure it is asked again"


@pytest.mark.usefixtures("soon")
async def test_one_late_probe_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    breaks: list[ServiceUnavailable] = []
    way = Way(Way.LOST)
    canary = Canary(way, noting(breaks))
    assert await canary.run() == 0.0
    assert canary.is_well
    monkeypatch.setattr(module, "ANSWER_SECONDS", 60.0)
    assert await canary.run() is None
    await canary.check()
    assert (way.probes, breaks) == (2, [])


@pytest.mark.usefixtures("soon")
async def test_two_late_probes_in_a_row_are_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    breaks: list[ServiceUnavailable] = []
    canary = Canary(Way(*[Way.LOST] * 5), noting(breaks))
    for _ in range(5):
        assert await canary.run() == 0.0
    assert not canary.is_well
    assert len(breaks) == 1
    monkeypatch.setattr(module, "ANSWER_SECONDS", 60.0)
    await canary.check()
    assert canary.is_well
    assert await canary.run() is None


async def test_a_failure_of_the_store_counts_at_once_and_ends_with_the_next_probe() -> None:
    canary = Canary(Way(StoreUnavailable(), WriteRefused("OOM")), noting([]))
    assert await canary.run() is None
    assert not canary.is_well
    with pytest.raises(WriteRefused) as refused:
        await canary.check()
    assert refused.value.refusal == "OOM"
    await canary.check()


async def test_an_unexpected_error_counts_at_once_too_and_is_raised_for_the_log() -> None:
    canary = Canary(Way(TypeError("first"), TypeError("second"), TypeError("third")), noting([]))
    with pytest.raises(TypeError, match="first"):
        await canary.run()
    assert not canary.is_well
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await canary.check()
    await canary.check()
    assert canary.is_well


async def test_many_who_ask_share_a_probe() -> None:
    way = Way()
    way.hold = asyncio.Event()
    canary = Canary(way, noting([]))
    asking = [asyncio.create_task(canary.check()) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    way.hold.set()
    await asyncio.gather(*asking)
    assert way.probes == 1


async def test_who_gives_up_does_not_end_the_probe_of_others() -> None:
    way = Way()
    way.hold = asyncio.Event()
    canary = Canary(way, noting([]))
    first, second = (asyncio.create_task(canary.check()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    way.hold.set()
    await second
    assert (first.cancelled(), way.probes) == (True, 1)
