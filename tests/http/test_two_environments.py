"""Two environments of one service: with a key of one, nothing of the other can be read or changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from inbox.services import Services, open_services
from inbox.settings import Settings
from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, Json, segment
from tests.support.routes import SERVER_SIDE
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.waiting import until

from .hostile import check_error

REFUSED_SECONDS = 60.0
SECRET = "only-in-b"
PROFILE = {"firstName": SECRET, "email": f"{SECRET}@example.org", "data": {"k": SECRET}}


@pytest.fixture
async def servers(run_server: RunServer, valkey_url: str, key_prefix: str) -> list[Server]:
    """Two processes over one store."""
    starts = (run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix) for _ in range(2))
    return list(await asyncio.gather(*starts))


@pytest.fixture
async def services(servers: list[Server], valkey_url: str, key_prefix: str) -> AsyncIterator[Services]:
    """The verbs of a third process, as a command has them."""
    async with open_services(Settings(redis_url=valkey_url, key_prefix=key_prefix), valkey_url) as services:
        yield services


def client_of(server: Server, api_key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"ApiKey {api_key}"}
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=20, trust_env=False)


async def fill(api: Api) -> dict[str, str]:
    """One of everything in B; path parameter → what names it there."""
    created = await api.create_workflow("only-in-b-workflow", tags=[SECRET])
    await api.create_subscriber("only-in-b-subscriber", **PROFILE)
    await api.data("PATCH", "/v2/subscribers/only-in-b-subscriber/preferences", 200, {"channels": {"email": False}})
    await api.data("POST", "/v2/topics", 201, {"key": "only-in-b-topic", "name": SECRET})
    subscribed = {"subscriberIds": ["only-in-b-subscriber"]}
    await api.call("POST", "/v2/topics/only-in-b-topic/subscriptions", 201, subscribed)
    await api.data("POST", "/v2/contexts", 201, {"type": "only-in-b", "id": "context", "data": {"k": SECRET}})
    group = await api.data("POST", "/v1/notification-groups", 201, {"name": SECRET})
    payload, sent = {"n": SECRET}, {"workflow": created["workflowId"], "transactionId": "t-only-in-b"}
    await api.trigger("only-in-b-subscriber", payload, **sent)
    [message] = await api.feed("only-in-b-subscriber")
    [integration] = await api.data("GET", "/v1/integrations", 200)
    feed = await api.data("POST", "/v1/feeds", 201, {"name": SECRET})
    tenant = await api.data("POST", "/v1/tenants", 201, {"identifier": "only-in-b-tenant", "name": SECRET})
    override = await api.data(
        "POST", "/v1/workflow-overrides", 201, {"workflowId": created["_id"], "tenantId": tenant["_id"]}
    )
    activity = (await api.call("GET", "/v1/notifications", 200, transactionId="t-only-in-b"))["data"][0]
    environment = await api.data("GET", "/v1/environments/me", 200)
    return {
        "subscriberId": "only-in-b-subscriber",
        "externalSubscriberId": "only-in-b-subscriber",
        "workflowId": created["_id"],
        "parameter": created["_id"],
        "topicKey": "only-in-b-topic",
        "identifier": "tk_only-in-b-topic:si_only-in-b-subscriber",
        "type": "only-in-b",
        "id": "context",
        "groupId": group["_id"],
        "messageId": message["_id"],
        "notificationId": message["_id"],
        "integrationId": integration["_id"],
        "environmentId": environment["_id"],
        "transactionId": "t-only-in-b",
        "providerId": "fcm",
        "actionType": "primary",
        "feedId": feed["_id"],
        "overrideId": override["_id"],
        "tenantId": tenant["_id"],
        "activityId": activity["_id"],
    }


async def snapshot(api: Api) -> Json:
    """Everything of B that a call could change."""
    ada = "/v2/subscribers/only-in-b-subscriber"
    paths = [ada, f"{ada}/preferences", "/v2/workflows", "/v2/topics", "/v2/contexts", "/v2/subscribers"]
    paths += ["/v2/topics/only-in-b-topic/subscriptions", "/v1/notification-groups", "/v1/integrations"]
    paths += ["/v1/feeds", "/v1/tenants", "/v1/workflow-overrides", "/v1/notifications", "/v1/messages"]
    paths += ["/v1/organizations/me", "/v1/environments/me", "/v1/subscribers/only-in-b-subscriber/notifications/feed"]
    return {path: await api.call("GET", path, 200) for path in paths}


def calls(names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every route of the server side by its methods, with what its parameters name in B."""
    for route in SERVER_SIDE:
        path = route.path
        for name in route.param_convertors:
            value = names.get(name, "0" * 24)
            if name == "type" and "/actions/" in path:
                value = "primary"
            if path.startswith("/v1/notifications/"):
                value = names["activityId"]
            path = path.replace(f"{{{name}}}", segment(value))
        yield route.method, path


