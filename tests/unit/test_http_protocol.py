"""What a client may leave open has an end: bodies, answers that nobody takes, requests sent ahead."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from inbox import http_protocol
from inbox.errors import InboxError, NotFound
from inbox.fanout.transport import InboxWebSocketProtocol
from inbox.http_protocol import InboxHttpProtocol, cut
from inbox.routes import middleware
from inbox.routes.middleware import BodyDeadline
from inbox.routes.personal_data import Document
from inbox.routes.reading import read_body
from inbox.routes.replies import json_reply, on_inbox_error
from inbox.server import bind

MIB = 1024 * 1024
SOON = 20.0


async def echo(request: Request) -> Response:
    return json_reply(await read_body(request, dict))


async def ignore(_: Request) -> Response:
    return json_reply({})


async def much(_: Request) -> Response:
    return Response(b"x" * (4 * MIB))


async def slow(request: Request) -> Response:
    request.app.state.slow.set()
    await request.app.state.go_on.wait()
    request.app.state.done.set()
    return json_reply({})


class Half(Response):
    """The beginning of an answer that then turns out to be half of one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await begin(send)
        await cut(scope, receive)


async def half(_: Request) -> Response:
    return Half()


class Watchful(Response):
    """Begins when it is told to, and ends when the client is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["app"].state
        state.slow.set()
        await state.go_on.wait()
        await begin(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        state.done.set()


async def watchful(_: Request) -> Response:
    return Watchful()


async def begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def export(_: Request) -> Response:
    async def document() -> AsyncIterator[bytes]:
        yield b'{"messages":['
        raise NotFound("The subscriber was deleted")

    return Document(document())


async def held(websocket: WebSocket) -> None:
    """Answers its handshake when it is told to, then reads a text."""
    state = websocket.app.state
    state.slow.set()
    await state.go_on.wait()
    await websocket.accept()
    state.text = await websocket.receive_text()
    state.done.set()


HANDLERS = (echo, ignore, much, slow, half, watchful, export)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[uvicorn.Server, int, Starlette]]:
    """uvicorn with the protocol and a few handlers, in this process."""
    handlers = [Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in HANDLERS]
    app = Starlette(
        routes=[*handlers, WebSocketRoute("/held", held)],
        middleware=[Middleware(BodyDeadline)],
        exception_handlers={InboxError: on_inbox_error},
    )
    app.state.slow, app.state.go_on, app.state.done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    config = uvicorn.Config(
        app,
        http=InboxHttpProtocol,
        ws=InboxWebSocketProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    [listener] = bind("127.0.0.1", 0)
    task = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server, listener.getsockname()[1], app
    finally:
        server.should_exit = True
        app.state.go_on.set()
        await asyncio.wait_for(task, SOON)


def request(path: str, body: bytes = b"", length: int | None = None) -> bytes:
    declared = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {declared}\r\n\r\n"
    return head.encode() + body


async def unread(port: int, path: str, buffer_bytes: int = 4096) -> socket.socket:
    """A connection that asks and takes nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, request(path))
    return client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def no_defect(caplog: pytest.LogCaptureFixture) -> object:
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_body_that_does_not_come_is_answered_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.2)
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/echo", b"{", 100))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")  # to the end: the connection is closed
        assert head.startswith(b"HTTP/1.1 408 Request Timeout")
        assert orjson.loads(body)["statusCode"] == 408
        writer.close()


