"""Previews of steps, stored and not, and the steps of a workflow one by one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inbox.steps import STEP_TYPES
from tests.support.client import Api, Json
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations

UNSAVED = "/v2/workflows/preview"
CONTROLS = {
    "subject": "Order {{payload.order.id}} for {{subscriber.firstName}}",
    "body": "{{payload.note}} {{payload.missing | default: 'none'}}",
    "avatar": "{{payload.pictureUrl}}",
    "primaryAction": {"label": "Open", "redirect": {"url": "/orders/{{payload.order.id}}", "target": "_blank"}},
    "secondaryAction": {"label": "Later"},
    "redirect": {"url": "/orders"},
    "data": {"id": "{{payload.order.id}}", "fixed": 1},
}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    """A workflowId of this test only: the service is shared."""
    return f"preview-{secrets.token_hex(5)}"


def step(kind: str = "in_app", /, **controls: Any) -> Json:
    return {"name": kind, "stepId": kind, "type": kind, "controlValues": controls}


async def create(api: Api, name: str, *steps: Json, **fields: Any) -> Json:
    body = {"name": "Order placed", "workflowId": name, "steps": [*steps], **fields}
    created: Json = await api.data("POST", "/v2/workflows", 201, body)
    return created


async def preview(api: Api, name: str, step_id: str = "in_app", /, **body: Any) -> Json:
    shown: Json = await api.data("POST", f"/v2/workflows/{name}/step/{step_id}/preview", 201, body)
    return shown


async def unsaved(api: Api, *steps: Json, step: int = 0, given: Json | None = None, **fields: Any) -> Json:
    body = {"workflow": {"steps": [*steps], **fields}, "step": step, "previewPayload": given}
    shown: Json = await api.data("POST", UNSAVED, 200, body)
    return shown


async def refused(api: Api, *steps: Json, **fields: Any) -> list[str]:
    """The fields that the refusal of a preview names."""
    answer = await api.client.post(UNSAVED, json={"workflow": {"steps": [*steps], **fields}})
    check_error(answer, 422)
    return list(answer.json()["errors"])


async def test_a_preview_says_what_the_trigger_delivers(api: Api, name: str) -> None:
    await create(api, name, step(**CONTROLS))
    payload = {"order": {"id": 7}, "note": "Soon", "pictureUrl": "https://example.com/p.png"}
    shown = await preview(api, name, previewPayload={"payload": payload, "subscriber": {"firstName": "Ada"}})
    await api.trigger({"subscriberId": name, "firstName": "Ada"}, {**payload, "missing": "missing"}, workflow=name)
    page = await api.call("GET", f"/v2/subscribers/{name}/notifications", 200)
    [stored] = page["data"]
    message = shown["result"]["preview"]
    assert shown["result"]["type"] == "in_app"
    assert {key: message[key] for key in ("subject", "body", "avatar", "redirect", "data")} == {
        key: stored[key] for key in ("subject", "body", "avatar", "redirect", "data")
    }
    assert message["subject"] == "Order 7 for Ada"
    for action in ("primaryAction", "secondaryAction"):
        assert message[action]["label"] == stored[action]["label"]
        assert message[action].get("redirect") == stored[action].get("redirect")


async def test_nothing_is_stored_or_sent(api: Api, name: str) -> None:
    created, person = await create(api, name, step(**CONTROLS)), {"subscriberId": name}
    await preview(
        api,
        name,
        controlValues={"body": "Other"},
        previewPayload={
            "subscriber": person,
            "context": {"app": name},
            "actor": person,
        },
    )
    assert await api.data("GET", f"/v2/workflows/{name}", 200) == created
    check_error(await api.client.get(f"/v2/subscribers/{name}"), 404)
    check_error(await api.client.get(f"/v2/contexts/app/{name}"), 404)
    found = await api.call("GET", "/v1/notifications", 200, templates=created["_id"])
    assert found["data"] == []


async def test_values_that_are_missing_are_examples(api: Api, name: str) -> None:
    await create(api, name, step(**CONTROLS))
    shown = await preview(api, name)
    example = shown["previewPayloadExample"]
    assert example["payload"] == {
        "order": {"id": "id"},
        "note": "note",
        "missing": "missing",
        "pictureUrl": "https://example.com/",
    }
    assert example["subscriber"] == {"firstName": "Ada"}
    assert shown["result"]["preview"]["subject"] == "Order id for Ada"
    assert shown["schema"] is None
    given = await preview(api, name, previewPayload={"payload": {"order": {"id": 1, "more": 2}}})
    assert given["previewPayloadExample"]["payload"]["order"] == {"id": 1, "more": 2}
    assert given["previewPayloadExample"]["payload"]["note"] == "note"


async def test_the_example_follows_the_schema(api: Api) -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 3},
            "items": {"type": "array", "items": {"type": "object", "properties": {"title": {"type": "string"}}}},
            "link": {"type": "string", "format": "uri"},
            "kind": {"enum": ["a", "b"]},
            "size": {"type": ["null", "number"]},
            "open": {"type": "boolean"},
            "preset": {"type": "string", "default": "set"},
            "by": {"properties": {"email": {"type": "string", "format": "email"}}},
        },
    }
    body = "{% for one in payload.items %}{{one.title}} {% endfor %}{{payload.count}} {{payload.other}}"
    shown = await unsaved(api, step(body=body), payloadSchema=schema)
    assert shown["result"]["preview"] == {"body": "title 3 other"}
    assert shown["schema"] == schema
    assert shown["previewPayloadExample"]["payload"] == {
        "count": 3,
        "items": [{"title": "title"}],
        "link": "https://example.com/",
        "kind": "a",
        "size": 1,
        "open": True,
        "preset": "set",
        "by": {"email": "ada@example.com"},
        "other": "other",
    }


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"default": {"a": 1}}, {"a": 1, "b": {"c": "c"}}),
        ({"properties": {"b": {"default": {"d": 1}}}}, {"b": {"d": 1, "c": "c"}}),
        ({"examples": [{"a": 1}]}, {"a": 1, "b": {"c": "c"}}),
        ({"properties": {"b": {"type": "array"}}}, {"b": []}),
        ({"properties": {"b": True}}, {"b": {"c": "c"}}),
        ({"type": "array"}, {"b": {"c": "c"}}),
        ({"properties": {"b": {"type": "null"}}}, {"b": {"c": "c"}}),
        (True, None),
    ],
)
async def test_a_schema_of_any_shape(api: Api, schema: Any, payload: Json | None) -> None:
    body = {"workflow": {"steps": [step(body="{{payload.b.c}}")], "payloadSchema": schema}}
    answer = await api.client.post(UNSAVED, json=body)
    if payload is None:
        check_error(answer, 422)
        return
    shown = answer.json()["data"]
    assert shown["previewPayloadExample"]["payload"] == payload
    assert shown["schema"] == schema


async def test_every_variable_has_an_example(api: Api) -> None:
    body = "{{actor.firstName}} {{context.app.data.region}} {{context.app.id}} {{tenant.name}} {{workflow.name}}"
    shown = await unsaved(api, step(body=body), name="W")
    assert shown["result"]["preview"]["body"] == "Ada region app name W"
    given = {
        "actor": {"firstName": "Grace"},
        "context": {"app": {"id": "web", "data": {"region": "eu"}}},
        "tenant": {"name": "T"},
        "env": {"ignored": 1},
    }
    shown = await unsaved(api, step(body=body), name="W", given=given)
    assert shown["result"]["preview"]["body"] == "Grace eu web T W"


async def test_examples_fit_the_field_that_reads_them(api: Api) -> None:
    controls = {
        "body": "b",
        "expiresAt": "{{payload.offerEnds}}",
        "collapseKey": "k",
        "collapseMode": "{{payload.mode}}",
    }
    shown = (await unsaved(api, step(**controls)))["result"]
    assert "skipReason" not in shown
    assert shown["preview"]["collapseMode"] == "replace"
    assert "skipReason" not in (await unsaved(api, step("delay", until="{{payload.at}}")))["result"]


async def test_the_variables_of_steps_before(api: Api) -> None:
    body = "{{steps.digest.eventCount}} {{steps.digest.events[0].payload.by}} {{steps.first.read}} {{payload.by}}"
    steps = [
        {"name": "First", "stepId": "first", "type": "in_app", "controlValues": {"body": "x"}},
        step("digest", amount=1, unit="hours"),
        step(body=body),
    ]
    shown = await unsaved(api, *steps, step=2)
    assert shown["result"]["preview"]["body"] == "1 by false by"
    shown = await unsaved(api, *steps, step=2, given={"steps": {"digest": {"eventCount": 5}, "first": {"read": True}}})
    assert shown["result"]["preview"]["body"] == "5 by true by"


async def test_variables_that_there_are_not(api: Api) -> None:
    delay = {"name": "A delay", "type": "delay", "controlValues": {"amount": 1, "unit": "hours"}}
    shown = await unsaved(api, delay, step(body="{{steps.a-delay.x}}", subject="{{steps.dely.x}}"), step=1)
    issues = shown["result"]["issues"]["controls"]
    assert issues["body"][0]["message"] == "steps.a-delay.x: a-delay has no x; it has nothing to read"
    assert issues["subject"][0]["variableName"] == "steps.dely.x"


async def test_other_steps_may_be_unfinished(api: Api) -> None:
    unfinished = [step(), step("delay"), step(body="{{ payload."), {"type": "unknown"}]
    shown = await unsaved(api, step(body="{{payload.a}}"), *unfinished)
    assert shown["result"]["preview"] == {"body": "a"}


async def test_a_condition_that_does_not_hold(api: Api) -> None:
    rule = {"==": [{"var": "payload.loud"}, True]}
    shown = await unsaved(api, step(body="b", skip=rule), given={"payload": {"loud": False}})
    assert shown["result"]["preview"] == {"body": "b"}
    assert "payload.loud = false" in shown["result"]["skipReason"]
    shown = await unsaved(api, step(body="b", skip=rule), given={"payload": {"loud": True}})
    assert "skipReason" not in shown["result"]


async def test_what_a_message_would_lose(api: Api) -> None:
    controls = {"body": "b", "redirect": {"url": "{{payload.to}}"}, "expiresAt": "{{payload.until}}"}
    given = {"payload": {"to": "javascript:alert(1)", "until": "2020-01-01T00:00:00.000Z"}}
    shown = (await unsaved(api, step(**controls), given=given))["result"]
    assert shown["skipReason"] == "it would have expired already"
    assert "redirect.url" in shown["remarks"][0]
    assert shown["preview"] == {"body": "b", "expiresAt": "2020-01-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("kind", "controls", "expected"),
    [
        ("delay", {"amount": 2, "unit": "hours"}, {"amount": 2, "unit": "hours"}),
        ("delay", {"until": "{{payload.at}}"}, {"until": "{{payload.at}}", "dueAt": "2027-01-01T00:00:00.000Z"}),
        ("digest", {"amount": 1, "unit": "days", "digestKey": "payload.post"}, {"digestKey": "post"}),
        ("digest", {"type": "timed", "cron": "0 9 * * *"}, {"type": "timed"}),
        (
            "throttle",
            {"amount": 1, "unit": "days", "threshold": 3, "throttleKey": "{{payload.k}}"},
            {"throttleKey": "k"},
        ),
    ],
)
async def test_other_types(api: Api, kind: str, controls: Json, expected: Json) -> None:
    shown = (await unsaved(api, step(kind, **controls), given={"payload": {"at": "2027-01-01"}}))["result"]
    assert shown["type"] == kind
    assert shown["preview"].items() >= expected.items()
    assert ("dueAt" in shown["preview"]) is (kind != "throttle")


async def test_every_type_has_a_preview(api: Api) -> None:
    for kind, definition in STEP_TYPES.items():
        shown = await unsaved(api, step(kind, **definition.example))
        assert shown["result"]["type"] == kind


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        ({}, "body"),
        ({"body": "{{ payload.x"}, "body"),
        ({"subject": "{% if x %}"}, "subject"),
        ({"body": "x", "avatar": "picture"}, "avatar"),
        ({"body": "x", "primaryAction": {"label": "{{"}}, "primaryAction.label"),
        ({"body": "x", "redirect": {"url": "javascript:alert(1)"}}, "redirect.url"),
        ({"body": "x", "data": {"deep": [{"er": "{{"}]}}, "data.deep.0.er"),
        ({"body": "x", "skip": {"unknown": [1, 1]}}, "skip"),
        ({"body": 1}, "body"),
        ({"body": "x", "bodyy": "x"}, "bodyy"),
        ({"body": "{% for i in (1..10000000) %}{{ i }}{% endfor %}"}, "body"),
        ({"body": "x", "expiresAt": "x{{payload.x}}"}, "expiresAt"),
        ({"body": "x", "collapseMode": "x{{payload.x}}"}, "collapseMode"),
    ],
)
async def test_a_refusal_names_the_field(api: Api, name: str, controls: Json, field: str) -> None:
    assert await refused(api, step(**controls)) == [f"steps.0.controlValues.{field}"]
    await create(api, name, step(**CONTROLS))
    answer = await api.client.post(f"/v2/workflows/{name}/step/in_app/preview", json={"controlValues": controls})
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == [f"controlValues.{field}"]


async def test_more_refusals(api: Api, name: str) -> None:
    assert await refused(api, step("email", body="x")) == ["steps.0.type"]
    assert await refused(api, step("delay", amount=1)) == ["steps.0.controlValues.unit"]
    assert await refused(api, step(body="x"), payloadSchema={"type": "nothing"}) == ["payloadSchema"]
    beyond = {"workflow": {"steps": [step(body="x")]}, "step": 1}
    answer = await api.client.post(UNSAVED, json=beyond)
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["step"]
    for given in ({"context": {"a b": "x"}}, {"context": {"app": 1}}):
        sent = {"workflow": {"steps": [step(body="x")]}, "previewPayload": given}
        check_error(await api.client.post(UNSAVED, json=sent), 422)
    await create(api, name, step(body="x"))
    check_error(await api.client.post(f"/v2/workflows/{name}/step/none/preview", json={}), 404)
    check_error(await api.client.post("/v2/workflows/none/step/none/preview", json={}), 404)
    check_error(await api.client.get(f"/v2/workflows/{name}/steps/none"), 404)


async def test_a_message_that_is_too_large(api: Api) -> None:
    many = ["x" * 10_000] * 9
    sent = {"workflow": {"steps": [step(body="x")]}, "previewPayload": {"payload": {"many": many}}}
    check_error(await api.client.post(UNSAVED, json=sent), 413)


async def test_a_path_of_any_depth(api: Api) -> None:
    deep = ".".join(["a"] * 2_500)
    shown = await unsaved(api, step(body=f"{{{{payload.{deep}}}}}{{{{subscriber.{deep}}}}}{{{{context.{deep}}}}}"))
    assert shown["result"]["preview"] == {"body": ""}


async def test_no_body_breaks_it(api: Api) -> None:
    given = {"payload": {"a": {"b": 1}}, "subscriber": {"firstName": "A"}, "context": {"app": "x"}, "steps": {"d": {}}}
    steps = [step(body="{{payload.a.b}}{{steps.d.x}}{{actor.a}}{{context.app.id}}", skip={"==": [1, 1]})]
    workflow = {
        "name": "n",
        "tags": ["t"],
        "severity": "low",
        "payloadSchema": {"properties": {"a": {}}},
        "steps": steps,
    }
    for body in mutations({"workflow": workflow, "step": 0, "previewPayload": given}):
        check_never_broken(await api.client.post(UNSAVED, json=body))


async def test_one_step_is_read_by_each_of_its_names(api: Api, name: str) -> None:
    created = await create(api, name, step("delay", amount=1, unit="hours"), step(body="x"))
    for read in created["steps"]:
        for step_name in (read["_id"], read["stepId"], read["slug"]):
            for workflow_name in (name, created["_id"], created["slug"]):
                assert await api.data("GET", f"/v2/workflows/{workflow_name}/steps/{step_name}", 200) == read


async def test_a_workflow_may_be_called_preview(api: Api) -> None:
    await create(api, "preview", step(body="x"))
    assert (await api.data("GET", "/v2/workflows/preview", 200))["workflowId"] == "preview"
    assert (await preview(api, "preview"))["result"]["preview"] == {"body": "x"}
    await api.call("DELETE", "/v2/workflows/preview", 204)


async def test_a_template_of_v1(api: Api) -> None:
    group = (await api.data("GET", "/v1/notification-groups", 200))[0]["_id"]
    template = {"type": "in_app", "content": "Hi {{by.name}}"}
    body = {"name": "Old", "notificationGroupId": group, "steps": [{"name": "m", "template": template}]}
    made = await api.data("POST", "/v1/workflows", 201, body)
    [old] = (await api.data("GET", f"/v2/workflows/{made['_id']}", 200))["steps"]
    given = {"payload": {"by": {"name": "Ada"}}}
    assert (await preview(api, made["_id"], old["stepId"], previewPayload=given))["result"]["preview"][
        "body"
    ] == "Hi Ada"


async def test_steps_of_one_name_have_the_ids_that_they_would_be_created_with(api: Api, name: str) -> None:
    steps: list[Json] = [
        {"name": "In-app message", "type": "in_app", "controlValues": {"body": "x"}},
        {"name": "In-app message", "type": "in_app", "controlValues": {"body": "x"}},
        {"name": "In-app message", "type": "in_app", "controlValues": {"body": "{{steps.in-app-message-2.read}}"}},
    ]
    created = await create(api, name, *steps)
    ids = [one["stepId"] for one in created["steps"]]
    assert ids == ["in-app-message", "in-app-message-2", "in-app-message-3"]
    shown = await unsaved(api, *steps, step=2)
    assert "issues" not in shown["result"]
    assert shown["previewPayloadExample"]["steps"]["in-app-message-2"]["read"] is False
    assert shown["result"]["preview"] == {"body": "false"}


async def test_the_types_of_all_fields_are_those_of_a_create(api: Api, name: str) -> None:
    nothing = dict.fromkeys(
        ("description", "tags", "active", "severity", "validatePayload", "preferences", "payloadSchema")
    )
    await create(api, name, {"stepId": None, **step(body="x")}, **nothing)
    assert (await unsaved(api, {**step(body="x"), "stepId": None}, **nothing))["result"]["preview"] == {"body": "x"}
    unfinished = await unsaved(api, step(body="x"), name="", description="x" * 2_000, tags=[""])
    assert unfinished["result"]["preview"] == {"body": "x"}
    for wrong in ({"active": "zz"}, {"tags": 3}, {"severity": "x"}, {"validatePayload": 1}, {"preferences": []}):
        creation = {"name": "W", "workflowId": f"{name}-2", "steps": [step(body="x")], **wrong}
        on_create = await api.client.post("/v2/workflows", json=creation)
        on_preview = await api.client.post(UNSAVED, json={"workflow": creation})
        for answer in (on_create, on_preview):
            check_error(answer, 422)
        assert on_preview.json()["errors"] == on_create.json()["errors"]
