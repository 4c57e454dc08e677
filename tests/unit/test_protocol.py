"""What a client may leave open has an end: bodies, answers that nobody takes, requests sent ahead."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from inbox.app import Application
from inbox.errors import NotFound
from inbox.http import middleware, protocol
from inbox.http.middleware import Front
from inbox.http.polling_protocol import PollingHttpProtocol
from inbox.http.protocol import InboxHttpProtocol, cut
from inbox.http.requests import read_body
from inbox.http.responses import bare
from inbox.http.route_index import RouteIndex
from inbox.http.upgrade import UpgradeRequest
from inbox.listening import bind
from inbox.realtime.events import Close
from inbox.realtime.keepalive import Keepalive
from inbox.realtime.protocol import InboxWebSocketProtocol
from inbox.realtime.stock_protocol import StockWebSocketProtocol
from inbox.realtime.transport import SocketTransport
from inbox.routes.personal_data import Document

MIB = 1024 * 1024
SOON = 20.0


async def echo(request: Request) -> Response:
    return bare(await read_body(request, dict))


async def ignore(_: Request) -> Response:
    return bare({})


async def much(_: Request) -> Response:
    return Response(b"x" * (4 * MIB))


async def slow(request: Request) -> Response:
    request.app.state.slow.set()
    await request.app.state.go_on.wait()
    request.app.state.done.set()
    return bare({})


class Half(Response):
    """The beginning of an answer that then turns out to be half of one."""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        await begin(send)
        cut(scope)


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


class Held:
    """Stands for `Upgrades`: it answers a handshake when it is told to, then reads a text."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.open_connections = 0

    def open(self, _: UpgradeRequest, transport: SocketTransport) -> None:
        self.open_connections += 1
        transport.start(self._open(transport))

    async def _open(self, transport: SocketTransport) -> None:
        self._state.slow.set()
        await self._state.go_on.wait()
        transport.accept(self)

    def received(self, message: str | bytes) -> None:
        self._state.text = message
        self._state.done.set()

    def end(self, close: Close) -> None:
        raise AssertionError(close)

    def closed(self) -> None:
        """Both of the connection and of the receiver."""
        self.open_connections -= 1


def inbox_sockets(held: Held) -> Any:
    return partial(InboxWebSocketProtocol, held, Keepalive(20.0))


def stock_sockets(held: Held) -> Any:
    return partial(StockWebSocketProtocol, held)


Serving = tuple[uvicorn.Server, int, Application]
HANDLERS = (echo, ignore, much, slow, half, watchful, export)


