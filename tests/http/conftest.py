"""Services, workflows, and a subscriber of its own for each test."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Api, InboxApi
from tests.support.environments import see_from_new_environment
from tests.support.server import Server, new_server, running_server

WELCOME, PLAIN, MANY = "http-welcome", "http-plain", "http-many"
INACTIVE, EMPTY, FAILING = "http-inactive", "http-empty", "http-failing"
OFF, CHANNEL_OFF, CRITICAL = "http-off", "http-channel-off", "http-critical"
STEPS_OF_MANY = 20
LISTED_ORIGIN = "https://app.example.org"

BUTTONS = {
    "primaryAction": {"label": "Accept {{payload.n}}", "redirect": {"url": "/accept", "target": "_self"}},
    "secondaryAction": {"label": "Decline"},
}
WELCOME_CONTROLS = {
    "subject": "Hello {{subscriber.firstName}}",
    "body": "Body {{payload.n}}",
    "avatar": "/avatar.png",
    "redirect": {"url": "/orders/{{payload.n}}", "target": "_blank"},
    "data": {"order": "{{payload.n}}"},
    **BUTTONS,
}


def workflow(identifier: str, *controls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The body that creates a workflow with a step for each of the controls."""
    steps = [
        {"name": f"Step {place}", "type": "in_app", "stepId": f"step-{place}", "controlValues": values}
        for place, values in enumerate(controls)
    ]
    return {"name": identifier, "workflowId": identifier, "steps": steps, **fields}


def preferences(*, enabled: bool, read_only: bool = False, in_app: bool | None = None) -> dict[str, Any]:
    """A workflow's own preferences: for all channels, and for this one if it differs."""
    channels = {} if in_app is None else {"in_app": {"enabled": in_app}}
    return {"user": None, "workflow": {"all": {"enabled": enabled, "readOnly": read_only}, "channels": channels}}


WORKFLOWS = [
    workflow(WELCOME, WELCOME_CONTROLS, tags=["orders", "news"]),
    workflow(PLAIN, {"body": "Plain {{payload.n}}"}),
    workflow(MANY, *[{"body": f"{place}"} for place in range(STEPS_OF_MANY)]),
    workflow(INACTIVE, {"body": "never"}, active=False),
    workflow(EMPTY),
    workflow(FAILING, {"body": "{{ '%' | url_decode }}"}, {"body": "fine"}),
    workflow(OFF, {"body": "never"}, preferences=preferences(enabled=False)),
    workflow(CHANNEL_OFF, {"body": "never"}, preferences=preferences(enabled=True, in_app=False)),
    workflow(CRITICAL, {"body": "yes"}, preferences=preferences(enabled=False, read_only=True)),
    *(workflow(f"http-{severity}", {"body": severity}, severity=severity) for severity in ("high", "medium", "low")),
]


async def create_workflows(server: Server) -> None:
    async with Api.open(server) as api:
        for body in WORKFLOWS:
            await api.data("POST", "/v2/workflows", 201, body)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def production(shared_server: Server) -> Server:
    """The shared service, in production, with the workflows; it lists no origin."""
    await create_workflows(shared_server)
    return shared_server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def logging_service(valkey_url: str) -> AsyncIterator[Server]:
    """A service that has a log line for each refusal, however many come in a second."""
    constants = {"inbox.logs.PACE_SECONDS": 0.0}
    async with new_server(redis_url=valkey_url, INBOX_KEY_PREFIX="logging:", constants=constants) as server:
        yield server


@pytest.fixture
async def logging_server(logging_service: Server) -> Server:
    """The same in an environment of the test's own, and with what is logged from now on."""
    [server] = await see_from_new_environment(logging_service)
    return server


@pytest.fixture
def server_in_mode(request: pytest.FixtureRequest) -> Server:
    """The service that a test names by indirect parametrization: a running test cannot ask for an async fixture."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def development(valkey_url: str) -> AsyncIterator[Server]:
    """A service in development, with the demo and the workflows."""
    with tempfile.TemporaryDirectory(prefix="inbox-server-") as home:
        async with running_server(
            Path(home), redis_url=valkey_url, demo=True, INBOX_KEY_PREFIX="development:"
        ) as server:
            await create_workflows(server)
            yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded(valkey_url: str) -> AsyncIterator[Server]:
    """A service in production that lists one origin and lets a subscriber open two sockets."""
    with tempfile.TemporaryDirectory(prefix="inbox-server-") as home:
        async with running_server(
            Path(home),
            redis_url=valkey_url,
            INBOX_KEY_PREFIX="guarded:",
            INBOX_CORS_ORIGINS=LISTED_ORIGIN,
            INBOX_MAX_SOCKETS_PER_SUBSCRIBER="2",
        ) as server:
            yield server


@pytest.fixture
async def api(production: Server) -> AsyncIterator[Api]:
    async with Api.open(production) as api:
        yield api


@pytest.fixture
def ada() -> str:
    """A subscriberId that no other test uses; nobody has it yet."""
    return f"ada-{secrets.token_hex(6)}"


@pytest.fixture
async def known(api: Api, ada: str) -> str:
    """The same, of a subscriber that exists."""
    await api.create_subscriber(ada, firstName="Ada")
    return ada


@pytest.fixture
async def inbox(production: Server, known: str) -> AsyncIterator[InboxApi]:
    """Ada's page."""
    async with InboxApi.open(production, known) as inbox:
        yield inbox


async def deliver(api: Api, subscriber_id: str, count: int = 1, *, workflow: str = PLAIN) -> list[str]:
    """Triggers so many messages one after another; their ids, oldest first."""
    for number in range(count):
        await api.trigger(subscriber_id, {"n": number}, workflow=workflow)
    page = await api.feed_page(subscriber_id, limit=min(count, 100))
    return [message["_id"] for message in reversed(page["data"])]


async def deliver_many(api: Api, subscriber_id: str, count: int) -> None:
    """The quick way to many messages: a workflow of twenty steps."""
    for _ in range(count // STEPS_OF_MANY):
        await api.trigger(subscriber_id, workflow=MANY)
    for _ in range(count % STEPS_OF_MANY):
        await api.trigger(subscriber_id, workflow=PLAIN)
