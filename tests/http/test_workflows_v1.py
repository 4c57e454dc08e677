"""`/v1/workflows` and its older name, and named feeds: made, changed, triggered, filtered by."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import Api, Json
from tests.support.server import Server

from .hostile import check_error

BASES = ("/v1/workflows", "/v1/notification-templates")
CTA = {
    "type": "redirect",
    "data": {"url": "/orders/{{order}}", "target": "_self"},
    "action": {
        "buttons": [
            {"type": "primary", "content": "Open {{order}}", "url": "/open"},
            {"type": "secondary", "content": "No"},
        ]
    },
}


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"v1-{secrets.token_hex(5)}"


def step(content: str = "Order {{order}}", **template: Any) -> Json:
    return {"template": {"type": "in_app", "content": content, **template}}


async def make(api: Api, name: str, *steps: Json, **fields: Any) -> Json:
    body = {"name": name, "steps": [*steps] or [step()], **fields}
    made: Json = await api.data("POST", "/v1/workflows", 201, body)
    return made


def trigger_name(workflow: Json) -> str:
    identifier: str = workflow["triggers"][0]["identifier"]
    return identifier


@pytest.mark.parametrize("base", BASES)
async def test_a_workflow_is_made_read_changed_and_deleted(api: Api, name: str, base: str) -> None:
    [group] = [one for one in await api.data("GET", "/v1/notification-groups", 200) if one["name"] == "General"]
    body = {
        "name": name,
        "description": "What for",
        "tags": ["a"],
        "active": True,
        "critical": False,
        "notificationGroupId": group["_id"],
        "preferenceSettings": {"email": False},
        "data": {"k": 1},
        "steps": [{**step(cta=CTA), "name": "Tell"}],
    }
    made = await api.data("POST", base, 201, body)
    assert (made["name"], made["tags"], made["active"], made["critical"]) == (name, ["a"], True, False)
    assert (made["_notificationGroupId"], made["notificationGroup"]["name"]) == (group["_id"], "General")
    assert made["preferenceSettings"] == {"email": False, "sms": True, "in_app": True, "chat": True, "push": True}
    assert made["data"] == {"k": 1}
    [shown] = made["steps"]
    assert (shown["name"], shown["template"]["content"], shown["template"]["cta"]) == ("Tell", "Order {{order}}", CTA)
    path = f"{base}/{made['_id']}"
    assert await api.data("GET", path, 200) == made
    listed = await api.call("GET", base, 200, limit=100)
    assert made in listed["data"]
    assert listed.keys() == {"page", "totalCount", "pageSize", "data"}
    changed = await api.data("PUT", path, 200, {"name": f"{name}-2", "steps": [{**shown, **step("Other")}]})
    assert (changed["name"], changed["steps"][0]["template"]["content"]) == (f"{name}-2", "Other")
    assert changed["steps"][0]["_id"] == shown["_id"]
    assert (changed["description"], trigger_name(changed)) == ("What for", trigger_name(made))
    assert (await api.data("PUT", f"{path}/status", 200, {"active": False}))["active"] is False
    reply = await api.trigger("ada", workflow=trigger_name(made))
    assert reply["status"] == "trigger_not_active"
    assert await api.data("DELETE", path, 200) is True
    for method, content in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        check_error(await api.client.request(method, path, json=content), 404)
    check_error(await api.client.put(f"{path}/status", json={"active": True}), 404)


async def test_messages_are_rendered_from_the_payload(api: Api, name: str) -> None:
    made = await make(
        api,
        name,
        {
            **step(
                "Order {{order}} for {{subscriber.firstName}} {{extra.a}}",
                cta=CTA,
                actor={"type": "system_custom", "data": "/i.png"},
                variables=[{"name": "extra.a", "type": "String", "defaultValue": "!"}],
            )
        },
        tags=["orders"],
    )
    await api.create_subscriber(name, firstName="Ada")
    await api.trigger(name, {"order": 7}, workflow=trigger_name(made))
    [message] = await api.feed(name)
    assert message["content"] == "Order 7 for Ada !"
    assert message["cta"]["data"] == {"url": "/orders/7", "target": "_self"}
    assert [(one["content"], one.get("url")) for one in message["cta"]["action"]["buttons"]] == [
        ("Open 7", "/open"),
        ("No", None),
    ]
    assert message["actor"] == {"type": "system_custom", "data": "/i.png"}
    assert message["tags"] == ["orders"]
    assert message["payload"] == {"order": 7, "extra": {"a": "!"}}
    assert "subject" not in message


async def test_a_required_variable_must_be_there(api: Api, name: str) -> None:
    made = await make(api, name, step(variables=[{"name": "order", "type": "String", "required": True}]))
    answer = await api.client.post("/v1/events/trigger", json={"name": trigger_name(made), "to": name, "payload": {}})
    check_error(answer, 400)
    assert "order" in answer.json()["message"]


async def test_only_active_steps_run(api: Api, name: str) -> None:
    made = await make(api, name, {**step("off"), "active": False}, step("on"))
    await api.trigger(name, workflow=trigger_name(made))
    assert [message["content"] for message in await api.feed(name)] == ["on"]
    idle = await make(api, f"{name}-idle", {**step("off"), "active": False})
    assert (await api.trigger(name, workflow=trigger_name(idle)))["status"] == "no_workflow_active_steps_defined"


async def test_two_of_a_name_have_identifiers_of_their_own(api: Api, name: str) -> None:
    first, second = await make(api, name), await make(api, name)
    assert trigger_name(first) == name
    assert trigger_name(second).startswith(f"{name}-")
    v2 = await api.data("GET", f"/v2/workflows/{first['_id']}", 200)
    assert (v2["origin"], v2["workflowId"]) == ("novu-cloud-v1", name)


async def test_a_critical_one_cannot_be_muted(api: Api, name: str) -> None:
    made = await make(api, name, critical=True)
    await api.create_subscriber(name)
    body = {"channels": {"in_app": False}, "workflowId": made["_id"]}
    check_error(await api.client.patch(f"/v2/subscribers/{name}/preferences", json=body), 400)
    open_ = await api.data("PUT", f"/v1/workflows/{made['_id']}", 200, {"critical": False})
    assert open_["critical"] is False
    await api.data("PATCH", f"/v2/subscribers/{name}/preferences", 200, body)
    await api.trigger(name, workflow=trigger_name(made))
    assert await api.feed(name) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "general"),
        ({}, "name"),
        ({"name": "x", "notificationGroupId": "0" * 24}, "notificationGroupId"),
        ({"name": "x", "steps": [step("{{#if a}}b{{/if}}")]}, "steps.0.controlValues.body"),
        ({"name": "x", "steps": [step("")]}, "steps.0.template.content"),
        ({"name": "x", "steps": [{"template": {"type": "email", "content": "x"}}]}, "steps.0.template.type"),
        ({"name": "x", "steps": [{**step(), "filters": [{"value": "AND"}]}]}, "steps.0.filters"),
        ({"name": "x", "steps": [step(feedId="0" * 24)]}, "steps.0.template.feedId"),
        ({"name": "x", "steps": [step(cta={"data": {"url": "javascript:x"}})]}, "steps.0.template.cta"),
        ({"name": "x", "steps": "none"}, "general"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: Json, field: str) -> None:
    answer = await api.client.post("/v1/workflows", json=body)
    check_error(answer, 422)
    assert field in answer.json()["errors"]


async def test_named_feeds(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api:
        assert await api.data("GET", "/v1/feeds", 200) == []
        news, offers = [await api.data("POST", "/v1/feeds", 201, {"name": one}) for one in ("News", "Offers")]
        assert (news["name"], news["identifier"]) == ("News", "News")
        check_error(await api.client.post("/v1/feeds", json={"name": "News"}), 409)
        check_error(await api.client.post("/v1/feeds", json={"name": ""}), 422)
        for feed in (news, offers, None):
            fields = {"feedId": feed["_id"]} if feed else {}
            made = await make(api, f"w-{feed['name'] if feed else 'none'}", step("{{n}}", **fields))
            for number in range(2):
                await api.trigger("ada", {"n": number}, workflow=trigger_name(made))
        found = await api.feed("ada", feedIdentifier="News")
        assert [(one["_feedId"], one["content"]) for one in found] == [(news["_id"], "1"), (news["_id"], "0")]
        assert len(await api.feed("ada", feedIdentifier=["News", "Offers"])) == 4
        assert len(await api.feed("ada")) == 6
        assert await api.feed("ada", feedIdentifier="None") == []
        unseen = "/v1/subscribers/ada/notifications/unseen"
        assert (await api.data("GET", unseen, 200, feedId="News"))["count"] == 2
        mark_all = "/v1/subscribers/ada/messages/mark-all"
        assert await api.data("POST", mark_all, 201, {"markAs": "seen", "feedIdentifier": "News"}) == 2
        assert await api.data("POST", mark_all, 201, {"markAs": "read", "feedIdentifier": ["Offers", "x"]}) == 2
        assert await api.data("POST", mark_all, 201, {"markAs": "read", "feedIdentifier": "x"}) == 0
        assert (await api.data("GET", unseen, 200, feedId="News"))["count"] == 0
        assert (await api.data("GET", unseen, 200, feedId="News", seen="true"))["count"] == 2
        assert (await api.data("GET", unseen, 200))["count"] == 2
        assert [one["name"] for one in await api.data("DELETE", f"/v1/feeds/{news['_id']}", 200)] == ["Offers"]
        check_error(await api.client.delete(f"/v1/feeds/{news['_id']}"), 404)
        assert await api.feed("ada", feedIdentifier="News") == []
        assert len(await api.feed("ada")) == 6
