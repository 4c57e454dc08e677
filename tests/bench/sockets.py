"""What a socket costs with each protocol class and flavour: `python -m tests.bench.sockets [CHECKOUT]`.

Each protocol class has a service of its own, and so has CHECKOUT, a folder with another version of the program. CPU is
the time that the threads of a service were on a CPU, per opened socket, and per socket and push (a message and both
counts, one write). Services take turns, so that what else the machine does slows all of them. Memory is what a service
grew by per idle socket, after a first lot. All sockets are of one subscriber.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.client import Api, create_session
from tests.support.processes import REPOSITORY, ChildProcess
from tests.support.server import Server

from .usage import cpu_us

SOCKETS, ROUNDS, PUSHES = 875, 5, 2
AT_ONCE = 25
LAST = b"unread_count_changed"  # what every delivery ends with
KEY = base64.b64encode(b"0123456789abcdef").decode()
PATHS = {"plain": "/ws?token={}", "Socket.IO": "/socket.io/?EIO=4&transport=websocket&token={}"}
FIRST_FRAMES = {"plain": b"", "Socket.IO": b"\x81\x82\x00\x00\x00\x0040"}  # CONNECT, masked with zeros
CLASSES = ("inbox", "websockets")


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU for opening a socket and for a push to one, and bytes of memory for an idle one."""

    open_us: float
    push_us: float
    memory_bytes: float


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
            if self._first:
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


class Service:
    """A running service, with the sockets of one flavour."""

    def __init__(self, server: Server, api: Api, token: str) -> None:
        self._server, self._api, self._token = server, api, token
        self._sockets: list[Socket] = []
        self._deliveries = 1

    async def open(self, flavour: str, count: int) -> tuple[float, float]:
        """Open so many more sockets; microseconds of CPU and bytes of memory for each."""
        cpu, memory = cpu_us(self._server.pid), _memory_bytes(self._server.pid)
        lines = (
            f"GET {PATHS[flavour].format(self._token)} HTTP/1.1",
            f"Host: 127.0.0.1:{self._server.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
        )
        request, loop = "\r\n".join((*lines, "", "")).encode(), asyncio.get_running_loop()
        for _ in range(0, count, AT_ONCE):
            lot = [Socket(request, FIRST_FRAMES[flavour]) for _ in range(AT_ONCE)]
            for socket in lot:
                await loop.create_connection(lambda socket=socket: socket, "127.0.0.1", self._server.port)  # type: ignore[misc]
            await asyncio.gather(*(socket.reach(1) for socket in lot))
            self._sockets += lot
        return (cpu_us(self._server.pid) - cpu) / count, (_memory_bytes(self._server.pid) - memory) / count

    async def push(self, pushes: int) -> float:
        """Microseconds of CPU for one push to one socket."""
        before, waiting = cpu_us(self._server.pid), {socket: socket.deliveries for socket in self._sockets}
        for number in range(1, pushes + 1):
            await self._api.trigger("ada", {"n": number})
            await asyncio.gather(*(socket.reach(first + number) for socket, first in waiting.items()))
        return (cpu_us(self._server.pid) - before) / pushes / len(self._sockets)

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()


async def measure(
    flavour: str, sockets: int, rounds: int, pushes: int, checkout: Path | None = None
) -> Mapping[str, Cost]:
    """The cost with each protocol class, and of the other version if there is one."""
    places = dict.fromkeys(CLASSES, REPOSITORY) | ({"other version": checkout} if checkout else {})
    async with AsyncExitStack() as stack:
        services = {name: await stack.enter_async_context(_service(name, place)) for name, place in places.items()}
        for service in services.values():
            stack.callback(service.close)
            await service.open(flavour, AT_ONCE * 4)  # what the first sockets load is not theirs
        opened: dict[str, list[tuple[float, float]]] = {name: [] for name in services}
        pushed: dict[str, list[float]] = {name: [] for name in services}
        for name in [*services] * rounds:
            opened[name].append(await services[name].open(flavour, sockets // rounds))
        for name in [*services] * rounds:
            pushed[name].append(await services[name].push(pushes))
        return {
            name: Cost(
                median(us for us, _ in opened[name]),
                median(pushed[name]),
                sum(memory for _, memory in opened[name]) / rounds,
            )
            for name in services
        }


@asynccontextmanager
async def _service(name: str, place: Path) -> AsyncIterator[Service]:
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        settings = {
            "INBOX_DATA_DIR": f"{home}/data",
            "INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "1000000",
            "INBOX_LOG_LEVEL": "warning",
            **({"INBOX_WEBSOCKETS": name} if name in CLASSES else {}),
        }
        server = Server(Path(home), settings, demo=False, wrapper=(), constants=None)
        env = server.environment() if name in CLASSES else _without(server.environment(), "INBOX_WEBSOCKETS")
        command = [sys.executable, "-m", "inbox", *server.arguments]
        server.process = ChildProcess(command, env=env, log_path=server.directory / "service.log", cwd=place)
        try:
            await server.wait_ready()
            async with Api.open(server) as api:
                await api.create_workflow()
                yield Service(server, api, str((await create_session(server, "ada"))["token"]))
        finally:
            await server.stop()


def _without(environment: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key != name}


def _memory_bytes(pid: int) -> int:
    """Resident memory of a process (Linux)."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


async def main(checkout: Path | None) -> None:
    print("| flavour, protocol class | open | push | idle |\n|---|---|---|---|")
    for flavour in PATHS:
        costs = await measure(flavour, SOCKETS, ROUNDS, PUSHES, checkout)
        base = costs["inbox"]
        for name, cost in costs.items():
            ratios = cost.open_us / base.open_us, cost.push_us / base.push_us, cost.memory_bytes / base.memory_bytes
            opening, push, memory = (f"{ratio:.1f}x" for ratio in ratios)
            print(
                f"| {flavour}, {name} | {cost.open_us:.0f} us, {opening} | {cost.push_us:.1f} us, {push} "
                f"| {cost.memory_bytes:,.0f} B, {memory} |",
                flush=True,
            )


if __name__ == "__main__":
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    asyncio.run(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else None))
