"""A deployment at full size: three processes behind nginx are restarted one after another, under load.

    python -m tests.faults.deploy [--sockets 2000] [--rate 500] [--drain 5]

Half of the sockets are the Python client, a quarter each plain and Socket.IO. Nobody may notice more than a reconnect:
each request is answered 201, the Python client hears each message once and resumes at its position, and every page
shows what is listed. Prints a table in Markdown and the findings below it. Exits with 1 if there are findings.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from inbox.client import NotificationCreated, Reset
from tests.bench.performance.comparison import percentile
from tests.support.client import Api, Json, subscriber_hash
from tests.support.model import Finding
from tests.support.native_clients import FeedClient
from tests.support.nginx import running_nginx
from tests.support.server import Server, running_server
from tests.support.stores import running_store
from tests.support.tools import TOOLS

from .checker import View, check_page
from .load import Load, LoadResult, Order
from .pages import Page, PlainPage, SocketIoPage, as_message
from .processes import Process

PROCESSES = 3
AT_ONCE = 50
REQUESTS_A_SOCKET = 1.0
"""Requests before, between and after the restarts, for each socket."""
SETTLE_SECONDS = 120.0
STEP_SECONDS = 0.1
LOST, DOUBLED, MISDIRECTED, REFUSED = "lost", "doubled", "misdirected", "refused"
NOT_RESUMED, NOT_BACK = "not resumed", "not back"
T = TypeVar("T")


@dataclass
class Deployed:
    """The result. `told` are the messages that native clients heard."""

    sockets: int = 0
    load: LoadResult = field(default_factory=LoadResult)
    told: int = 0
    reconnects: int = 0
    findings: list[Finding] = field(default_factory=list)

    def table(self) -> str:
        load, latencies = self.load, self.load.latencies
        answers = (percentile(latencies, 0.5), percentile(latencies, 0.99), max(latencies))
        cells = {
            "Sockets": f"{self.sockets:,}",
            "Requests": f"{load.requests:,}",
            "a second": f"{load.requests / load.seconds:,.0f}",
            "Answered 201": f"{load.requests - len(load.refused):,}",
            "Answer p50 / p99 / longest": " / ".join(f"{seconds * 1000:,.0f} ms" for seconds in answers),
            "Sent late": f"{load.late:,}",
            "Heard by native clients": f"{self.told:,}",
            "Reconnects of pages": f"{self.reconnects:,}",
            "Found": ", ".join(sorted({finding.kind for finding in self.findings})) or "nothing",
        }
        return f"| {' | '.join(cells)} |\n{'| --- ' * len(cells)}|\n| {' | '.join(cells.values())} |"


class NativePerson(FeedClient):
    """A person with the Python client, which counts how often it was told of each message."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.created: Counter[str] = Counter()
        self.resets: list[str] = []

    async def _follow(self) -> None:
        async for event in self.feed:
            if isinstance(event, NotificationCreated):
                self.created[event.notification["id"]] += 1
            elif isinstance(event, Reset):
                self.resets.append(event.reason)
            self.missed, self.refetches = self.feed.missed, self.feed.refetches
            await self._tell()

    def check(self, name: str, listing: list[Json]) -> Iterator[Finding]:
        """Yield what this person was not told, or told twice, and what it holds that differs from a listing."""
        for one in listing:
            if (count := self.created[one["id"]]) != 1:
                yield Finding(DOUBLED if count else LOST, f"{name} was told {count} times of {one['transactionId']}")
        if self.resets != ["connected"] or self.missed or self.refetches:
            yield Finding(NOT_RESUMED, f"{name}: {self.resets}, {self.missed} missed, {self.refetches} refetches")
        if difference := self.difference(listing):
            yield Finding(NOT_BACK, f"{name}: {difference}")


