"""The backend's Python client at a real service: every call is one that the service knows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from inbox.client import ApiError, Backend, Trigger, open_session, plain_hash
from tests.support.client import WORKFLOW, Api
from tests.support.server import Server

pytestmark = pytest.mark.needs("valkey")


@pytest.fixture
async def backend(fresh_server: Server) -> AsyncIterator[Backend]:
    """With the workflow that tests trigger."""
    async with (
        Api.open(fresh_server) as api,
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
        Backend(fresh_server.url, fresh_server.api_key, http=http) as backend,
    ):
        await api.create_workflow()
        yield backend


async def test_triggers(backend: Backend) -> None:
    one = await backend.trigger(WORKFLOW, "ada", {"n": 1})
    assert one["status"] == "processed"
    again = await backend.trigger(WORKFLOW, "ada", {"n": 1}, transaction_id=one["transactionId"])
    assert again["transactionId"] == one["transactionId"]
    triggers = [Trigger(workflow=WORKFLOW, to="ada", payload={"n": n}) for n in (2, 3)]
    results = await backend.trigger_many([*triggers, Trigger(workflow="unknown", to="ada")])
    assert [result["status"] for result in results] == ["processed", "processed", "error"]
    assert (await backend.broadcast(WORKFLOW, {"n": 4}))["status"] == "processed"
    shown = [notification["body"] async for notification in backend.subscribers.notifications("ada")]
    assert shown == ["Body 4", "Body 3", "Body 2", "Body 1"]
    assert await backend.cancel(one["transactionId"]) is False
    with pytest.raises(ApiError, match="workflow_not_found") as caught:
        await backend.trigger("unknown", "ada")
    assert caught.value.status == 422
    with pytest.raises(ApiError):
        await backend.progress(one["transactionId"])


async def test_subscribers(backend: Backend) -> None:
    assert (await backend.subscribers.save("ada/1", firstName="Ada"))["firstName"] == "Ada"
    assert (await backend.subscribers.save("ada/1", lastName="L"))["firstName"] == "Ada"
    saved = await backend.subscribers.save_many([{"subscriberId": "bob"}, {"subscriberId": "ada/1"}, {}])
    assert [len(saved[name]) for name in ("created", "updated", "failed")] == [1, 1, 1]
    assert (await backend.subscribers.get("ada/1"))["lastName"] == "L"
    assert {one["subscriberId"] async for one in backend.subscribers.find()} == {"ada/1", "bob"}
    preferences = await backend.subscribers.set_preferences("bob", {"in_app": False}, WORKFLOW)
    assert preferences == await backend.subscribers.preferences("bob")
    assert preferences["workflows"][0]["channels"] == {"in_app": False}
    await backend.subscribers.delete("ada/1")
    with pytest.raises(ApiError, match="404"):
        await backend.subscribers.get("ada/1")


async def test_notifications_of_a_subscriber_with_a_filter(backend: Backend) -> None:
    for n in range(3):
        await backend.trigger(WORKFLOW, "ada", {"n": n}, overrides={"severity": "high" if n == 1 else "low"})
    found = backend.subscribers.notifications("ada", {"severity": ["high"], "read": False, "tags": [], "data": {}})
    assert [notification["body"] async for notification in found] == ["Body 1"]


async def test_topics(backend: Backend) -> None:
    await backend.subscribers.save_many([{"subscriberId": f"s{n}"} for n in range(120)])
    await backend.topics.save("news", "News")
    assert (await backend.topics.save("news", "All news"))["name"] == "All news"
    assert [topic["key"] async for topic in backend.topics.find()] == ["news"]
    everybody = [f"s{n}" for n in range(120)]
    assert await backend.topics.subscribe("news", [*everybody, "nobody"]) == ["nobody"]
    assert len([member async for member in backend.topics.members("news")]) == 120
    result = await backend.trigger(WORKFLOW, {"type": "Topic", "topicKey": "news"}, {"n": 1})
    assert (await backend.progress(result["transactionId"]))["total"] == 120
    await backend.topics.unsubscribe("news", everybody)
    assert [member async for member in backend.topics.members("news")] == []
    await backend.topics.delete("news")
    with pytest.raises(ApiError, match="404"):
        await backend.topics.get("news")


async def test_workflows(backend: Backend) -> None:
    step = {"name": "In-app", "type": "in_app", "controlValues": {"body": "Hello"}}
    await backend.workflows.create({"name": "Other", "workflowId": "other", "steps": [step]})
    assert {one["workflowId"] async for one in backend.workflows.find()} == {WORKFLOW, "other"}
    assert (await backend.workflows.change("other", active=False))["active"] is False
    assert (await backend.workflows.replace("other", {"name": "New", "steps": [step]}))["name"] == "New"
    assert (await backend.workflows.get("other"))["name"] == "New"
    await backend.workflows.delete("other")
    with pytest.raises(ApiError) as caught:
        await backend.workflows.create({"name": "No steps"})
    assert caught.value.status == 422
    assert caught.value.fields


async def test_messages(backend: Backend) -> None:
    for subscriber_id in ("ada", "bob"):
        await backend.trigger(
            WORKFLOW, subscriber_id, {"n": 1}, transaction_id=f"t-{subscriber_id}", external_reference="r/1"
        )
    [message] = [one async for one in backend.messages.find(subscriber_id="ada")]
    assert (await backend.messages.edit(message["_id"], {"body": "New", "subject": None}))["content"] == "New"
    assert await backend.messages.edit_transaction("t-ada", {"body": "New"}) == {"updated": 0, "unchanged": 1}
    assert await backend.messages.edit_referenced("bob", "r/1", {"severity": "high"}) == {"updated": 1, "unchanged": 0}
    assert [one["transactionId"] async for one in backend.messages.find(transaction_id="t-bob")] == ["t-bob"]
    await backend.messages.retract_referenced("bob", "r/1")
    await backend.messages.retract(message["_id"])
    with pytest.raises(ApiError, match="404"):
        await backend.messages.retract_transaction("t-ada")
    assert [one async for one in backend.messages.find()] == []


async def test_a_session_for_a_hash(backend: Backend, fresh_server: Server) -> None:
    url, identifier = fresh_server.url, fresh_server.application_identifier
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        hashed = plain_hash(fresh_server.api_key, "ada")
        assert await open_session(url, identifier, "ada", subscriber_hash=hashed, http=http)
        with pytest.raises(ApiError) as caught:
            await open_session(url, identifier, "ada", subscriber_hash="wrong", http=http)
    assert (caught.value.status, caught.value.is_temporary) == (400, False)
