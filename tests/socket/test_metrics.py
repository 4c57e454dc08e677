"""Every documented metric moves: a real service is brought into each situation that one of them tells of."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from inbox.ids import SubscriberId
from inbox.metrics import METRICS
from inbox.store.rows import FeedCounts
from tests.conftest import RunServer, binary_of
from tests.support.client import Api, create_session
from tests.support.drift import plant
from tests.support.environments import environment_of, services_of
from tests.support.native import NativeSocket
from tests.support.receiver import Receiver
from tests.support.server import Server
from tests.support.socketio import PythonClient
from tests.support.sockets import PlainSocket
from tests.support.stores import StoreServer, running_store
from tests.support.streams import EventStream
from tests.support.waiting import until

from .test_broken_listener import kill_listeners
from .test_slow_client import stuck_socket

WAIT_SECONDS = 120
QUEUE_BYTES = 256 * 1024
HANDSHAKES = 40
AUDIENCE = 120
"""More than a request carries out by itself."""
CONSTANTS = {"inbox.jobs.MINUTE": 1}
"""The audit of counts looks each second whether it is due."""
FLAVOURS = {"native", "plain", "socketio", "stream"}
ELSEWHERE = {"inbox_due_lag_seconds"}
"""Work that waits is seen only while no process takes it: `tests/store/test_timers.py`."""


class Watch:
    """The metrics of a service: those that have moved since its start, at any scrape."""

    def __init__(self, server: Server) -> None:
        [self._url] = re.findall(r"metrics at (\S+)", server.log())
        self._first: dict[str, float] = {}
        self.moved: set[str] = set()

    async def scrape(self) -> dict[str, float]:
        """Return the sum of the series of each metric, of a histogram the number of its values."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            text = (await client.get(self._url)).text
        sums = Counter[str]()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name.removesuffix("_count")] += sample.value
        self._first = self._first or dict(sums)
        self.moved |= {name for name in METRICS if sums[name] != self._first.get(name, 0)}
        return sums

    async def until_moved(self, *names: str, cause: Callable[[], Awaitable[object]] | None = None) -> None:
        """Return once these have moved; call `cause` before each scrape. Raise AssertionError with the others."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self.moved.issuperset(names):
                    if cause:
                        await cause()
                    await self.scrape()
        except TimeoutError:
            raise AssertionError(f"they do not move: {set(names) - self.moved}") from None


@pytest.fixture
async def service(run_server: RunServer, key_prefix: str) -> AsyncIterator[tuple[Server, StoreServer]]:
    """A service on a store of its own, which can be frozen."""
    with running_store(binary_of("valkey"), unix=True) as store:
        settings = {"INBOX_METRICS_PORT": "0", "INBOX_MAX_SOCKET_QUEUE_BYTES": str(QUEUE_BYTES)}
        server = await run_server(redis_url=store.url, INBOX_KEY_PREFIX=key_prefix, constants=CONSTANTS, **settings)
        yield server, store


@pytest.mark.needs("valkey")
async def test_every_metric_moves(service: tuple[Server, StoreServer]) -> None:
    server, store = service
    watch = Watch(server)
    first = await watch.scrape()
    assert (first["inbox_info"], first["inbox_store_up"], first["inbox_processes"]) == (1, 1, 1)
    async with Api.open(server) as api:
        await api.create_workflow(body="{{payload.n}} {{payload.text}}")
        await use_sockets(server, api, watch)
        await refuse(server, watch)
        await trigger_many(server, api, watch)
        await wait(api, watch)
        await send_events(server, api, watch)
        await correct_counts(server, api, watch)
        await fall_behind(server, api, watch)
        await lose_subscriptions(server, api, watch, store)
        await freeze(server, watch, store)
    assert set(METRICS) - watch.moved - ELSEWHERE == {"inbox_info"}


async def use_sockets(server: Server, api: Api, watch: Watch) -> None:
    token = (await create_session(server, "ada"))["token"]
    async with (
        PlainSocket.open(server, "ada", token),
        NativeSocket.connected(server, "ada", token),
        PythonClient.open(server, token),
        EventStream.open(server, "ada", token),
    ):
        await api.trigger("ada", {"n": 1})
        await watch.until_moved(
            *("inbox_sockets", "inbox_sockets_opened_total", "inbox_connected_feeds", "inbox_present_subscribers"),
            *("inbox_socket_requests_total", "inbox_socket_request_seconds", "inbox_publications_total"),
            *("inbox_deliveries_total", "inbox_delivery_seconds", "inbox_triggers_total", "inbox_messages_total"),
            *(
                "inbox_http_requests_total",
                "inbox_http_request_seconds",
                "inbox_job_runs_total",
                "inbox_canary_seconds",
            ),
            *("inbox_store_commands_total", "inbox_store_round_trip_seconds", "inbox_store_errors_total"),
        )
    await watch.until_moved("inbox_sockets_closed_total")

    async def all_have_closed() -> bool:
        return (await watch.scrape())["inbox_sockets"] == 0

    await until(all_have_closed, WAIT_SECONDS)
    assert (await watch.scrape())["inbox_sockets_opened_total"] == len(FLAVOURS)


async def refuse(server: Server, watch: Watch) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"{server.ws_url}?token=none", proxy=None)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"no request\r\n\r\n")
    await watch.until_moved("inbox_sockets_refused_total", "inbox_http_heads_refused_total")
    writer.close()


async def trigger_many(server: Server, api: Api, watch: Watch) -> None:
    people = [{"subscriberId": f"one-of-{number}"} for number in range(AUDIENCE)]
    await api.data("POST", "/v1/subscribers/bulk", 201, {"subscribers": people})
    async with services_of(server) as services:
        running = services.keys.dispatches((await environment_of(services, server)).number)
        await services.client.execute("ZADD", running, 1, "one-that-nobody-carries-out")
        await watch.until_moved("inbox_dispatches_running")
        await services.client.execute("ZREM", running, "one-that-nobody-carries-out")
    await api.data("POST", "/v1/events/trigger/broadcast", 201, {"name": "bench", "payload": {"n": 2}})
    await watch.until_moved("inbox_dispatch_lag_seconds")


async def wait(api: Api, watch: Watch) -> None:
    delay = {"name": "Delay", "type": "delay", "controlValues": {"amount": 1, "unit": "seconds"}}
    message = {"name": "In-app", "type": "in_app", "controlValues": {"body": "later"}}
    await api.data("POST", "/v2/workflows", 201, {"name": "later", "workflowId": "later", "steps": [delay, message]})
    await api.trigger("ada", workflow="later")
    await watch.until_moved("inbox_timers_fired_total", "inbox_timer_lag_seconds")


async def send_events(server: Server, api: Api, watch: Watch) -> None:
    async with Receiver.running() as receiver, services_of(server) as services:
        environment = await environment_of(services, server)
        receiver.status = 500
        await services.webhooks.set(environment, receiver.url, ())

        async def event() -> None:
            await api.trigger("ada", {"n": 3})

        # a process hears within seconds that there is a webhook
        await watch.until_moved(
            "inbox_webhook_requests_total", "inbox_webhook_request_seconds", "inbox_events_waiting", cause=event
        )
        feed = await services.feed_store.open(environment.number, SubscriberId("ada"))
        outbox = services.keys.bucket(environment.number, feed.bucket_key.bucket).outbox
        await event()
        [(newest, _)] = await services.client.execute("XREVRANGE", outbox, "+", "-", "COUNT", 1)
        await services.client.execute("XDEL", outbox, newest)  # as if there had been too many
        await watch.until_moved("inbox_events_dropped")
        receiver.status = 410
        await watch.until_moved("inbox_events_given_up_total", "inbox_events_failed", cause=event)
        receiver.status = 200
        await services.webhooks.set_stream(environment, True)
        await watch.until_moved("inbox_events_streamed_total", cause=event)


async def correct_counts(server: Server, api: Api, watch: Watch) -> None:
    async with services_of(server) as services:
        environment = await environment_of(services, server)
        feed = await services.feed_store.open(environment.number, SubscriberId("ada"))
        await plant(services.client, feed, FeedCounts(70, 60, 50, 3, 2, 1))

        async def audit() -> None:
            await services.client.execute("HSET", services.keys.audit, "bucket", feed.bucket_key.bucket)
            await services.client.execute("DEL", services.keys.audited)

        await watch.until_moved("inbox_feeds_audited_total", "inbox_counts_corrected_total", cause=audit)


async def fall_behind(server: Server, api: Api, watch: Watch) -> None:
    async def send() -> None:
        await api.trigger("grace", {"text": "x" * 20_000})

    async with stuck_socket(server, "grace"):
        await watch.until_moved("inbox_socket_queue_bytes", "inbox_slow_consumers_total", cause=send)


async def lose_subscriptions(server: Server, api: Api, watch: Watch, store: StoreServer) -> None:
    async def lose() -> None:
        await asyncio.to_thread(kill_listeners, store.url)
        await api.trigger("ada", {"n": 4})

    async with PlainSocket.open(server, "ada"):
        await watch.until_moved(
            "inbox_store_breaks_total", "inbox_feed_gaps_total", "inbox_feed_repairs_total", cause=lose
        )


async def freeze(server: Server, watch: Watch, store: StoreServer) -> None:
    tokens = [(await create_session(server, f"late-{number}"))["token"] for number in range(HANDSHAKES)]
    async with waiting_handshakes(server, tokens) as open_all:
        store.freeze()
        try:
            open_all()
            await watch.until_moved("inbox_handshakes_waiting", "inbox_store_up")
            await watch.until_moved("inbox_store_timeouts_total", "inbox_job_failures_total", "inbox_ready")
            await watch.until_moved("inbox_canary_failures_total")
        finally:
            store.thaw()

    async def is_up() -> bool:
        return (await watch.scrape())["inbox_store_up"] == 1

    await until(is_up, WAIT_SECONDS)


@asynccontextmanager
async def waiting_handshakes(server: Server, tokens: Iterable[str]) -> AsyncIterator[Callable[[], None]]:
    """Yield what begins a handshake with each token; whether they succeed does not matter."""
    tasks: list[asyncio.Task[None]] = []

    async def open_one(token: str) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(connect(f"{server.ws_url}?token={quote(token)}", proxy=None))

    def open_all() -> None:
        tasks.extend(asyncio.create_task(open_one(token)) for token in tokens)

    yield open_all
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