BODIES: dict[str, Any] = {
    "/online-status": {"isOnline": True},
    "/mark-as": {"messageId": "", "markAs": "read"},
    "/mark-all": {"markAs": "read"},
    "/preferences": {"channels": {"in_app": False}, "preferences": [{"type": "in_app", "enabled": False}]},
    "/preferences/bulk": {"preferences": [{"workflowId": "", "channels": {"in_app": False}}]},
    "/credentials": {"providerId": "fcm", "credentials": {"deviceTokens": ["a"]}},
    "/seen": {},
}


def body_of(path: str, names: dict[str, str]) -> Any:
    """A body that would change something if the path named something."""
    found = next((body for end, body in BODIES.items() if path.endswith(end)), {"name": "changed", "data": {}})
    text = json.dumps(found).replace('"messageId": ""', f'"messageId": "{names["messageId"]}"')
    return json.loads(text.replace('"workflowId": ""', f'"workflowId": "{names["workflowId"]}"'))


async def test_no_route_of_one_reaches_the_other(servers: list[Server], services: Services) -> None:
    environment = await services.environments.create("B")
    key_of_b = services.environments.live_keys(environment)[0]
    async with client_of(servers[0], key_of_b) as of_b, Api.open(servers[0]) as of_a:
        b = Api(of_b)
        names = await fill(b)
        before = await snapshot(b)
        named = [value for value in names.values() if value.startswith(SECRET) or len(value) == 24]
        accepted: set[tuple[str, str, str]] = set()
        for method, path in calls(names):
            answer = await of_a.client.request(method, path, json=body_of(path, names))
            told = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, told
            if answer.status_code < 400 and any(segment(value) in path for value in named):
                accepted.add((method, path, answer.text))
            told_of_b = answer.text
            for value in [*named, segment(names["identifier"]), names["identifier"]]:
                told_of_b = told_of_b.replace(value, "")  # what the request itself named
            assert SECRET not in told_of_b, told
        assert await snapshot(b) == before
        # an unknown transaction has nothing to cancel: Novu answers 200 and false
        assert accepted == {("DELETE", "/v1/events/trigger/t-only-in-b", '{"data":false}')}


async def test_ids_of_the_other_are_unknown(servers: list[Server], services: Services) -> None:
    environment = await services.environments.create("B")
    key_of_b = services.environments.live_keys(environment)[0]
    async with client_of(servers[0], key_of_b) as of_b, Api.open(servers[1]) as of_a:
        names = await fill(Api(of_b))
        subscriber, workflow = "/v2/subscribers/only-in-b-subscriber", f"/v2/workflows/{names['workflowId']}"
        refused: list[tuple[str, str, Any, int]] = [
            ("GET", subscriber, None, 404),
            ("PATCH", subscriber, {"firstName": "x"}, 404),
            ("PUT", "/v1/subscribers/only-in-b-subscriber", {"firstName": "x"}, 400),
            ("PATCH", "/v1/subscribers/only-in-b-subscriber/online-status", {"isOnline": True}, 404),
            ("PUT", "/v1/subscribers/only-in-b-subscriber/credentials", BODIES["/credentials"], 400),
            ("DELETE", "/v1/subscribers/only-in-b-subscriber/credentials/fcm", None, 404),
            ("GET", f"{subscriber}/preferences", None, 404),
            ("PATCH", f"{subscriber}/preferences", {"channels": {"in_app": False}}, 404),
            ("DELETE", subscriber, None, 404),
            ("GET", workflow, None, 404),
            ("DELETE", workflow, None, 404),
            ("GET", "/v2/contexts/only-in-b/context", None, 404),
            ("DELETE", "/v2/contexts/only-in-b/context", None, 404),
            ("GET", f"/v1/notification-groups/{names['groupId']}", None, 404),
            ("DELETE", f"/v1/notification-groups/{names['groupId']}", None, 404),
            ("PUT", f"/v1/integrations/{names['integrationId']}", {"active": False}, 404),
            ("GET", f"/v2/environments/{names['environmentId']}/tags", None, 404),
            ("POST", "/v1/events/trigger", {"name": "only-in-b-workflow", "to": "x", "payload": {}}, 422),
        ]
        for method, path, body, status in refused:
            check_error(await of_a.client.request(method, path, json=body), status)
        cursor = (await Api(of_b).subscriber(names["subscriberId"]))["_id"]
        listed = await of_a.call("GET", "/v2/subscribers", 200, after=cursor)
        assert listed["data"] == []


