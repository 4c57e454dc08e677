"""Workflows on each kind of store: one writer wins, the others see it, and what is cached is at most a second old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from inbox.errors import BadRequest, NotFound, UnprocessableEntity
from inbox.models.environment import Environment
from inbox.models.workflow import Workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.service.workflows import workflows as service_module
from inbox.service.workflows.bodies import WorkflowCreate, WorkflowPatch
from inbox.service.workflows.cache import VERSION_CHECK_SECONDS
from inbox.service.workflows.demo import DEMO_WORKFLOWS, ensure_demo_workflows
from inbox.service.workflows.workflows import WorkflowService
from inbox.store import workflows as store_module
from inbox.store.client import Client, open_client
from inbox.store.keys import Keys
from inbox.store.workflows import WorkflowStore

DEVELOPMENT = Environment(1, "d" * 24, "0" * 24, "Development", "identifier01")
PRODUCTION = Environment(2, "e" * 24, "0" * 24, "Production", "identifier02")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(store_url: str) -> AsyncIterator[Client]:
    client = await open_client(store_url)
    yield client
    await client.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def new_service(client: Client, key_prefix: str, clock: Clock) -> Callable[[], WorkflowService]:
    """Services over the same data, as in so many processes."""
    return lambda: WorkflowService(WorkflowStore(client, Keys(key_prefix)), clock)


@pytest.fixture
def service(new_service: Callable[[], WorkflowService]) -> WorkflowService:
    return new_service()


def body(identifier: str = "w", text: str = "x") -> WorkflowCreate:
    step = {"name": "S", "type": "in_app", "controlValues": {"body": text}}
    return msgspec.convert({"name": "W", "workflowId": identifier, "steps": [step]}, WorkflowCreate)


async def test_of_many_creators_one_wins(new_service: Callable[[], WorkflowService]) -> None:
    services = [new_service() for _ in range(20)]
    results = await asyncio.gather(*(each.create(DEVELOPMENT, body()) for each in services), return_exceptions=True)
    made = [result for result in results if isinstance(result, Workflow)]
    assert len(made) == 1
    assert sum(isinstance(result, BadRequest) for result in results) == 19
    assert (await services[0].get(DEVELOPMENT, "w")) == made[0]


async def test_no_change_is_lost_between_writers(new_service: Callable[[], WorkflowService]) -> None:
    one, other = new_service(), new_service()
    await one.create(DEVELOPMENT, body())
    await asyncio.gather(
        one.patch(DEVELOPMENT, "w", WorkflowPatch(name="Renamed")),
        other.patch(DEVELOPMENT, "w", WorkflowPatch(description="Described")),
        one.patch(DEVELOPMENT, "w", WorkflowPatch(tags=["a"])),
    )
    stored = await other.get(DEVELOPMENT, "w")
    assert (stored.name, stored.description, stored.tags) == ("Renamed", "Described", ["a"])


async def test_every_change_has_a_revision_of_its_own(
    service: WorkflowService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "now_ms", lambda: 1_000)  # a clock that stands still
    seen = [(await service.create(DEVELOPMENT, body())).revision]
    for number in range(3):
        seen.append((await service.patch(DEVELOPMENT, "w", WorkflowPatch(name=f"N{number}"))).revision)
    assert len(set(seen)) == 4


async def test_environments_do_not_see_each_other(service: WorkflowService) -> None:
    await service.create(DEVELOPMENT, body())
    assert await service.find(PRODUCTION, "w") is None
    with pytest.raises(NotFound):
        await service.get(PRODUCTION, "w")
    assert (await service.list(PRODUCTION, WorkflowQuery()))[1] == 0
    await service.create(PRODUCTION, body(text="other"))
    assert await service.find(DEVELOPMENT, "w") != await service.find(PRODUCTION, "w")


async def test_absence_is_not_cached(new_service: Callable[[], WorkflowService]) -> None:
    one, other = new_service(), new_service()
    assert await one.find(DEVELOPMENT, "w") is None
    made = await other.create(DEVELOPMENT, body())
    assert await one.find(DEVELOPMENT, "w") == made


async def test_another_process_sees_a_change_within_a_second(
    new_service: Callable[[], WorkflowService], clock: Clock
) -> None:
    one, other = new_service(), new_service()
    made = await one.create(DEVELOPMENT, body())
    assert await other.find(DEVELOPMENT, "w") == made
    changed = await one.patch(DEVELOPMENT, "w", WorkflowPatch(active=False))
    assert await one.find(DEVELOPMENT, "w") == changed  # its own change at once
    assert await other.find(DEVELOPMENT, "w") == made
    clock.now += VERSION_CHECK_SECONDS
    assert await other.find(DEVELOPMENT, "w") == changed
    await one.delete(DEVELOPMENT, "w")
    assert await one.find(DEVELOPMENT, "w") is None
    clock.now += VERSION_CHECK_SECONDS
    assert await other.find(DEVELOPMENT, "w") is None


async def test_a_known_workflow_costs_one_command_a_second(
    client: Client, service: WorkflowService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await service.create(DEVELOPMENT, body())
    await service.find(DEVELOPMENT, "w")
    commands: list[tuple[object, ...]] = []
    execute = client.execute

    async def counted(*command: str) -> object:
        commands.append(command)
        return await execute(*command)

    monkeypatch.setattr(client, "execute", counted)
    for _ in range(100):
        assert await service.find(DEVELOPMENT, "w") is not None
    assert commands == []
    clock.now += VERSION_CHECK_SECONDS
    found = await asyncio.gather(*(service.find(DEVELOPMENT, "w") for _ in range(100)))
    assert set(found) == {made}
    assert [command[0] for command in commands] == ["GET"]


async def test_a_find_that_a_change_overtook_leaves_nothing_old_behind(
    client: Client, service: WorkflowService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.create(DEVELOPMENT, body())
    read, go_on = asyncio.Event(), asyncio.Event()
    get = WorkflowStore.get

    async def slow_get(store: WorkflowStore, environment: int, identifier: str) -> Workflow | None:
        found = await get(store, environment, identifier)
        read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(WorkflowStore, "get", slow_get)
    overtaken = asyncio.create_task(service.find(DEVELOPMENT, "w"))
    await read.wait()
    monkeypatch.setattr(WorkflowStore, "get", get)
    changed = await service.patch(DEVELOPMENT, "w", WorkflowPatch(name="Changed"))
    go_on.set()
    await overtaken
    assert await service.find(DEVELOPMENT, "w") == changed


async def test_there_is_room_for_so_many(
    new_service: Callable[[], WorkflowService], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAX_WORKFLOWS", 2)
    service = new_service()
    await service.create(DEVELOPMENT, body("a"))
    await service.create(DEVELOPMENT, body("b"))
    with pytest.raises(UnprocessableEntity):
        await service.create(DEVELOPMENT, body("c"))
    await service.patch(DEVELOPMENT, "a", WorkflowPatch(name="Still changes"))
    await service.delete(DEVELOPMENT, "b")
    await service.create(DEVELOPMENT, body("c"))


async def test_demo_workflows_are_made_once_and_then_left_alone(new_service: Callable[[], WorkflowService]) -> None:
    one, other = new_service(), new_service()
    await asyncio.gather(ensure_demo_workflows(one, DEVELOPMENT), ensure_demo_workflows(other, DEVELOPMENT))
    made = {name: await one.get(DEVELOPMENT, name) for name in DEMO_WORKFLOWS}
    assert made["alert"].default_preferences.all.read_only
    await one.patch(DEVELOPMENT, "welcome", WorkflowPatch(name="Mine"))
    await ensure_demo_workflows(other, DEVELOPMENT)
    assert (await other.get(DEVELOPMENT, "welcome")).name == "Mine"
    assert {name: (await other.get(DEVELOPMENT, name)).id for name in made} == {n: w.id for n, w in made.items()}


async def test_a_patch_with_null_resets(service: WorkflowService) -> None:
    await service.create(DEVELOPMENT, body())
    sent = {"description": "D", "tags": ["a"], "active": False, "validatePayload": True, "payloadSchema": {"a": 1}}
    patched = await service.patch(DEVELOPMENT, "w", msgspec.convert(sent, WorkflowPatch))
    assert (patched.description, patched.tags, patched.active) == ("D", ["a"], False)
    assert (patched.validate_payload, patched.payload_schema, patched.name) == (True, {"a": 1}, "W")
    reset = await service.patch(DEVELOPMENT, "w", msgspec.convert(dict.fromkeys(sent), WorkflowPatch))
    assert (reset.description, reset.tags, reset.active) == (None, [], True)
    assert (reset.validate_payload, reset.payload_schema) == (False, None)
