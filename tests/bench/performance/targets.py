"""The servers that are compared: how each is started, its sockets opened and its messages triggered.

Each peer and the service are two processes on a Redis server of their own: one takes the triggers, the other has the
sockets. The service stores, counts and logs; the append-only file is on, as it is by default. The peers store nothing
but nchan, which keeps ten messages of a channel in memory; their Redis keeps no file.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import resource
import string
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.usage import Processes
from tests.support.client import subscriber_hash
from tests.support.processes import REPOSITORY, ChildProcess, free_port
from tests.support.server import Server, running_server
from tests.support.stores import StoreServer, running_store
from tests.support.tools import find_nginx, find_redis, find_valkey

from .client import Handshake, request, send_all

PEERS = Path(__file__).parents[1] / "peers"
NCHAN_MODULES = Path("/usr/lib/nginx/modules")
TEXT_BYTES = 500
WORKFLOW = "bench"
NEW_PROCESS = ("env",)
"""A wrapper that changes nothing. With one the service is a process of its own; else the tests fork it."""
LIMITS = {"INBOX_MAX_FEED_LENGTH": "10000", "INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "20000"}


def mark(number: int) -> str:
    """Return the text by which a client knows a message."""
    return f"~{number}~"


class Target(ABC):
    """A running server. `store` is its Redis, `front` takes the triggers, `gateway` has the sockets."""

    name: str
    port: int
    can_broadcast = True
    front: Processes
    gateway: Processes
    store: Processes

    @property
    def parts(self) -> Sequence[Processes]:
        """All processes, each once."""
        return list({id(part): part for part in (self.front, self.gateway, self.store)}.values())

    def cpu_us(self) -> float:
        """Microseconds of CPU that all processes have used, Redis included."""
        return sum(part.cpu_us() for part in self.parts)

    def resident_bytes(self) -> int:
        return sum(part.resident_bytes() for part in self.parts)

    async def prepare(self, users: int) -> None:  # noqa: B027  a peer's sockets need nothing
        """Make what the sockets of so many users need and is not measured."""

    @abstractmethod
    def socket(self, user: int) -> Handshake:
        """Return how a socket of a user opens."""

    @abstractmethod
    def trigger(self, users: Sequence[int], number: int) -> bytes:
        """Return the request that sends a message to these users."""

    @abstractmethod
    def broadcast(self, number: int) -> bytes:
        """Return the request that sends a message to every user."""


class Inbox(Target):
    """The service."""

    def __init__(
        self, front: Server, gateway: Server, store: Processes | None = None, *, is_socketio: bool = False
    ) -> None:
        self.name = "inbox, Socket.IO" if is_socketio else "inbox"
        self.port = front.port
        self.front = Processes(front.pid)
        self.gateway = self.front if gateway is front else Processes(gateway.pid)
        self.store = store or Processes()
        self.server = front
        self.gateway_server = gateway
        self.authorization = f"ApiKey {front.api_key}"
        self._is_socketio = is_socketio
        self._tokens: list[str] = []

    async def restart_gateway(self) -> None:
        """Restart the process of the sockets: its caches are empty then."""
        await self.gateway_server.terminate()
        await self.gateway_server.start()
        self.gateway = Processes(self.gateway_server.pid)

    async def create_workflow(self) -> None:
        controls = {"subject": "bench", "body": "{{payload.mark}} " + "x" * TEXT_BYTES}
        steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
        await self.post("/v2/workflows", {"name": WORKFLOW, "workflowId": WORKFLOW, "steps": steps})

    async def post(self, path: str, *bodies: object) -> list[bytes]:
        return await send_all(self.port, [self.call("POST", path, body) for body in bodies])

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """Return a request of a backend."""
        encoded = None if body is None else json.dumps(body).encode()
        return request(method, path, encoded, authorization=self.authorization)

    def session(self, user: int) -> bytes:
        """Return the request that opens a page's session."""
        subscriber_id = f"u{user}"
        body = {
            "applicationIdentifier": self.server.application_identifier,
            "subscriber": {"subscriberId": subscriber_id},
            "subscriberHash": subscriber_hash(self.server.api_key, subscriber_id),
        }
        return request("POST", "/v1/inbox/session", json.dumps(body).encode())

    async def prepare(self, users: int) -> None:
        """Open the session of each user: a page does that once, and then opens sockets with its token."""
        bodies = await send_all(self.port, [self.session(user) for user in range(len(self._tokens), users)])
        self._tokens += [json.loads(body)["data"]["token"] for body in bodies]

    def token(self, user: int) -> str:
        return self._tokens[user]

    def socket(self, user: int) -> Handshake:
        token = self._tokens[user]
        if self._is_socketio:
            return Handshake(self.gateway_server.port, f"/socket.io/?EIO=4&transport=websocket&token={token}", b"")
        return Handshake(self.gateway_server.port, f"/ws?token={token}")

    def trigger(self, users: Sequence[int], number: int) -> bytes:
        to = [f"u{user}" for user in users] if len(users) > 1 else f"u{users[0]}"
        body = {"name": WORKFLOW, "to": to, "payload": {"mark": mark(number)}}
        return self.call("POST", "/v1/events/trigger", body)

    def broadcast(self, number: int) -> bytes:
        body = {"name": WORKFLOW, "payload": {"mark": mark(number)}}
        return self.call("POST", "/v1/events/trigger/broadcast", body)


