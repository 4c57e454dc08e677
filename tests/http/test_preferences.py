"""Preferences of v1, v2 and the browser's side, shape by shape; what is switched off is not delivered."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.client import Api, InboxApi, Json
from tests.support.server import Server

from .hostile import check_error

WEEK = {"monday": {"isEnabled": True, "hours": [{"start": "09:00 AM", "end": "5:00 PM"}]}}
SCHEDULE = {"isEnabled": True, "weeklySchedule": WEEK}


@pytest.fixture
async def server(fresh_server: Server) -> Server:
    """A service whose workflows are this test's only."""
    return fresh_server


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api.open(server) as api:
        await api.create_subscriber("ada")
        yield api


async def workflow(api: Api, name: str, **fields: Any) -> Json:
    steps = [{"name": "In-app", "type": "in_app", "controlValues": {"body": "B"}}]
    body = {"name": name, "workflowId": name, "steps": steps, **fields}
    created: Json = await api.data("POST", "/v2/workflows", 201, body)
    return created


def preference(*, enabled: bool = True, critical: bool = False) -> Json:
    return {"workflow": {"all": {"enabled": enabled, "readOnly": critical}, "channels": {}}}


async def delivered(api: Api, name: str) -> bool:
    """Whether a trigger reaches ada."""
    reply = await api.trigger("ada", workflow=name, transactionId=secrets.token_hex(8))
    assert reply["status"] == "processed"
    feed = (await api.feed_page("ada", limit=1))["data"]
    return bool(feed) and feed[0]["transactionId"] == reply["transactionId"]


async def v2(api: Api, status: int = 200, /, **body: Any) -> Json:
    changed: Json = await api.data("PATCH", "/v2/subscribers/ada/preferences", status, body)
    return changed


async def test_each_level_decides_what_is_delivered(api: Api) -> None:
    await workflow(api, "on")
    await workflow(api, "off", preferences=preference(enabled=False))
    await workflow(api, "critical", preferences=preference(critical=True))
    assert [await delivered(api, name) for name in ("on", "off", "critical")] == [True, False, True]
    await v2(api, channels={"in_app": False})
    assert [await delivered(api, name) for name in ("on", "off", "critical")] == [False, False, True]
    await v2(api, workflowId="on", channels={"in_app": True})
    assert [await delivered(api, name) for name in ("on", "off", "critical")] == [True, False, True]
    await v2(api, channels={"in_app": True})
    assert [await delivered(api, name) for name in ("on", "off", "critical")] == [True, True, True]
    await v2(api, workflowId="off", channels={"in_app": False})
    assert [await delivered(api, name) for name in ("on", "off", "critical")] == [True, False, True]


async def test_v2_shows_both_levels(api: Api) -> None:
    created = await workflow(api, "order")
    await workflow(api, "critical", preferences=preference(critical=True))
    await workflow(api, "inactive", active=False)
    shown = await api.data("GET", "/v2/subscribers/ada/preferences", 200)
    named = {name: created[name] for name in ("slug", "name", "updatedAt")}
    untouched = {
        "enabled": True,
        "channels": {"in_app": True},
        "overrides": [{"channel": "in_app", "source": "template"}],
        "workflow": {"identifier": "order", **named},
    }
    assert shown == {"global": {"enabled": True, "channels": {"in_app": True}}, "workflows": [untouched]}

    changed = await v2(api, workflowId=created["slug"], channels={"in_app": False, "email": False})
    [item] = changed["workflows"]
    assert item.pop("updatedAt")
    assert item == {
        **untouched,
        "channels": {"in_app": False},
        "overrides": [{"channel": "in_app", "source": "subscriber"}],
    }
    for criticality, names in (("critical", ["critical"]), ("all", ["order", "critical"])):
        shown = await api.data("GET", "/v2/subscribers/ada/preferences", 200, criticality=criticality)
        assert [each["workflow"]["identifier"] for each in shown["workflows"]] == names


