"""Sockets that come back all at once, while triggers go on: `python -m tests.bench.reconnect --sockets 5000`.

Each socket has a subscriber of its own. Told are the time until all are back, the CPU time of the processes and of the
store, the writes of presence, and how long triggers took meanwhile, from the moment at which each was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from inbox.ids import SubscriberId
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from tests.support.client import WORKFLOW, Api
from tests.support.server import API_KEY, Server, running_server
from tests.support.stores import running_store
from tests.support.tools import find_valkey

from .server_stats import command_stats
from .usage import cpu_us

UNHEARD_SECONDS = 120.0
"""How long a message may be on its way before it counts as lost."""
SOCKETS, PROCESSES, TRIGGERS_A_SECOND = 5_000, 2, 20.0
PRESENCE_WRITES = ("sadd", "srem")
"""Each script that writes presence has one of these commands, and nothing else here has."""
AT_ONCE = 50
CONNECTIONS = 16


@dataclass
class Storm:
    """What happened. `unheard` counts messages missing at their socket.

    `triggers` holds the ms that each took, `work` the ms of CPU that its process spent meanwhile. On a machine with
    other work only the second says how long it waited for handshakes.
    """

    sockets: int
    seconds: float = 0.0
    attempts: int = 0
    refused: int = 0
    lost: int = 0
    unheard: int = 0
    presence_writes: int = 0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    triggers: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)


class CrowdProcess:
    """The process of the sockets."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, word: str) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n".encode())
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def crowd(servers: Sequence[Server], tokens: Sequence[str]) -> AsyncIterator[CrowdProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.bench.crowd"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    assert process.stdin
    try:
        ports = [server.port for server in servers]
        process.stdin.write(json.dumps({"ports": ports, "tokens": tokens}).encode() + b"\n")
        yield CrowdProcess(process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        finally:
            if process.returncode is None:
                process.kill()


class Producer:
    """A backend with connections that are open already, as they are in a backend that runs: each takes one request."""

    def __init__(self, links: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._free = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
        for link in links:
            self._free.put_nowait(link)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server) -> AsyncIterator[Self]:
        links = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
        try:
            yield cls(links)
        finally:
            for _, writer in links:
                writer.close()

    async def trigger(self, subscriber_id: str) -> None:
        body = json.dumps({"name": WORKFLOW, "to": subscriber_id, "payload": {"n": 1}})
        head = (
            f"POST /v1/events/trigger HTTP/1.1\r\nHost: bench\r\nAuthorization: ApiKey {API_KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = link = await self._free.get()
        writer.write((head + body).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 201"), answer
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        self._free.put_nowait(link)


async def run(sockets: int, processes: int = 1, triggers_a_second: float = TRIGGERS_A_SECOND) -> Storm:
    """Open the sockets, cut them all, and let them come back."""
    valkey = find_valkey()
    assert valkey, "no valkey-server"
    async with AsyncExitStack() as stack:
        store = stack.enter_context(running_store(valkey, unix=True))
        servers = []
        for _ in range(processes):
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-bench-"))
            servers.append(await stack.enter_async_context(running_server(Path(home), redis_url=store.url)))
        await (await stack.enter_async_context(Api.open(servers[0]))).create_workflow()
        client = await open_client(store.url)
        stack.push_async_callback(client.close)
        services = Services(Settings(redis_url=store.url, api_key=API_KEY), client)
        await services.environments.load()
        tokens = await _tokens(services, sockets)
        people = await stack.enter_async_context(crowd(servers, tokens))
        assert (await people.tell("open"))["open"] == sockets
        producer = await stack.enter_async_context(Producer.open(servers[0]))  # last: idle ones are closed after 5 s
        pids = {f"process {number}": server.pid for number, server in enumerate(servers, 1)}
        pids["store"] = store.process.pid
        storm = Storm(sockets)
        before = {name: cpu_us(pid) for name, pid in pids.items()}
        writes = await _presence_writes(client)
        back = asyncio.create_task(people.tell("cut"))
        sent = await _trigger_until(back, producer, servers[0].pid, triggers_a_second, storm)
        for name, value in back.result().items():
            setattr(storm, name, value)
        storm.cpu_ms = {name: (cpu_us(pid) - before[name]) / 1000 for name, pid in pids.items()}
        storm.presence_writes = await _presence_writes(client) - writes
        storm.unheard = await _unheard(people, sent)
        return storm


async def _tokens(services: Services, count: int) -> list[str]:
    environment = services.environments.current
    tokens: list[str] = []
    for start in range(0, count, AT_ONCE):
        names = [f"p{number}" for number in range(start, min(start + AT_ONCE, count))]
        await services.subscribers.upsert_many(environment, [(SubscriberId(name), {}) for name in names])
        tokens += await asyncio.gather(*(services.sessions.issue_token(environment, name) for name in names))
    return tokens


async def _trigger_until(
    back: asyncio.Task[Any], producer: Producer, pid: int, rate: float, storm: Storm
) -> Counter[int]:
    """Trigger a message to one person after the other. Return how many each was sent."""
    loop = asyncio.get_running_loop()
    sent: Counter[int] = Counter()
    due, running = loop.time(), []

    async def trigger(person: int, due: float) -> None:
        began = cpu_us(pid)
        await producer.trigger(f"p{person}")
        storm.triggers.append((loop.time() - due) * 1000)
        storm.work.append((cpu_us(pid) - began) / 1000)

    while not back.done():
        person = sent.total() * 7 % storm.sockets
        sent[person] += 1
        running.append(asyncio.create_task(trigger(person, due)))
        due += 1 / rate
        await asyncio.wait([back], timeout=max(due - loop.time(), 0))
    await asyncio.gather(*running)
    return sent


async def _unheard(people: CrowdProcess, sent: Counter[int]) -> int:
    """Return how many of the messages are not in the counts of their sockets, once nothing more comes."""
    unheard, deadline = -1, time.monotonic() + UNHEARD_SECONDS
    while unheard and time.monotonic() < deadline:
        counts = (await people.tell("report"))["unseen"]
        unheard = sum(abs(counts[person] - number) for person, number in sent.items())
        await asyncio.sleep(0.05)
    return unheard


async def _presence_writes(client: Any) -> int:
    stats = await command_stats(client)
    return int(sum(stats[name]["calls"] for name in PRESENCE_WRITES if name in stats))


def lines(storm: Storm) -> list[str]:
    """The report."""
    cpu = ", ".join(f"{name} {ms:,.0f} ms" for name, ms in storm.cpu_ms.items())
    each = sum(storm.cpu_ms.values()) / storm.sockets
    return [
        f"{storm.sockets:,} sockets back within {storm.seconds:.1f} s; {storm.attempts:,} attempts,"
        f" {storm.refused:,} refused, {storm.lost} lost on the way, {storm.unheard} messages unheard",
        f"CPU: {cpu}; {each * 1000:,.0f} us a socket, triggers included",
        f"presence writes: {storm.presence_writes:,}",
        f"{len(storm.triggers)} triggers meanwhile: {_spread(storm.triggers)}",
        f"CPU of their process meanwhile: {_spread(storm.work)}",
    ]


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {median(ordered):.0f} ms, p99 {ordered[len(ordered) * 99 // 100]:.0f} ms, longest {ordered[-1]:.0f} ms"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--rate", type=float, default=TRIGGERS_A_SECOND)
    arguments = parser.parse_args()
    print("\n".join(lines(await run(arguments.sockets, arguments.processes, arguments.rate))))


if __name__ == "__main__":
    asyncio.run(main())