class Relay(Target):
    """A peer that sends the body of a POST on to sockets, and stores nothing of its own."""

    def __init__(self, name: str, ports: Sequence[int], pids: Sequence[int], store: Processes) -> None:
        self.name = name
        self.port, self._socket_port = ports
        self.front, self.gateway = map(Processes, pids)
        self.store = store

    def socket(self, user: int) -> Handshake:
        connect = json.dumps({"token": f"u{user}"}).encode()
        return Handshake(self._socket_port, "/socket.io/?EIO=4&transport=websocket", connect)

    def trigger(self, users: Sequence[int], number: int) -> bytes:
        return request("POST", f"/trigger?to={','.join(f'u{user}' for user in users)}", _body(number))

    def broadcast(self, number: int) -> bytes:
        return request("POST", "/trigger", _body(number))


class Nchan(Relay):
    """nginx with nchan: a channel for each user, none for all."""

    can_broadcast = False

    def socket(self, user: int) -> Handshake:
        return Handshake(self._socket_port, f"/socket/u{user}")

    def trigger(self, users: Sequence[int], number: int) -> bytes:
        [user] = users
        return request("POST", f"/trigger/u{user}", _body(number))


def _body(number: int) -> bytes:
    """Return a message of the size of one that the service stores."""
    return json.dumps({"id": str(number), "subject": mark(number), "body": "x" * TEXT_BYTES}).encode()


