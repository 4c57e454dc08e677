"""What a socket of each flavour takes of memory, and a push to it of CPU: `python -m tests.bench.flavours`.

Each flavour has a service of its own, with so many sockets of one subscriber. Memory is what the process grew by per
idle socket; CPU is the time that its threads were on a CPU from a trigger until the last socket had its counts, per
socket (a push is the message and both counts, one write). Rounds of both take turns.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.client import Api, create_session
from tests.support.server import Server, running_server

from .wire import cpu_us

SOCKETS, ROUNDS, PUSHES = 1_000, 9, 10
AT_ONCE = 50
LAST = b"unread_count_changed"  # what every delivery ends with
KEY = base64.b64encode(b"0123456789abcdef").decode()
PATHS = {"plain": "/ws?token={}", "Socket.IO": "/socket.io/?EIO=4&transport=websocket&token={}"}
FIRST_FRAMES = {"plain": b"", "Socket.IO": b"\x81\x82\x00\x00\x00\x0040"}  # CONNECT, masked with zeros


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one flavour: bytes an idle socket, microseconds a push."""

    memory_bytes: float
    push_us: float


class Socket(asyncio.Protocol):
    """A client that counts deliveries and does nothing else."""

    def __init__(self, request: bytes, first: bytes) -> None:
        self.deliveries = 0
        self._request, self._first = request, first
        self._tail = b""
        self._is_open = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._is_open:
            assert data.startswith(b"HTTP/1.1 101"), data[:80]
            self._is_open = True
            self._transport.write(self._first)
        text = self._tail + data
        self.deliveries += text.count(LAST)
        self._tail = text[-len(LAST) + 1 :]
        self._news.set()

    async def reach(self, deliveries: int) -> None:
        """Returns once so many have come, the one at the connect included."""
        while self.deliveries < deliveries:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        self._transport.abort()


class Crowd:
    """The open sockets of one flavour, at a service of their own."""

    def __init__(self, server: Server, api: Api, sockets: Sequence[Socket], memory_bytes: float) -> None:
        self.memory_bytes = memory_bytes
        self._server, self._api, self._sockets = server, api, sockets
        self._delivered = 1

    async def push(self, pushes: int) -> float:
        """Microseconds of CPU for one push to one socket."""
        before = cpu_us(self._server.pid)
        for number in range(pushes):
            await self._api.trigger("ada", {"n": number})
            self._delivered += 1
            await asyncio.gather(*(socket.reach(self._delivered) for socket in self._sockets))
        return (cpu_us(self._server.pid) - before) / pushes / len(self._sockets)


async def measure(sockets: int, rounds: int, pushes: int) -> dict[str, Cost]:
    """Both flavours, in one run."""
    async with AsyncExitStack() as stack:
        crowds = {flavour: await stack.enter_async_context(_crowd(flavour, sockets)) for flavour in PATHS}
        spent: dict[str, list[float]] = {flavour: [] for flavour in PATHS}
        for flavour in [*PATHS] * rounds:
            spent[flavour].append(await crowds[flavour].push(pushes))
        return {flavour: Cost(crowds[flavour].memory_bytes, median(spent[flavour])) for flavour in PATHS}


@asynccontextmanager
async def _crowd(flavour: str, count: int) -> AsyncIterator[Crowd]:
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        settings = {"INBOX_MAX_SOCKETS_PER_SUBSCRIBER": str(count + AT_ONCE)}
        async with running_server(Path(home), **settings) as server, Api.open(server) as api:
            await api.create_workflow()
            token = str((await create_session(server, "ada"))["token"])
            first = await _open(server, flavour, token, AT_ONCE)  # what the first sockets load is not theirs
            before = _memory_bytes(server.pid)
            sockets = await _open(server, flavour, token, count)
            memory = (_memory_bytes(server.pid) - before) / count
            try:
                yield Crowd(server, api, [*first, *sockets], memory)
            finally:
                for socket in (*first, *sockets):
                    socket.close()


async def _open(server: Server, flavour: str, token: str, count: int) -> list[Socket]:
    lines = (
        f"GET {PATHS[flavour].format(token)} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    )
    request = "\r\n".join((*lines, "", "")).encode()
    loop = asyncio.get_running_loop()
    sockets: list[Socket] = []
    while len(sockets) < count:
        lot = [Socket(request, FIRST_FRAMES[flavour]) for _ in range(min(AT_ONCE, count - len(sockets)))]
        for socket in lot:
            await loop.create_connection(lambda socket=socket: socket, "127.0.0.1", server.port)  # type: ignore[misc]
        await asyncio.gather(*(socket.reach(1) for socket in lot))
        sockets += lot
    return sockets


def _memory_bytes(pid: int) -> int:
    """Resident memory of a process (Linux)."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


async def main() -> None:
    costs = await measure(SOCKETS, ROUNDS, PUSHES)
    plain = costs["plain"]
    for flavour, cost in costs.items():
        memory, push = cost.memory_bytes / plain.memory_bytes, cost.push_us / plain.push_us
        print(f"| {flavour} | {cost.memory_bytes:,.0f} B | {memory:.2f}x | {cost.push_us:.1f} us | {push:.2f}x |")


if __name__ == "__main__":
    asyncio.run(main())
