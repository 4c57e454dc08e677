"""Who may open a plain socket, where, and how many; what the others are told."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.support.client import Api, InboxApi, create_session
from tests.support.server import Server
from tests.support.sockets import PlainSocket

from .conftest import LISTED_ORIGIN

SOMEWHERE = "https://elsewhere.example.com"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


async def token_of(server: Server, subscriber_id: str) -> str:
    return str((await create_session(server, subscriber_id))["token"])


async def refused(server: Server, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        return await client.get(path, headers={**UPGRADE, **headers})


def open_socket(server: Server, path: str, origin: str | None = None) -> connect:
    url = f"ws://127.0.0.1:{server.port}{path}"
    return connect(url, origin=origin, compression=None, proxy=None)  # type: ignore[arg-type]


async def answers(socket: ClientConnection) -> bool:
    await socket.send("ping")
    async with asyncio.timeout(10):
        while await socket.recv() != "pong":  # the counts come first
            pass
    return True


@pytest.mark.parametrize("path", ["/ws?token=", "/?token=", "/ws?a=b&token="])
async def test_a_socket_opens_with_a_token(production: Server, ada: str, path: str) -> None:
    async with open_socket(production, path + await token_of(production, ada)) as socket:
        assert await answers(socket)
        assert socket.subprotocol is None


async def test_a_token_may_be_escaped(production: Server, ada: str) -> None:
    async with open_socket(production, f"/ws?token={quote(await token_of(production, ada))}") as socket:
        assert await answers(socket)


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=null", "?token=a.b.c", "?other=1", "?token=%00", "?token=%FF"]
)
@pytest.mark.parametrize("path", ["/ws", "/"])
async def test_without_a_token_it_does_not(production: Server, path: str, query: str) -> None:
    answer = await refused(production, path + query)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
    assert answer.json() == {"error": "Missing or invalid token"}


async def test_an_api_key_opens_no_socket(production: Server) -> None:
    answer = await refused(production, f"/ws?token={production.api_key}", Authorization=f"ApiKey {production.api_key}")
    assert answer.status_code == 401


async def test_a_token_of_a_deleted_subscriber_opens_no_socket(production: Server, api: Api, known: str) -> None:
    token = await token_of(production, known)
    await api.call("DELETE", f"/v2/subscribers/{known}", 200)
    assert (await refused(production, f"/ws?token={token}")).status_code == 401
    await api.create_subscriber(known)
    assert (await refused(production, f"/ws?token={token}")).status_code == 401


async def test_an_open_socket_ends_with_its_subscriber(production: Server, api: Api, known: str) -> None:
    async with PlainSocket.open(production, known) as socket:
        await api.call("DELETE", f"/v2/subscribers/{known}", 200)
        assert await socket.closed() == 4410


async def test_no_token_is_logged(production: Server, ada: str) -> None:
    token = await token_of(production, ada)
    async with PlainSocket.open(production, ada, token) as socket:
        await socket.send("ping")
        await socket.next()
    await refused(production, f"/ws?token={token}x")
    async with InboxApi.open(production, ada, token) as inbox:
        await inbox.notifications()
    log = production.log()
    assert ada in log  # the socket has its line
    assert token not in log
    assert token.rpartition(".")[2] not in log


@pytest.mark.parametrize("path", ["/ws", "/ws?token=x"])
async def test_an_ordinary_request_is_asked_to_upgrade(production: Server, path: str) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    assert answer.json() == {"error": "This path is a WebSocket"}


async def test_a_socket_has_no_other_path(production: Server, ada: str) -> None:
    token = await token_of(production, ada)
    for path in ("/v1/socket/", "/ws/", "/sockets", "/v1/inbox/session"):
        with pytest.raises(InvalidStatus) as caught:
            await open_socket(production, f"{path}?token={token}")
        assert 400 <= caught.value.response.status_code < 500


@pytest.mark.parametrize("origin", [None, LISTED_ORIGIN, "same"])
async def test_a_listed_page_its_own_and_a_program_may_open_one(guarded: Server, ada: str, origin: str | None) -> None:
    path = f"/ws?token={await token_of(guarded, ada)}"
    async with open_socket(guarded, path, guarded.url if origin == "same" else origin) as socket:
        assert await answers(socket)


@pytest.mark.parametrize("origin", [SOMEWHERE, "null", f"{LISTED_ORIGIN}:444", f"{LISTED_ORIGIN}.evil.example"])
async def test_no_other_page_may_open_one(guarded: Server, ada: str, origin: str) -> None:
    token = await token_of(guarded, ada)
    answer = await refused(guarded, f"/ws?token={token}", Origin=origin)
    assert (answer.status_code, set(answer.json())) == (403, {"error"})


async def test_in_development_any_page_may_open_one(development: Server, ada: str) -> None:
    async with open_socket(development, f"/ws?token={await token_of(development, ada)}", SOMEWHERE) as socket:
        assert await answers(socket)


async def test_a_subscriber_has_only_so_many_sockets(guarded: Server, ada: str) -> None:
    path = f"/ws?token={await token_of(guarded, ada)}"
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(open_socket(guarded, path))
        answer = await refused(guarded, path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert set(answer.json()) == {"error"}
        async with open_socket(guarded, f"/ws?token={await token_of(guarded, ada + '-other')}") as other:
            assert await answers(other)


async def test_of_many_that_come_at_once_only_so_many_are_let_in(guarded: Server, ada: str) -> None:
    path = f"/ws?token={await token_of(guarded, ada)}"
    outcomes = await asyncio.gather(*[open_socket(guarded, path) for _ in range(8)], return_exceptions=True)
    opened = [outcome for outcome in outcomes if isinstance(outcome, ClientConnection)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, InvalidStatus)]
    for socket in opened:
        await socket.close()
    assert 1 <= len(opened) <= 2
    assert [refusal.response.status_code for refusal in refusals] == [503] * (8 - len(opened))


async def test_a_closed_socket_makes_room(guarded: Server, ada: str) -> None:
    path = f"/ws?token={await token_of(guarded, ada)}"
    for _ in range(5):
        async with open_socket(guarded, path) as socket:
            assert await answers(socket)


async def test_a_refused_socket_is_no_defect_in_the_log(logging_server: Server) -> None:
    assert (await refused(logging_server, "/ws?token=bad")).status_code == 401
    assert "ERROR" not in logging_server.log()
    assert "socket refused" in logging_server.log()


@pytest.mark.parametrize("origin", ["http://[", "null", "//127.0.0.1", "ftp://127.0.0.1", "http://"])
async def test_an_origin_that_is_none_is_refused(logging_server: Server, origin: str) -> None:
    token = await token_of(logging_server, "ada")
    answer = await refused(logging_server, f"/ws?token={token}", Origin=origin)
    assert answer.status_code == 403
    assert "Traceback" not in logging_server.log()


@pytest.mark.parametrize("path", ["/ws?token=", "/socket.io/?EIO=4&transport=websocket"])
@pytest.mark.parametrize("parts", [[b"\xff\xfe"], [b"\xe2\x82", b"x"]])
async def test_text_that_is_none_closes_a_socket_and_is_no_defect(
    logging_server: Server, path: str, parts: list[bytes]
) -> None:
    if path.endswith("="):
        path += await token_of(logging_server, "ada")
    async with open_socket(logging_server, path) as socket, asyncio.timeout(10):
        await socket.send(parts if len(parts) > 1 else parts[0], text=True)
        await socket.wait_closed()
        assert socket.close_code == 1007
    assert "ERROR" not in logging_server.log()
    assert "Traceback" not in logging_server.log()


async def test_a_character_may_be_split_between_frames(production: Server, ada: str) -> None:
    async with open_socket(production, "/ws?token=" + await token_of(production, ada)) as socket:
        await socket.send(["\u20ac".encode()[:2], "\u20ac".encode()[2:]], text=True)
        assert await answers(socket)
