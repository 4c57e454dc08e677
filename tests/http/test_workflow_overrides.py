"""`/v1/workflow-overrides`, conditions of steps, and contexts that triggers bring along."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from tests.support.client import Api, Json
from tests.support.server import Server

from .conftest import workflow
from .hostile import check_error

V1 = "/v1/workflow-overrides"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"o-{secrets.token_hex(5)}"


@pytest.fixture
async def tenant(api: Api, name: str) -> Json:
    made: Json = await api.data("POST", "/v1/tenants", 201, {"identifier": name, "name": "Acme"})
    return made


@pytest.fixture
async def made(api: Api, name: str) -> Json:
    created: Json = await api.data("POST", "/v2/workflows", 201, workflow(name, {"body": "Hi"}))
    return created


async def test_an_override_is_made_read_changed_and_deleted(api: Api, made: Json, tenant: Json) -> None:
    body = {"workflowId": made["_id"], "tenantId": tenant["_id"], "active": False}
    override = await api.data("POST", V1, 201, body)
    assert (override["_workflowId"], override["_tenantId"]) == (made["_id"], tenant["_id"])
    assert (override["active"], override["preferenceSettings"], override["deleted"]) == (False, {}, False)
    check_error(await api.client.post(V1, json=body), 400)
    path, pair = f"{V1}/{override['_id']}", f"{V1}/workflows/{made['_id']}/tenants/{tenant['_id']}"
    assert await api.data("GET", path, 200) == override == await api.data("GET", pair, 200)
    assert override in (await api.call("GET", V1, 200, limit=100))["data"]
    changed = await api.data("PUT", pair, 200, {"active": True, "preferenceSettings": {"in_app": False}})
    assert (changed["active"], changed["preferenceSettings"]) == (True, {"in_app": False})
    again = await api.data("PUT", path, 200, {"preferenceSettings": {"email": True}})
    assert again["preferenceSettings"] == {"in_app": False, "email": True}
    assert await api.data("DELETE", path, 200) is True
    for method in ("GET", "PUT", "DELETE"):
        check_error(await api.client.request(method, path, json={} if method == "PUT" else None), 404)
    check_error(await api.client.get(pair), 404)


async def test_a_trigger_heeds_the_override_of_its_tenant(api: Api, name: str, made: Json, tenant: Json) -> None:
    pair = {"workflowId": made["workflowId"], "tenantId": tenant["identifier"]}
    override = await api.data("POST", V1, 201, {**pair, "active": False})
    path = f"{V1}/{override['_id']}"
    assert (await api.trigger(name, workflow=name, tenant=name))["status"] == "trigger_not_active"
    assert (await api.trigger(name, workflow=name))["status"] == "processed"
    await api.data("PUT", path, 200, {"active": True, "preferenceSettings": {"in_app": False}})
    await api.trigger(name, workflow=name, tenant=name, transactionId=f"{name}-muted")
    assert len(await api.feed(name)) == 1
    channels = {"channels": {"in_app": True}, "workflowId": made["_id"]}
    await api.data("PATCH", f"/v2/subscribers/{name}/preferences", 200, channels)
    await api.trigger(name, workflow=name, tenant=name, transactionId=f"{name}-chosen")
    assert [one["transactionId"] for one in await api.feed(name)][:1] == [f"{name}-chosen"]
    await api.data("PATCH", f"/v2/workflows/{made['_id']}", 200, {"active": False})
    assert (await api.trigger(name, workflow=name))["status"] == "trigger_not_active"
    assert (await api.trigger(name, workflow=name, tenant=name))["status"] == "processed"


async def test_what_is_refused(api: Api, made: Json, tenant: Json) -> None:
    check_error(await api.client.post(V1, json={"workflowId": "nope", "tenantId": tenant["_id"]}), 404)
    check_error(await api.client.post(V1, json={"workflowId": made["_id"], "tenantId": "0" * 24}), 404)
    check_error(await api.client.post(V1, json={"workflowId": made["_id"]}), 422)
    check_error(await api.client.post(V1, json={"workflowId": made["_id"], "tenantId": 3}), 422)
    check_error(await api.client.get(f"{V1}/workflows/{made['_id']}/tenants/{tenant['_id']}"), 404)
    check_error(await api.client.get(V1, params={"limit": 101}), 422)


async def test_a_step_is_skipped_when_its_condition_is_not_true(api: Api, name: str) -> None:
    rule = {"!=": [{"var": "subscriber.locale"}, "de"]}
    steps = [{"body": "not in German", "skip": rule}, {"body": "always"}]
    made = await api.data("POST", "/v2/workflows", 201, workflow(name, *steps))
    assert made["steps"][0]["controlValues"]["skip"] == rule
    for locale in ("de", "en"):
        await api.create_subscriber(f"{name}-{locale}", locale=locale)
        await api.trigger(f"{name}-{locale}", workflow=name, transactionId=f"{name}-{locale}")
    assert [one["content"] for one in await api.feed(f"{name}-de")] == ["always"]
    assert [one["content"] for one in await api.feed(f"{name}-en")] == ["always", "not in German"]
    found = await api.call("GET", "/v1/notifications", 200, transactionId=f"{name}-de")
    activity = await api.data("GET", f"/v1/notifications/{found['data'][0]['_id']}", 200)
    assert [job["status"] for job in activity["jobs"]] == ["skipped", "completed"]


async def test_a_trigger_makes_the_contexts_it_names(api: Api, name: str) -> None:
    controls = {"body": "{{context.tenant.data.plan}}"}
    await api.data("POST", "/v2/workflows", 201, workflow(name, controls))
    path = f"/v2/contexts/tenant/{name}"
    await api.trigger(name, workflow=name, context={"tenant": name})
    assert (await api.data("GET", path, 200))["data"] == {}
    await api.trigger(name, workflow=name, context={"tenant": {"id": name, "data": {"plan": "pro"}}})
    assert (await api.data("GET", path, 200))["data"] == {"plan": "pro"}
    await api.trigger(name, workflow=name, context={"tenant": name})
    assert (await api.data("GET", path, 200))["data"] == {"plan": "pro"}
    contents = [one["content"] for one in await api.feed(name, contextKeys=f"tenant:{name}")]
    assert contents == ["pro", "pro", ""]
    await api.data("PATCH", path, 200, {"data": {"plan": "free"}})
    async with asyncio.timeout(20):
        while True:
            await api.trigger(name, workflow=name, context={"tenant": name})
            if (await api.feed(name))[0]["content"] == "free":
                break
