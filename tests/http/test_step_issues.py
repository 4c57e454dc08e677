"""A step that names what is not there is stored, and told of in its `issues`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.support.client import Api, Json
from tests.support.server import Server


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


def in_app(step_id: str, **controls: object) -> Json:
    return {"name": step_id, "stepId": step_id, "type": "in_app", "controlValues": {"body": "x", **controls}}


async def issues(api: Api, *steps: Json) -> list[Json | None]:
    """The issues of each step, as it was created and as it is read."""
    name = f"i-{secrets.token_hex(5)}"
    made = await api.data("POST", "/v2/workflows", 201, {"name": name, "workflowId": name, "steps": steps})
    assert await api.data("GET", f"/v2/workflows/{name}", 200) == made
    return [step.get("issues") for step in made["steps"]]


def told(variable: str, message: str) -> Json:
    return {
        "issueType": "ILLEGAL_VARIABLE_IN_CONTROL_VALUE",
        "variableName": variable,
        "message": f"{variable}: {message}",
    }


async def test_a_rule_that_names_a_step_before_it_has_no_issues(api: Api) -> None:
    wait = {"name": "w", "stepId": "wait", "type": "delay", "controlValues": {"amount": 1, "unit": "hours"}}
    reminder = in_app("reminder", skip={"==": [{"var": "steps.first.read"}, False]})
    assert await issues(api, in_app("first", skip={"var": "payload.x"}), wait, reminder) == [None, None, None]


async def test_templates_too(api: Api) -> None:
    button = {"label": "{{steps.nope.seen}}", "redirect": {"url": "/{{steps.last.action.type}}"}}
    first, last = await issues(
        api, in_app("first", primaryAction=button, data={"a": ["{% if steps.last.read %}x{% endif %}"]}), in_app("last")
    )
    assert last is None
    assert first is not None
    assert {name: [one["variableName"] for one in found] for name, found in first["controls"].items()} == {
        "primaryAction.label": ["steps.nope.seen"],
        "primaryAction.redirect.url": ["steps.last.action.type"],
        "data.a.0": ["steps.last.read"],
    }


async def test_rules_that_name_steps_that_are_not_there_or_come_later(api: Api) -> None:
    rule = {"or": [{"var": "steps.last.read"}, {"var": "steps.nope.seen"}, {"missing": ["steps.first.read"]}]}
    delay = {"amount": 1, "unit": "hours", "skip": {"!": {"var": "steps.nope.read"}}}
    wait = {"name": "w", "stepId": "wait", "type": "delay", "controlValues": delay}
    first, second, third = await issues(api, in_app("first", skip=rule), wait, in_app("last"))
    assert first == {
        "controls": {
            "skip": [
                told("steps.first.read", "first is this step itself"),
                told("steps.last.read", "step last comes after this one"),
                told("steps.nope.seen", "there is no step nope; before this one there is none"),
            ]
        }
    }
    unknown = told("steps.nope.read", "there is no step nope; before this one there is first")
    assert second == {"controls": {"skip": [unknown]}}
    assert third is None


async def test_fields_and_variables_that_do_not_exist(api: Api) -> None:
    """Each is null, and null equals false: the reminder would reach everybody."""
    misspelt = {"==": [{"var": "steps.first.raed"}, False]}
    rule = {"or": [misspelt, {"var": "step.first.read"}, {"var": "steps.wait.read"}]}
    wait = {"name": "w", "stepId": "wait", "type": "delay", "controlValues": {"amount": 1, "unit": "hours"}}
    *_, last = await issues(api, in_app("first"), wait, in_app("last", skip=rule))
    assert last is not None
    messages = {one["variableName"]: one["message"].partition(": ")[2] for one in last["controls"]["skip"]}
    assert messages["steps.wait.read"] == "wait has no read; it has nothing to read"
    assert messages["steps.first.raed"].startswith("first has no raed; it has seen, read, archived")
    assert messages["step.first.read"].startswith("there is no variable step; there are actor, context, payload")


async def test_a_template_may_have_variables_of_its_own(api: Api) -> None:
    loop = "{% for one in steps.collect.events %}{{ one.payload.x }}{% endfor %}"
    body = "{% assign step = payload.a %}{{ step.b }}" + loop
    controls = {"amount": 1, "unit": "hours"}
    digest = {"name": "c", "stepId": "collect", "type": "digest", "controlValues": controls}
    assert await issues(api, digest, in_app("last", body=body)) == [None, None]
