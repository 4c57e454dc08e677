"""An outage is waited for once: those who wait share the failure, and what is known is served from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from inbox.errors import StoreUnavailable, WriteRefused
from inbox.models.environment import Environment
from inbox.models.workflow import Workflow
from inbox.service.environments.environments import EnvironmentService
from inbox.service.workflows.cache import WorkflowCache
from inbox.settings import Settings
from inbox.store.environments import Registry
from inbox.tasks import SharedTurn

IDENTIFIER = "known"


class Calls:
    """Calls of a store that hang until the test answers the oldest one."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[int]] = []
        self.count = 0

    async def __call__(self, *_: object) -> int:
        self.count += 1
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]

    async def fail(self, error: Exception | None = None) -> None:
        self.waiting.pop(0).set_exception(error or StoreUnavailable())
        await settle()

    async def succeed(self) -> None:
        self.waiting.pop(0).set_result(1)
        await settle()


class Registers:
    """The store of the environments."""

    def __init__(self) -> None:
        self.version = Calls()

    async def read(self) -> Registry:
        environment = Environment(2, "e" * 24, "o" * 24, "Production", IDENTIFIER)
        return Registry(1, {2: environment}, {})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def start(count: int, ask: Callable[[], Awaitable[Any]]) -> list[asyncio.Future[Any]]:
    asked = [asyncio.ensure_future(ask()) for _ in range(count)]
    await settle()
    return asked


async def outcomes(asked: list[asyncio.Future[Any]]) -> set[str]:
    """The kinds of the results of those who were answered."""
    assert all(one.done() for one in asked)
    return {type(one).__name__ for one in await asyncio.gather(*asked, return_exceptions=True)}


@pytest.fixture
async def registers() -> Registers:
    return Registers()


@pytest.fixture
async def now() -> list[float]:
    return [100.0]


@pytest.fixture
async def environments(registers: Registers, now: list[float]) -> EnvironmentService:
    """One that has read its registry and has to check its version again."""
    service = EnvironmentService(cast(Any, registers), cast(Any, None), Settings(), clock=lambda: now[0])
    [reading] = await start(1, service.fresh)
    await registers.version.succeed()
    await reading
    assert registers.version.count == 1
    now[0] += 2
    return service


async def test_those_who_ask_at_once_share_one_attempt(environments: EnvironmentService, registers: Registers) -> None:
    asked = await start(15, lambda: environments.find_by_identifier(IDENTIFIER))
    assert registers.version.count == 2
    await registers.version.fail()
    assert await outcomes(asked) == {"StoreUnavailable"}
    assert registers.version.count == 2


async def test_what_is_known_is_served_during_an_outage(
    environments: EnvironmentService, registers: Registers, now: list[float]
) -> None:
    first = await start(1, lambda: environments.find_by_identifier(IDENTIFIER))
    await registers.version.fail()
    assert await outcomes(first) == {"StoreUnavailable"}
    [trying] = await start(1, lambda: environments.find_by_identifier(IDENTIFIER))
    others = await start(14, lambda: environments.find_by_identifier(IDENTIFIER))
    assert await outcomes(others) == {"Environment"}
    assert not trying.done()
    assert registers.version.count == 3
    await registers.version.fail()
    assert await outcomes([trying]) == {"Environment"}
    unknown = await start(15, lambda: environments.find_by_identifier("unknown"))
    await registers.version.fail()  # the one that tries again
    await registers.version.fail()  # those that need the newest
    assert await outcomes(unknown) == {"StoreUnavailable"}
    assert registers.version.count == 5

    last = await start(1, lambda: environments.find_by_identifier(IDENTIFIER))
    await registers.version.succeed()
    assert await outcomes(last) == {"Environment"}
    now[0] += 2
    waiting = await start(2, lambda: environments.find_by_identifier(IDENTIFIER))
    assert not any(one.done() for one in waiting), "the outage is over: a check is waited for again"
    await registers.version.succeed()
    assert await outcomes(waiting) == {"Environment"}


class Workflows:
    def __init__(self) -> None:
        self.version = Calls()

    async def get(self, _environment: int, _identifier: str) -> Workflow:
        return cast(Workflow, "workflow")


async def test_known_workflows_are_served_during_an_outage(now: list[float]) -> None:
    workflows = Workflows()
    cache = WorkflowCache(cast(Any, workflows), lambda: now[0])
    filling = await start(1, lambda: cache.find(1, "w"))
    await workflows.version.succeed()
    assert await outcomes(filling) == {"str"}
    for outcome in ("StoreUnavailable", "str"):
        now[0] += 2
        asked = await start(15, lambda: cache.find(1, "w"))
        assert [one.done() for one in asked].count(False) == 1
        await workflows.version.fail()
        assert await outcomes(asked) == {outcome, "str"}
    assert workflows.version.count == 3


async def test_a_turn_that_fails_fails_for_those_who_wait() -> None:
    turn, call = SharedTurn(), Calls()

    async def hold() -> int:
        async with turn.take():
            return await call()

    asked = await start(15, hold)
    await call.fail()
    assert await outcomes(asked) == {"StoreUnavailable"}
    assert call.count == 1
    later = await start(2, hold)
    await call.fail(WriteRefused("OOM"))  # it comes at once, so each asks for itself
    await call.succeed()
    assert await outcomes(later) == {"WriteRefused", "int"}
    assert call.count == 3
