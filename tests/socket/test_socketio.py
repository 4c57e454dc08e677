"""The Socket.IO flavour, packet by packet; with real clients in test_socketio_clients.py."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed, InvalidStatus

from inbox.realtime import socketio
from inbox.realtime.connecting import CONNECT_SECONDS
from tests.conftest import RunServer, binary_of
from tests.support.client import Api, create_session
from tests.support.environments import see_from_new_environment
from tests.support.processes import REPOSITORY
from tests.support.server import Server, new_server
from tests.support.socketio import HANDSHAKE, PacketSocket, PythonClient
from tests.support.sockets import PlainSocket
from tests.support.stores import running_store

from .conftest import Pair

UNAUTHORIZED = "Missing or invalid token"


async def token_of(server: Server, subscriber_id: str = "ada") -> str:
    return str((await create_session(server, subscriber_id))["token"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(valkey_url: str) -> AsyncIterator[Server]:
    settings = {"INBOX_KEY_PREFIX": "socketio:", "INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "3"}
    async with new_server(redis_url=valkey_url, **settings) as server:
        yield server


@pytest.fixture
async def server(service: Server) -> Server:
    """The service of this file, in an environment of the test's own."""
    [server] = await see_from_new_environment(service)
    async with Api.open(server) as api:
        await api.create_workflow()
    return server


async def test_both_flavours_are_told_the_same(any_pair: Pair) -> None:
    """Whatever process holds the socket: the same names and payloads in the same order."""
    async with AsyncExitStack() as stack:
        token = await token_of(any_pair.servers[1])
        client = await stack.enter_async_context(PythonClient.open(any_pair.servers[0], token))
        plain = await stack.enter_async_context(PlainSocket.open(any_pair.servers[1], "ada"))
        inbox = (await any_pair.inboxes("ada"))[1]
        for number in range(3):
            await any_pair.api.trigger("ada", {"n": number})
        await inbox.see()
        await inbox.read_all()
        await any_pair.api.trigger("ada", {"n": 3}, transactionId="last")
        await plain.reach("last")
        told = [(frame.event, frame.data) for frame in plain.frames]
        assert (await client.take(2 + len(told)))[2:] == told


async def test_a_token_in_the_payload_goes_before_one_in_the_query(server: Server) -> None:
    async with PacketSocket.open(server, token="bad") as socket:
        await socket.connect(await token_of(server))
    async with PacketSocket.open(server, token=await token_of(server)) as socket:
        await socket.send('40{"token":"bad"}')
        assert await socket.refusal() == UNAUTHORIZED
    async with PacketSocket.open(server, token=await token_of(server)) as socket:
        await socket.send('40{"token":null}')
        assert (await socket.next()).startswith("40{")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/socket.io/?EIO=4&transport=polling", 0),
        ("/socket.io/?EIO=4&transport=polling&t=abc", 0),
        ("/socket.io/?EIO=4", 0),
        ("/socket.io/", 0),
        ("/socket.io/?EIO=3&transport=websocket", 5),
        ("/socket.io/?EIO=4&transport=websocket&sid=1", 1),
        ("/socket.io/?EIO=4&transport=websocket", 3),
    ],
)
async def test_polling_is_no_transport(server: Server, path: str, code: int) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
            assert answer.json()["code"] == code
    if code == 0:
        assert answer.json() == {"code": 0, "message": "Transport unknown"}


