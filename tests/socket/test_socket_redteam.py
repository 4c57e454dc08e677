"""Attacks on sockets, and defects that other servers have had, as far as no other file tests them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, create_session
from tests.support.environments import see_from_new_environment
from tests.support.server import Server, new_server
from tests.support.socketio import PacketSocket, PythonClient
from tests.support.sockets import PlainSocket
from tests.support.waiting import until

from .test_presence import SLACK_SECONDS, wait_online

FLAVOURS = ["plain", "Socket.IO"]
SECRET_TEXT = "nobody-else-may-read-this"
FRAMES_A_MINUTE = 120

flavours = pytest.mark.parametrize("flavour", FLAVOURS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(valkey_url: str) -> AsyncIterator[Server]:
    settings = {"INBOX_KEY_PREFIX": "redteam:", "INBOX_LOG_LEVEL": "debug", "INBOX_PRESENCE_GRACE_SECONDS": "1"}
    constants = {"inbox.logs.PACE_SECONDS": 0.0}  # a line for each refusal
    async with new_server(redis_url=valkey_url, constants=constants, **settings) as server:
        yield server


@pytest.fixture
async def server(service: Server) -> Server:
    """The service of this file, in an environment of the test's own."""
    [server] = await see_from_new_environment(service)
    async with Api.open(server) as api:
        await api.create_workflow()
    return server


async def token_of(server: Server, subscriber_id: str = "ada") -> str:
    return str((await create_session(server, subscriber_id))["token"])


async def open_raw(stack: AsyncExitStack, server: Server, flavour: str, token: str) -> ClientConnection:
    """A connection of either flavour that has been let in and has read its greeting."""
    if flavour == "plain":
        url = f"{server.ws_url}?token={token}"
        connection = await stack.enter_async_context(connect(url, compression=None, proxy=None))
        for count in ("unseen", "unread"):
            assert f"{count}_count_changed" in str(await connection.recv())
        return connection
    return (await stack.enter_async_context(PacketSocket.connected(server, token))).connection


async def send_until_closed(connection: ClientConnection, *messages: Any) -> tuple[int | None, str | None]:
    """Sends as long as the socket is open, then reads; the server's close code and reason."""
    with contextlib.suppress(ConnectionClosed):
        for message in messages:
            await connection.send(message)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.recv()
    return connection.close_code, connection.close_reason


@flavours
async def test_an_unlisted_origin_opens_nothing(server: Server, flavour: str) -> None:
    """An origin is compared as a whole: exact, so neither a prefix nor a suffix of it, nor another port."""
    token = await token_of(server)
    own = server.url
    for origin in (f"{own}.evil.example", own[:-1], f"{own}//", f"{own}@evil.example", "null", "file://"):
        if flavour == "plain":
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{server.ws_url}?token={token}", origin=origin, proxy=None)  # type: ignore[arg-type]
            assert refused.value.response.status_code == 403
        else:
            async with PacketSocket.open(server, origin=origin, token=token) as socket:
                await socket.send("40")
                assert await socket.refusal() == "This origin may not open a socket here"


@flavours
async def test_the_server_itself_in_another_spelling_opens_a_socket(server: Server, flavour: str) -> None:
    """python-socketio#351, react-native#16304: native clients send the address of the socket, or a slash too many."""
    token, own = await token_of(server), server.url
    for origin in (own, own.replace("http:", "ws:"), own.replace("http:", "wss:"), f"{own}/", own.upper()):
        if flavour == "plain":
            async with connect(f"{server.ws_url}?token={token}", origin=origin, proxy=None):  # type: ignore[arg-type]
                pass
        else:
            async with PacketSocket.connected(server, token, origin=origin):
                pass


