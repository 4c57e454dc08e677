"""Requests that no library sends: what a service without a proxy in front has to refuse, and in which words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass

import httpx
import orjson
import pytest

from tests.support.client import create_session
from tests.support.server import Server

from .hostile import check_error

KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
HOST = "Host: inbox.example\r\n"
JSON = "Content-Type: application/json\r\n"
CHUNKS = "2\r\n{}\r\n0\r\n\r\n"
KIB = 1024


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    def check_error(self, status: int, *words: str) -> None:
        """An error of the usual shape, whose message holds these words."""
        assert (self.status, self.headers["content-type"]) == (status, "application/json")
        error = orjson.loads(self.body)
        assert error["statusCode"] == status
        assert not [word for word in words if word not in error["message"]], error["message"]


async def send(server: Server, request: str) -> Answer:
    """The answer to a request as it stands, up to the end of its connection or of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request.encode("latin-1"))
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = httpx.Headers([tuple(line.split(b": ", 1)) for line in head[1:] if line])  # type: ignore[misc]
        length = headers.get("content-length")
        body = b"" if head[0].startswith(b"HTTP/1.1 101") else await reader.readexactly(int(length))
    writer.close()
    return Answer(int(head[0].split()[1]), headers, body)


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "word"),
    [
        ("GET /health HTTP/9.9", HOST, 400, "read"),
        ("POST /ws HTTP/1.1", HOST + UPGRADE, 400, "handshake"),
        ("GET /ws HTTP/1.1", HOST + UPGRADE.replace("Version: 13", "Version: 8"), 400, "Sec-WebSocket-Version"),
        ("GET /ws HTTP/1.1", HOST + UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", ""), 400, "Sec-WebSocket-Version"),
        ("GET /ws HTTP/1.1", HOST + UPGRADE.replace(KEY, "c2hvcnQ="), 400, "Sec-WebSocket-Key"),
        ("GET /ws HTTP/1.1", f"{HOST}{UPGRADE}Sec-WebSocket-Key: {KEY}\r\n", 400, "Sec-WebSocket-Key"),
        ("GET /ws HTTP/1.1", HOST + UPGRADE.replace(f"Sec-WebSocket-Key: {KEY}\r\n", ""), 400, "Sec-WebSocket-Key"),
        ("GET /\u00e4 HTTP/1.1", HOST, 400, "read"),
        ("GET /ws?token=\u00e4 HTTP/1.1", HOST + UPGRADE, 400, "read"),
        ("GET /health HTTP/1.1", f"{HOST}A B: c\r\n", 400, "read"),
        ("GET /ws HTTP/1.1", f"{HOST}{UPGRADE}A: b\0c\r\n", 400, "read"),
        ("GET /ws HTTP/1.1", f"{HOST}{UPGRADE}Origin: http://a.example\r\nOrigin: http://b.example\r\n", 400, "Origin"),
        ("GET /socket.io/ HTTP/1.1", f"{HOST}{UPGRADE}Origin: null\r\nOrigin: null\r\n", 400, "Origin"),
        ("GET /ws HTTP/1.1", f"{HOST}{UPGRADE}Sec-WebSocket-Protocol: @\r\n", 400, "Sec-WebSocket-Protocol"),
        ("GET /ws HTTP/1.1", HOST + UPGRADE.replace("Upgrade\r", "Upgrade, @\r"), 400, "Connection"),
        ("CONNECT inbox.example:443 HTTP/1.1", HOST, 400, "read"),
        ("\x16\x03\x01\x02", "", 400, "read"),
    ],
)
async def test_a_head_that_http_forbids(
    production: Server, request_line: str, headers: str, status: int, word: str
) -> None:
    answer = await send(production, f"{request_line}\r\n{headers}\r\n")
    answer.check_error(status, word)
    assert answer.headers["connection"] == "close"
    assert answer.headers.get("sec-websocket-version") == (None if word == "read" else "13")


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", "Transfer-Encoding: gzip\r\n"),
        ("1.1", "Transfer-Encoding: chunked, chunked\r\n"),
        ("1.1", "Transfer-Encoding: identity\r\n"),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"),
        ("1.1", "Content-Length: 2\r\nContent-Length: 3\r\n"),
        ("1.0", "Transfer-Encoding: chunked\r\n"),
    ],
)
async def test_a_body_whose_end_is_in_doubt(production: Server, version: str, headers: str) -> None:
    """What proxies and services read differently lets one request be smuggled behind another."""
    answer = await send(production, f"POST /v1/inbox/session HTTP/{version}\r\n{HOST}{JSON}{headers}\r\n{CHUNKS}")
    answer.check_error(400)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("version", ["1.1", "1.0", "0.9", "2.0"])
@pytest.mark.parametrize("hosts", [["inbox.example:8000"], ["[::1]:8000"], [""], ["a b"], ["a", "b"], []])
async def test_a_version_or_a_host_that_only_a_proxy_would_refuse(
    production: Server, version: str, hosts: list[str]
) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    assert (await send(production, f"GET /health HTTP/{version}\r\n{lines}\r\n")).status == 200
    assert (await send(production, f"GET /ws?token=bad HTTP/{version}\r\n{lines}{UPGRADE}\r\n")).status == 401


async def test_what_stays_allowed(production: Server) -> None:
    """The coding's name has no case, and another upgrade is not taken up."""
    chunked = f"POST /v1/inbox/session HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: Chunked\r\n\r\n{CHUNKS}"
    (await send(production, chunked)).check_error(400, "application identifier")
    other = "Connection: Upgrade\r\nUpgrade: h2c\r\n"
    assert (await send(production, f"GET /health HTTP/1.1\r\n{HOST}{other}\r\n")).status == 200