@dataclass(frozen=True, slots=True)
class Peer:
    """A kind of server. `missing()` says how to install it, or is None where it is installed."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[Target]]
    missing: Callable[[], str | None]
    reaches_many: bool = True
    """Whether one POST reaches several users."""


@contextmanager
def redis_server(*options: str) -> Iterator[StoreServer]:
    """Yield a Redis on TCP for one target: Redis itself if it is installed, since peers are made for it, or Valkey."""
    binary = find_redis() or find_valkey()
    assert binary is not None, "neither Redis nor Valkey is installed"
    with running_store(binary, options=options) as store:
        yield store


def processes_of(store: StoreServer) -> Processes:
    assert store.process is not None
    return Processes(store.process.pid)


async def end(*servers: Server) -> None:
    """Kill services: nothing is to be saved, and thousands of sockets may have closed just before."""
    await asyncio.gather(*(server.kill() for server in servers))


@asynccontextmanager
async def open_inbox(*, is_socketio: bool = False) -> AsyncIterator[Inbox]:
    async with AsyncExitStack() as stack:
        store = stack.enter_context(redis_server())
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-bench-"))) for _ in range(2)]
        front, gateway = [
            await stack.enter_async_context(running_server(home, redis_url=store.url, wrapper=NEW_PROCESS, **LIMITS))
            for home in homes
        ]
        inbox = Inbox(front, gateway, processes_of(store), is_socketio=is_socketio)
        await inbox.create_workflow()
        try:
            yield inbox
        finally:
            await end(front, gateway)


@asynccontextmanager
async def open_inbox_alone() -> AsyncIterator[Inbox]:
    """Yield one process with the Valkey that it embeds."""
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        async with running_server(Path(home), wrapper=NEW_PROCESS, **LIMITS) as server:
            yield Inbox(server, server)


@contextmanager
def running(command: Sequence[str], home: Path, port: int) -> Iterator[ChildProcess]:
    """Yield a process that listens at a port. Raise AssertionError with its log if it ends, or is not ready in time."""
    process = ChildProcess(command, log_path=home / f"{port}.log", cwd=REPOSITORY)
    try:
        yield process
    finally:
        if process.exit_code is None:
            process.kill()  # a peer has nothing to save, and would say goodbye to each socket


async def _listens(process: ChildProcess, port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.exit_code is None, process.log()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@asynccontextmanager
async def _open_relay(
    kind: type[Relay], name: str, command: Callable[[Path, int, int], Sequence[str]]
) -> AsyncIterator[Target]:
    """Two processes of a peer on one Redis; `command` is given a directory, the port and that of Redis."""
    async with AsyncExitStack() as stack:
        store = stack.enter_context(redis_server("--appendonly", "no"))
        ports = [free_port(), free_port()]
        pids = []
        for port in ports:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-peer-")))
            process = stack.enter_context(running(command(home, port, store.port), home, port))
            await _listens(process, port)
            pids.append(process.pid)
        yield kind(name, ports, pids, processes_of(store))


def _nginx(home: Path, port: int, redis_port: int) -> list[str]:
    template = string.Template((PEERS / "nchan.conf.template").read_text())
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    values = {"home": home, "port": port, "redis_port": redis_port, "modules": NCHAN_MODULES}
    (home / "nginx.conf").write_text(template.safe_substitute(values, descriptors=descriptors))
    return [find_nginx() or "nginx", "-c", str(home / "nginx.conf"), "-p", str(home)]


def _missing_node_packages() -> str | None:
    if (PEERS / "node_modules" / "socket.io").exists():
        return None
    return "npm ci --prefix tests/bench/peers"


SOCKETIO = Peer(
    "socket.io + Redis",
    lambda: _open_relay(
        Relay,
        "socket.io + Redis",
        lambda _, port, redis: ["node", str(PEERS / "socketio_server.js"), str(port), str(redis)],
    ),
    _missing_node_packages,
)
NCHAN = Peer(
    "nchan + Redis",
    lambda: _open_relay(Nchan, "nchan + Redis", _nginx),
    lambda: (
        None
        if find_nginx() and (NCHAN_MODULES / "ngx_nchan_module.so").exists()
        else "apt-get install libnginx-mod-nchan"
    ),
    reaches_many=False,
)
PYTHON_SOCKETIO = Peer(
    "python-socketio + Redis",
    lambda: _open_relay(
        Relay,
        "python-socketio + Redis",
        lambda _, port, redis: [
            *(sys.executable, "-m", "tests.bench.peers.python_socketio_server"),
            *(str(port), str(redis)),
        ],
    ),
    lambda: None if importlib.util.find_spec("socketio") else "pip install python-socketio",
)
INBOX = Peer("inbox", open_inbox, lambda: None)
INBOX_SOCKETIO = Peer("inbox, Socket.IO", lambda: open_inbox(is_socketio=True), lambda: None)
OTHERS = (SOCKETIO, NCHAN, PYTHON_SOCKETIO)


@dataclass(frozen=True, slots=True)
class BareAsgi:
    """The floor of an HTTP request: see `tests/bench/peers/bare_asgi.py`."""

    port: int
    processes: Processes

    def cpu_us(self) -> float:
        return self.processes.cpu_us()


@asynccontextmanager
async def open_bare_asgi() -> AsyncIterator[BareAsgi]:
    with redis_server("--appendonly", "no") as store, tempfile.TemporaryDirectory(prefix="bench-peer-") as home:
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.peers.bare_asgi", str(port), str(store.port)]
        with running(command, Path(home), port) as process:
            await _listens(process, port)
            assert store.process is not None
            yield BareAsgi(port, Processes(process.pid, store.process.pid))


def raise_descriptor_limit() -> int:
    """Let this process and its children open as many files as they may; return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return int(most)
