"""A process that stops behind a proxy: it drains, loses no request, and its sockets come back elsewhere."""

from __future__ import annotations

import asyncio
import copy
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.conftest import RunServer
from tests.support.client import WORKFLOW, Api, create_session
from tests.support.nginx import running_nginx
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.waiting import until

pytestmark = pytest.mark.needs("valkey")

LONG = "3600"
"""A drain that only a second signal ends."""
PRODUCERS = 6
REQUESTS = 60
"""More than nginx needs to use up every connection to one of three processes that the producers left it."""


StartDraining = Callable[[], Awaitable[Server]]


@pytest.fixture
async def start(run_server: RunServer, valkey_url: str, key_prefix: str) -> AsyncIterator[StartDraining]:
    """Starts services that drain until a second signal."""
    servers: list[Server] = []
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_DRAIN_SECONDS": LONG, "INBOX_MAX_FEED_LENGTH": "10000"}

    async def start_one() -> Server:
        servers.append(await run_server(redis_url=valkey_url, **settings))
        return servers[-1]

    yield start_one
    for server in servers:
        signal_to(server, signal.SIGINT)


async def is_red(server: Server) -> bool:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        return (await client.get("/ready")).status_code == 503


async def start_to_drain(server: Server) -> None:
    """Send SIGTERM; return once `/ready` is red."""
    signal_to(server, signal.SIGTERM)
    await until(lambda: is_red(server), 60)


def signal_to(server: Server, number: signal.Signals) -> None:
    assert server.process is not None
    server.process.signal(number)


async def end_of(server: Server) -> int:
    assert server.process is not None
    return await asyncio.to_thread(server.process.wait)


async def test_a_draining_process_serves_until_a_second_signal(start: StartDraining) -> None:
    server = await start()
    async with Api.open(server) as api, PlainSocket.open(server, "ada") as before:
        await api.create_workflow()
        kept = await api.client.get("/health")
        assert "connection" not in kept.headers
        await start_to_drain(server)

        body = {"name": WORKFLOW, "to": "ada", "transactionId": "drained"}
        for path, answer in (
            ("/ready", await api.client.get("/ready")),  # on the connection that was kept
            ("/health", await api.client.get("/health")),
            ("trigger", await api.client.post("/v1/events/trigger", json=body)),
        ):
            assert answer.headers["connection"] == "close", path
            assert answer.status_code == {"/ready": 503, "/health": 200, "trigger": 201}[path]
        await before.reach("drained")
        async with PlainSocket.open(server, "ada") as opened_meanwhile:
            signal_to(server, signal.SIGTERM)
            assert await opened_meanwhile.closed() == 1012
        assert await before.closed() == 1012
    assert await end_of(server) == 0
    assert server.log().count("action=drain") == 1


async def test_a_drain_ends_by_itself(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_DRAIN_SECONDS="0.2")
    async with PlainSocket.open(server, "ada") as socket:
        signal_to(server, signal.SIGTERM)
        assert await socket.closed() == 1012
    assert await end_of(server) == 0
    assert "draining for 0.2 s" in server.log()


async def test_ctrl_c_does_not_drain(start: StartDraining) -> None:
    server = await start()
    signal_to(server, signal.SIGINT)
    assert await end_of(server) == 0
    assert "action=drain" not in server.log()


class Producer:
    """Triggers for a subscriber of its own, one after the other without a pause."""

    def __init__(self, site: Server, number: int) -> None:
        self.subscriber_id = f"person-{number}"
        self.sent: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._site = site

    async def run(self, stop: asyncio.Event) -> None:
        async with Api.open(self._site) as api:
            while not stop.is_set():
                await self.trigger(api)

    async def trigger(self, api: Api) -> str:
        transaction = f"{self.subscriber_id}-{len(self.sent)}"
        self.sent.append(transaction)
        body = {"name": WORKFLOW, "to": self.subscriber_id, "transactionId": transaction}
        answer = await api.client.post("/v1/events/trigger", json=body)
        self.statuses[answer.status_code] += 1
        return transaction