@pytest.mark.parametrize("query", [{"EIO": "3"}, {"EIO": ""}, {"transport": "polling"}, {"sid": "x"}])
async def test_an_upgrade_of_another_protocol_is_refused(server: Server, query: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with PacketSocket.open(server, **{**HANDSHAKE, **query}):
            pass
    assert refused.value.response.status_code == 400


async def test_a_namespace_of_its_own_does_not_exist(server: Server) -> None:
    async with PacketSocket.open(server) as socket:
        await socket.send("40/admin,")
        assert await socket.next() == '44/admin,{"message":"Invalid namespace"}'
        await socket.connect(await token_of(server))
        await socket.next_event(), await socket.next_event()
        await socket.send('40/ws,{"token":"x"}')
        assert await socket.next() == '44/ws,{"message":"Invalid namespace"}'
        await socket.send("41")
        assert await socket.closed() == (1000, "client_disconnected")


async def test_what_is_not_for_us_is_ignored(server: Server) -> None:
    async with PacketSocket.connected(server, await token_of(server)) as socket, Api.open(server) as api:
        for packet in ('42["hello",{"a":1}]', '421["ask me"]', "430[]", "6", "3"):
            await socket.send(packet)
        await api.trigger("ada", {"n": 1})
        assert (await socket.next_event())[0] == "notification_received"


@pytest.mark.parametrize("packet", ["x", "", "2", "4", "40", "49", "42{}", "45-[]", "41/admin,", b"\x01", '42["a"'])
async def test_a_malformed_packet_closes_the_socket(server: Server, packet: str | bytes) -> None:
    async with PacketSocket.connected(server, await token_of(server)) as socket:
        await socket.send(packet)
        assert await socket.closed() == (1002, "malformed_packet")


@pytest.mark.parametrize("packet", ["41", "42[1]", "x", b"40", "40[]"])
async def test_and_so_it_does_before_it_is_let_in(server: Server, packet: str | bytes) -> None:
    async with PacketSocket.open(server, token=await token_of(server)) as socket:
        await socket.send(packet)
        assert await socket.closed() == (1002, "malformed_packet")


async def test_a_client_that_leaves_makes_room(server: Server) -> None:
    token = await token_of(server)
    for leaving in ("41", "1") * 3:
        async with PacketSocket.connected(server, token) as socket:
            await socket.send(leaving)
            assert await socket.closed() == (1000, "client_disconnected")


def test_times_are_as_documented() -> None:
    """The tests below do not wait for them."""
    page = (REPOSITORY / "docs/sockets.md").read_text()
    assert f"no CONNECT comes within {CONNECT_SECONDS:.0f} s" in page
    assert f"was refused and had {socketio.LEAVE_SECONDS:.0f} s to hang up" in page
    assert f"the answer waits up to {socketio.OUTAGE_SECONDS:.0f} s for it" in page


async def test_who_never_connects_is_closed(run_server: RunServer) -> None:
    server = await run_server(constants={"inbox.realtime.connecting.CONNECT_SECONDS": 1.0})
    token, opening = await token_of(server), time.monotonic()
    async with PacketSocket.open(server, token=token) as socket:
        assert await socket.closed(seconds=20) == (4408, "connect_timeout")
        assert time.monotonic() - opening >= 1.0


async def test_who_is_refused_and_stays_is_closed(run_server: RunServer) -> None:
    server = await run_server(constants={"inbox.realtime.socketio.LEAVE_SECONDS": 0.5})
    async with PacketSocket.open(server) as socket:
        await socket.send("40")
        assert await socket.refusal() == UNAUTHORIZED
        assert await socket.closed() == (4406, "refused")


async def test_too_many_sockets_are_refused_by_a_packet(server: Server) -> None:
    token = await token_of(server)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(PacketSocket.connected(server, token))
        socket = await stack.enter_async_context(PacketSocket.open(server))
        await socket.send("40" + json.dumps({"token": token}))
        assert await socket.refusal() == "Too many sockets of this subscriber"


async def test_another_origin_is_refused_by_a_packet(server: Server) -> None:
    token = await token_of(server)
    async with PacketSocket.open(server, origin="https://elsewhere.example.com", token=token) as socket:
        await socket.send("40")
        assert await socket.refusal() == "This origin may not open a socket here"
    async with PacketSocket.connected(server, token, origin=server.url):
        pass


async def test_a_deleted_subscriber_is_told_to_stay_away(server: Server) -> None:
    async with Api.open(server) as api, PacketSocket.connected(server, await token_of(server)) as socket:
        await api.call("DELETE", "/v2/subscribers/ada", 200)
        assert await socket.next(seconds=5) == "41"
        assert await socket.closed() == (4410, "subscriber_deleted")


async def test_a_store_that_is_away_for_a_moment_is_waited_for(run_server: RunServer) -> None:
    """A client that is refused stays away: nobody is, for as long as a restart of the store takes."""
    with running_store(binary_of("valkey"), unix=True) as store:
        patient, hasty = [
            await run_server(redis_url=store.url, constants={"inbox.realtime.socketio.OUTAGE_SECONDS": seconds})
            for seconds in (3600.0, 1.0)
        ]
        token = await token_of(patient)
        async with PacketSocket.open(hasty, token=token) as socket:
            await asyncio.to_thread(store.kill)
            await socket.send("40")
            assert await socket.closed(seconds=30) == (1013, "store_unavailable"), "it comes again by itself"
        async with PacketSocket.open(patient, token=token) as socket:
            await socket.send("40")
            for _ in range(2):  # the first is tried meanwhile, and again
                async with PacketSocket.open(patient) as other:
                    await other.send('40{"token":"bad"}')  # nobody needs the store to see that
                    assert await other.refusal() == UNAUTHORIZED
            await asyncio.to_thread(store.start)
            assert (await socket.next(seconds=30)).startswith("40{")


async def test_a_large_message_closes_the_socket(server: Server) -> None:
    async with PacketSocket.connected(server, await token_of(server)) as socket:
        await socket.send('42["' + "x" * 60_000 + '"]')
        await socket.send('42["' + "x" * 66_000 + '"]')
        with pytest.raises(ConnectionClosed):
            await socket.next()
        assert (await socket.closed())[0] == 1009
