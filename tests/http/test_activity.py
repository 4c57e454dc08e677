"""`/v1/notifications` and `/v1/execution-details`: why somebody got a message, or none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, Json
from tests.support.server import Server

from .conftest import workflow
from .hostile import check_error

V1 = "/v1/notifications"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    return f"a-{secrets.token_hex(5)}"


async def make_workflow(api: Api, name: str, *controls: dict[str, Any], **fields: Any) -> Json:
    made: Json = await api.data("POST", "/v2/workflows", 201, workflow(name, *controls, **fields))
    return made


async def listed(api: Api, **query: Any) -> list[Json]:
    page = await api.call("GET", V1, 200, **query)
    assert page.keys() == {"page", "hasMore", "pageSize", "data"}
    found: list[Json] = page["data"]
    return found


def status_of(activity: Json) -> str:
    """The status of its first step."""
    status: str = activity["jobs"][0]["status"]
    return status


async def test_a_delivery_is_told_from_its_message(api: Api, name: str) -> None:
    made = await make_workflow(api, name, {"body": "Hi"}, severity="high", tags=["news"])
    await api.create_subscriber(name, firstName="Ada", email=f"{name}@example.org")
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=f"t-{name}")
    [activity] = await listed(api, transactionId=f"t-{name}")
    [message] = await api.feed(name)
    assert activity["_id"] == message["_notificationId"]
    assert activity["_subscriberId"] == message["_subscriberId"]
    assert activity["transactionId"] == f"t-{name}"
    assert activity["_templateId"] == made["_id"]
    assert activity["channels"] == ["in_app"]
    assert activity["payload"] == {"n": 1}
    assert activity["tags"] == ["news"]
    assert activity["severity"] == "high"
    assert activity["createdAt"] == message["createdAt"]
    assert activity["subscriber"] == {
        "_id": message["_subscriberId"],
        "subscriberId": name,
        "firstName": "Ada",
        "email": f"{name}@example.org",
    }
    assert activity["template"]["triggers"][0]["identifier"] == name
    [job] = activity["jobs"]
    assert (job["status"], job["executionDetails"][0]["status"]) == ("completed", "Success")
    assert await api.data("GET", f"{V1}/{activity['_id']}", 200) == activity


async def test_a_workflow_that_is_gone_is_still_named(api: Api, name: str) -> None:
    made = await make_workflow(api, name, {"body": "Hi"})
    await api.trigger(name, workflow=name, transactionId=f"t-{name}")
    await api.call("DELETE", f"/v2/workflows/{name}", 204)
    [activity] = await listed(api, transactionId=f"t-{name}")
    assert (activity["to"], activity["jobs"][0]["step"]["stepId"]) == ({"subscriberId": name}, "step-0")
    assert activity["template"] == {
        "_id": made["_id"],
        "name": name,
        "triggers": [{"type": "event", "identifier": name, "variables": []}],
    }


async def test_why_there_is_no_message(api: Api, name: str) -> None:
    await make_workflow(api, name, {"body": "{{ '%' | url_decode }}"})
    plain = f"{name}-plain"
    await make_workflow(api, plain, {"body": "Hi"})
    await api.create_subscriber(name)
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=f"{name}-failed")
    await api.data("PATCH", f"/v2/subscribers/{name}/preferences", 200, {"channels": {"in_app": False}})
    await api.trigger(name, workflow=plain, transactionId=f"{name}-muted")
    await api.data("PATCH", f"/v2/subscribers/{name}/preferences", 200, {"channels": {"in_app": True}})
    for _ in range(2):
        await api.trigger(name, workflow=plain, transactionId=f"{name}-twice")
    await api.trigger([name, ["nested"]], workflow=plain, transactionId=f"{name}-refused")
    statuses = {}
    for kind in ("failed", "muted", "twice", "refused"):
        statuses[kind] = [status_of(one) for one in await listed(api, transactionId=f"{name}-{kind}")]
    assert statuses == {
        "failed": ["failed"],
        "muted": ["canceled"],
        "twice": ["completed"],
        "refused": ["completed", "failed"],
    }
    [twice] = await listed(api, transactionId=f"{name}-twice")
    details = [detail["detail"] for detail in twice["jobs"][0]["executionDetails"]]
    assert details == ["Message stored in the feed", "This transaction was delivered before: nothing was stored again"]
    [failed] = await listed(api, transactionId=f"{name}-failed")
    [detail] = failed["jobs"][0]["executionDetails"]
    assert (detail["status"], "body" in detail["raw"]) == ("Failed", True)
    assert failed["subscriber"]["subscriberId"] == name
    refused = next(one for one in await listed(api, transactionId=f"{name}-refused") if status_of(one) == "failed")
    assert "subscriber" not in refused
    assert "must be" in refused["jobs"][0]["executionDetails"][0]["raw"]


async def test_every_step_of_one_is_told(api: Api, name: str) -> None:
    await make_workflow(api, name, {"body": "one"}, {"body": "{{ '%' | url_decode }}"}, {"body": "three"})
    await api.trigger(name, {"n": 1}, workflow=name, transactionId=name)
    [activity] = await listed(api, transactionId=name)
    found = await api.data("GET", f"{V1}/{activity['_id']}", 200)
    steps = {job["step"]["stepId"]: job["status"] for job in found["jobs"]}
    assert steps == {"step-0": "completed", "step-1": "failed", "step-2": "completed"}
    details = await api.data("GET", "/v1/execution-details", 200, notificationId=activity["_id"], subscriberId=name)
    assert {one["_notificationId"] for one in details} == {activity["_id"]}
    assert sorted(one["status"] for one in details) == ["Failed", "Success", "Success"]


async def test_filters(api: Api, name: str) -> None:
    first = await make_workflow(api, f"{name}-1", {"body": "1"}, severity="low")
    second = await make_workflow(api, f"{name}-2", {"body": "2"}, severity="high")
    people = [f"{name}-ada", f"{name}-bob"]
    for person in people:
        await api.create_subscriber(person, firstName=person.upper(), email=f"{person}@example.org")
    for identifier in (f"{name}-1", f"{name}-2"):
        for person in people:
            await api.trigger(person, workflow=identifier, context={"tenant": name} if person == people[0] else None)

    async def pairs(**query: Any) -> set[tuple[str, str]]:
        found = await listed(api, limit=50, **query)
        return {(one["subscriber"]["subscriberId"], one["template"]["name"]) for one in found}

    ada, bob = ({(person, f"{name}-{number}") for number in (1, 2)} for person in people)
    assert await pairs(subscriberIds=people) == ada | bob
    assert await pairs(subscriberIds=people[0]) == ada
    assert await pairs(emails=f"{people[1]}@example.org") == bob
    assert await pairs(search=people[1].upper()) == bob
    assert await pairs(search=people[0], templates=first["_id"]) == {(people[0], f"{name}-1")}
    assert await pairs(templates=[first["_id"], second["_id"]]) == ada | bob
    assert await pairs(subscriberIds=people, severity="high") == {(person, f"{name}-2") for person in people}
    assert await pairs(subscriberIds=people, contextKeys=f"tenant:{name}") == ada
    assert await pairs(subscriberIds=people, channels="email") == set()
    assert await pairs(subscriberIds=people, channels=["in_app", "email"]) == ada | bob
    [*_, oldest] = await listed(api, subscriberIds=people)
    assert await pairs(subscriberIds=people, after=oldest["createdAt"]) == ada | bob
    assert await pairs(subscriberIds=people, before="2020-01-01T00:00:00Z") == set()
    for query in ({"subscriberIds": "nobody-" + name}, {"search": "nobody-" + name}, {"emails": "x@" + name}):
        page = await api.call("GET", V1, 200, page=3, **query)
        assert page == {"page": 0, "hasMore": False, "pageSize": 10, "data": []}


async def test_pages(api: Api, name: str) -> None:
    await make_workflow(api, name, {"body": "Hi"})
    for number in range(5):
        await api.trigger(name, workflow=name, transactionId=f"{name}-{number}")
    pages = [await api.call("GET", V1, 200, subscriberIds=name, page=page, limit=2) for page in range(3)]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    found = [one["transactionId"] for page in pages for one in page["data"]]
    assert found == [f"{name}-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 51}, 422),
        ({"limit": 0}, 422),
        ({"page": -1}, 422),
        ({"page": 1_001}, 422),
        ({"page": "x"}, 422),
        ({"after": "yesterday"}, 400),
        ({"before": "2026-13-01"}, 400),
        ({"channels": "fax"}, 422),
        ({"severity": "worst"}, 422),
        ({"templates": "not-an-id"}, 422),
        ({"subscriptionId": "x"}, 400),
    ],
    ids=str,
)
async def test_what_is_refused(api: Api, query: dict[str, Any], status: int) -> None:
    check_error(await api.client.get(V1, params=query), status)


async def test_unknown_ids(api: Api) -> None:
    for activity_id in ("0" * 24, "x", "%00"):
        answer = await api.client.get(f"{V1}/{activity_id}")
        check_error(answer, 400 if activity_id == "%00" else 404)
    check_error(await api.client.get("/v1/execution-details", params={"notificationId": "0" * 24}), 404)
    check_error(await api.client.get("/v1/execution-details"), 422)


async def test_another_process_sees_it_at_once(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    servers = await asyncio.gather(*(run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix) for _ in range(2)))
    async with Api.open(servers[0]) as one, Api.open(servers[1]) as other:
        await make_workflow(one, "seen", {"body": "Hi"})
        await one.trigger("ada", workflow="seen", transactionId="t")
        async with asyncio.timeout(20):
            while not (found := await listed(other, transactionId="t")):
                await asyncio.sleep(0.01)
        assert [one["subscriber"]["subscriberId"] for one in found] == ["ada"]
        servers[0].process.kill()
        await other.trigger("bob", workflow="seen", transactionId="t2")
        assert [one["transactionId"] for one in await listed(other)] == ["t2", "t"]


async def test_a_broadcast_is_told_recipient_by_recipient(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api:
        await make_workflow(api, "all", {"body": "Hi"})
        people = {f"p{number}" for number in range(30)}
        for person in people:
            await api.create_subscriber(person)
        await api.data("PATCH", "/v2/subscribers/p7/preferences", 200, {"channels": {"in_app": False}})
        body = {"name": "all", "payload": {}, "transactionId": "everybody"}
        await api.data("POST", "/v1/events/trigger/broadcast", 201, body)
        found = await listed(api, transactionId="everybody", limit=50)
        assert {one["subscriber"]["subscriberId"] for one in found} == people
        muted = [one["subscriber"]["subscriberId"] for one in found if one["jobs"][0]["status"] == "canceled"]
        assert muted == ["p7"]


async def test_a_link_that_leads_elsewhere_is_left_out_and_the_activity_says_so(api: Api, name: str) -> None:
    controls = {"body": "x", "redirect": {"url": "/{{payload.path}}"}}
    await make_workflow(api, name, controls)
    for path in ("orders/1", "/evil.example/login", "\t/evil.example"):
        await api.trigger(name, {"path": path}, workflow=name, transactionId=f"{name}-{path.strip()}")
    assert [one["cta"]["data"] for one in await api.feed(name)] == [{}, {}, {"url": "/orders/1"}]
    [fine] = await listed(api, transactionId=f"{name}-orders/1")
    assert "raw" not in fine["jobs"][0]["executionDetails"][0]
    [evil] = await listed(api, transactionId=f"{name}-/evil.example/login")
    assert status_of(evil) == "completed"
    assert "redirect.url: its template is a path of the same site" in evil["jobs"][0]["executionDetails"][0]["raw"]
    [message] = [one for one in await api.feed(name) if one["transactionId"].endswith("/login")]
    await api.data("DELETE", f"/v1/messages/{message['_id']}", 200)
    [deleted] = await listed(api, transactionId=f"{name}-/evil.example/login")
    assert "redirect.url" in deleted["jobs"][0]["executionDetails"][0]["raw"]


async def members_of(api: Api, key: str, *subscriber_ids: str) -> dict[str, str]:
    """Subscribe people to a topic; the `_id` of each subscription."""
    for subscriber_id in subscriber_ids:
        await api.create_subscriber(subscriber_id)
    body = {"subscriberIds": [*subscriber_ids]}
    reply = await api.call("POST", f"/v2/topics/{key}/subscriptions", 201, body)
    return {item["subscriber"]["subscriberId"]: item["_id"] for item in reply["data"]}


async def who(api: Api, **query: Any) -> list[tuple[str, str]]:
    """Transaction and recipient of each activity that is listed, the newest first; of one transaction in any order."""
    return [(one["transactionId"], one["to"]["subscriberId"]) for one in await listed(api, **query)]


async def test_what_came_through_a_topic(api: Api, name: str) -> None:
    ada, bob, cleo, dan = (f"{name}-{one}" for one in "abcd")
    news, other = f"{name}-news", f"{name}-other"
    await make_workflow(api, name, {"body": "Hi"})
    ids = await members_of(api, news, ada, bob)
    await members_of(api, other, bob, cleo)
    topic = {"type": "Topic", "topicKey": news}
    await api.trigger(topic, workflow=name, transactionId="alone")
    await api.trigger([topic, dan], workflow=name, transactionId="with dan")
    await api.trigger([topic, {**topic, "topicKey": other}], workflow=name, transactionId="two topics")
    await api.trigger(ada, workflow=name, transactionId="directly")

    found = await who(api, topicKey=news, limit=50)
    assert set(found[4:]) == {("alone", ada), ("alone", bob)}
    assert set(found[2:4]) == {("with dan", ada), ("with dan", bob)}
    assert set(found[:2]) == {("two topics", ada), ("two topics", bob)}
    assert len(found) == 6
    assert set(await who(api, topicKey=other)) == {("two topics", bob), ("two topics", cleo)}
    assert await who(api, topicKey=news, subscriberIds=bob, transactionId="alone") == [("alone", bob)]
    assert await who(api, topicKey=other, transactionId="alone") == []
    pages = [await api.call("GET", V1, 200, topicKey=news, page=page, limit=4) for page in range(3)]
    assert [(len(page["data"]), page["hasMore"]) for page in pages] == [(4, True), (2, False), (0, False)]

    for subscription in ({"subscriptionId": ids[ada], "topicKey": news}, {"subscriptionId": f"tk_{news}:si_{ada}"}):
        assert [one for one, _ in await who(api, **subscription)] == ["two topics", "with dan", "alone"]
        assert {one for _, one in await who(api, **subscription)} == {ada}
        assert await who(api, **subscription, subscriberIds=bob) == []
    assert await who(api, topicKey=other, subscriptionId=ids[ada]) == []
    assert await who(api, topicKey=f"{name}-none") == []
    assert await who(api, topicKey=news, subscriptionId="none") == []


async def test_a_topic_that_is_made_again_has_no_activity(api: Api, name: str) -> None:
    await make_workflow(api, name, {"body": "Hi"})
    await members_of(api, name, f"{name}-a")
    await api.trigger({"type": "Topic", "topicKey": name}, workflow=name)
    assert len(await who(api, topicKey=name)) == 1
    await api.data("DELETE", f"/v2/topics/{name}", 200)
    assert await who(api, topicKey=name) == []
    await members_of(api, name, f"{name}-b")
    assert await who(api, topicKey=name) == []
