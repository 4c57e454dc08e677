"""Delay and digest steps through the API: what is refused, what waits, what is told of it, what is cancelled."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import Api, Json
from tests.support.server import Server
from tests.support.waiting import until

from .hostile import check_error

WORKFLOWS, TRIGGER, ACTIVITY = "/v2/workflows", "/v1/events/trigger", "/v1/notifications"
HOUR = {"amount": 1, "unit": "hours"}
MESSAGE = {"name": "In-app", "type": "in_app", "stepId": "in-app", "controlValues": {"body": "{{payload.n}}"}}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"d-{secrets.token_hex(5)}"


def waiting(kind: str, **controls: Any) -> Json:
    return {"name": kind.title(), "stepId": kind, "type": kind, "controlValues": controls}


async def make(api: Api, name: str, *steps: Json) -> Json:
    made: Json = await api.data("POST", WORKFLOWS, 201, {"name": name, "workflowId": name, "steps": steps})
    return made


async def jobs(api: Api, transaction: str) -> list[tuple[str, str]]:
    """Type and status of the jobs of the transaction's one activity, as the list and the single look-up have them."""
    activity = await activity_of(api, transaction)
    alone = await api.data("GET", f"{ACTIVITY}/{activity['_id']}", 200)
    assert alone["jobs"] == activity["jobs"]
    return [(job["type"], job["status"]) for job in activity["jobs"]]


async def activity_of(api: Api, transaction: str) -> Json:
    activity: Json
    [activity] = (await api.call("GET", ACTIVITY, 200, transactionId=transaction))["data"]
    return activity


async def test_the_list_of_a_transaction_has_every_step(api: Api, name: str) -> None:
    """The first ran, the second waits: both are there, as by `GET /v1/notifications/{id}`."""
    first, last = ({**MESSAGE, "stepId": step_id} for step_id in ("first", "last"))
    await make(api, name, first, {**first, "stepId": "second"}, waiting("delay", **HOUR), last)
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=f"t-{name}")
    assert await jobs(api, f"t-{name}") == [("in_app", "completed"), ("in_app", "completed"), ("delay", "delayed")]


async def completed(api: Api, transaction: str, *kinds: str) -> None:
    """Returns once its jobs are these, all completed: what happens behind requests is noted a moment afterwards."""

    async def told() -> bool:
        return len((await activity_of(api, transaction))["jobs"]) == len(kinds)

    await until(told)
    assert await jobs(api, transaction) == [(kind, "completed") for kind in kinds]


async def test_both_steps_are_shown_as_they_were_sent_and_keep_their_ids(api: Api, name: str) -> None:
    skip = {"==": [{"var": "payload.quiet"}, True]}
    delay = waiting("delay", type="regular", amount=2, unit="days", skip=skip)
    digest = waiting(
        "digest",
        amount=5.0,
        unit="minutes",
        digestKey="{{payload.post}}",
        lookBackWindow={"amount": 1, "unit": "weeks"},
    )
    timed = waiting("digest", type="timed", cron="0 9 * * 1-5") | {"stepId": "timed"}
    made = await make(api, name, delay, digest, timed, MESSAGE)
    assert [step["type"] for step in made["steps"]] == ["delay", "digest", "digest", "in_app"]
    shown = [step["controlValues"] for step in made["steps"]]
    assert shown[0] == {"amount": 2, "unit": "days", "skip": skip}
    assert shown[1] == digest["controlValues"]
    assert shown[2] == {"type": "timed", "cron": "0 9 * * 1-5"}
    assert [step["controls"]["values"] for step in made["steps"]] == shown
    steps = [{key: step[key] for key in ("_id", "name", "type", "controlValues")} for step in made["steps"]]
    again = await api.data("PUT", f"{WORKFLOWS}/{name}", 200, {"name": name, "steps": steps})
    assert [(step["_id"], step["stepId"]) for step in again["steps"]] == [
        (step["_id"], step["stepId"]) for step in made["steps"]
    ]
    [listed] = (await api.data("GET", WORKFLOWS, 200, query=name))["workflows"]
    assert listed["stepTypeOverviews"] == ["delay", "digest", "digest", "in_app"]


