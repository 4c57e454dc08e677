"""Each fault at a tenth of its size, or at its minimum. `python -m tests.faults` runs them at full size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from .run import HEAD, Run
from .scenarios import SCENARIOS
from .stage import Stages

SCALE = 0.1
# A request of the clients that is cancelled while it connects may leave its socket to the garbage collector. The
# services, which the scenarios are about, are other processes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages() -> AsyncIterator[Stages]:
    async with aclosing(Stages()) as stages:
        yield stages


@pytest.mark.needs("valkey")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SCENARIOS)
async def test_nothing_is_found_after(stages: Stages, name: str) -> None:
    scenario = SCENARIOS[name]
    async with stages.of(scenario.kind) as stage:
        report = await Run(stage, scenario, SCALE).perform()
        print(f"{HEAD}\n{report.row()}")
        assert report.findings == []
