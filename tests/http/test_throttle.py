"""A throttle through the API: what is refused, how it is shown, and what the activity says of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import Api, Json
from tests.support.server import Server

from .hostile import check_error
from .test_waiting_steps import MESSAGE, WORKFLOWS, activity_of, jobs, make, waiting

HOUR = {"amount": 1, "unit": "hours"}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"t-{secrets.token_hex(5)}"


def throttle(**controls: Any) -> Json:
    return waiting("throttle", **HOUR, **controls)


async def test_it_is_shown_as_it_was_sent(api: Api, name: str) -> None:
    step = throttle(threshold=3, throttleKey="{{payload.post}}", skip={"==": [{"var": "payload.n"}, 1]})
    made = await make(api, name, step, MESSAGE)
    assert (made["steps"][0]["type"], made["steps"][0]["controlValues"]) == ("throttle", step["controlValues"])
    assert "issues" not in made["steps"][0]
    assert await api.data("GET", f"{WORKFLOWS}/{name}", 200) == made
    [listed] = (await api.data("GET", WORKFLOWS, 200, query=name))["workflows"]
    assert listed["stepTypeOverviews"] == ["throttle", "in_app"]


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        ({}, "amount"),
        ({"amount": 1}, "unit"),
        ({"amount": 0, "unit": "hours"}, "amount"),
        ({"amount": 1.5, "unit": "hours"}, "amount"),
        ({"amount": 367, "unit": "days"}, "amount"),
        ({"amount": 1, "unit": "years"}, "unit"),
        ({**HOUR, "threshold": 0}, "threshold"),
        ({**HOUR, "threshold": 1.5}, "threshold"),
        ({**HOUR, "threshold": 1e9}, "threshold"),
        ({**HOUR, "throttleKey": "{{payload.x"}, "throttleKey"),
        ({**HOUR, "skip": {"nothing": 1}}, "skip"),
        ({**HOUR, "cron": "0 9 * * *"}, "cron"),
        ({**HOUR, "type": "dynamic"}, "type"),
    ],
)
async def test_what_cannot_be_is_422_and_names_its_field(api: Api, name: str, controls: Json, field: str) -> None:
    body = {"name": name, "workflowId": name, "steps": [waiting("throttle", **controls), MESSAGE]}
    answer = await api.client.post(WORKFLOWS, json=body)
    check_error(answer, 422)
    assert f"controlValues.{field}" in answer.text


async def test_a_dynamic_throttle_is_told_what_there_is(api: Api, name: str) -> None:
    steps = [waiting("throttle", type="dynamic", dynamicKey="payload.at"), MESSAGE]
    answer = await api.client.post(WORKFLOWS, json={"name": name, "workflowId": name, "steps": steps})
    check_error(answer, 422)
    assert "fixed" in answer.text


async def test_the_activity_tells_what_passed_and_what_was_throttled(api: Api, name: str) -> None:
    await make(api, name, throttle(threshold=1), MESSAGE)
    for number in range(2):
        await api.trigger(name, {"n": number}, workflow=name, transactionId=f"{name}-{number}")
    assert [message["content"] for message in await api.feed(name)] == ["0"]
    assert await jobs(api, f"{name}-0") == [("throttle", "completed"), ("in_app", "completed")]
    assert await jobs(api, f"{name}-1") == [("throttle", "skipped")]
    [detail] = (await activity_of(api, f"{name}-1"))["jobs"][0]["executionDetails"]
    assert detail["raw"].startswith("throttled: event 2 of the window since 2")


async def test_a_later_step_may_read_what_novu_names(api: Api, name: str) -> None:
    body = "{% if steps.throttle.throttled == false %}{{steps.throttle.windowStart | slice: 0, 2}}{% endif %}"
    made = await make(api, name, throttle(), {**MESSAGE, "controlValues": {"body": body + "{{steps.throttle.count}}"}})
    [issue] = made["steps"][1]["issues"]["controls"]["body"]
    assert issue["variableName"] == "steps.throttle.count"
    await api.trigger(name, {}, workflow=name)
    [message] = await api.feed(name)
    assert message["content"] == "20"


async def test_an_export_keeps_its_throttle(api: Api, name: str) -> None:
    exported = {
        "name": name,
        "workflowId": name,
        "origin": "novu-cloud",
        "steps": [{**throttle(), "slug": "x"}, MESSAGE],
    }
    made = await api.data("POST", WORKFLOWS, 201, exported, dropUnsupportedSteps="true")
    assert [step["type"] for step in made["steps"]] == ["throttle", "in_app"]
    assert made["droppedSteps"] == []
