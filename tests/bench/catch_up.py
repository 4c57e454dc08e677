"""Clients that all connect at once after a restart: catching up over the native protocol beside a refetch over REST.

    python -m tests.bench.catch_up                   # some minutes; --quick has a tenth of the clients

Each client has a feed of its own and has missed three messages. It connects with its position over one socket, or asks
for a page of 20 and the count over a new HTTP connection, without a socket and with a plain one beside; such a socket
alone is there to compare. One process takes the triggers; the one that is measured restarts before each way. CPU is
that of this process and of Redis, from the first connection to the last answer. The ways take turns; a figure is the
median of the rounds, a ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Self

from .performance.client import TEXT, WAIT_SECONDS, Handshake, HttpConnection, Socket, request, send_all
from .performance.targets import Inbox, open_inbox, raise_descriptor_limit
from .polling import COUNT, MESSAGES, PAGE
from .tables import markdown

MISSED = 3
RECIPIENTS = 100
"""Of one trigger: those are stored before its answer."""
CATCH_UP, LISTEN, REFETCH, BOTH = "catch up", "plain socket", "page and count", "page, count and plain socket"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many clients, and in how many rounds they come back."""

    clients: int
    rounds: int


FULL, QUICK = Plan(1_000, 7), Plan(100, 3)


class AnsweredSocket(Socket):
    """A socket that keeps the first text it gets."""

    def __init__(self, handshake: Handshake) -> None:
        super().__init__(handshake, lambda _: None)
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def receive(self, kind: int, payload: bytes) -> None:
        super().receive(kind, payload)
        if kind == TEXT and not self.answer.done():
            self.answer.set_result(payload)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.answer.done():
            self.answer.set_exception(AssertionError(f"the connection was lost: {exc}"))


class Client:
    """The page of one person. It keeps its connections open until `close`."""

    def __init__(self, inbox: Inbox, user: int) -> None:
        self.position: str | None = None
        self._inbox = inbox
        self._user = user
        self._open: list[Socket | HttpConnection] = []

    async def catch_up(self) -> list[bytes]:
        """Connect with the position, if there is one. Return the answer."""
        socket = await self._socket(Handshake(self._inbox.gateway_server.port, "/v1/socket"))
        arguments = {"token": self._inbox.token(self._user), "position": self.position}
        socket.send_text(json.dumps({"id": 1, "connect": arguments}).encode())
        return [await socket.answer]

    async def refetch(self) -> list[bytes]:
        """Ask for the page and then for the count, over a new connection. Return the bodies."""
        loop, port = asyncio.get_running_loop(), self._inbox.gateway_server.port
        _, connection = await loop.create_connection(HttpConnection, "127.0.0.1", port)
        self._open.append(connection)
        bearer = f"Bearer {self._inbox.token(self._user)}"
        return [await connection.send(request("GET", path, authorization=bearer)) for path in (PAGE, COUNT)]

    async def listen(self) -> list[bytes]:
        """Open a plain socket. Return the first frame."""
        socket = await self._socket(self._inbox.socket(self._user))
        return [await socket.answer]

    async def refetch_and_listen(self) -> list[bytes]:
        """Refetch, and open a plain socket meanwhile. Return the bodies and the first frame."""
        bodies, frames = await asyncio.gather(self.refetch(), self.listen())
        return bodies + frames

    def close(self) -> None:
        for connection in self._open:
            connection.close()
        self._open.clear()

    async def _socket(self, handshake: Handshake) -> AnsweredSocket:
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: AnsweredSocket(handshake), "127.0.0.1", handshake.port)
        self._open.append(socket)
        await socket.opened
        return socket


WAYS: dict[str, Callable[[Client], Awaitable[list[bytes]]]] = {
    CATCH_UP: Client.catch_up,
    LISTEN: Client.listen,
    REFETCH: Client.refetch,
    BOTH: Client.refetch_and_listen,
}


