"""Environments, integrations, groups, organization, contexts, and the families that are empty here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, Json, create_session, segment
from tests.support.server import APPLICATION_IDENTIFIER, Server

from .hostile import check_error


@pytest.fixture
async def own(run_server: RunServer, valkey_url: str, key_prefix: str) -> AsyncIterator[Api]:
    """Of a service of the test's own, for what is of the whole service."""
    async with Api.open(await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)) as api:
        yield api


@pytest.fixture
async def api(fresh_server: Server) -> AsyncIterator[Api]:
    async with Api.open(fresh_server) as api:
        yield api


async def test_a_key_shows_its_own_environment(fresh_server: Server, api: Api, own: Api) -> None:
    first = await own.data("GET", "/v1/environments/me", 200)
    assert (first["name"], first["identifier"], first["type"]) == ("Production", APPLICATION_IDENTIFIER, "prod")
    mine = await api.data("GET", "/v1/environments/me", 200)
    assert (mine["identifier"], mine["type"]) == (fresh_server.application_identifier, "dev")
    assert fresh_server.api_key in [key["key"] for key in mine["apiKeys"]]
    listed = await api.data("GET", "/v1/environments", 200)
    assert listed[0] == mine
    assert [one["_id"] for one in listed if "apiKeys" in one] == [mine["_id"]]
    assert await api.data("GET", "/v1/environments/api-keys", 200) == mine["apiKeys"]
    steps = [{"name": "S", "type": "in_app", "controlValues": {"body": "b"}}]
    for name, tags in (("one", ["b", "a"]), ("two", ["b"])):
        await api.data("POST", "/v2/workflows", 201, {"name": name, "workflowId": name, "steps": steps, "tags": tags})
    assert await api.data("GET", f"/v2/environments/{mine['_id']}/tags", 200) == [{"name": "a"}, {"name": "b"}]
    check_error(await api.client.get(f"/v2/environments/{'0' * 24}/tags"), 404)


async def test_the_in_app_integration_opens_and_guards_sessions(fresh_server: Server, api: Api) -> None:
    [integration] = await api.data("GET", "/v1/integrations", 200)
    assert (integration["providerId"], integration["channel"], integration["active"]) == ("novu", "in_app", True)
    assert integration["credentials"] == {"hmac": True}
    assert await api.data("GET", "/v1/integrations/in-app/status", 200) == {"active": False}
    await create_session(fresh_server, "ada")
    assert await api.data("GET", "/v1/integrations/in-app/status", 200) == {"active": True}

    path = f"/v1/integrations/{integration['_id']}"
    session = {"applicationIdentifier": fresh_server.application_identifier, "subscriberId": "ada"}
    check_error(await api.client.post("/v1/inbox/session", json=session), 400)
    changed = await api.data("PUT", path, 200, {"credentials": {"hmac": False}, "name": "Bell"})
    assert changed == {**integration, "credentials": {"hmac": False}, "name": "Bell"}
    assert (await api.client.post("/v1/inbox/session", json=session)).status_code == 201

    await api.data("PUT", path, 200, {"active": False})
    check_error(await api.client.post("/v1/inbox/session", json=session), 404)
    assert await api.data("GET", "/v1/integrations/active", 200) == []
    body = {"providerId": "novu", "channel": "in_app", "active": True}
    created = await api.data("POST", "/v1/integrations", 201, body)
    assert await api.data("GET", "/v1/integrations/active", 200) == [created]
    assert await api.data("POST", f"{path}/set-primary", 200, {}) == created

    check_error(await api.client.post("/v1/integrations", json={"providerId": "sendgrid", "channel": "email"}), 400)
    check_error(await api.client.post("/v1/integrations", json={"providerId": "novu", "channel": "fax"}), 422)
    check_error(await api.client.put(f"/v1/integrations/{'0' * 24}", json={}), 404)
    check_error(await api.client.put(path, json={"active": "yes"}), 422)


async def test_a_setting_of_the_service_overrides_the_integration(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_REQUIRE_SUBSCRIBER_HASH="true")
    async with Api.open(server) as api:
        [integration] = await api.data("GET", "/v1/integrations", 200)
        changed = await api.data("PUT", f"/v1/integrations/{integration['_id']}", 200, {"credentials": {"hmac": False}})
        assert changed["credentials"] == {"hmac": True}
        session = {"applicationIdentifier": APPLICATION_IDENTIFIER, "subscriberId": "ada"}
        check_error(await api.client.post("/v1/inbox/session", json=session), 400)


async def test_notification_groups(api: Api) -> None:
    path = "/v1/notification-groups"
    [first] = await api.data("GET", path, 200)
    assert first["name"] == "General"
    made = await api.data("POST", path, 201, {"name": "Billing"})
    assert made["_environmentId"] == first["_environmentId"]
    assert [one["name"] for one in await api.data("GET", path, 200)] == ["General", "Billing"]
    renamed = await api.data("PATCH", f"{path}/{made['_id']}", 200, {"name": "Money"})
    assert renamed == await api.data("GET", f"{path}/{made['_id']}", 200)
    assert (renamed["name"], renamed["createdAt"]) == ("Money", made["createdAt"])
    await api.data("PATCH", f"{path}/{first['_id']}", 200, {"name": "Main"})
    assert [one["name"] for one in await api.data("GET", path, 200)] == ["Main", "Money"]
    assert (await api.data("DELETE", f"{path}/{made['_id']}", 200))["acknowledged"] is True
    for method in ("GET", "PATCH", "DELETE"):
        check_error(await api.client.request(method, f"{path}/{made['_id']}", json={"name": "x"}), 404)
    check_error(await api.client.delete(f"{path}/{first['_id']}"), 400)
    check_error(await api.client.post(path, json={"name": ""}), 422)