async def until_refused(ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    """Return once a request is refused. Raise TimeoutError where none ever is."""

    async def is_refused() -> bool:
        return (await ask()).status_code != 200

    await until(is_refused, REFUSED_SECONDS)


async def test_a_revoked_key_is_soon_dead_in_every_process(servers: list[Server], services: Services) -> None:
    environment = await services.environments.create("B")
    old = services.environments.live_keys(environment)[0]
    new = await services.environments.keys.create(environment)
    first, second = servers
    async with client_of(first, old) as one, client_of(second, old) as other, client_of(second, new) as kept:
        for client in (one, other, kept):
            assert (await client.get("/v1/environments/me")).json()["data"]["name"] == "B"
        await services.environments.keys.revoke(environment, old)
        for client in (one, other):
            await until_refused(lambda client=client: client.get("/v1/environments/me"))
            check_error(await client.get("/v1/environments/me"), 401)
        keys = (await kept.get("/v1/environments/api-keys")).json()["data"]
        assert [key["key"] for key in keys] == [new]


async def test_the_sessions_of_a_revoked_key_end_in_every_process(servers: list[Server], services: Services) -> None:
    environment = await services.environments.create("B")
    old = services.environments.live_keys(environment)[0]
    new = await services.environments.keys.create(environment)

    async def token() -> str:
        body = {"applicationIdentifier": environment.identifier, "subscriberId": "ada"}
        async with httpx.AsyncClient(base_url=servers[0].url, timeout=20, trust_env=False) as page:
            opened: str = (await page.post("/v1/inbox/session", json=body)).json()["data"]["token"]
        return opened

    ended = await token()
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(InboxApi.open(one, "ada", ended)) for one in servers]
        sockets = [await stack.enter_async_context(PlainSocket.open(one, "ada", ended)) for one in servers]
        own = await stack.enter_async_context(PlainSocket.open(servers[0], "bob"))
        for page in pages:
            await page.page()
        await services.environments.keys.revoke(environment, old)
        for page in pages:
            await until_refused(lambda page=page: page.client.get("/v1/inbox/notifications"))
            check_error(await page.client.get("/v1/inbox/notifications"), 401)
        assert [await socket.closed() for socket in sockets] == [4403, 4403]
        renewed = await stack.enter_async_context(PlainSocket.open(servers[0], "ada", await token()))
        await renewed.expect_nothing(1.5)  # longer than from one look to the next
        of_b = Api(await stack.enter_async_context(client_of(servers[1], new)))
        of_a = await stack.enter_async_context(Api.open(servers[1]))
        for api, subscriber, socket in ((of_b, "ada", renewed), (of_a, "bob", own)):
            await api.create_workflow()
            await api.trigger(subscriber, transactionId="after")
            await socket.reach("after", 10)


async def test_a_workflow_made_at_one_process_is_usable_at_the_other_at_once(servers: list[Server]) -> None:
    async with Api.open(servers[0]) as one, Api.open(servers[1]) as other:
        for number in range(20):
            await one.create_workflow(f"w{number}", body=f"{number}")
            await other.trigger("ada", workflow=f"w{number}")
        contents = [message["content"] for message in await one.feed("ada")]
        assert contents == [f"{number}" for number in reversed(range(20))]


async def test_only_production_asks_for_a_hash(servers: list[Server], services: Services) -> None:
    staging = await services.environments.create("Staging")
    [_, production, *_] = services.environments.all()
    async with httpx.AsyncClient(base_url=servers[0].url, timeout=20, trust_env=False) as page:
        for environment, status in ((staging, 201), (production, 400)):
            identifier = servers[0].application_identifier if environment is production else environment.identifier
            body = {"applicationIdentifier": identifier, "subscriberId": "ada"}
            assert (await page.post("/v1/inbox/session", json=body)).status_code == status