@dataclass(frozen=True, slots=True)
class Storm:
    """All clients came back: microseconds of CPU, the seconds that each waited, and what each was answered."""

    service_us: float
    store_us: float
    seconds: Sequence[float]
    answers: Sequence[Sequence[bytes]]

    @property
    def cpu_us(self) -> float:
        return self.service_us + self.store_us

    @property
    def bytes(self) -> int:
        """Bytes of bodies and frames to all clients."""
        return sum(len(part) for answers in self.answers for part in answers)

    @property
    def p50_ms(self) -> float:
        return self._ms(50)

    @property
    def p99_ms(self) -> float:
        return self._ms(99)

    def _ms(self, percent: int) -> float:
        return sorted(self.seconds)[len(self.seconds) * percent // 100] * 1000


class Crowd:
    """All clients, and the service to which they come back."""

    def __init__(self, inbox: Inbox, clients: int) -> None:
        self._inbox = inbox
        self._clients = [Client(inbox, user) for user in range(clients)]
        self._sent = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, clients: int) -> AsyncIterator[Self]:
        """Yield clients that hold a position and have a page of messages."""
        async with open_inbox() as inbox:
            await inbox.prepare(clients)
            crowd = cls(inbox, clients)
            await crowd._send(MESSAGES)
            await crowd.come_back(CATCH_UP)
            yield crowd

    async def round(self, order: Sequence[str]) -> dict[str, Storm]:
        """Let every client miss messages, and come back in each way. Raise AssertionError if one has not recovered."""
        await self._send(MISSED)
        storms = {way: await self.come_back(way) for way in order}
        for [answer] in storms[CATCH_UP].answers:
            assert len(json.loads(answer)["result"].get("changes", [])) == MISSED, answer
        return storms

    async def come_back(self, way: str) -> Storm:
        """Restart the service, let all clients come back at once, and close their connections."""
        await self._inbox.restart_gateway()
        service, store = self._inbox.gateway, self._inbox.store
        seconds: list[float] = []

        async def answers_of(client: Client) -> list[bytes]:
            began = time.perf_counter()
            answers = await WAYS[way](client)
            seconds.append(time.perf_counter() - began)
            return answers

        service_us, store_us = service.cpu_us(), store.cpu_us()
        async with asyncio.timeout(WAIT_SECONDS):
            answers = await asyncio.gather(*map(answers_of, self._clients))
        storm = Storm(service.cpu_us() - service_us, store.cpu_us() - store_us, seconds, answers)
        for client, [answer, *_] in zip(self._clients, answers, strict=True):
            client.close()
            if way == CATCH_UP:
                client.position = json.loads(answer)["result"]["position"]
        return storm

    async def _send(self, messages: int) -> None:
        """Store so many messages for each client."""
        users = range(len(self._clients))
        parts = [users[start : start + RECIPIENTS] for start in range(0, len(users), RECIPIENTS)]
        numbers = range(self._sent + 1, self._sent + messages + 1)
        await send_all(self._inbox.port, [self._inbox.trigger(part, number) for number in numbers for part in parts])
        self._sent += messages


def rows(rounds: Sequence[Mapping[str, Storm]], clients: int) -> list[list[str]]:
    """Return the rows of the table: each way, and how many times the CPU and the time of catching up it takes."""

    def all_of(way: str, name: str) -> list[float]:
        return [getattr(storms[way], name) for storms in rounds]

    def each(way: str, name: str) -> float:
        return median(all_of(way, name)) / clients

    def times(way: str, name: str) -> float:
        return median(one / base for one, base in zip(all_of(way, name), all_of(CATCH_UP, name), strict=True))

    return [
        [
            way,
            f"{each(way, 'cpu_us'):.0f} us",
            f"{each(way, 'store_us'):.0f} us",
            f"{times(way, 'cpu_us'):.2f}x",
            f"{median(all_of(way, 'p50_ms')):,.0f} ms",
            f"{median(all_of(way, 'p99_ms')):,.0f} ms",
            f"{times(way, 'p99_ms'):.2f}x",
            f"{each(way, 'bytes'):,.0f}",
        ]
        for way in WAYS
    ]


COLUMNS = ("each client", "CPU of all", "of it Redis", "CPU, times", "p50", "p99", "p99, times", "bytes")


async def run(plan: Plan) -> None:
    async with Crowd.open(plan.clients) as crowd:
        rounds = []
        for number in range(plan.rounds + 1):
            storms = await crowd.round([*WAYS] if number % 2 else [*reversed(WAYS)])
            if number:  # the first round warms the machine
                rounds.append(storms)
    print(markdown(COLUMNS, rows(rounds, plan.clients)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.catch_up", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the clients, and fewer rounds")
    raise_descriptor_limit()
    asyncio.run(run(QUICK if parser.parse_args().quick else FULL))


if __name__ == "__main__":
    main()
