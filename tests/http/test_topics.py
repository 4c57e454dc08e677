"""`/v1/topics` and `/v2/topics` with subscriptions, shape by shape."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, Json, segment
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations

V1, V2 = "/v1/topics", "/v2/topics"


@pytest.fixture
async def api(shared_server: Server) -> AsyncIterator[Api]:
    async with Api.open(shared_server) as api:
        yield api


@pytest.fixture
def name() -> str:
    """The beginning of every key and id of this test: the service is shared."""
    return f"t-{secrets.token_hex(5)}"


async def make(api: Api, key: str, **fields: Any) -> Json:
    made: Json = await api.data("POST", V2, 201, {"key": key, **fields})
    return made


async def subscribe(api: Api, key: str, *items: Any, status: int = 201, **fields: Any) -> Json:
    body = {"subscriptions": [*items], **fields}
    reply: Json = await api.call("POST", f"{V2}/{key}/subscriptions", status, body)
    return reply


async def test_a_topic_is_made_renamed_and_deleted(api: Api, name: str) -> None:
    made = await make(api, name, name="News")
    assert made == await api.data("GET", f"{V2}/{name}", 200)
    assert {"_id", "key", "name", "createdAt", "updatedAt"} == made.keys()
    assert (made["key"], made["name"], made["createdAt"]) == (name, "News", made["updatedAt"])
    assert await make(api, name) == made
    renamed = await make(api, name, name="Other")
    assert (renamed["_id"], renamed["name"]) == (made["_id"], "Other")
    patched = await api.data("PATCH", f"{V2}/{name}", 200, {"name": "Third"})
    assert (patched["_id"], patched["name"]) == (made["_id"], "Third")
    check_error(await api.client.post(f"{V2}?failIfExists=true", json={"key": name}), 409)
    assert await api.data("DELETE", f"{V2}/{name}", 200) == {"acknowledged": True}
    for method, content in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        check_error(await api.client.request(method, f"{V2}/{name}", json=content), 404)
    assert (await make(api, name))["_id"] != made["_id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "a b"}, 400),
        ({"key": "a/b"}, 400),
        ({"key": "a\0"}, 400),
        ({"key": ""}, 422),
        ({"key": "x" * 101}, 422),
        ({"key": "x", "name": "x" * 101}, 422),
        ({"key": 7}, 422),
        ({}, 422),
    ],
)
async def test_an_unusable_topic(api: Api, body: Json, status: int) -> None:
    check_error(await api.client.post(V2, json=body), status)


async def test_an_e_mail_address_is_a_key(api: Api, name: str) -> None:
    key = f"{name}@example.com"
    await make(api, key)
    assert (await api.data("GET", f"{V2}/{segment(key)}", 200))["key"] == key


async def test_the_list_pages_filters_and_orders(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api:
        made = [await make(api, f"k{number}", name=f"N.{'ab'[number % 2]}") for number in range(5)]
        await make(api, "k1", name="N.z")

        async def listed(**query: Any) -> tuple[list[str], str | None, str | None, int]:
            body = await api.call("GET", V2, 200, **query)
            assert body.keys() == {"data", "next", "previous", "totalCount", "totalCountCapped"}
            assert body["totalCountCapped"] is False
            return [topic["key"] for topic in body["data"]], body["next"], body["previous"], body["totalCount"]

        ids = [topic["_id"] for topic in made]
        assert await listed(limit=2) == (["k4", "k3"], ids[3], None, 5)
        assert await listed(limit=2, after=ids[3]) == (["k2", "k1"], ids[1], ids[2], 5)
        assert await listed(limit=2, after=ids[1]) == (["k0"], None, ids[0], 5)
        assert await listed(limit=2, before=ids[2]) == (["k4", "k3"], ids[3], None, 5)
        assert await listed(limit=2, before=ids[2], includeCursor="true") == (["k3", "k2"], ids[2], ids[3], 5)
        assert await listed(orderDirection="ASC", limit=2) == (["k0", "k1"], ids[1], None, 5)
        assert (await listed(orderBy="updatedAt", limit=2))[0] == ["k1", "k4"]
        assert await listed(key="K3") == (["k3"], None, None, 1)
        assert await listed(name="n.a", limit=2) == (["k4", "k2"], ids[2], None, 3)
        assert await listed(name="n.a", limit=2, after=ids[2]) == (["k0"], None, ids[0], 3)
        assert await listed(name=".*") == ([], None, None, 0)
        assert await listed(after="0" * 24) == ([], None, None, 0)
        check_error(await api.client.get(f"{V2}?after={ids[0]}&before={ids[1]}"), 400)
        for query in ("limit=0", "limit=101", "limit=x", "orderDirection=up", "orderBy=name"):
            check_error(await api.client.get(f"{V2}?{query}"), 422)

        numbered = await api.call("GET", V1, 200, page=1, pageSize=2)
        assert [topic["key"] for topic in numbered["data"]] == ["k2", "k1"]
        assert (numbered["page"], numbered["pageSize"], numbered["totalCount"]) == (1, 2, 5)
        assert [topic["key"] for topic in (await api.call("GET", V1, 200, key="k3"))["data"]] == ["k3"]
        assert [topic["key"] for topic in (await api.call("GET", V1, 200, name="N.a"))["data"]] == ["k4", "k2", "k0"]
        assert (await api.call("GET", V1, 200, key="k3", name="N.a"))["totalCount"] == 0
        for query in ("pageSize=11", "pageSize=0", "page=-1", "page=x"):
            check_error(await api.client.get(f"{V1}?{query}"), 400)


async def test_subscribing_makes_the_topic_and_tells_what_failed(api: Api, name: str) -> None:
    ada = await api.create_subscriber(f"{name}-a", firstName="Ada", email="ada@example.com")
    reply = await subscribe(api, name, f"{name}-a", f"{name}-nobody", "\n")
    assert reply["meta"] == {"totalCount": 3, "successful": 1, "failed": 2}
    [made] = reply["data"]
    topic = await api.data("GET", f"{V2}/{name}", 200)
    assert made["identifier"] == f"tk_{name}:si_{name}-a"
    assert made["topic"] == {"_id": topic["_id"], "key": name}
    assert made["subscriber"] == {
        "_id": ada["_id"],
        "subscriberId": f"{name}-a",
        "firstName": "Ada",
        "email": "ada@example.com",
        "createdAt": ada["createdAt"],
        "updatedAt": ada["updatedAt"],
    }
    failed = {error["subscriberId"]: error["code"] for error in reply["errors"]}
    assert failed == {f"{name}-nobody": "SUBSCRIBER_NOT_FOUND", "\n": "INVALID_REQUEST"}
    again = await subscribe(api, name, f"{name}-a")
    assert ([one["_id"] for one in again["data"]], "errors" in again) == ([made["_id"]], False)
    legacy = await api.call("POST", f"{V2}/{name}/subscriptions", 201, {"subscriberIds": [f"{name}-a"]})
    assert legacy["data"] == again["data"]


async def test_when_nothing_succeeds_it_is_400_with_the_same_in_the_body(api: Api, name: str) -> None:
    answer = await api.client.post(f"{V2}/{name}/subscriptions", json={"subscriptions": [f"{name}-nobody"]})
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["data"]) == (400, 400, [])
    assert body["meta"] == {"totalCount": 1, "successful": 0, "failed": 1}
    assert [error["code"] for error in body["errors"]] == ["SUBSCRIBER_NOT_FOUND"]
    nobody = {"subscriptions": [f"{name}-nobody"]}
    answer = await api.client.request("DELETE", f"{V2}/{name}/subscriptions", json=nobody)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "SUBSCRIBER_NOT_FOUND")


async def test_ten_subscriptions_are_the_most_of_one_subscriber(api: Api, name: str) -> None:
    for one in ("a", "b"):
        await api.create_subscriber(f"{name}-{one}")
    items = [{"identifier": f"{name}:{number}", "subscriberId": f"{name}-a", "name": "N"} for number in range(11)]
    reply = await subscribe(api, name, *items, name="Rest")
    assert reply["meta"] == {"totalCount": 11, "successful": 10, "failed": 1}
    assert [error["code"] for error in reply["errors"]] == ["SUBSCRIPTION_LIMIT_EXCEEDED"]
    taken = await subscribe(api, name, {**items[0], "subscriberId": f"{name}-b"}, f"{name}-b")
    assert [error["code"] for error in taken["errors"]] == ["SUBSCRIPTION_CREATE_FAILED"]
    listed = await api.call("GET", f"{V2}/{name}/subscriptions", 200, subscriberId=f"{name}-a", limit=100)
    assert len(listed["data"]) == listed["totalCount"] == 10


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"subscriptions": []},
        {"subscriptions": [str(number) for number in range(101)]},
        {"subscriptions": [7]},
        {"subscriptions": [{}]},
        {"subscriptions": [{"subscriberId": "a", "identifier": "x" * 513}]},
        {"subscriptions": ["a"], "context": {"a": "x,y"}},
        {"subscriptions": ["a"], "preferences": [7]},
        {"subscriptions": ["a"], "preferences": [{"workflowId": "w", "condition": {"==": [1, 1]}}]},
    ],
)
async def test_unusable_subscriptions_are_422(api: Api, name: str, body: Json) -> None:
    check_error(await api.client.post(f"{V2}/{name}/subscriptions", json=body), 422)
    check_error(await api.client.get(f"{V2}/{name}"), 404)


async def test_one_subscription_is_read_changed_and_ended(api: Api, name: str) -> None:
    await api.create_subscriber(f"{name}-a")
    workflow = await api.create_workflow(name, tags=[name])
    preferences = [{"filter": {"tags": [name]}, "enabled": False}]
    [made] = (await subscribe(api, name, f"{name}-a", name="First", preferences=preferences))["data"]
    shown = {"subscriptionId": made["_id"], "enabled": False}
    assert [{**one, "workflow": one["workflow"]["id"]} for one in made["preferences"]] == [
        {**shown, "workflow": workflow["_id"]}
    ]
    path = f"{V2}/{name}/subscriptions/{made['identifier']}"
    details = await api.data("GET", path, 200)
    assert details == {
        "id": made["_id"],
        "identifier": made["identifier"],
        "name": "First",
        "preferences": made["preferences"],
    }
    changed = await api.data("PATCH", path, 200, {"name": "Second"})
    assert (changed["name"], changed["preferences"], changed["_id"]) == ("Second", made["preferences"], made["_id"])
    cleared = await api.data("PATCH", path, 200, {"name": None, "preferences": []})
    assert {"name", "preferences"}.isdisjoint(cleared)
    check_error(await api.client.patch(path, json={"preferences": ["nobody"]}), 404)
    missing = await api.client.get(f"{path}-other")
    assert (missing.status_code, missing.content) == (204, b"")
    check_error(await api.client.patch(f"{path}-other", json={"name": "x"}), 404)
    check_error(await api.client.get(f"{V2}/{name}-other/subscriptions/x"), 404)

    delete = {"subscriptions": [{"identifier": made["identifier"]}, f"{name}-a"]}
    reply = await api.call("DELETE", f"{V2}/{name}/subscriptions", 200, delete)
    assert [one["_id"] for one in reply["data"]] == [made["_id"]]
    assert reply["meta"] == {"totalCount": 2, "successful": 1, "failed": 1}
    assert [error["code"] for error in reply["errors"]] == ["SUBSCRIPTION_NOT_FOUND"]
    assert (await api.client.get(path)).status_code == 204
    check_error(await api.client.request("DELETE", f"{V2}/{name}-other/subscriptions", json=delete), 404)


async def test_lists_from_both_sides(api: Api, name: str) -> None:
    subscriber = f"{name}-a"
    await api.create_subscriber(subscriber, firstName="Ada")
    await api.create_subscriber(f"{name}-b")
    for number in range(3):
        await subscribe(api, f"{name}-{number}", subscriber, f"{name}-b")
    [scoped] = (await subscribe(api, f"{name}-0", subscriber, context={"app": "web", "a": "b"}))["data"]
    assert scoped["contextKeys"] == ["a:b", "app:web"]
    assert scoped["identifier"] == f"tk_{name}-0:si_{subscriber}:ctx_a:b,app:web"

    path = f"/v2/subscribers/{subscriber}/subscriptions"
    page = await api.call("GET", path, 200, limit=2)
    assert [one["topic"]["key"] for one in page["data"]] == [f"{name}-0", f"{name}-2"]
    assert (page["totalCount"], page["previous"], page["next"]) == (4, None, page["data"][1]["_id"])
    rest = await api.call("GET", path, 200, limit=2, after=page["next"])
    assert [one["topic"]["key"] for one in rest["data"]] == [f"{name}-1", f"{name}-0"]
    assert (rest["next"], rest["previous"]) == (None, rest["data"][0]["_id"])
    for narrowed in ({"key": f"{name}-0", "limit": 1}, {"contextKeys": ["app:web", "a:b"]}):
        found = await api.call("GET", path, 200, **narrowed)
        assert [one["_id"] for one in found["data"]] == [scoped["_id"]]
    assert (await api.call("GET", path, 200, contextKeys=""))["totalCount"] == 3
    assert (await api.call("GET", path, 200, key="none"))["data"] == []
    check_error(await api.client.get(f"/v2/subscribers/{name}-nobody/subscriptions"), 404)
    check_error(await api.client.get(f"{path}?after={scoped['_id']}&before={scoped['_id']}"), 400)

    listed = await api.call("GET", f"{V2}/{name}-0/subscriptions", 200, limit=10)
    assert {one["subscriber"]["subscriberId"] for one in listed["data"]} == {subscriber, f"{name}-b"}
    assert listed["totalCount"] == 3
    assert listed["data"][0] == {
        "_id": scoped["_id"],
        "identifier": scoped["identifier"],
        "createdAt": scoped["createdAt"],
        "topic": scoped["topic"],
        "subscriber": {
            "_id": scoped["subscriber"]["_id"],
            "subscriberId": subscriber,
            "firstName": "Ada",
        },
        "contextKeys": ["a:b", "app:web"],
    }
    one = await api.call("GET", f"{V2}/{name}-0/subscriptions", 200, subscriberId=subscriber, contextKeys="")
    assert [row["identifier"] for row in one["data"]] == [f"tk_{name}-0:si_{subscriber}"]
    check_error(await api.client.get(f"{V2}/{name}-none/subscriptions"), 404)

    seen = await api.data("GET", f"/v1/subscribers/{subscriber}", 200, includeTopics="true")
    assert seen["topics"] == [f"{name}-0", f"{name}-1", f"{name}-2"]
    assert "topics" not in await api.data("GET", f"/v1/subscribers/{subscriber}", 200)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_deleted_subscriber_leaves_its_topics(api: Api, name: str, version: str) -> None:
    for one in ("a", "b"):
        await api.create_subscriber(f"{name}-{one}")
    await subscribe(api, name, f"{name}-a", f"{name}-b")
    await api.call("DELETE", f"/{version}/subscribers/{name}-a", 200)
    assert (await api.data("GET", f"{V1}/{name}", 200))["subscribers"] == [f"{name}-b"]
    await api.create_subscriber(f"{name}-a")
    assert (await api.call("GET", f"/v2/subscribers/{name}-a/subscriptions", 200))["data"] == []


async def test_a_deleted_topic_leaves_its_subscribers(api: Api, name: str) -> None:
    await api.create_subscriber(f"{name}-a")
    await subscribe(api, name, f"{name}-a")
    check_error(await api.client.delete(f"{V1}/{name}"), 409)
    await api.call("DELETE", f"{V2}/{name}", 200)
    await make(api, name)
    assert (await api.call("GET", f"{V2}/{name}/subscriptions", 200))["totalCount"] == 0
    assert (await api.call("GET", f"/v2/subscribers/{name}-a/subscriptions", 200))["totalCount"] == 0
    assert (await api.client.delete(f"{V1}/{name}")).status_code == 204
    check_error(await api.client.delete(f"{V1}/{name}"), 404)


async def test_v1_makes_reads_and_renames(api: Api, name: str) -> None:
    made = await api.data("POST", V1, 201, {"key": name, "name": "News"})
    assert made.keys() == {"_id", "key"}
    check_error(await api.client.post(V1, json={"key": name, "name": "Other"}), 409)
    for wrong in ({"key": f"{name}2"}, {"name": "x"}, {"key": f"{name}2", "name": ""}):
        check_error(await api.client.post(V1, json=wrong), 422)
    check_error(await api.client.post(V1, json={"key": "a b", "name": "x"}), 400)
    topic = await api.data("GET", f"{V1}/{name}", 200)
    assert (topic["_id"], topic["name"], topic["subscribers"]) == (made["_id"], "News", [])
    assert {"_organizationId", "_environmentId", "createdAt", "updatedAt"} < topic.keys()
    assert (await api.data("PATCH", f"{V1}/{name}", 200, {"name": "Other"}))["name"] == "Other"
    check_error(await api.client.patch(f"{V1}/{name}", json={}), 422)
    check_error(await api.client.patch(f"{V1}/{name}-none", json={"name": "x"}), 404)
    check_error(await api.client.get(f"{V1}/{name}-none"), 404)


async def test_v1_members_come_and_go(api: Api, name: str) -> None:
    ada = await api.create_subscriber(f"{name}-a")
    members = f"{V1}/{name}/subscribers"
    reply = await api.data("POST", members, 200, {"subscribers": [f"{name}-a", f"{name}-x", f"{name}-a"]})
    assert reply == {"succeeded": [f"{name}-a"], "failed": {"notFound": [f"{name}-x"]}}
    topic = await api.data("GET", f"{V1}/{name}", 200)
    assert (topic["subscribers"], bool(topic["name"])) == ([f"{name}-a"], True)
    assert await api.data("GET", f"{members}/{name}-a", 200) == {
        "_organizationId": topic["_organizationId"],
        "_environmentId": topic["_environmentId"],
        "_subscriberId": ada["_id"],
        "_topicId": topic["_id"],
        "topicKey": name,
        "externalSubscriberId": f"{name}-a",
    }
    check_error(await api.client.get(f"{members}/{name}-x"), 404)
    check_error(await api.client.get(f"{V1}/{name}-none/subscribers/{name}-a"), 404)
    for key in (name, name, f"{name}-none"):
        body = {"subscribers": [f"{name}-a", f"{name}-x"]}
        assert (await api.client.post(f"{V1}/{key}/subscribers/removal", json=body)).status_code == 204
    check_error(await api.client.get(f"{members}/{name}-a"), 404)
    check_error(await api.client.post(members, json={}), 422)


async def test_nothing_breaks_it(api: Api, name: str) -> None:
    await api.create_subscriber(f"{name}-a")
    bodies = {
        ("POST", V2): {"key": name, "name": "N"},
        ("POST", V1): {"key": f"{name}-1", "name": "N"},
        ("PATCH", f"{V2}/{name}"): {"name": "N"},
        ("POST", f"{V1}/{name}/subscribers"): {"subscribers": [f"{name}-a"]},
        ("POST", f"{V2}/{name}/subscriptions"): {
            "subscriptions": [{"subscriberId": f"{name}-a", "identifier": "i", "name": "N"}],
            "preferences": [{"filter": {"workflowIds": ["w"], "tags": ["t"]}, "enabled": True}],
            "context": {"app": {"id": "web", "data": {}}},
        },
        ("PATCH", f"{V2}/{name}/subscriptions/i"): {"name": "N", "preferences": ["w"]},
        ("DELETE", f"{V2}/{name}/subscriptions"): {"subscriptions": [{"identifier": "i"}], "subscriberIds": ["a"]},
    }
    for (method, path), body in bodies.items():
        for wrong in mutations(body):
            answer = await api.client.request(method, path, json=wrong)
            if answer.status_code == 400 and isinstance(answer.json().get("errors"), list):
                assert answer.json()["meta"]["successful"] == 0
            elif answer.status_code != 409:  # POST of a key that exists
                check_never_broken(answer)


async def test_nobody_without_a_key(api: Api, name: str) -> None:
    await make(api, name)
    paths = [("GET", V1), ("GET", V2), ("GET", f"{V2}/{name}"), ("DELETE", f"{V2}/{name}"), ("DELETE", f"{V1}/{name}")]
    for method, path in paths:
        check_error(await api.client.request(method, path, headers={"Authorization": "ApiKey wrong"}), 401)
    await api.data("GET", f"{V2}/{name}", 200)


async def test_a_page_has_its_own_subscriptions(api: Api, name: str, shared_server: Server) -> None:
    await api.create_workflow(name, tags=[name])
    path = f"/v1/inbox/topics/{name}/subscriptions"
    async with (
        InboxApi.open(shared_server, f"{name}-a") as ada,
        InboxApi.open(shared_server, f"{name}-b") as bob,
    ):
        assert await ada.data("GET", path, 200) == []
        body = {"identifier": "mine", "name": "N", "topic": {"name": "News"}, "preferences": [name]}
        made = await ada.data("POST", path, 201, {**body, "identifier": f"{name}-mine"})
        assert (made["identifier"], made["name"]) == (f"{name}-mine", "N")
        assert [one["workflow"]["identifier"] for one in made["preferences"]] == [name]
        assert (await api.data("GET", f"{V2}/{name}", 200))["name"] == "News"
        assert await ada.data("GET", path, 200) == [made]
        assert await ada.data("GET", f"{path}/{made['identifier']}", 200, tags=name) == made
        assert "preferences" not in await ada.data("GET", f"{path}/{made['identifier']}", 200, workflowIds="other")
        changed = await ada.data("PATCH", f"{path}/{made['id']}", 200, {"name": "M"})
        assert changed == {**made, "name": "M"}

        assert await bob.data("GET", path, 200) == []
        assert await bob.call("GET", f"{path}/{made['identifier']}", 204) is None
        taken = await bob.client.post(path, json={"identifier": made["identifier"]})
        check_error(taken, 400)
        assert taken.json()["code"] == "SUBSCRIPTION_CREATE_FAILED"
        for method, content in (("PATCH", {"name": "x"}), ("DELETE", None)):
            check_error(await bob.client.request(method, f"{path}/{made['identifier']}", json=content), 404)
        assert (await bob.data("POST", path, 201, {}))["identifier"] == f"tk_{name}:si_{name}-b"

        assert await ada.data("DELETE", f"{path}/{made['identifier']}", 200) == {"success": True}
        assert await ada.data("GET", path, 200) == []
        check_error(await ada.client.get(path, headers={"Authorization": "Bearer wrong"}), 401)


async def test_pages_may_be_kept_from_subscribing(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    """A page keeps what a backend gave it, and may end it; it neither joins nor makes a topic."""
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_PAGE_SUBSCRIPTIONS="false")
    async with Api.open(server) as api, InboxApi.open(server, "ada") as page:
        for key in ("staff", "new"):
            check_error(await page.client.post(f"/v1/inbox/topics/{key}/subscriptions", json={}), 403)
            assert (await api.call("GET", V2, 200))["data"] == []
        await api.call("POST", f"{V2}/staff/subscriptions", 201, {"subscriptions": ["ada"]})
        path = "/v1/inbox/topics/staff/subscriptions"
        [own] = await page.data("GET", path, 200)
        await page.data("PATCH", f"{path}/{own['identifier']}", 200, {"name": "Mine"})
        await page.data("DELETE", f"{path}/{own['identifier']}", 200)
        assert await page.data("GET", path, 200) == []