@pytest.fixture
async def listing(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """A service that lists an app, subdomains, any port of this machine and opaque pages."""
    return await run_server(
        redis_url=valkey_url,
        INBOX_KEY_PREFIX=key_prefix,
        INBOX_CORS_ORIGINS="capacitor://localhost,https://*.tenant.example,http://localhost:*,null",
    )


async def test_listed_apps_subdomains_and_ports_open_sockets(listing: Server) -> None:
    """appwrite#13514, mattermost#17497: the same list holds for CORS and for the sockets of both flavours."""
    token = await token_of(listing)
    for origin in ("capacitor://localhost", "https://one.tenant.example", "http://localhost:5173", "null"):
        async with connect(f"{listing.ws_url}?token={token}", origin=origin, proxy=None):  # type: ignore[arg-type]
            pass
        async with PacketSocket.connected(listing, token, origin=origin):
            pass
        async with httpx.AsyncClient(base_url=listing.url, trust_env=False) as page:
            answer = await page.get("/v1/inbox/notifications", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin


async def test_what_only_looks_listed_opens_nothing(listing: Server) -> None:
    token = await token_of(listing)
    looks = ["https://evil-tenant.example", "https://a.b.tenant.example", "http://localhost:1.evil.example", "file://"]
    for origin in looks:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{listing.ws_url}?token={token}", origin=origin, proxy=None)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
        async with httpx.AsyncClient(base_url=listing.url, trust_env=False) as page:
            answer = await page.get("/v1/inbox/notifications", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


async def test_no_token_is_logged_by_the_socketio_flavour(server: Server) -> None:
    """No token is logged: at debug level, let in, refused, and sent where none belongs."""
    token = await token_of(server)
    async with PacketSocket.connected(server, token):
        pass
    async with PacketSocket.open(server, token=token) as socket:
        await socket.send("40")
        await socket.next()
        await socket.send(f'40{{"token":"{token}"}}')
        await socket.closed()
    async with PacketSocket.open(server, token=f"{token}x") as socket:
        await socket.send("40")
        await socket.refusal()
    with pytest.raises(InvalidStatus):
        async with PacketSocket.open(server, token=token, EIO="3"):
            pass
    log = server.log()
    assert "socket opened" in log
    assert "socket refused" in log
    for part in token.split("."):
        assert part not in log


@flavours
async def test_no_content_is_logged(server: Server, flavour: str) -> None:
    """Events, never contents."""
    async with AsyncExitStack() as stack:
        connection = await open_raw(stack, server, flavour, await token_of(server))
        api = await stack.enter_async_context(Api.open(server))
        await api.trigger("ada", {"n": SECRET_TEXT})
        await connection.send(f'42["{SECRET_TEXT}"]')
    assert SECRET_TEXT not in server.log()


@flavours
async def test_a_client_acts_for_nobody_over_a_socket(server: Server, flavour: str) -> None:
    """What a client sends names no one and changes nothing."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api.open(server))
        theirs = await stack.enter_async_context(InboxApi.open(server, "grace"))
        await api.trigger("grace", {"n": 1})
        [message] = await api.feed("grace")
        connection = await open_raw(stack, server, flavour, await token_of(server))
        wishes = (
            ["subscribe", {"subscriberId": "grace"}],
            ["join", "grace"],
            ["notification_received", {"message": message}],
            ["mark_read", {"messageId": message["_id"], "subscriberId": "grace"}],
        )
        for wish in wishes:
            await connection.send("42" + json.dumps(wish))
        await api.trigger("grace", {"n": 2})
        await api.trigger("ada", {"n": 3}, transactionId="fence")
        seen = ""
        while "fence" not in seen:
            seen += str(await asyncio.wait_for(connection.recv(), 10))
        assert seen.count("notification_received") == 1
        assert await theirs.count('{"read":false}') == [2]


async def test_the_same_subscriber_of_another_environment_hears_nothing(server: Server, service: Server) -> None:
    """Channel and socket are of one environment."""
    [other] = await see_from_new_environment(service)
    token = await token_of(other)
    async with (
        Api.open(server) as api,
        PacketSocket.connected(server, token) as packets,
        PlainSocket.open(server, "ada", token) as plain,
        PlainSocket.open(server, "ada") as ours,
    ):
        await api.trigger("ada", {"n": 1}, transactionId="ours")
        await ours.reach("ours")
        await plain.send("ping")
        assert (await plain.next()).event == "pong"
        await packets.send("40/fence,")
        assert (await packets.next()).startswith("44/fence,")


@flavours
@pytest.mark.parametrize("shape", ["whole", "in pieces"])
async def test_no_message_over_64_kib_is_taken(server: Server, flavour: str, shape: str) -> None:
    """Also when it comes in fragments, none of which is too large."""
    async with AsyncExitStack() as stack:
        connection = await open_raw(stack, server, flavour, await token_of(server))
        message = "x" * 70_000 if shape == "whole" else ["x" * 7_000] * 10
        assert (await send_until_closed(connection, message))[0] == 1009


@flavours
async def test_a_client_that_talks_without_end_is_closed(server: Server, flavour: str) -> None:
    """A hundred messages a minute are borne, a flood is not."""
    async with AsyncExitStack() as stack:
        connection = await open_raw(stack, server, flavour, await token_of(server))
        frame = "noise" if flavour == "plain" else '42["noise"]'
        for _ in range(100):
            await connection.send(frame)
        await connection.send("ping" if flavour == "plain" else "40/fence,")
        assert str(await connection.recv()).startswith(("pong", "44/fence,"))
        assert await send_until_closed(connection, *[frame] * FRAMES_A_MINUTE) == (4529, "too_many_frames")


FLOODS = {
    "pongs": bytes((0x8A, 0x80, 0, 0, 0, 0)),
    "pings": bytes((0x89, 0x80, 0, 0, 0, 0)),
    "fragments": bytes((0x00, 0x80, 0, 0, 0, 0)),
}
"""Frames without content that are no message, as a client sends them."""


@flavours
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_empty_frames_is_cut_off_before_it_is_parsed(server: Server, flavour: str, kind: str) -> None:
    """A hundred thousand frames in one write; the service has read few of them when it ends the socket."""
    async with AsyncExitStack() as stack:
        connection = await open_raw(stack, server, flavour, await token_of(server))
        beginning = bytes((0x01, 0x80, 0, 0, 0, 0)) if kind == "fragments" else b""
        connection.transport.write(beginning + FLOODS[kind] * 100_000)
        code, _ = await send_until_closed(connection)
        assert code in (4529, 1006)  # cut off while it still sends

    async def is_logged() -> bool:
        return "too_many_frames" in server.log()

    await until(is_logged)
    assert "Traceback" not in server.log()


@flavours
async def test_who_reads_nothing_cannot_pile_up_answers(server: Server, flavour: str) -> None:
    """Questions that are answered are counted like any."""
    async with AsyncExitStack() as stack:
        connection = await open_raw(stack, server, flavour, await token_of(server))
        questions = ["ping" if flavour == "plain" else f"40/{n}{'n' * 100}," for n in range(2 * FRAMES_A_MINUTE)]
        assert await send_until_closed(connection, *questions) == (4529, "too_many_frames")


@pytest.mark.parametrize("path", ["/ws?token=", "/socket.io/?EIO=4&transport=websocket&token="])
async def test_nothing_is_compressed(server: Server, path: str) -> None:
    """Offered, it is not taken."""
    url = f"ws://127.0.0.1:{server.port}{path}{quote(await token_of(server))}"
    async with connect(url, compression="deflate", proxy=None) as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


@flavours
async def test_a_cookie_or_a_header_lets_nobody_in(server: Server, flavour: str) -> None:
    """No ambient credential counts, only the token that a page hands over itself."""
    token = await token_of(server)
    headers = {"Cookie": f"token={token}", "Authorization": f"Bearer {token}"}
    if flavour == "plain":
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.ws_url, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 401
        return
    url = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket"
    async with connect(url, additional_headers=headers, proxy=None) as connection:
        await connection.recv()
        await connection.send("40")
        assert str(await connection.recv()).startswith("44{")


@flavours
async def test_who_never_ends_its_handshake_holds_nothing(server: Server, flavour: str) -> None:
    """Cut in the middle of its handshake, the service goes on and logs no defect."""
    path = "/ws" if flavour == "plain" else "/socket.io/?EIO=4&transport=websocket"
    for cut in ("Upgr", "Connection: Upgrade\r\nUpgrade: websocket\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {path} HTTP/1.1\r\n{cut}".encode())
        await writer.drain()
        writer.close()
        await reader.read()
    async with AsyncExitStack() as stack:
        await open_raw(stack, server, flavour, await token_of(server))
    assert "ERROR" not in server.log()


async def test_one_of_two_tabs_closed_is_not_offline(server: Server) -> None:
    """Presence holds across flavours."""
    token = await token_of(server)
    async with Api.open(server) as api:
        async with PacketSocket.connected(server, token):
            async with PlainSocket.open(server, "ada", token), PlainSocket.open(server, "bob"):
                await wait_online(api, "ada", True, SLACK_SECONDS)
                await wait_online(api, "bob", True, SLACK_SECONDS)
            await wait_online(api, "bob", False, SLACK_SECONDS)  # the grace is over, for both
            assert (await api.subscriber("ada"))["isOnline"] is True
        offline = await wait_online(api, "ada", False, SLACK_SECONDS)
        assert datetime.fromisoformat(offline["lastOnlineAt"])


async def test_who_is_refused_was_never_online(server: Server) -> None:
    """A transport that is open without having been let in is nobody's presence."""
    token = await token_of(server)
    async with Api.open(server) as api, PacketSocket.open(server, token=token):
        async with PacketSocket.open(server, token="bad") as refused:
            await refused.send("40")
            await refused.refusal()
        assert (await api.subscriber("ada"))["isOnline"] is not True


async def test_a_button_pressed_elsewhere_is_told(server: Server) -> None:
    """Every other tab gets the message with its button done, in both flavours."""
    token = await token_of(server)
    async with (
        Api.open(server) as api,
        PacketSocket.connected(server, token) as packets,
        PlainSocket.open(server, "ada", token) as plain,
    ):
        await api.create_workflow("buttons", primaryAction={"label": "Accept"})
        await api.trigger("ada", {"n": 1}, workflow="buttons")
        for _ in range(3):
            await packets.next_event()
        [message] = await api.feed("ada")
        await api.call(
            "POST", f"/v1/subscribers/ada/messages/{message['_id']}/actions/primary", 201, {"status": "done"}
        )
        name, payload = await packets.next_event()
        assert (name, payload["message"]["cta"]["action"]["status"]) == ("notification_updated", "done")
        assert (await plain.expect("notification_updated"))["message"] == payload["message"]


async def test_what_was_missed_is_counted_at_the_reconnect(server: Server) -> None:
    """The message of a gap is in the counts that come first, so the page knows that it missed one."""
    token = await token_of(server)
    async with Api.open(server) as api:
        async with PythonClient.open(server, token) as client:
            await client.expect_counts(0, 0)
        await api.trigger("ada", {"n": 1})
        async with PythonClient.open(server, token) as client, PlainSocket.open(server, "ada", token) as plain:
            await client.expect_counts(1, 1)
            assert [counts.get("unseenCount", counts.get("unreadCount")) for counts in plain.greeting] == [1, 1]
