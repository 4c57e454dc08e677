"""Triggers at a steady rate, from a process of their own: `python -m tests.faults.load`.

Its first line on standard input is an Order as JSON. It writes the number of answered requests to standard output, a
line each time that some more are answered, and stops at the end of its input. Its last line is a LoadResult as JSON.

`Load` starts it, and ends it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import uvloop

from tests.bench.performance.client import HttpConnection, connected, request
from tests.support.client import WORKFLOW
from tests.support.processes import REPOSITORY

PATH = "/v1/events/trigger"
PRODUCERS = 64
"""Requests at once, at the most: as many connections as a backend keeps."""
REPORTED = 20
"""A line is written when so many more are answered."""
LATE_SECONDS = 0.1
LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Order:
    """Where to send the triggers, for which subscribers in turn, and how many a second."""

    port: int
    api_key: str
    people: list[str]
    rate: float


@dataclass
class LoadResult:
    """The load that was sent.

    `latencies` are the seconds from the moment at which a request was due to its answer. `late` counts requests sent
    more than LATE_SECONDS after that moment: each connection still waited for an answer. `refused` says which
    transaction was not answered 201, and what came instead.
    """

    seconds: float = 0.0
    late: int = 0
    latencies: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.latencies)


def transaction_of(number: int) -> str:
    return f"deploy-{number}"


class Producers:
    """Send triggers, for one person after another, until they are stopped."""

    def __init__(self, order: Order) -> None:
        self.result = LoadResult()
        self._order = order
        self._numbers = itertools.count()
        self._is_stopped = False

    async def run(self) -> None:
        start = time.monotonic()
        async with connected(self._order.port, PRODUCERS) as connections:
            await asyncio.gather(*(self._produce(connection, start) for connection in connections))
        self.result.seconds = time.monotonic() - start

    def stop(self) -> None:
        self._is_stopped = True

    async def _produce(self, connection: HttpConnection, start: float) -> None:
        result = self.result
        while not self._is_stopped:
            number = next(self._numbers)
            due = start + number / self._order.rate
            await asyncio.sleep(due - time.monotonic())
            result.late += time.monotonic() - due > LATE_SECONDS
            try:
                await connection.send(self._trigger(number))
            except AssertionError as error:  # another status, or none
                result.refused.append(f"{transaction_of(number)}: {error}")
            result.latencies.append(time.monotonic() - due)
            if not result.requests % REPORTED:
                print(result.requests, flush=True)

    def _trigger(self, number: int) -> bytes:
        people, transaction = self._order.people, transaction_of(number)
        person = people[number % len(people)]
        body = {"name": WORKFLOW, "to": person, "transactionId": transaction, "payload": {"n": transaction}}
        return request("POST", PATH, json.dumps(body).encode(), authorization=f"ApiKey {self._order.api_key}")


class Load:
    """The process of the producers, as the one that started it sees it."""

    def __init__(self, process: asyncio.subprocess.Process, people: list[str]) -> None:
        self._process = process
        self._people = people
        self._answered = 0
        self._news = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def started(cls, order: Order) -> AsyncIterator[Self]:
        """Start the process, and kill it if it has not ended by the end of the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.load"),
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        try:
            assert process.stdin
            process.stdin.write(json.dumps(dataclasses.asdict(order)).encode() + b"\n")
            yield cls(process, order.people)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def result(self) -> LoadResult:
        """Follow the process until it ends, and return its result. Raise AssertionError if it gives none."""
        assert self._process.stdout
        async for line in self._process.stdout:
            match json.loads(line):
                case int(answered):
                    async with self._news:
                        self._answered = answered
                        self._news.notify_all()
                case values:
                    return LoadResult(**values)
        raise AssertionError(f"the load ended with {await self._process.wait()} and gave no result")

    async def more(self, count: int) -> None:
        """Return once this many further requests are answered."""
        async with self._news:
            wanted = self._answered + count
            await self._news.wait_for(lambda: self._answered >= wanted)

    def stop(self) -> None:
        """Send no further request; the result comes when those on their way are answered."""
        assert self._process.stdin
        self._process.stdin.close()

    def sent(self, requests: int) -> dict[str, set[str]]:
        """Return the transactions of each person among the first requests."""
        return {
            person: {transaction_of(number) for number in range(index, requests, len(self._people))}
            for index, person in enumerate(self._people)
        }


async def produce() -> LoadResult:
    """Read the order, and send its load until the input ends."""
    producers = Producers(Order(**json.loads(sys.stdin.readline())))
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, producers.stop)  # nothing follows the order but the end
    try:
        await producers.run()
    finally:
        loop.remove_reader(sys.stdin)
    return producers.result


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(uvloop.run(produce()))))