@pytest.mark.parametrize("size", [9_000, 40_000])
@pytest.mark.parametrize("header", ["Cookie", "query", "many"])
@pytest.mark.parametrize("path", ["/ws?token=", "/socket.io/?EIO=4&transport=websocket&token="])
async def test_a_handshake_may_be_as_large_as_a_request(
    production: Server, ada: str, path: str, header: str, size: int
) -> None:
    """websockets#1471, streamlit#15492: the library's 8 KiB a line and 128 headers are not ours."""
    path, extra = path + (await create_session(production, ada))["token"], ""
    if header == "query":
        path += "&a=" + "x" * size
    else:
        extra = f"Cookie: {'x' * size}\r\n" if header == "Cookie" else "X-A: b\r\n" * (size // 100)
    assert (await send(production, f"GET {path} HTTP/1.1\r\n{HOST}{UPGRADE}{extra}\r\n")).status == 101
    assert (await send(production, f"GET /health HTTP/1.1\r\n{HOST}{extra}\r\n")).status == 200


@pytest.mark.parametrize("upgrade", ["", UPGRADE])
@pytest.mark.parametrize("path", ["/ws", "/socket.io/?EIO=4&transport=websocket"])
async def test_a_head_over_the_limit_is_refused_in_words(logging_server: Server, path: str, upgrade: str) -> None:
    cookie = f"Cookie: {'x' * 65 * KIB}\r\n"
    answer = await send(logging_server, f"GET {path} HTTP/1.1\r\n{HOST}{upgrade}{cookie}\r\n")
    answer.check_error(431, "headers")
    assert orjson.loads(answer.body)["path"] == path
    assert "request refused" in logging_server.log()
    assert "status=431" in logging_server.log()


async def test_a_handshake_of_two_origins_is_told_in_the_log(logging_server: Server) -> None:
    origins = "Origin: https://a.example\r\nOrigin: https://b.example\r\n"
    (await send(logging_server, f"GET /ws HTTP/1.1\r\n{HOST}{UPGRADE}{origins}\r\n")).check_error(400, "Origin")
    assert "request refused" in logging_server.log()
    assert "status=400" in logging_server.log()


async def test_a_refused_request_tells_no_token(production: Server) -> None:
    request = f"GET /ws?token=secret HTTP/1.1\r\n{HOST}{UPGRADE}\r\n"
    answer = await send(production, request.replace("Version: 13", "Version: 8"))
    assert answer.status == 400
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    "path", ["/socket.io?EIO=4&transport=websocket", "//ws", "/api/ws", "/ws/", "/v1/socket/", "/v1/inbox"]
)
async def test_a_socket_at_another_path_is_not_found_in_words(production: Server, path: str) -> None:
    """nestjs#11681: a path that is nearly right is the commonest mistake, and a bare 403 explains nothing."""
    answer = await send(production, f"GET {path} HTTP/1.1\r\n{HOST}{UPGRADE}\r\n")
    answer.check_error(404, "/ws", "/socket.io/", path.partition("?")[0])
    (await send(production, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")).check_error(404)


@pytest.mark.parametrize("path", ["/static/inbox.js/", "/static/inbox.js//", "/static/", "/static/inbox.js%2F"])
async def test_a_file_has_one_address(production: Server, path: str) -> None:
    (await send(production, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")).check_error(404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2/workflows/a", "DELETE, GET, HEAD, PATCH, PUT"),
        ("PUT", "/v1/events/trigger/bulk", "DELETE, GET, HEAD, POST"),
        ("PUT", "/v1/inbox/session", "POST"),
        ("DELETE", "/ws", "GET, HEAD"),
        ("PUT", "/socket.io/", "GET, HEAD, POST"),
        ("POST", "/static/inbox.js", "GET, HEAD"),
        ("TRACE", "/health", "GET, HEAD"),
        ("OPTIONS", "/v2/workflows", "GET, HEAD, POST"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(production: Server, method: str, path: str, allowed: str) -> None:
    async with httpx.AsyncClient(base_url=production.url, trust_env=False) as client:
        answer = await client.request(method, path)
    check_error(answer, 405)
    assert answer.headers["allow"] == allowed


async def test_frames_behind_the_handshake_are_ignored(production: Server, ada: str) -> None:
    """A client has to wait for the answer: what it sends ahead is ignored, what it sends then is answered."""
    token = (await create_session(production, ada))["token"]
    mask = b"\1\2\3\4"
    ping = b"\x81\x84" + mask + bytes(letter ^ mask[index] for index, letter in enumerate(b"ping"))
    leave = b"\x88\x80" + mask
    reader, writer = await asyncio.open_connection("127.0.0.1", production.port)
    writer.write(f"GET /ws?token={token} HTTP/1.1\r\n{HOST}{UPGRADE}\r\n".encode() + leave)
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(ping)
        await reader.readuntil(b"\x81\x04pong")
    writer.close()


@pytest.mark.parametrize("ahead", [b"\x88\x80abcd", b"\x88\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 200_000])
@pytest.mark.parametrize("token", ["good", "bad"])
async def test_what_comes_ahead_of_the_answer_is_no_defect(logging_server: Server, token: str, ahead: bytes) -> None:
    value = (await create_session(logging_server, "ada"))["token"] if token == "good" else token
    reader, writer = await asyncio.open_connection("127.0.0.1", logging_server.port)
    writer.write(f"GET /ws?token={value} HTTP/1.1\r\n{HOST}{UPGRADE}\r\n".encode() + ahead)
    async with asyncio.timeout(30):
        status = await reader.readline()
        assert status.split()[1] == (b"101" if token == "good" else b"401")
        with contextlib.suppress(ConnectionError):
            if token == "bad":
                await reader.read()  # to the end: the server hangs up
    writer.close()
    assert "ERROR" not in logging_server.log()
