"""Opening, refusing and ending sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.conftest import RunServer, one_server_and_cluster
from tests.support.client import Api, InboxApi, create_session, segment
from tests.support.mirror import FeedMirror, shared
from tests.support.sockets import PlainSocket

from .conftest import Pair

TABS = 12
MESSAGES = 150
SOCKET_LIMIT = 5


@asynccontextmanager
async def tab(pair: Pair, number: int, token: str) -> AsyncIterator[tuple[PlainSocket, FeedMirror]]:
    """A page that opens its socket and then reads its feed, at one of the processes."""
    server, api = pair.servers[number % 2], pair.apis[number % 2]
    async with PlainSocket.open(server, "ada", token) as socket:
        mirror = FeedMirror()
        mirror.load(await api.feed("ada"))
        yield socket, mirror


@one_server_and_cluster
async def test_the_feed_first_read_plus_the_events_is_the_feed_read_again(any_pair: Pair) -> None:
    """Tabs open all at once and one after the other while messages come without a pause: none misses any."""
    token = (await create_session(any_pair.servers[0], "ada"))["token"]
    stop = asyncio.Event()

    async def produce() -> None:
        number = 0
        while not stop.is_set() or number < MESSAGES:
            await any_pair.apis[number % 2].trigger("ada", {"n": number})
            number += 1
        await any_pair.api.trigger("ada", {"n": number}, transactionId="last")

    async with AsyncExitStack() as stack:
        producer = asyncio.create_task(produce())
        for _ in range(3):  # none is open at first, so each round begins with the race for the subscription
            async with AsyncExitStack() as together:
                await asyncio.gather(
                    *(together.enter_async_context(tab(any_pair, number, token)) for number in range(TABS))
                )
        tabs = await asyncio.gather(
            *(stack.enter_async_context(tab(any_pair, number, token)) for number in range(TABS))
        )
        stop.set()
        await producer
        feed = {message["_id"]: shared(message) for message in await any_pair.api.feed("ada")}
        for socket, mirror in tabs:
            await socket.reach("last")
            mirror.apply(socket.frames)
            assert mirror.messages == feed
            assert mirror.unseen == min(len(feed), 100)
            received = socket.received()
            assert len(received) == len(set(received))


async def test_more_sockets_than_allowed_are_refused(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(
        redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_SOCKETS_PER_SUBSCRIBER=str(SOCKET_LIMIT)
    )
    token = (await create_session(server, "ada"))["token"]
    async with AsyncExitStack() as stack:
        outcomes = await asyncio.gather(
            *(stack.enter_async_context(PlainSocket.open(server, "ada", token)) for _ in range(4 * SOCKET_LIMIT)),
            return_exceptions=True,
        )
        opened = [outcome for outcome in outcomes if isinstance(outcome, PlainSocket)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidStatus)]
        assert (len(opened), len(refused)) == (SOCKET_LIMIT, 3 * SOCKET_LIMIT)
        assert {(one.response.status_code, one.response.headers["Retry-After"]) for one in refused} == {(503, "60")}
        await stack.enter_async_context(PlainSocket.open(server, "grace"))
        await opened[0].close()
        await stack.enter_async_context(PlainSocket.open(server, "ada", token))


@one_server_and_cluster
@pytest.mark.parametrize("path", ["/v2/subscribers/ada", "/v2/subscribers/ada/data"], ids=["deleted", "erased"])
async def test_a_deleted_subscriber_is_shut_out(any_pair: Pair, path: str) -> None:
    """Sockets at every process end within 5 s, by a code that says not to try again, and the token opens nothing."""
    sockets = await any_pair.sockets("ada")
    await any_pair.api.trigger("ada", {"n": 1})
    token = (await create_session(any_pair.servers[0], "ada"))["token"]
    await any_pair.api.call("DELETE", path, 200)
    for socket in sockets:
        assert await socket.closed(seconds=5) in range(4400, 4500)
    for server in any_pair.servers:
        async with InboxApi.open(server, "ada", token) as inbox:
            await inbox.call("GET", "/v1/inbox/notifications", 401)
        with pytest.raises(InvalidStatus) as refused:
            await any_pair.stack.enter_async_context(PlainSocket.open(server, "ada", token))
        assert refused.value.response.status_code == 401


@one_server_and_cluster
async def test_a_subscriber_made_again_has_a_new_feed(any_pair: Pair) -> None:
    """What processes remember of a deleted subscriber does not lead them to its old feed."""
    for api in any_pair.apis:
        await api.trigger("ada", {"n": 1})
    await any_pair.api.call("DELETE", f"/v2/subscribers/{segment('ada')}", 200)
    for process, api in enumerate(reversed(any_pair.apis)):
        await api.trigger("ada", {"n": 2}, transactionId=f"again-{process}")
    for api in any_pair.apis:
        assert [message["transactionId"] for message in await api.feed("ada")] == ["again-1", "again-0"]
    sockets = await any_pair.sockets("ada")
    await any_pair.api.trigger("ada", {"n": 3}, transactionId="pushed")
    for socket in sockets:
        await socket.reach("pushed")


async def test_a_stop_closes_sockets_in_order(own_pair: Pair) -> None:
    """A stopping process says so to its sockets, takes its time limit seriously and ends with 0."""
    first, second = await own_pair.sockets("ada")
    assert await own_pair.servers[0].terminate() == 0
    assert await first.closed() == 1012
    await own_pair.apis[1].trigger("ada", {"n": 1}, transactionId="after")
    await second.reach("after")


async def test_an_acknowledged_trigger_survives_a_stop(own_pair: Pair) -> None:
    """SIGTERM in the middle of the load: what is answered is stored, what is not is refused or cut, never a 5xx."""
    acknowledged: list[str] = []

    async def produce(worker: int) -> None:
        async with Api.open(own_pair.servers[0]) as api:
            for number in range(1000):
                transaction = f"{worker}-{number}"
                body = {"name": "bench", "to": "ada", "payload": {}, "transactionId": transaction}
                try:
                    answer = await api.client.post("/v1/events/trigger", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 201, answer.text
                acknowledged.append(transaction)

    async with asyncio.TaskGroup() as tasks:
        for worker in range(6):
            tasks.create_task(produce(worker))
        while len(acknowledged) < 100:
            await asyncio.sleep(0.01)
        assert await own_pair.servers[0].terminate() == 0
    listed = [message["transactionId"] for message in await own_pair.apis[1].feed("ada")]
    assert len(listed) == len(set(listed))
    assert set(acknowledged) <= set(listed)