async def test_a_global_choice_takes_its_channels_from_the_workflows(api: Api) -> None:
    await workflow(api, "order")
    await v2(api, workflowId="order", channels={"in_app": False, "email": False})
    changed = await v2(api, channels={"in_app": True})
    assert changed["workflows"][0]["channels"] == {"in_app": True}
    [item] = await api.data("GET", "/v1/subscribers/ada/preferences", 200, includeInactiveChannels="true")
    assert item["preference"]["channels"] == {"email": False, "sms": True, "in_app": True, "chat": True, "push": True}


async def test_a_schedule_is_kept_until_another_comes(api: Api) -> None:
    assert await v2(api, channels={"in_app": False}, schedule=SCHEDULE) == {
        "global": {"enabled": True, "channels": {}, "schedule": SCHEDULE},
        "workflows": [],
    }
    await v2(api, channels={"in_app": True})
    shown = await api.data("GET", "/v2/subscribers/ada/preferences/global", 200)
    assert shown == {"enabled": True, "channels": {}, "schedule": SCHEDULE}
    await v2(api, schedule={"isEnabled": False})
    shown = await api.data("GET", "/v2/subscribers/ada/preferences/global", 200)
    assert shown["schedule"] == {"isEnabled": False}


async def test_a_schedule_that_cannot_be_is_422(api: Api) -> None:
    def monday(start: str, end: str) -> Json:
        return {"monday": {"isEnabled": True, "hours": [{"start": start, "end": end}]}}

    wrong: list[Json] = [
        {},
        {"isEnabled": "yes"},
        *(
            {"isEnabled": True, "weeklySchedule": week}
            for week in ({}, {"someday": {"isEnabled": True}}, monday("9", "10"), monday("13:00 PM", "02:00 PM"))
        ),
    ]
    for schedule in wrong:
        check_error(await api.client.patch("/v2/subscribers/ada/preferences", json={"schedule": schedule}), 422)
    assert "schedule" not in await api.data("GET", "/v2/subscribers/ada/preferences/global", 200)


async def test_bulk_changes_all_or_nothing(api: Api) -> None:
    first, second = await workflow(api, "first", tags=["t"]), await workflow(api, "second")
    await workflow(api, "critical", preferences=preference(critical=True))
    path = "/v2/subscribers/ada/preferences/bulk"
    off = {"in_app": False}

    def items(*names: str) -> Json:
        return {"preferences": [{"workflowId": name, "channels": off} for name in names]}

    check_error(await api.client.patch(path, json=items("first", "critical")), 400)
    answer = await api.client.patch(path, json=items("first", "nobody", "0" * 24))
    check_error(answer, 404)
    assert answer.json()["workflowIds"] == ["nobody", "0" * 24]
    check_error(await api.client.patch(path, json={"preferences": []}), 400)
    check_error(await api.client.patch(path, json=items(*["first"] * 101)), 422)
    shown = await api.data("GET", "/v2/subscribers/ada/preferences", 200)
    assert [each["channels"] for each in shown["workflows"]] == [{"in_app": True}] * 2

    sent = items(first["_id"], "second")
    sent["preferences"].append({"workflowId": "second", "channels": {"in_app": True}})
    changed = await api.data("PATCH", path, 200, sent)
    assert changed[0] == {
        "level": "template",
        "enabled": True,
        "channels": {"in_app": False},
        "overrides": [{"channel": "in_app", "source": "subscriber"}],
        "workflow": {
            "id": first["_id"],
            "identifier": "first",
            "name": "first",
            "critical": False,
            "tags": ["t"],
            "severity": "none",
        },
    }
    assert [(each["workflow"]["id"], each["channels"]["in_app"]) for each in changed[1:]] == [(second["_id"], True)]


