"""The load client: kept-alive HTTP connections and WebSockets that do as little as they can.

What it costs is not measured. It checks the status of every answer, and counts the copies of every message.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

WAIT_SECONDS = 300.0
AT_ONCE = 50
ATTEMPTS = 5
KEY = base64.b64encode(b"0123456789abcdef").decode()
TEXT, PING = 1, 9
MARK = re.compile(rb"~(\d+)~")
"""How a message holds its number."""


class ServerBusy(AssertionError):
    """A handshake was answered 503: on a busy machine, where the store is late, a client tries again."""


class HttpConnection(asyncio.Protocol):
    """A kept-alive connection with one request on its way."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer.set_result(b"")
        self._head, self._body, self._missing = b"", b"", 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request. The result is the body of its answer; AssertionError for any status but 2xx and 304.

        Raise AssertionError if the connection was lost before.
        """
        if self._transport.is_closing():
            raise AssertionError("the connection was lost")
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, separator, data = (self._head + data).partition(b"\r\n\r\n")
            if not separator:
                self._head = head
                return
            self._head, self._body, self._missing = head, b"", _content_length(head)
        self._body += data
        self._missing -= len(data)
        if not self._missing:
            head, self._head = self._head, b""
            if head[9:10] == b"2" or head[9:12] == b"304":
                self._answer.set_result(self._body)
            else:
                self._answer.set_exception(AssertionError(f"{head.decode()}\n{self._body[:500].decode()}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(AssertionError(f"the connection was lost: {exc}"))

    def close(self) -> None:
        self._transport.close()


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def request(
    method: str, path: str, body: bytes | None = None, *, authorization: str = "", headers: Sequence[str] = ()
) -> bytes:
    """Return an HTTP request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


@asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[list[HttpConnection]]:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(HttpConnection, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


async def send_all(port: int, requests: Sequence[bytes], connections: int = 16) -> list[bytes]:
    """Send requests, one after the other on each connection. Return the bodies of their answers, in their order."""
    async with connected(port, connections) as opened:
        return await send_over(opened, requests)


async def send_over(connections: Sequence[HttpConnection], requests: Sequence[bytes]) -> list[bytes]:
    """Send requests over open connections, as `send_all`."""
    waiting, bodies = iter(enumerate(requests)), [b""] * len(requests)

    async def send_each(connection: HttpConnection) -> None:
        for index, one in waiting:
            bodies[index] = await connection.send(one)

    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*map(send_each, connections))
    return bodies


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a socket opens: the path, and for Socket.IO the packet by which it connects."""

    port: int
    path: str
    socketio_connect: bytes | None = None

    def request(self) -> bytes:
        upgrade = (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
        )
        return request("GET", self.path, headers=upgrade)


@dataclass(slots=True)
class Flight:
    """A message on its way: since when, how many copies are still to come, and a future of the last one."""

    since: float
    copies: int
    landed: asyncio.Future[None]


class Arrivals:
    """The messages on their way. `latencies` are in seconds, one for each copy; `unexpected` copies nobody sent."""

    def __init__(self) -> None:
        self._flights: dict[int, Flight] = {}
        self._next = 0
        self.latencies: list[float] = []
        self.unexpected = 0

    def expect(self, copies: int = 1, since: float | None = None) -> tuple[int, asyncio.Future[None]]:
        """Return the number of a new message, and a future that is done when so many copies have arrived."""
        self._next += 1
        landed = asyncio.get_running_loop().create_future()
        self._flights[self._next] = Flight(time.perf_counter() if since is None else since, copies, landed)
        return self._next, landed

    @property
    def missing(self) -> int:
        """How many copies are still to come."""
        return sum(flight.copies for flight in self._flights.values())

    def note(self, number: int) -> None:
        flight = self._flights.get(number)
        if flight is None:
            self.unexpected += 1
            return
        self.latencies.append(time.perf_counter() - flight.since)
        flight.copies -= 1
        if not flight.copies:
            del self._flights[number]
            flight.landed.set_result(None)


class Socket(asyncio.Protocol):
    """A WebSocket that notes the messages it receives, and answers heartbeats."""

    def __init__(self, handshake: Handshake, note: Callable[[int], None]) -> None:
        self._handshake, self._note = handshake, note
        self._unread = b""
        self._is_upgraded = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._handshake.request())

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        if not self._is_upgraded:
            head, separator, rest = data.partition(b"\r\n\r\n")
            if not separator:
                self._unread = data
                return
            if b" 101 " not in head[:16]:
                kind = ServerBusy if b" 503 " in head[:16] else AssertionError
                self._fail(kind(f"the handshake was refused: {data[:300]!r}"))
                return
            self._is_upgraded, data = True, rest
            if self._handshake.socketio_connect is None:
                self.opened.set_result(None)
        end = 0
        for kind, payload, end in _frames(data):  # noqa: B007
            self.receive(kind, payload)
        self._unread = data[end:]

    def receive(self, kind: int, payload: bytes) -> None:
        """Handle a frame."""
        if kind == PING:
            self._transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        if mark := MARK.search(payload):
            self._note(int(mark[1]))
        elif self._handshake.socketio_connect is not None and kind == TEXT:
            self._talk_socketio(payload)

    def _talk_socketio(self, packet: bytes) -> None:
        if packet.startswith(b"0"):
            self.send_text(b"40" + (self._handshake.socketio_connect or b""))
        elif packet.startswith(b"40"):
            if not self.opened.done():
                self.opened.set_result(None)
        elif packet.startswith(b"44"):
            self._fail(AssertionError(packet.decode()))
        elif packet == b"2":
            self.send_text(b"3")

    def send_text(self, text: bytes) -> None:
        """Send a frame of less than 64 KiB."""
        length = bytes((0x80 | len(text),)) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._transport.write(b"\x81" + length + bytes(4) + text)  # masked with zeros

    def _fail(self, reason: AssertionError) -> None:
        if not self.opened.done():
            self.opened.set_exception(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(AssertionError(f"the connection was lost: {exc}"))

    def close(self) -> None:
        self._transport.abort()


def _frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the kind, the payload and the end of each whole frame; a server masks nothing."""
    end, size = 0, len(data)
    while size >= end + 2:
        kind, length, start = data[end] & 15, data[end + 1], end + 2
        if length >= 126:
            start += 2 if length == 126 else 8
            length = int.from_bytes(data[end + 2 : start], "big")
        if size < start + length:
            return
        end = start + length
        yield kind, data[start:end], end


async def open_sockets(handshakes: Iterable[Handshake], note: Callable[[int], None]) -> list[Socket]:
    """Open sockets, some at a time. Raise AssertionError if one is refused."""
    waiting, sockets = iter(handshakes), list[Socket]()
    loop = asyncio.get_running_loop()

    async def open_each() -> None:
        for handshake in waiting:
            for attempts_left in reversed(range(ATTEMPTS)):
                _, socket = await loop.create_connection(
                    lambda handshake=handshake: Socket(handshake, note), "127.0.0.1", handshake.port
                )
                try:
                    await socket.opened
                except ServerBusy:
                    if not attempts_left:
                        raise
                else:
                    sockets.append(socket)
                    break

    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*(open_each() for _ in range(AT_ONCE)))
    return sockets
