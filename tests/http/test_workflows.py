"""`/v2/workflows`, shape by shape, on a real service."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inbox.steps import STEP_TYPES
from tests.support.client import Api, Json, segment
from tests.support.server import Server

from .hostile import check_error

PATH = "/v2/workflows"
CONTROLS = {
    "subject": "Order {{payload.id}}",
    "body": "Dear {{subscriber.firstName}}",
    "primaryAction": {"label": "Open", "redirect": {"url": "/orders/{{payload.id}}", "target": "_blank"}},
    "data": {"id": "{{payload.id}}"},
}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    """A workflowId and tag of this test only: the service is shared."""
    return f"w-{secrets.token_hex(5)}"


def body(workflow_id: str, /, **fields: Any) -> Json:
    steps = [{"name": "In-app", "type": "in_app", "controlValues": CONTROLS}]
    return {"name": "Order placed", "workflowId": workflow_id, "steps": steps, "tags": [workflow_id], **fields}


async def test_create_answers_what_was_stored(api: Api, name: str) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    preferences = {"user": {"all": {"enabled": True, "readOnly": True}, "channels": {"in_app": {"enabled": True}}}}
    sent = body(
        name,
        description="D",
        severity="high",
        active=False,
        validatePayload=True,
        payloadSchema=schema,
        preferences=preferences,
        __source="editor",
    )
    created = await api.data("POST", PATH, 201, sent)
    assert created == await api.data("GET", f"{PATH}/{name}", 200)
    [step] = created.pop("steps")
    assert len(step.pop("_id")) == 24
    assert step.pop("slug").startswith("in-app_st_")
    assert step == {
        "stepId": "in-app",
        "name": "In-app",
        "type": "in_app",
        "origin": "novu-cloud",
        "workflowId": name,
        "workflowDatabaseId": created["_id"],
        "variables": {},
        "controls": {"values": CONTROLS},
        "controlValues": CONTROLS,
    }
    assert created.pop("preferences")["user"]["all"] == {"enabled": True, "readOnly": True}
    assert created.pop("createdAt") == created.pop("updatedAt")
    assert created.pop("slug").startswith("order-placed_wf_")
    assert len(created.pop("_id")) == 24
    assert created == {
        "workflowId": name,
        "name": "Order placed",
        "description": "D",
        "tags": [name],
        "active": False,
        "status": "INACTIVE",
        "severity": "high",
        "origin": "novu-cloud",
        "validatePayload": True,
        "isTranslationEnabled": False,
        "payloadSchema": schema,
    }


async def test_the_least_that_is_needed(api: Api, name: str) -> None:
    created = await api.data("POST", PATH, 201, {"name": "N", "workflowId": name, "steps": []})
    assert (created["steps"], created["tags"], created["active"], created["severity"]) == ([], [], True, "none")
    assert created["preferences"]["user"] is None
    assert created["preferences"]["default"]["all"] == {"enabled": True, "readOnly": False}
    assert {"description", "payloadSchema"}.isdisjoint(created)
    assert (await api.trigger("someone", workflow=name))["status"] == "no_workflow_steps_defined"


async def test_a_taken_identifier_is_400(api: Api, name: str) -> None:
    created = await api.data("POST", PATH, 201, body(name))
    answer = await api.client.post(PATH, json=body(name, name="Other"))
    check_error(answer, 400)
    assert name in answer.json()["message"]
    assert (await api.data("GET", f"{PATH}/{name}", 200)) == created


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "x" * 129}, "$.name"),
        (
            {"steps": [{"name": "E", "type": "email"}]},
            f"$.steps[0].type`: a step is of type {', '.join(list(STEP_TYPES)[:-1])} or {list(STEP_TYPES)[-1]}",
        ),
        ({"steps": [{"name": "E", "type": "in_app", "controlValues": {"bodyy": "x"}}]}, "bodyy"),
        ({"severity": "urgent"}, "$.severity"),
        ({"tags": ["t"] * 17}, "$.tags"),
    ],
)
async def test_a_wrong_type_or_size_is_422_and_named(api: Api, name: str, fields: Json, named: str) -> None:
    answer = await api.client.post(PATH, json=body(name, **fields))
    check_error(answer, 422)
    assert named in str(answer.json()["errors"])
    check_error(await api.client.get(f"{PATH}/{name}"), 404)


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        ({}, "body"),
        ({"subject": "", "body": " "}, "body"),
        ({"body": "{{ payload.x"}, "body"),
        ({"body": "{{ payload.x | nope }}"}, "body"),
        ({"subject": "{% if x %}"}, "subject"),
        ({"body": "x", "avatar": "picture"}, "avatar"),
        ({"body": "x", "primaryAction": {"label": "{{"}}, "primaryAction.label"),
        ({"body": "x", "redirect": {"url": "javascript:alert(1)"}}, "redirect.url"),
        ({"body": "x", "data": {"deep": [{"er": "{{"}]}}, "data.deep.0.er"),
        ({"body": "x", "skip": {"unknown": [1, 1]}}, "skip"),
        ({"body": "x", "redirect": {"url": "/\\evil.example"}}, "redirect.url"),
        ({"body": "x", "bodyy": "x"}, "bodyy"),
        ({"body": "x", "primaryAction": {"label": "x", "url": "/x"}}, "primaryAction.url"),
        ({"body": "x", "secondaryAction": {"text": "x"}}, "secondaryAction.text"),
        ({"body": "x", "redirect": {"href": "/x", "url": "/x"}}, "redirect.href"),
        ({"body": "x", "primaryAction": {"redirect": {"url": "/", "to": "x"}}}, "primaryAction.redirect.to"),
    ],
)
async def test_unusable_content_is_422_and_names_its_field(api: Api, name: str, controls: Json, field: str) -> None:
    steps = [{"name": "S", "type": "in_app", "controlValues": controls}]
    answer = await api.client.post(PATH, json=body(name, steps=steps))
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == [f"steps.0.controlValues.{field}"]
    check_error(await api.client.get(f"{PATH}/{name}"), 404)


@pytest.mark.parametrize(
    ("identifier", "status"), [("a b", 422), ("", 422), ("a/b", 422), ("x" * 129, 422), ("a\0", 400)]
)
async def test_unusable_identifiers(api: Api, identifier: str, status: int) -> None:
    check_error(await api.client.post(PATH, json=body(identifier)), status)


async def test_identifier_id_and_slug_name_the_same_workflow(api: Api) -> None:
    identifier = f"{secrets.token_hex(4)}@example.com"
    created = await api.data("POST", PATH, 201, body(identifier))
    renamed_slug = "another-name_wf_" + created["slug"].rpartition("_wf_")[2]
    for named in (identifier, created["_id"], created["slug"], renamed_slug):
        assert await api.data("GET", f"{PATH}/{segment(named)}", 200) == created
    for unknown in ("0" * 24, "x_wf_1", "_wf_", "nobody", "a/b"):
        answer = await api.client.get(f"{PATH}/{segment(unknown)}")
        check_error(answer, 404)
        assert answer.json()["workflowId"] == unknown


async def test_put_replaces_everything_but_the_ids(api: Api, name: str) -> None:
    created = await api.data("POST", PATH, 201, body(name, description="D", severity="high", active=False))
    [step] = created["steps"]
    steps = [
        {"name": "New", "type": "in_app", "controlValues": {"body": "new"}},
        {"name": "Kept", "type": "in_app", "_id": step["_id"], "controlValues": {"body": "kept"}},
    ]
    sent = {"name": "Renamed", "workflowId": name, "steps": steps}
    updated = await api.data("PUT", f"{PATH}/{created['slug']}", 200, sent)
    assert updated == await api.data("GET", f"{PATH}/{name}", 200)
    assert (updated["_id"], updated["createdAt"]) == (created["_id"], created["createdAt"])
    assert updated["updatedAt"] > created["updatedAt"]
    assert (updated["name"], updated["active"], updated["severity"], updated["tags"]) == ("Renamed", True, "none", [])
    assert "description" not in updated
    assert [each["stepId"] for each in updated["steps"]] == ["new", "in-app"]
    assert updated["steps"][1]["_id"] == step["_id"] != updated["steps"][0]["_id"]


async def test_put_refuses_another_identifier_and_broken_steps(api: Api, name: str) -> None:
    created = await api.data("POST", PATH, 201, body(name))
    other = await api.client.put(f"{PATH}/{name}", json=body(f"{name}-2"))
    check_error(other, 422)
    assert list(other.json()["errors"]) == ["workflowId"]
    broken = [{"name": "S", "type": "in_app", "controlValues": {"body": "{{"}}]
    check_error(await api.client.put(f"{PATH}/{name}", json=body(name, steps=broken)), 422)
    check_error(await api.client.put(f"{PATH}/{name}-2", json=body(f"{name}-2")), 404)
    assert await api.data("GET", f"{PATH}/{name}", 200) == created


async def test_delete_is_204_and_the_identifier_is_free_again(api: Api, name: str) -> None:
    created = await api.data("POST", PATH, 201, body(name))
    answer = await api.client.delete(f"{PATH}/{created['_id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    check_error(await api.client.get(f"{PATH}/{name}"), 404)
    check_error(await api.client.delete(f"{PATH}/{name}"), 404)
    assert (await api.data("POST", PATH, 201, body(name)))["_id"] != created["_id"]


async def test_the_list_pages_orders_and_filters(api: Api, name: str) -> None:
    created = [
        await api.data("POST", PATH, 201, body(f"{name}-{title}", name=title, tags=[name], active=title != "Gamma"))
        for title in ("Beta", "alpha", "Gamma")
    ]
    oldest_first = [each["name"] for each in sorted(created, key=lambda each: (each["createdAt"], each["_id"]))]

    async def listed(**query: Any) -> tuple[list[str], int]:
        answer = await api.client.get(PATH, params={"tags": name, **query})
        found = answer.json()["data"]
        return [each["name"] for each in found["workflows"]], found["totalCount"]

    assert await listed() == (oldest_first[::-1], 3)
    assert await listed(orderDirection="ASC") == (oldest_first, 3)
    assert await listed(orderBy="name", orderDirection="ASC") == (["alpha", "Beta", "Gamma"], 3)
    assert await listed(limit=1, offset=1, orderBy="name") == (["Beta"], 3)
    assert await listed(offset=3) == ([], 3)
    assert await listed(query="ALPH") == (["alpha"], 1)
    assert await listed(query=f"{name}-Beta") == (["Beta"], 1)
    assert await listed(status="INACTIVE") == (["Gamma"], 1)
    assert await listed(status=["ACTIVE", "INACTIVE"]) == (oldest_first[::-1], 3)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "orderBy=tags", "orderDirection=up"])
async def test_a_list_that_cannot_be_is_422(api: Api, query: str) -> None:
    check_error(await api.client.get(f"{PATH}?{query}"), 422)


async def test_without_a_key_nothing_is_told(api: Api, name: str) -> None:
    await api.data("POST", PATH, 201, body(name))
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}/{name}"), ("DELETE", f"{PATH}/{name}")):
        answer = await api.client.request(method, path, headers={"Authorization": "ApiKey wrong"})
        check_error(answer, 401)
    await api.data("GET", f"{PATH}/{name}", 200)


async def test_a_trigger_renders_the_workflow_as_it_is_now(api: Api, name: str) -> None:
    subscriber = f"ada-{name}"
    await api.create_subscriber(subscriber, firstName="Ada")
    await api.data("POST", PATH, 201, body(name, severity="low"))
    await api.trigger(subscriber, {"id": "A1"}, workflow=name)
    steps = [{"name": "In-app", "type": "in_app", "controlValues": {"body": "Now {{payload.id}}"}}]
    await api.data("PUT", f"{PATH}/{name}", 200, {"name": "N", "steps": steps})
    await api.trigger(subscriber, {"id": "A2"}, workflow=name)
    newer, older = await api.feed(subscriber)
    assert (newer["content"], newer["tags"], newer["severity"], newer.get("subject")) == ("Now A2", [], "none", None)
    assert (older["content"], older["tags"], older["severity"]) == ("Dear Ada", [name], "low")
    assert (older["subject"], older["data"]) == ("Order A1", {"id": "A1"})
    assert older["cta"] == {
        "type": "redirect",
        "data": {},
        "action": {
            "status": "pending",
            "buttons": [{"type": "primary", "content": "Open", "url": "/orders/A1", "target": "_blank"}],
            "result": {},
        },
    }
    assert newer["_templateId"] == older["_templateId"]
    await api.call("DELETE", f"{PATH}/{name}", 204)
    gone = {"name": name, "to": subscriber, "payload": {}}
    check_error(await api.client.post("/v1/events/trigger", json=gone), 422)


@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_an_export_of_the_original_is_taken_on_request(api: Api, name: str, is_wrapped: bool) -> None:
    steps = [
        {"stepId": "mail", "name": "Mail", "type": "email", "controlValues": {"subject": "S", "body": "B"}},
        {"stepId": "in-app", "name": "In-app", "type": "in_app", "slug": "x_st_y", "controls": {"values": CONTROLS}},
    ]
    level = {"all": {"enabled": True, "readOnly": True}, "channels": {}}
    exported = {**body(name), "steps": steps, "slug": "x_wf_y", "preferences": {"user": None, "default": level}}
    sent = {"data": exported} if is_wrapped else exported
    if not is_wrapped:
        refused = await api.client.post(PATH, json=sent)
        check_error(refused, 422)
        [message] = refused.json()["errors"]["general"]["messages"]
        assert message.endswith("dropUnsupportedSteps leaves their steps out")
    made = await api.call("POST", f"{PATH}?dropUnsupportedSteps=true", 201, sent)
    answer = made["data"]
    assert answer["droppedSteps"] == [{"index": 0, "name": "Mail", "type": "email"}]
    assert answer["ignoredFields"] == ["slug", "steps.1.slug"]
    assert [(step["stepId"], step["controls"]["values"]) for step in answer["steps"]] == [("in-app", CONTROLS)]
    assert answer["preferences"]["default"]["all"] == {"enabled": True, "readOnly": True}
    assert (await api.data("GET", f"{PATH}/{name}", 200))["_id"] == answer["_id"]


async def test_an_error_of_an_export_numbers_steps_as_the_body_does(api: Api, name: str) -> None:
    mail = {"stepId": "mail", "name": "Mail", "type": "email"}
    for values, field in (({"body": "{{"}, "steps.1.controlValues.body"), ({"body": 3}, "general")):
        step = {"stepId": "in-app", "name": "In-app", "type": "in_app", "controlValues": values}
        sent = {**body(name), "steps": [mail, step, mail]}
        refused = await api.client.post(f"{PATH}?dropUnsupportedSteps=true", json=sent)
        check_error(refused, 422)
        [(named, error)] = refused.json()["errors"].items()
        assert (named, "steps[1]" in error["messages"][0]) == (field, field == "general")


@pytest.mark.parametrize("sent", [{"data": []}, {"data": [{}, {}]}, {"data": [3]}, {}, {"data": {"steps": 3}}])
async def test_what_is_no_export_is_refused(api: Api, sent: Json) -> None:
    check_error(await api.client.post(f"{PATH}?dropUnsupportedSteps=true", json=sent), 422)


async def test_a_required_field_under_another_name_is_suggested(api: Api, name: str) -> None:
    sent = {"workflowId": name, "to": name}
    refused = await api.client.post("/v1/events/trigger", json=sent)
    check_error(refused, 422)
    message = refused.json()["errors"]["general"]["messages"][0]
    assert message == ("Object missing required field `name`: `workflowId` is not a field here, did you mean `name`?")
    (reply,) = (await api.call("POST", "/v1/events/trigger/bulk", 201, {"events": [sent]}))["data"]
    assert reply["error"] == [message]


async def test_an_export_may_be_long_but_not_what_is_kept_of_it(api: Api) -> None:
    """A template of a megabyte would keep the process busy for seconds."""
    name = f"long-{secrets.token_hex(5)}"
    step = {"name": "s", "type": "in_app", "controlValues": {"body": "x"}, "controls": {"uiSchema": "x" * 200_000}}
    sent = {"name": name, "workflowId": name, "steps": [step], "slug": "x" * 200_000}
    assert len((await api.call("POST", f"{PATH}?dropUnsupportedSteps=true", 201, sent))["data"]["steps"]) == 1
    steps = [{**step, "controlValues": {"body": "{{payload.x}}" * 900}}] * 10
    kept = {**sent, "workflowId": f"{name}-2", "steps": steps}
    check_error(await api.client.post(f"{PATH}?dropUnsupportedSteps=true", json=kept), 413)