class Tab:
    """A page that opens another socket whenever its socket closes."""

    def __init__(self, site: Server, subscriber_id: str) -> None:
        self.subscriber_id = subscriber_id
        self.codes: list[int | None] = []
        self.socket: PlainSocket | None = None
        self._site = site

    async def run(self, token: str) -> None:
        while True:
            async with PlainSocket.open(self._site, self.subscriber_id, token) as self.socket:
                await self.socket.connection.wait_closed()
                self.codes.append(self.socket.close_code)
                self.socket = None

    async def open_socket(self) -> PlainSocket:
        async def is_open() -> bool:
            return self.socket is not None

        await until(is_open, 60)
        assert self.socket is not None
        return self.socket


@pytest.mark.needs("nginx")
async def test_a_rolling_restart_behind_nginx_loses_nothing(start: StartDraining) -> None:
    servers = [await start() for _ in range(3)]
    with running_nginx(*(server.port for server in servers)) as port:
        site = copy.copy(servers[0])
        site.port = port
        producers = [Producer(site, number) for number in range(PRODUCERS)]
        tabs = [Tab(site, producer.subscriber_id) for producer in producers]

        async def more_requests() -> None:
            before = sum(len(producer.sent) for producer in producers)

            async def are_sent() -> bool:
                return sum(len(producer.sent) for producer in producers) >= before + REQUESTS

            await until(are_sent, 120)

        async with Api.open(site) as api, asyncio.TaskGroup() as tasks:
            await api.create_workflow()
            pages = []
            for tab in tabs:
                token = (await create_session(site, tab.subscriber_id))["token"]
                pages.append(tasks.create_task(tab.run(token)))
            for tab in tabs:
                await tab.open_socket()
            stop = asyncio.Event()
            load = [tasks.create_task(producer.run(stop)) for producer in producers]
            await more_requests()
            for server in servers:
                await start_to_drain(server)
                await more_requests()  # none of them leaves a connection to this process at the proxy
                signal_to(server, signal.SIGTERM)
                assert await end_of(server) == 0
                await more_requests()
                await server.start()
                await more_requests()
            stop.set()
            await asyncio.gather(*load)

            for tab, producer in zip(tabs, producers, strict=True):
                socket = await tab.open_socket()
                await socket.reach(await producer.trigger(api))  # it is back
                assert tab.codes
                assert set(tab.codes) == {1012}
                assert producer.statuses == {201: len(producer.sent)}
                stored = [message["transactionId"] for message in await api.feed(producer.subscriber_id)]
                assert stored == producer.sent[::-1]
            for page in pages:
                page.cancel()


@pytest.mark.needs("nginx")
async def test_a_new_api_key_by_two_rolling_restarts(start: StartDraining) -> None:
    servers = [await start() for _ in range(2)]
    old, new = servers[0].api_key, "0123456789abcdef-the-new-key"
    with running_nginx(*(server.port for server in servers)) as port:
        sites = {key: copy.copy(servers[0]) for key in (old, new)}
        for key, site in sites.items():
            site.port, site.settings = port, {**site.settings, "INBOX_API_KEY": key}

        async def restart(producer: Producer, **settings: str) -> None:
            """Restart the processes with other settings, one after another, while a backend calls."""
            stop = asyncio.Event()
            load = asyncio.create_task(producer.run(stop))
            for server in servers:
                await start_to_drain(server)
                signal_to(server, signal.SIGTERM)
                assert await end_of(server) == 0
                server.settings.pop("INBOX_FORMER_API_KEY", None)
                server.settings |= settings
                await server.start()
                sent = len(producer.sent)
                await until(lambda sent=sent: has_sent(producer, sent + REQUESTS), 120)
            stop.set()
            await load

        async with Api.open(sites[old]) as api:
            await api.create_workflow()
        token = (await create_session(sites[old], "ada"))["token"]
        by_old, by_new = Producer(sites[old], 1), Producer(sites[new], 2)
        await restart(by_old, INBOX_API_KEY=new, INBOX_FORMER_API_KEY=old)
        async with PlainSocket.open(sites[old], "ada", token) as page:
            assert page.close_code is None, "its session goes on"
        await restart(by_new, INBOX_API_KEY=new)
        for producer in (by_old, by_new):
            assert producer.statuses == {201: len(producer.sent)}
        async with Api.open(sites[old]) as api:
            assert (await api.client.get("/v2/subscribers")).status_code == 401
        with pytest.raises(InvalidStatus, match="401"):
            async with PlainSocket.open(sites[new], "ada", token):
                pass


async def has_sent(producer: Producer, count: int) -> bool:
    return len(producer.sent) >= count
