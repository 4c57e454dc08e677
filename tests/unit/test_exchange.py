"""An answer that is known leaves in one write; what is streamed leaves in parts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from inbox.http.exchange import Exchange

Header = tuple[bytes, bytes]


class FakeTransport:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Connection:
    """What an exchange needs of its connection."""

    def __init__(self, method: str = "GET") -> None:
        self.transport: Any = FakeTransport()
        self.flow = FlowControl(self.transport)
        self.scope = {"type": "http", "method": method}
        self.server_state = SimpleNamespace(default_headers=[(b"date", b"today")])
        self.expect_100_continue = False
        self.received = b""
        self.answers = 0

    def on_response_complete(self) -> None:
        self.answers += 1


async def answer(
    *parts: bytes, status: int = 200, headers: Sequence[Header] = (), method: str = "GET", keep_alive: bool = True
) -> Connection:
    connection = Connection(method)
    exchange = Exchange(connection, keep_alive=keep_alive)  # type: ignore[arg-type]

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    await exchange.run_asgi(app)
    return connection


async def test_a_known_answer_is_one_write() -> None:
    connection = await answer(b"{}", headers=[(b"content-length", b"2"), (b"vary", b"Origin")])
    assert connection.transport.writes == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\nvary: Origin\r\n\r\n{}"
    ]
    assert (connection.answers, connection.transport.closed) == (1, False)


@pytest.mark.parametrize(("status", "length"), [(200, b"content-length: 0\r\n"), (204, b""), (304, b"")])
async def test_an_answer_without_a_body(status: int, length: bytes) -> None:
    [written] = (await answer(b"", status=status)).transport.writes
    assert written.endswith(b"\r\ndate: today\r\n" + length + b"\r\n")


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_connection_that_ends_says_so_once(is_kept: bool) -> None:
    connection = await answer(b"", headers=[(b"connection", b"close")], keep_alive=is_kept)
    assert connection.transport.writes[0].count(b"connection: close\r\n") == 1
    assert connection.transport.closed


async def test_head_is_answered_without_the_body() -> None:
    written = b"".join((await answer(b"{}", headers=[(b"content-length", b"2")], method="HEAD")).transport.writes)
    assert written.endswith(b"content-length: 2\r\n\r\n")


async def test_a_stream_is_written_in_parts() -> None:
    connection = await answer(b"a", b"b", b"")
    assert [one.partition(b"\r\n\r\n")[2] for one in connection.transport.writes[:1]] == [b""]
    assert b"".join(connection.transport.writes).endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    assert connection.answers == 1


@pytest.mark.parametrize("header", [(b"x", b"a\r\nset-cookie: b"), (b"x", b"a\nb"), (b"x\r", b"a")])
async def test_a_header_with_a_line_break_is_never_sent(header: Header, caplog: pytest.LogCaptureFixture) -> None:
    connection = await answer(b"", headers=[header])
    assert (connection.transport.writes, connection.transport.closed) == ([], True)
    assert [record.getMessage() for record in caplog.records] == ["an answer failed"]


@pytest.mark.parametrize("parts", [(), (b"a", b"b")])
async def test_an_answer_without_an_end_closes_the_connection(
    parts: Sequence[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()
    exchange = Exchange(connection, keep_alive=True)  # type: ignore[arg-type]

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})

    await exchange.run_asgi(app)
    assert (connection.transport.closed, connection.answers) == (True, 0)
    assert [record.getMessage() for record in caplog.records] == ["a request was not answered"]


async def test_nobody_waits_for_an_answer_when_the_client_has_left() -> None:
    connection = Connection()
    exchange = Exchange(connection, keep_alive=True)  # type: ignore[arg-type]
    exchange.disconnected = True
    connection.flow.pause_writing()
    async with asyncio.timeout(20):
        await exchange.send({"type": "http.response.start", "status": 200, "headers": []})
        await exchange.send({"type": "http.response.body", "body": b"x"})
    assert connection.transport.writes == []