@asynccontextmanager
async def serving(sockets: Callable[[Held], Any] = inbox_sockets, *further: Route) -> AsyncIterator[Serving]:
    """uvicorn with the protocol and a few handlers, in this process."""
    routes = [*(Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in HANDLERS), *further]
    app = Application(Front(RouteIndex(routes).answer), lambda _: contextlib.nullcontext())
    app.state.slow, app.state.go_on, app.state.done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    config = uvicorn.Config(
        app,
        http=PollingHttpProtocol,
        ws=sockets(Held(app.state)),
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
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(middleware, "BODY_BYTES_PER_SECOND", 0.1)  # ten seconds more for each byte that came
    async with serving() as (_, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"a":"' + b"x" * 20 + b'"}'
        writer.write(request("/echo", body[:10], len(body)))
        await asyncio.sleep(0.3)  # longer than a body has that does not come
        writer.write(body[10:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.2)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/ignore", b"{", 100))
        assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        await until(lambda: not server.server_state.connections)
        writer.close()


async def test_a_connection_is_kept_once_the_rest_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 3600.0)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/ignore", b"{", 2))
        await reader.readuntil(b"{}")
        [connection] = server.server_state.connections
        assert isinstance(connection, InboxHttpProtocol)
        await until(lambda: "linger" in connection._timers)
        writer.write(b"}")
        await until(lambda: "linger" not in connection._timers)
        writer.write(request("/echo", b"{}"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_connection_that_is_idle_for_too_long_is_closed_and_one_in_use_is_not() -> None:
    async with serving() as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/echo", b"{}"))
        await reader.readuntil(b"{}")
        [connection] = server.server_state.connections
        assert isinstance(connection, InboxHttpProtocol)
        assert "idle" in connection._timers
        connection._close_if_idle()  # as if the time were over, though it was used meanwhile
        assert "idle" in connection._timers
        assert not connection.transport.is_closing()
        writer.write(request("/slow"))
        await app.state.slow.wait()
        connection.timeout_keep_alive = -1
        connection._close_if_idle()
        assert not connection.transport.is_closing(), "a request is on its way"
        app.state.go_on.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 200"), "then nothing: it is closed"
        writer.close()


async def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.2)
    async with serving() as (server, port, _):
        client = await unread(port, "/much")
        await until(lambda: server.server_state.total_requests == 1)
        await until(lambda: not server.server_state.connections)
        client.close()


async def test_what_is_not_taken_has_a_limit_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_UNREAD_BYTES", 10 * MIB)
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
    monkeypatch.setattr(protocol, "STALL_SECONDS", 3600.0)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        client = await unread(port, "/much", 256 * 1024)
        await until(lambda: server.server_state.total_requests == 1)
        [connection] = server.server_state.connections
        assert isinstance(connection, InboxHttpProtocol)
        loop, taken = asyncio.get_running_loop(), 0
        while taken < 4 * MIB:
            waiting = connection.transport.get_write_buffer_size()
            part = await loop.sock_recv(client, 128 * 1024)
            assert part, f"cut off after {taken} bytes"
            taken += len(part)
            if waiting - connection.transport.get_write_buffer_size() >= protocol.STALL_BYTES:
                connection._drop_stalled(waiting, 3600.0)  # as if the time were over
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


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
both_classes = pytest.mark.parametrize("sockets", [inbox_sockets, stock_sockets])


@both_classes
async def test_frames_that_come_before_the_answer_are_ignored(
    sockets: Callable[[Held], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, text, leave = b"\x88\x80\0\0\0\0", b"\x81\x82\0\0\0\0hi", b"\x88\x80\0\0\0\0"
    came, protocol_class = asyncio.Event(), sockets(Held(State())).func
    receive = protocol_class.data_received

    def data_received(connection: Any, data: bytes) -> None:
        receive(connection, data)
        came.set()

    monkeypatch.setattr(protocol_class, "data_received", data_received)
    async with serving(sockets) as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        await app.state.slow.wait()
        writer.write(ahead)
        await came.wait()
        app.state.go_on.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(text + leave)
        await app.state.done.wait()
        assert app.state.text == "hi"
        assert await reader.read() == b"\x88\0"
        await until(lambda: not server.server_state.connections)
        writer.close()


@both_classes
async def test_a_stop_answers_a_handshake_that_waits(sockets: Callable[[Held], Any]) -> None:
    async with serving(sockets) as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        await app.state.slow.wait()
        server.config.timeout_graceful_shutdown = 60
        server.should_exit = True
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
        assert [one.expects_request for one in server.server_state.connections] == []  # type: ignore[union-attr]
        writer.close()


@both_classes
async def test_a_client_that_leaves_during_its_handshake_leaves_nothing(sockets: Callable[[Held], Any]) -> None:
    async with serving(sockets) as (server, port, app), asyncio.timeout(SOON):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        await app.state.slow.wait()
        held = server.config.ws_protocol_class.args[0]  # type: ignore[union-attr]
        writer.close()
        await until(lambda: not server.server_state.connections)
        assert held.open_connections == 0
        app.state.go_on.set()
        await until(lambda: not server.server_state.tasks)
        assert held.open_connections == -1, "the receiver was not told"


@both_classes
async def test_who_sends_without_end_before_its_answer_is_cut_off(sockets: Callable[[Held], Any]) -> None:
    async with serving(sockets) as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        await app.state.slow.wait()
        with contextlib.suppress(ConnectionError):
            for _ in range(3 * MIB // 16_384):
                writer.write(b"x" * 16_384)
                await writer.drain()
            assert await reader.read() == b""
        await until(lambda: not server.server_state.connections)
        writer.transport.abort()


@both_classes
async def test_a_defect_in_a_handshake_is_answered(
    sockets: Callable[[Held], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Held, "_open", fail)
    async with serving(sockets) as (server, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 500 Internal Server Error")
        assert orjson.loads(body)["statusCode"] == 500
        await until(lambda: not server.server_state.connections)
        writer.close()
    [defect] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (defect.getMessage(), defect.exc_info is not None) == ("a socket failed", True)
    caplog.clear()


async def test_an_upgrade_behind_a_request_without_an_answer_ends_the_connection() -> None:
    """Else the answer would be written into the WebSocket."""
    async with serving() as (server, port, app), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/slow") + UPGRADE)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        app.state.go_on.set()
        await until(lambda: not server.server_state.connections)
        writer.close()


@pytest.mark.parametrize("begin", [b"GET /echo HTTP/1.1\r\nX: ", b"GET /echo?"])
async def test_an_endless_head_is_refused_for_its_size(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 3600.0)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        with contextlib.suppress(ConnectionError):
            for _ in range(4 * MIB // 16_384):
                writer.write(b"x" * 16_384)
                await writer.drain()
            await reader.read()
        await until(lambda: not server.server_state.connections)
        writer.transport.abort()


@pytest.mark.parametrize("begin", [b"", b"GET /held HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: "])
async def test_a_head_has_a_deadline_however_it_trickles_in(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    async with serving() as (server, port, _), asyncio.timeout(SOON):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        await until(lambda: bool(server.server_state.connections))
        while server.server_state.connections:
            writer.write(b"x" if begin else b"")
            await asyncio.sleep(0.05)
        writer.transport.abort()


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
