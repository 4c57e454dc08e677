"""A store that can be read but takes no changes: full, without its disk, a replica, or without replicas."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
import redis

from inbox.routes import API_ROUTES
from tests.conftest import RunServer, binary_of
from tests.support.client import Api, InboxApi, Json, WidgetApi, create_session, subscriber_hash
from tests.support.processes import free_port, wait_until
from tests.support.server import Server
from tests.support.socketio import PacketSocket
from tests.support.sockets import PlainSocket
from tests.support.stores import StoreServer, call, connect, running_store
from tests.support.waiting import until

from .hostile import check_error

CAUSES = ("OOM", "MISCONF", "READONLY", "NOREPLICAS")
LIMITS = {"INBOX_RATE_LIMIT_PER_KEY": "100000/hour", "INBOX_RATE_LIMIT_PER_SUBSCRIBER": "100000/hour"}
NAMES = {"subscriberId": "ada", "externalSubscriberId": "ada", "topicKey": "team", "workflowId": "bench"}
READS = sorted(route.path for route in API_ROUTES if "GET" in (route.methods or ()))


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """A Valkey, or the server that a test names by indirect parametrization."""
    with running_store(binary_of(getattr(request, "param", "valkey")), unix=True) as store:
        yield store


class Refusal:
    """A cause for which the store refuses writes."""

    def __init__(self, store: StoreServer, cause: str) -> None:
        self._store = store
        self._cause = cause
        self._obstacle = store.directory / "dump.rdb"  # a folder that a snapshot cannot replace

    def begin(self) -> None:
        with connect(self._store.url) as client:
            if self._cause == "OOM":
                call(client, "CONFIG", "SET", "maxmemory", 1)
            elif self._cause == "READONLY":
                call(client, "REPLICAOF", "127.0.0.1", free_port())
            elif self._cause == "NOREPLICAS":
                call(client, "CONFIG", "SET", "min-replicas-to-write", 1)
            else:
                (self._obstacle / "full").mkdir(parents=True)
                call(client, "CONFIG", "SET", "save", "3600 1000000")
                call(client, "BGSAVE")
                wait_until(partial(self._has_failed, client), "the snapshot fails")

    def end(self) -> None:
        with connect(self._store.url) as client:
            call(client, "CONFIG", "SET", "maxmemory", 0)
            call(client, "CONFIG", "SET", "min-replicas-to-write", 0)
            call(client, "CONFIG", "SET", "save", "")
            call(client, "REPLICAOF", "NO", "ONE")

    @staticmethod
    def _has_failed(client: redis.Redis) -> bool:
        return bool(client.info("persistence")["rdb_last_bgsave_status"] == "err")


@dataclass
class Scene:
    """A service with ada (three messages) and bob (one), both with a feed, and the store under it."""

    server: Server
    api: Api
    page: InboxApi
    refusal: Refusal

    async def readiness(self) -> Json:
        async with httpx.AsyncClient(base_url=self.server.url, trust_env=False, timeout=20) as client:
            answer = await client.get("/ready")
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    async def statuses(self) -> dict[str, int]:
        """The status of every GET."""
        statuses: dict[str, int] = {}
        for path in READS:
            if path != "/ready":
                filled = re.sub(r"\{(\w+)\}", lambda part: NAMES.get(part[1], "unknown"), path)
                is_page = path.startswith(("/v1/inbox", "/v1/widgets"))
                answer = await (self.page if is_page else self.api).client.get(filled)
                statuses[path] = answer.status_code
        return statuses

    async def online(self, subscriber_id: str) -> bool:
        return bool((await self.api.subscriber(subscriber_id))["isOnline"])


@asynccontextmanager
async def scene(run_server: RunServer, store: StoreServer, cause: str, limits: dict[str, str]) -> AsyncIterator[Scene]:
    server = await run_server(
        redis_url=store.url, INBOX_PRESENCE_LEASE_SECONDS="1", INBOX_PRESENCE_GRACE_SECONDS="0", **limits
    )
    async with Api.open(server) as api:
        await api.create_workflow()
        await api.data("POST", "/v2/topics", 201, {"key": "team"})
        for number in range(3):
            await api.trigger("ada", {"n": number})
        await api.trigger("bob", {"n": 0})
        async with InboxApi.open(server, "ada") as page:
            yield Scene(server, api, page, Refusal(store, cause))


async def ask_session(server: Server, subscriber_id: str, **profile: str) -> httpx.Response:
    body = {
        "applicationIdentifier": server.application_identifier,
        "subscriber": {"subscriberId": subscriber_id, **profile},
        "subscriberHash": subscriber_hash(server.api_key, subscriber_id),
    }
    async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as client:
        return await client.post("/v1/inbox/session", json=body)


def check_refused(answer: httpx.Response) -> None:
    check_error(answer, 503)
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("limits", [{}, LIMITS], ids=["unlimited", "limited"])
@pytest.mark.parametrize("cause", CAUSES)
async def test_what_only_reads_goes_on(
    run_server: RunServer, store: StoreServer, cause: str, limits: dict[str, str]
) -> None:
    async with scene(run_server, store, cause, limits) as here, AsyncExitStack() as sockets:
        server, api, page = here.server, here.api, here.page
        before = await here.statuses()
        assert sum(status == 200 for status in before.values()) > 40
        here.refusal.begin()

        async def is_read_only() -> bool:
            return await here.readiness() == {"status": "read-only", "reason": cause}

        await until(is_read_only, 60)
        assert await here.statuses() == before
        assert [len(await page.notifications()), *await page.count("{}", '{"read":false}')] == [3, 3, 3]
        assert len(await api.feed("ada")) == 3

        assert (await ask_session(server, "ada", firstName="Another")).status_code == 201
        assert (await api.subscriber("ada")).get("firstName") != "Another"
        check_refused(await ask_session(server, "somebody-new"))
        async with WidgetApi.open(server, "ada") as widget:
            assert await widget.count("unseen") == 3

        token = (await create_session(server, "bob"))["token"]
        plain = await sockets.enter_async_context(PlainSocket.open(server, "ada"))
        engine = await sockets.enter_async_context(PacketSocket.connected(server, token))
        body = {"name": "bench", "to": "ada", "payload": {}, "transactionId": "refused"}
        check_refused(await api.client.post("/v1/events/trigger", json=body))
        message_id = (await page.notifications())[0]["id"]
        check_refused(await page.client.patch(f"/v1/inbox/notifications/{message_id}/read"))
        assert not await here.online("bob")

        here.refusal.end()
        assert await here.readiness() == {"status": "ready"}
        for subscriber_id in ("ada", "bob"):
            await until(partial(here.online, subscriber_id), 60)
        await api.trigger(["ada", "bob"], {"n": 4}, transactionId="after")
        await plain.reach("after")
        assert (await engine.next_event())[0] == "notification_received"
        await sockets.aclose()

        async def is_offline(subscriber_id: str) -> bool:
            return not await here.online(subscriber_id)

        for subscriber_id in ("ada", "bob"):
            await until(partial(is_offline, subscriber_id), 60)
        transactions = [row["transactionId"] for row in (await api.call("GET", "/v1/notifications", 200))["data"]]
        assert transactions.count("after") == 2
        assert "refused" not in transactions


@pytest.mark.parametrize("store", ["valkey", "redis-server"], indirect=True)
async def test_a_full_store_can_be_emptied(run_server: RunServer, store: StoreServer) -> None:
    async with scene(run_server, store, "OOM", {}) as here, PlainSocket.open(here.server, "ada") as socket:
        api, page = here.api, here.page
        await api.data("POST", "/v2/topics/team/subscriptions", 201, {"subscriberIds": ["bob", "ada"]})
        unwanted = {"channels": {"in_app": False}, "workflowId": "bench"}
        await api.data("PATCH", "/v2/subscribers/ada/preferences", 200, unwanted)
        here.refusal.begin()
        noted = (await api.trigger("ada"))["transactionId"]  # its row of activity waits in the process
        newest, second, oldest = [item["id"] for item in await page.notifications()]
        await page.call("DELETE", f"/v1/inbox/notifications/{newest}/delete", 204)
        assert await socket.expect("notification_updated") == {"removed": [newest]}
        assert [item["id"] for item in await page.notifications()] == [second, oldest]
        await page.call("POST", "/v1/inbox/notifications/delete", 204, {})
        assert await page.notifications() == []
        assert await api.unseen("ada") == 0
        await api.data("DELETE", "/v2/topics/team/subscriptions", 200, {"subscriberIds": ["ada"]})
        await api.data("DELETE", "/v2/topics/team", 200)
        erased = await api.data("DELETE", "/v2/subscribers/ada/data", 200)
        assert erased["status"] == "erased"
        assert await socket.closed() == 4410
        await api.data("DELETE", "/v2/subscribers/bob", 200)
        assert (await api.call("GET", "/v2/subscribers", 200))["data"] == []
        here.refusal.end()
        await api.trigger("ada", {"n": 9})
        assert [message["payload"] for message in await api.feed("ada")] == [{"n": 9}]
        activity = (await api.call("GET", "/v1/notifications", 200))["data"]
        assert noted not in [row["transactionId"] for row in activity], "written after the erasure"


async def test_activity_that_was_noted_meanwhile_is_written_later(run_server: RunServer, store: StoreServer) -> None:
    """A trigger that stores no message changes nothing but the activity."""
    async with scene(run_server, store, "OOM", {}) as here:
        api = here.api
        await api.data(
            "PATCH", "/v2/subscribers/bob/preferences", 200, {"channels": {"in_app": False}, "workflowId": "bench"}
        )
        here.refusal.begin()
        await api.trigger("bob", {"n": 5})
        here.refusal.end()
        outcomes = (await api.call("GET", "/v1/notifications", 200, subscriberIds=["bob"]))["data"]
        assert len(outcomes) == 2