class Deployment:
    """Three processes behind nginx, the people with their sockets, and the load."""

    def __init__(self, servers: list[Server], site: Process) -> None:
        self.servers = servers
        self.site = site
        self.report = Deployed()
        self.tokens: dict[str, str] = {}
        self.natives: dict[str, NativePerson] = {}
        self.pages: dict[str, Page] = {}

    async def perform(self, sockets: int, rate: float) -> Deployed:
        async with AsyncExitStack() as stack:
            names = [f"person-{number}" for number in range(sockets)]
            await _each(names, self._open_session)
            await _each(names, partial(self._open_socket, stack))
            self.report.sockets = len(self.natives) + len(self.pages)
            server = self.site.server
            order = Order(server.port, server.api_key, names, rate)
            load = await stack.enter_async_context(Load.started(order))
            await self._restart_each(load, int(sockets * REQUESTS_A_SOCKET))
            self.report.findings += [Finding(REFUSED, text) for text in self.report.load.refused]
            await self._sweep(load.sent(self.report.load.requests))
        self.report.reconnects = sum(page.connects - 1 for page in self.pages.values())
        self.report.findings += self.site.findings
        return self.report

    async def _restart_each(self, load: Load, share: int) -> None:
        """Restart the processes one after another under load: this many requests before, between and after."""
        running = asyncio.create_task(load.result())
        await _while_running(running, load.more(share))
        for server in self.servers:
            assert await server.terminate() == 0
            await server.start()
            await _while_running(running, load.more(share))
        load.stop()
        async with asyncio.timeout(SETTLE_SECONDS):
            self.report.load = await running

    async def _open_session(self, name: str) -> None:
        server = self.site.server
        body = {
            "applicationIdentifier": server.application_identifier,
            "subscriber": {"subscriberId": name},
            "subscriberHash": subscriber_hash(server.api_key, name),
        }
        answer = await self.site.send("POST", "/v1/inbox/session", body)
        self.tokens[name] = answer.json()["data"]["token"]

    async def _open_socket(self, stack: AsyncExitStack, name: str) -> None:
        """Open the socket of a person: native, plain, native, Socket.IO, and so on."""
        number, token = int(name.rpartition("-")[2]), self.tokens[name]
        if number % 2 == 0:
            opening = NativePerson.open(self.site.server.url, token, {})
            self.natives[name] = await stack.enter_async_context(opening)  # type: ignore[assignment]
            return
        page = (PlainPage if number % 4 == 1 else SocketIoPage)(self.site, name, token)
        stack.push_async_callback(page.close)
        page.start()
        await page.greeted()
        self.pages[name] = page

    async def _sweep(self, sent: dict[str, set[str]]) -> None:
        """Compare each feed with what was sent, and with what its person was told and shows."""

        async def check(name: str) -> None:
            listing = await self.site.notifications(self.tokens[name])
            stored = Counter(one["transactionId"] for one in listing)
            findings = [Finding(LOST, f"{one} of {name}") for one in sent[name] - stored.keys()]
            findings += [Finding(DOUBLED, f"{one} of {name}") for one, count in stored.items() if count > 1]
            findings += [Finding(MISDIRECTED, f"{one} to {name}") for one in stored.keys() - sent[name]]
            told = partial(self._compare, name, listing)
            for _ in range(int(SETTLE_SECONDS / STEP_SECONDS)):
                if not [*told()]:
                    break
                await asyncio.sleep(STEP_SECONDS)
            self.report.findings += [*findings, *told()]
            if native := self.natives.get(name):
                self.report.told += native.created.total()

        await _each(list(sent), check)

    def _compare(self, name: str, listing: list[Json]) -> Iterator[Finding]:
        if native := self.natives.get(name):
            yield from native.check(name, listing)
            return
        page = self.pages[name]
        yield from (Finding(DOUBLED, f"{page} was told twice of {one}") for one in page.doubled)
        if page.is_idle:
            yield from check_page(page, View([*map(as_message, listing)], [], []))
        else:
            yield Finding(NOT_BACK, f"{page} is not connected, or cannot read")


async def _while_running(running: asyncio.Task[LoadResult], waiting: Awaitable[None]) -> None:
    """Await something; raise at once what ends the load meanwhile."""
    waited = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait([running, waited], return_when=asyncio.FIRST_COMPLETED)
        if not waited.done():
            await running
            raise AssertionError("the load ended before its requests were answered")
    finally:
        waited.cancel()


async def _each(items: list[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do something for each of many, some at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*map(one, items))


@asynccontextmanager
async def deployed(drain_seconds: float) -> AsyncIterator[Deployment]:
    """Start a store, the processes, nginx in front of them as docs/deploying.md says, and a workflow."""
    binary = TOOLS["valkey"].find()
    assert binary is not None, TOOLS["valkey"].install
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-deploy-")))
        store = stack.enter_context(running_store(binary))
        servers = []
        for number in range(PROCESSES):
            directory = home / str(number)
            directory.mkdir()
            settings = {"INBOX_DRAIN_SECONDS": str(drain_seconds)}
            servers.append(await stack.enter_async_context(running_server(directory, redis_url=store.url, **settings)))
        site = copy.copy(servers[0])
        site.port = stack.enter_context(running_nginx(*(server.port for server in servers)))
        async with Api.open(site) as api:
            await api.create_workflow()
        yield Deployment(servers, await stack.enter_async_context(Process.of(site)))


async def deploy(sockets: int, rate: float, drain_seconds: float) -> Deployed:
    async with deployed(drain_seconds) as deployment:
        return await deployment.perform(sockets, rate)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.deploy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=500.0, help="triggers a second; a slow machine sends fewer")
    parser.add_argument("--drain", type=float, default=5.0, help="INBOX_DRAIN_SECONDS")
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    report = asyncio.run(deploy(options.sockets, options.rate, options.drain))
    print(report.table())
    for kind, count in Counter(finding.kind for finding in report.findings).items():
        first = next(finding for finding in report.findings if finding.kind == kind)
        print(f"\n{count} {kind}: {first.text[:1000]}")
    return int(bool(report.findings))


if __name__ == "__main__":
    sys.exit(main())