async def test_v1_lists_and_changes(api: Api) -> None:
    created = await workflow(api, "order", tags=["t"], severity="high")
    await workflow(api, "critical", preferences=preference(critical=True))
    base = "/v1/subscribers/ada/preferences"
    template = {
        "_id": created["_id"],
        "name": "order",
        "tags": ["t"],
        "critical": False,
        "triggers": [{"type": "event", "identifier": "order", "variables": []}],
    }
    [item] = await api.data("GET", base, 200)
    dated = {"severity": "high", "createdAt": created["createdAt"], "updatedAt": created["updatedAt"]}
    assert item == {
        "template": {**template, **dated},
        "preference": {
            "enabled": True,
            "channels": {"in_app": True},
            "overrides": [{"channel": "in_app", "source": "template"}],
        },
        "type": "SUBSCRIBER_WORKFLOW",
    }
    off = {"channel": {"type": "in_app", "enabled": False}, "enabled": True}
    for name in ("order", created["_id"]):
        changed = await api.data("PATCH", f"{base}/{name}", 200, off)
        assert changed == {"preference": {"channels": {"in_app": False}, "enabled": True}, "template": template}
    assert not await delivered(api, "order")
    [item] = await api.data("GET", f"{base}/template", 200)
    assert item["preference"]["channels"] == dict.fromkeys(("email", "sms", "chat", "push"), True) | {"in_app": False}

    everywhere = {"preferences": [{"type": "in_app", "enabled": True}, {"type": "email", "enabled": False}]}
    changed = await api.data("PATCH", base, 200, everywhere)
    assert changed == {"preference": {"enabled": True, "channels": {"in_app": True}}}
    assert await delivered(api, "order")
    [item] = await api.data("GET", f"{base}/global", 200)
    assert item["preference"]["channels"] == dict.fromkeys(("sms", "in_app", "chat", "push"), True) | {"email": False}
    [item] = await api.data("GET", f"{base}/global", 200, includeInactiveChannels="false")
    assert item["preference"]["channels"] == {"in_app": True}


async def test_refusals(api: Api) -> None:
    await workflow(api, "critical", preferences=preference(critical=True))
    v1, v2_path = "/v1/subscribers/ada/preferences", "/v2/subscribers/ada/preferences"
    on: Json = {"channel": {"type": "in_app", "enabled": True}}
    refused: list[tuple[str, str, Json | None, int]] = [
        ("GET", f"{v1}/elsewhere", None, 422),
        ("PATCH", f"{v1}/nobody", on, 404),
        ("PATCH", f"{v1}/critical", on, 400),
        ("PATCH", f"{v1}/critical", {"channel": {"type": "fax", "enabled": True}}, 422),
        ("PATCH", v1, {"preferences": [{"type": "in_app"}]}, 422),
        ("GET", f"{v2_path}?criticality=some", None, 422),
        ("PATCH", v2_path, {"workflowId": "nobody", "channels": {}}, 404),
        ("PATCH", v2_path, {"workflowId": "critical", "channels": {"in_app": False}}, 400),
        ("PATCH", v2_path, {"channels": {"in_app": "no"}}, 422),
    ]
    for method, path, body, status in refused:
        check_error(await api.client.request(method, path, json=body), status)
    for path in (v1, v2_path, f"{v2_path}/global", f"{v1}/template"):
        check_error(await api.client.get(path.replace("ada", "nobody")), 404)
    for path in (v1, v2_path):
        check_error(await api.client.patch(path.replace("ada", "nobody"), json={}), 404)
    for path in (v1, v2_path):
        check_error(await api.client.get(path, headers={"Authorization": "ApiKey wrong"}), 401)