async def test_a_slow_body_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(middleware, "BODY_BYTES_PER_SECOND", 1)
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"a":"' + b"x" * 20 + b'"}'
        writer.write(request("/echo", body[:10], len(body)))
        for byte in body[10:15]:
            await asyncio.sleep(0.2)  # a second in all, twice what a body has that does not come
            writer.write(bytes([byte]))
        writer.write(body[15:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 0.2)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/ignore", b"{", 100))
        assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        await until(lambda: not server.server_state.connections)
        writer.close()


async def test_a_connection_is_kept_once_the_rest_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 2.0)
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/ignore", b"{", 2))
        await reader.readuntil(b"{}")
        writer.write(b"}")
        await asyncio.sleep(2.5)
        writer.write(request("/echo", b"{}"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "STALL_SECONDS", 0.2)
    async with serving() as (server, port, _):
        client = await unread(port, "/much")
        await until(lambda: server.server_state.total_requests == 1)
        await until(lambda: not server.server_state.connections)
        client.close()


async def test_what_is_not_taken_has_a_limit_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_UNREAD_BYTES", 10 * MIB)
    async with serving() as (server, port, _):
        clients = []
        for number in range(1, 6):
            clients.append(await unread(port, "/much"))
            await until(lambda number=number: server.server_state.total_requests == number)  # type: ignore[misc]
        await until(lambda: len(server.server_state.connections) == 2)
        sizes = [one.transport.get_write_buffer_size() for one in server.server_state.connections]  # type: ignore[union-attr]
        assert 4 * MIB < sum(sizes) <= 10 * MIB
        newest = clients[-1].getsockname()
        assert newest in {one.client for one in server.server_state.connections}
        for client in clients:
            client.close()


async def test_a_slow_reader_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "STALL_SECONDS", 2.0)
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        client = await unread(port, "/much", 256 * 1024)
        loop, taken = asyncio.get_running_loop(), 0
        while taken < 4 * MIB:
            part = await loop.sock_recv(client, 128 * 1024)
            assert part, f"cut off after {taken} bytes"
            taken += len(part)
            await asyncio.sleep(0.15)  # 4.8 s in all, over twice what one has that takes nothing
        client.close()


async def test_half_an_answer_is_cut_off() -> None:
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/half"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.close()


async def test_an_export_that_cannot_be_finished_is_cut_off_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/export"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.close()
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(one.getMessage(), one.exc_info) for one in told] == [("an export was cut short", None)]


async def test_who_sends_requests_ahead_and_leaves_is_no_defect() -> None:
    async with serving() as (server, port, app):
        client = await unread(port, "/watchful")
        await asyncio.get_running_loop().sock_sendall(client, request("/much") * 5)
        await until(app.state.slow.is_set)
        await until(lambda: any(one.pipeline for one in server.server_state.connections))  # type: ignore[union-attr]
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
        client.close()
        app.state.go_on.set()
        await until(app.state.done.is_set)
        await until(lambda: not server.server_state.tasks and not server.server_state.connections)


async def test_a_stop_waits_for_no_body_and_no_reader() -> None:
    async with serving() as (server, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/echo", b"{", 100))
        client = await unread(port, "/much")
        await until(lambda: server.server_state.total_requests == 1 and len(server.server_state.tasks) == 1)
        server.config.timeout_graceful_shutdown = 60
        server.should_exit = True
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        await until(lambda: not server.server_state.connections)
        writer.close()
        client.close()


async def test_a_request_that_a_stop_does_not_wait_for_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (server, port, app):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/slow"))
        await until(app.state.slow.is_set)
        server.should_exit = True
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        await until(lambda: not server.server_state.tasks)
        writer.close()
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    caplog.clear()  # the one line that uvicorn has for this


async def test_frames_that_come_before_the_answer_wait_for_it() -> None:
    """websockets reads no frame before the handshake is answered: a close sent ahead ended in an AssertionError."""
    async with serving() as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        writer.write(f"GET /held HTTP/1.1\r\n{upgrade}Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode())
        await app.state.slow.wait()
        writer.write(b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0")
        await until(lambda: any(getattr(one, "_ahead", b"") for one in server.server_state.connections))
        app.state.go_on.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        await app.state.done.wait()
        assert app.state.text == "hi"
        await until(lambda: not server.server_state.connections)
        writer.close()


@pytest.mark.parametrize("size", [60_000, 70_000])
@pytest.mark.parametrize("cut", [1, 2, 5])
async def test_a_head_has_one_limit_however_it_is_cut_up(size: int, cut: int) -> None:
    """The limit is of the head, not of what the network happened to deliver at once."""
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = request("/echo", b"{}").replace(b"Host: x", b"Host: x\r\nCookie: " + b"c" * size)
        part = len(data) // cut + 1
        for start in range(0, len(data), part):
            writer.write(data[start : start + part])
            await writer.drain()
        assert (await reader.readline()).split()[1] == (b"200" if size < 65_536 else b"431")
        writer.close()
