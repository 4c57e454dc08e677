"""`expiresAt` of triggers and steps: on every face, in the activity, and when its time has come."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket
from tests.support.waiting import until

from .conftest import workflow
from .hostile import check_error


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
async def name(api: Api) -> str:
    """A workflow and a subscriber of this test only; the step's end is the payload's."""
    name = f"x-{secrets.token_hex(5)}"
    await api.data("POST", "/v2/workflows", 201, workflow(name, {"body": "Hi", "expiresAt": "{{payload.ends}}"}))
    return name


def ahead(**delta: float) -> str:
    moment = datetime.now(UTC) + timedelta(**delta)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_every_face_shows_when_a_message_expires(api: Api, shared_server: Server, name: str) -> None:
    first, second = ahead(hours=1), ahead(hours=2)
    await api.trigger(name, {"ends": first}, workflow=name, expiresAt="PT5M")
    await api.trigger(name, workflow=name, expiresAt=second)
    await api.trigger(name, workflow=name)
    assert [message.get("expiresAt") for message in await api.feed(name)] == [None, second, first]
    async with InboxApi.open(shared_server, name) as inbox:
        assert [one.get("expiresAt") for one in await inbox.notifications()] == [None, second, first]
    stored = (await api.call("GET", "/v1/messages", 200, subscriberId=name))["data"]
    assert [message.get("expiresAt") for message in stored] == [None, second, first]


@pytest.mark.parametrize(
    "wrong", ["soon", "2026-01-01T00:00:00", "24h", "P1M", "P9999D", "9999-12-31T00:00:00Z", 5, {}]
)
async def test_an_end_that_is_none_is_refused(api: Api, name: str, wrong: Any) -> None:
    for path, to in (("trigger", {"to": name}), ("trigger/broadcast", {})):
        body = {"name": name, "payload": {}, "expiresAt": wrong, **to}
        answer = await api.client.post(f"/v1/events/{path}", json=body)
        check_error(answer, 422)
        assert "expiresAt" in answer.text
    bulk = await api.data(
        "POST", "/v1/events/trigger/bulk", 201, {"events": [{"name": name, "to": name, "expiresAt": wrong}]}
    )
    assert bulk[0]["status"] == "error"
    assert "expiresAt" in bulk[0]["error"][0]


async def test_a_workflow_with_an_end_that_is_none_is_refused(api: Api, name: str) -> None:
    body = workflow(f"{name}-2", {"body": "x", "expiresAt": "24h"})
    answer = await api.client.post("/v2/workflows", json=body)
    check_error(answer, 422)
    assert "steps.0.controlValues.expiresAt" in answer.json()["errors"]


@pytest.mark.parametrize(
    ("ends", "fields", "status", "why"),
    [
        ("soon", {}, "failed", "expiresAt"),
        ("2020-01-01T00:00:00Z", {}, "skipped", "expired already"),
        (None, {"expiresAt": "2020-01-01T00:00:00Z"}, "skipped", "expired already"),
    ],
)
async def test_the_activity_says_why_there_is_no_message(
    api: Api, name: str, ends: str | None, fields: dict[str, Any], status: str, why: str
) -> None:
    reply = await api.trigger(name, {"ends": ends} if ends else {}, workflow=name, **fields)
    assert await api.feed(name) == []
    page = await api.call("GET", "/v1/notifications", 200, transactionId=reply["transactionId"])
    [activity] = page["data"]
    [job] = activity["jobs"]
    assert job["status"] == status
    assert why in str(job["executionDetails"])


async def test_an_expired_message_leaves_open_pages(api: Api, shared_server: Server, name: str) -> None:
    async with PlainSocket.open(shared_server, name) as socket:
        await api.trigger(name, {"ends": ahead(seconds=4)}, workflow=name)
        received, *_ = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        removed, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        assert removed == {"removed": [received["message"]["_id"]]}
        assert (unseen["unseenCount"], unread["unreadCount"]) == (0, 0)
    assert await api.feed(name) == []


async def test_messages_of_a_dispatch_expire(api: Api, name: str) -> None:
    people = [f"{name}-{number}" for number in range(110)]
    await api.call("POST", "/v1/subscribers/bulk", 201, {"subscribers": [{"subscriberId": one} for one in people]})
    for place in (0, 100):
        body = {"subscriptions": people[place : place + 100]}
        await api.call("POST", f"/v2/topics/{name}/subscriptions", 201, body)
    reply = await api.trigger({"type": "Topic", "topicKey": name}, workflow=name, expiresAt="PT12S")
    progress = await api.dispatched(reply["transactionId"])
    assert progress["delivered"] == len(people)
    assert all([await api.unseen(one) == 1 for one in people[::20]])

    async def gone() -> bool:
        return not any([await api.feed(one) for one in people[::20]])

    await until(gone, 60)