async def test_the_browsers_side(server: Server, api: Api) -> None:
    await workflow(api, "order", tags=["t"], severity="low")
    await workflow(api, "other")
    await workflow(api, "critical", preferences=preference(critical=True))
    base = "/v1/inbox/preferences"
    async with InboxApi.open(server, "ada") as page:
        listed = await page.data("GET", base, 200)
        assert [(each["level"], each.get("workflow", {}).get("identifier")) for each in listed] == [
            ("global", None),
            ("template", "order"),
            ("template", "other"),
        ]
        for query in ({"tags[]": "t"}, {"severity": "low"}):
            listed = await page.data("GET", base, 200, **query)
            assert [each.get("workflow", {}).get("identifier") for each in listed] == [None, "order"]
        changed = await page.data("PATCH", f"{base}/order", 200, {"in_app": False})
        assert (changed["channels"], changed["workflow"]["identifier"]) == ({"in_app": False}, "order")
        assert not await delivered(api, "order")
        changed = await page.data("PATCH", base, 200, {"in_app": False, "schedule": SCHEDULE})
        assert changed == {"level": "global", "enabled": True, "channels": {"in_app": False}, "schedule": SCHEDULE}
        assert await page.data("GET", f"{base}/global", 200) == changed
        bulk = {"preferences": [{"workflowId": "order", "in_app": True}, {"workflowId": "other", "in_app": True}]}
        changed = await page.data("PATCH", f"{base}/bulk", 200, bulk)
        assert [each["channels"] for each in changed] == [{"in_app": True}] * 2
        assert await delivered(api, "other")
        check_error(await page.client.patch(f"{base}/critical", json={"in_app": False}), 400)
        check_error(await page.client.patch(f"{base}/nobody", json={"in_app": False}), 404)
        check_error(await page.client.patch(f"{base}/bulk", json={"preferences": []}), 400)
        check_error(await page.client.get(base, headers={"Authorization": "Bearer x"}), 401)


@pytest.mark.parametrize("query", [{"severity": "huge"}, {"severity[]": ["high", "x"]}, {"criticality": "some"}])
async def test_a_page_s_wrong_filter_is_refused(server: Server, api: Api, query: Any) -> None:
    async with InboxApi.open(server, "ada") as inbox:
        check_error(await inbox.client.get("/v1/inbox/preferences", params=query), 422)


SUBSCRIPTIONS = "/v1/inbox/topics/news/subscriptions"


async def test_a_page_chooses_for_its_subscription(server: Server, api: Api) -> None:
    """What a subscription does not take does not come by its topic, and still comes to the subscriber by name."""
    await workflow(api, "one")
    other = await workflow(api, "other")
    await workflow(api, "always", preferences=preference(critical=True))
    async with InboxApi.open(server, "ada") as inbox, InboxApi.open(server, "bob") as bob:
        made = await inbox.data("POST", SUBSCRIPTIONS, 201, {"identifier": "mine"})
        for name in ("mine", made["id"]):
            path = f"/v1/inbox/subscriptions/{name}/preferences"
            changed = await inbox.data("PATCH", f"{path}/other", 200, {"enabled": False, "in_app": False})
            assert (changed["level"], changed["enabled"], changed["channels"]) == ("template", False, {"in_app": False})
            assert (changed["subscriptionId"], changed["workflow"]["identifier"]) == ("mine", "other")
        assert await by_topic(api, "one")
        assert not await by_topic(api, "other")
        assert await delivered(api, "other")
        untouched = await inbox.data("PATCH", f"{path}/{other['_id']}", 200, {})
        assert untouched["enabled"] is False
        assert (await inbox.data("PATCH", f"{path}/other", 200, {"in_app": True}))["enabled"] is True
        assert await by_topic(api, "other")
        for wrong, status in (
            (f"{path}/none", 404),
            (f"{path}/always", 400),
            ("/v1/inbox/subscriptions/none/preferences/one", 404),
        ):
            check_error(await inbox.client.patch(wrong, json={"enabled": False}), status)
        check_error(await inbox.client.patch(f"{path}/one", json={"condition": {"==": [1, 1]}}), 422)
        check_error(await bob.client.patch(f"{path}/one", json={"enabled": False}), 404)


async def by_topic(api: Api, name: str) -> bool:
    """Whether a trigger to the topic reaches ada."""
    to = {"type": "Topic", "topicKey": "news"}
    reply = await api.trigger(to, workflow=name, transactionId=secrets.token_hex(8))
    feed = (await api.feed_page("ada", limit=1))["data"]
    return bool(feed) and feed[0]["transactionId"] == reply["transactionId"]