async def test_an_environment_has_no_more_than_a_hundred_groups(api: Api) -> None:
    for number in range(100):
        await api.data("POST", "/v1/notification-groups", 201, {"name": str(number)})
    check_error(await api.client.post("/v1/notification-groups", json={"name": "more"}), 422)


async def test_the_organization(own: Api) -> None:
    api = own
    mine = await api.data("GET", "/v1/organizations/me", 200)
    assert mine["_id"] == (await api.data("GET", "/v1/environments/me", 200))["_organizationId"]
    assert await api.data("GET", "/v1/organizations", 200) == [mine]
    assert (await api.data("PATCH", "/v1/organizations", 200, {"name": "ACME"}))["name"] == "ACME"
    looks = {"logo": "https://example.org/l.png", "color": "#f00", "direction": "rtl"}
    assert await api.data("PUT", "/v1/organizations/branding", 200, looks) == looks
    assert await api.data("GET", "/v1/organizations/branding", 200) == looks
    assert await api.data("GET", "/v1/organizations/me", 200) == {**mine, "name": "ACME", "branding": looks}
    assert await api.data("GET", "/v1/organizations/members", 200) == []
    check_error(await api.client.put("/v1/organizations/branding", json={"direction": "up"}), 422)


async def test_contexts(api: Api) -> None:
    path = "/v2/contexts"
    made = await api.data("POST", path, 201, {"type": "tenant", "id": "acme", "data": {"plan": "pro"}})
    assert {name: made[name] for name in ("type", "id", "data")} == {
        "type": "tenant",
        "id": "acme",
        "data": {"plan": "pro"},
    }
    check_error(await api.client.post(path, json={"type": "tenant", "id": "acme"}), 400)
    assert await api.data("GET", f"{path}/tenant/acme", 200) == made
    changed = await api.data("PATCH", f"{path}/tenant/acme", 200, {"data": {"plan": "free"}})
    assert (changed["data"], changed["createdAt"]) == ({"plan": "free"}, made["createdAt"])
    for number in range(4):
        await api.data("POST", path, 201, {"type": "app", "id": f"a{number}"})
    mail = await api.data("POST", path, 201, {"type": "user", "id": "a@example.org"})
    assert await api.data("GET", f"{path}/user/{segment('a@example.org')}", 200) == mail

    page = await api.call("GET", path, 200, limit=3)
    assert [one["id"] for one in page["data"]] == ["a@example.org", "a3", "a2"]
    assert (page["previous"], page["totalCount"], page["totalCountCapped"]) == (None, 6, False)
    page = await api.call("GET", path, 200, limit=3, after=page["next"])
    assert [one["id"] for one in page["data"]] == ["a1", "a0", "acme"]
    assert page["next"] is None
    assert [one["id"] for one in (await api.call("GET", path, 200, search="APP:a"))["data"]] == ["a3", "a2", "a1", "a0"]
    assert [one["type"] for one in (await api.call("GET", path, 200, id="acme"))["data"]] == ["tenant"]

    assert (await api.client.delete(f"{path}/tenant/acme")).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        check_error(await api.client.request(method, f"{path}/tenant/acme", json={"data": {}}), 404)
    assert (await api.call("GET", path, 200))["totalCount"] == 5
    wrong: list[Json] = [{"type": "a b", "id": "x"}, {"type": "t", "id": ""}, {"type": "t"}, {"type": "a:b", "id": "x"}]
    for body in wrong:
        check_error(await api.client.post(path, json=body), 422)
    check_error(await api.client.post(path, json={"type": "t", "id": "x", "data": {"k": "x" * 65_536}}), 422)


async def test_what_is_empty_here_is_well_formed(api: Api) -> None:
    for path in ("/v1/changes", "/v1/layouts"):
        page = await api.call("GET", path, 200, page=1, limit=5)
        assert page == {"data": [], "totalCount": 0, "page": 1, "pageSize": 5}
    assert await api.data("GET", "/v1/changes/count", 200) == 0
    assert await api.data("GET", "/v2/layouts", 200) == {"layouts": [], "totalCount": 0}


NOT_OFFERED = [
    ("GET", "/v1/subscribers/ada/credentials/slack/oauth"),
    ("GET", "/v1/subscribers/ada/credentials/slack/oauth/callback"),
    ("GET", "/v1/blueprints/group-by-category"),
    ("GET", f"/v1/blueprints/{'0' * 24}"),
    ("GET", "/v1/inbound-parse/mx/status"),
    ("POST", "/v2/translations"),
    ("GET", "/v1/channel-connections"),
    ("GET", f"/v2/layouts/{'0' * 24}"),
]


async def test_what_is_not_offered_is_404(api: Api) -> None:
    for method, path in NOT_OFFERED:
        check_error(await api.client.request(method, path), 404)


async def test_without_a_key_nothing_is_told(api: Api) -> None:
    paths = [
        *("environments", "environments/me", "environments/api-keys", "integrations", "integrations/active"),
        *("integrations/in-app/status", "organizations", "organizations/me", "organizations/branding"),
        *("notification-groups", "changes", "changes/count", "layouts"),
    ]
    for path in [*(f"/v1/{path}" for path in paths), "/v2/contexts", "/v2/layouts"]:
        check_error(await api.client.get(path, headers={"Authorization": "ApiKey wrong"}), 401)
        check_error(await api.client.get(path, headers={"Authorization": ""}), 401)