@pytest.mark.parametrize(
    ("kind", "controls", "field"),
    [
        ("delay", {}, "amount"),
        ("delay", {"amount": 1}, "unit"),
        ("delay", {"amount": 0, "unit": "hours"}, "amount"),
        ("delay", {"amount": -1, "unit": "hours"}, "amount"),
        ("delay", {"amount": 1.5, "unit": "hours"}, "amount"),
        ("delay", {"amount": "1", "unit": "hours"}, "amount"),
        ("delay", {"amount": 367, "unit": "days"}, "amount"),
        ("delay", {"amount": 1e300, "unit": "seconds"}, "amount"),
        ("delay", {"amount": 13, "unit": "months"}, "amount"),
        ("delay", {"amount": 1, "unit": "years"}, "unit"),
        ("delay", {"type": "dynamic"}, "type"),
        ("delay", {"type": "timed"}, "cron"),
        ("delay", {"type": "timed", "cron": ""}, "cron"),
        ("delay", {"type": "timed", "cron": "every day"}, "cron"),
        ("delay", {"type": "timed", "cron": "0 0 30 2 *"}, "cron"),
        ("delay", {"type": "timed", "cron": "² * * * *"}, "cron"),
        ("delay", {"type": "timed", "cron": "0 9 * * *", **HOUR}, "amount"),
        ("delay", {"cron": "0 9 * * *", **HOUR}, "cron"),
        ("delay", {"until": "{{payload.at}}", **HOUR}, "until"),
        ("delay", {"until": "{{payload.at"}, "until"),
        ("delay", {"until": " "}, "until"),
        ("delay", {"until": "{{payload.at}}", "type": "timed"}, "until"),
        ("delay", {**HOUR, "skip": {"nothing": 1}}, "skip"),
        ("delay", {**HOUR, "body": "x"}, "controlValues.body"),
        ("digest", {}, "amount"),
        ("digest", {**HOUR, "until": "x"}, "controlValues.until"),
        ("digest", {**HOUR, "lookBackWindow": {**HOUR, "until": "x"}}, "lookBackWindow.until"),
        ("digest", {**HOUR, "digestKey": "{{"}, "digestKey"),
        ("digest", {**HOUR, "lookBackWindow": {"amount": 0, "unit": "hours"}}, "amount"),
        ("digest", {**HOUR, "lookBackWindow": {"amount": 1}}, "lookBackWindow"),
        ("digest", {**HOUR, "lookBackWindow": {"amount": 400, "unit": "days"}}, "lookBackWindow.amount"),
        ("digest", {"type": "timed", "cron": "0 9 * * *", "lookBackWindow": HOUR}, "lookBackWindow"),
    ],
)
async def test_what_cannot_be_is_422_and_names_its_field(
    api: Api, name: str, kind: str, controls: Json, field: str
) -> None:
    body = {"name": name, "workflowId": name, "steps": [waiting(kind, **controls), MESSAGE]}
    answer = await api.client.post(WORKFLOWS, json=body)
    check_error(answer, 422)
    [(named, error)] = answer.json()["errors"].items()
    told = named if named != "general" else re.sub(r".*`\$\.(.*)`", r"\1", error["messages"][0]).replace("[0]", ".0")
    path = told.partition(": ")[0]
    assert path.startswith("steps.0."), told
    assert path.endswith(field), told


async def test_a_delay_waits_tells_so_and_is_cancelled(api: Api, name: str) -> None:
    await make(api, name, waiting("delay", **HOUR), MESSAGE)
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=name)
    assert await api.feed(name) == []
    assert await jobs(api, name) == [("delay", "delayed")]
    assert await api.data("DELETE", f"{TRIGGER}/{name}", 200) is True
    assert await jobs(api, name) == [("delay", "canceled")]
    assert await api.data("DELETE", f"{TRIGGER}/{name}", 200) is False


async def test_a_delay_of_a_second_ends(api: Api, name: str) -> None:
    await make(api, name, waiting("delay", amount=1, unit="seconds"), MESSAGE)
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=name)

    async def ended() -> bool:
        return [message["content"] for message in await api.feed(name)] == ["1"]

    await until(ended)
    await completed(api, name, "delay", "in_app")
    assert await api.data("DELETE", f"{TRIGGER}/{name}", 200) is False


async def test_events_are_digested(api: Api, name: str) -> None:
    listed = "{{steps.digest.events | toSentence: 'payload.n', 1, 'other'}}"
    body = "{{steps.digest.eventCount}} " + listed + " {{steps.digest.last.payload.n}}"
    step = {**MESSAGE, "controlValues": {"body": body}}
    await make(api, name, waiting("digest", amount=8, unit="seconds"), step)
    for number in range(3):
        await api.trigger(name, {"n": number}, workflow=name, transactionId=f"{name}-{number}")
    assert await jobs(api, f"{name}-0") == [("digest", "delayed")]
    assert await jobs(api, f"{name}-1") == [("digest", "merged")]
    assert await api.data("DELETE", f"{TRIGGER}/{name}-1", 200) is True
    assert await jobs(api, f"{name}-1") == [("digest", "canceled")]

    async def ended() -> bool:
        return bool(await api.feed(name))

    await until(ended, 30)
    [message] = await api.feed(name)
    assert message["content"] == "2 0 and 2 2"
    assert (message["payload"], message["transactionId"]) == ({"n": 2}, f"{name}-0")
    await completed(api, f"{name}-0", "digest", "in_app")


async def test_cron_is_in_the_timezone_of_the_subscriber(api: Api, name: str) -> None:
    """It waits: what the next time is, is told in the activity."""
    await make(api, name, waiting("delay", type="timed", cron="0 9 1 1 *"), MESSAGE)
    for zone, hour in (("Asia/Tokyo", "00"), ("America/New_York", "14"), (None, "09")):
        person = f"{name}-{hour}"
        await api.create_subscriber(person, **({"timezone": zone} if zone else {}))
        await api.trigger(person, workflow=name, transactionId=person)
        [activity] = (await api.call("GET", ACTIVITY, 200, transactionId=person))["data"]
        [detail] = activity["jobs"][0]["executionDetails"]
        assert detail["status"] == "Pending"
        assert detail["raw"].endswith(f"-01-01T{hour}:00:00.000Z")