async def test_a_page_s_bulk_names_workflows_and_subscriptions(server: Server, api: Api) -> None:
    await workflow(api, "one")
    await workflow(api, "other")
    await workflow(api, "always", preferences=preference(critical=True))
    path = "/v1/inbox/preferences/bulk"
    async with InboxApi.open(server, "ada") as inbox:
        await inbox.data("POST", SUBSCRIPTIONS, 201, {"identifier": "mine"})
        plain = {"workflowId": "one", "in_app": False}
        apart = {"workflowId": "other", "subscriptionIdentifier": "mine", "enabled": False}
        for wrong, status in (
            ({**apart, "workflowId": "none"}, 404),
            ({**apart, "workflowId": "always"}, 400),
            ({**apart, "subscriptionIdentifier": "none"}, 404),
            ({**apart, "condition": {"==": [1, 1]}}, 422),
            ({"workflowId": "none", "in_app": False}, 404),
        ):
            check_error(await inbox.client.patch(path, json={"preferences": [plain, apart, wrong]}), status)
        assert await delivered(api, "one"), "none of them was changed"
        assert await by_topic(api, "other")
        changed = await inbox.data("PATCH", path, 200, {"preferences": [plain, apart]})
        shown = [(one["workflow"]["identifier"], one.get("subscriptionId"), one["channels"]) for one in changed]
        assert shown == [("one", None, {"in_app": False}), ("other", "mine", {"in_app": False})]
        assert not await delivered(api, "one")
        assert not await by_topic(api, "other")


@pytest.mark.parametrize("channel", ["inApp", "in-app", "IN_APP", "in_app ", "e-mail", "webhook"])
async def test_a_channel_that_does_not_exist_is_named_on_every_face(server: Server, api: Api, channel: str) -> None:
    await workflow(api, "news")
    person, wrong = "/v1/subscribers/ada/preferences", {channel: False}
    one, named = {"type": channel, "enabled": False}, {"workflowId": "news", "channels": wrong}
    steps = [{"name": "In-app", "type": "in_app", "controlValues": {"body": "B"}}]
    levels = [{level: {"all": {}, "channels": {channel: {"enabled": False}}}} for level in ("user", "workflow")]
    v1_workflow = {"name": "v1", "notificationGroupId": "0" * 24, "steps": [], "preferenceSettings": wrong}
    calls = [
        (api, "PATCH", "/v2/subscribers/ada/preferences", {"channels": wrong}),
        (api, "PATCH", "/v2/subscribers/ada/preferences", {"workflowId": "news", "channels": wrong}),
        (api, "PATCH", "/v2/subscribers/ada/preferences/bulk", {"preferences": [named]}),
        (api, "PATCH", person, {"preferences": [one]}),
        (api, "PATCH", f"{person}/news", {"channel": one}),
        *(
            (api, "POST", "/v2/workflows", {"name": "w", "workflowId": "w", "steps": steps, "preferences": level})
            for level in levels
        ),
        (api, "POST", "/v1/workflows", v1_workflow),
    ]
    async with InboxApi.open(server, "ada") as page:
        calls += [
            (page, "PATCH", "/v1/inbox/preferences", wrong),
            (page, "PATCH", "/v1/inbox/preferences/news", wrong),
            (page, "PATCH", "/v1/inbox/preferences/bulk", {"preferences": [{"workflowId": "news", **wrong}]}),
            (page, "PATCH", "/v1/widgets/preferences", {"preferences": [one]}),
            (page, "PATCH", "/v1/widgets/preferences/news", {"channel": one}),
        ]
        for caller, method, path, body in calls:
            refused = await caller.client.request(method, path, json=body)
            check_error(refused, 422)
            messages = [one["messages"][0] for one in refused.json()["errors"].values()]
            assert any(channel in message for message in messages), (path, refused.text)
    assert (await v2(api))["global"]["channels"] == {"in_app": True}
