"""One run of a scenario: people with pages and actors, the fault in the middle of the load, the sweep at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import product

from inbox.tasks import end_tasks
from tests.support.client import WORKFLOW, create_session
from tests.support.model import Finding

from .checker import sweep
from .feeds import Actor, Counter, Feed
from .pages import Page, PlainPage, SocketIoPage
from .processes import Process, Unanswered
from .stage import Stage

FEEDS, MIN_FEEDS = 24, 5
ACTORS_A_FEED = 2
OPERATIONS, MIN_OPERATIONS = 3_000, 200
LOAD_SECONDS = 300.0
RECOVERY_SECONDS = 60.0
RETRY_SECONDS = 0.02
UNRECOVERED = "not recovered"


COLUMNS = (
    *("Scenario", "Acknowledged", "In doubt", "Lost as replication may", "503", "Longest answer", "Sockets lost"),
    *("Recovery: first process, last process", "Found"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|"


@dataclass(frozen=True)
class Scenario:
    """A fault. `strike` begins it, lets it last, ends it, and returns once it has ended.

    `kind` names the stage. `closes` says that sockets may be lost, since the fault ends or stops processes. `loses`
    says that acknowledged operations may be lost; `strike` gives their times to `Run.forgive`.
    """

    name: str
    kind: str
    strike: Callable[[Run], Awaitable[None]]
    closes: bool = False
    loses: bool = False


@dataclass
class Report:
    """The result of a run. Times are in seconds.

    `recoveries` has, for each process, the time from the end of the fault to its first acknowledged trigger. Operations
    of a `forgiven` time (Unix seconds) may be lost.
    """

    scenario: str
    acknowledged: int = 0
    in_doubt: int = 0
    refused: int = 0
    lost: int = 0
    longest: float = 0.0
    sockets: int = 0
    lost_sockets: int = 0
    recoveries: list[float] = field(default_factory=list)
    forgiven: list[tuple[float, float]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def row(self) -> str:
        recovery = f"{min(self.recoveries):.2f} s, {max(self.recoveries):.2f} s" if self.recoveries else "none"
        found = ", ".join(sorted({finding.kind for finding in self.findings})) or "nothing"
        lost = f"{self.lost_sockets} of {self.sockets}"
        return (
            f"| {self.scenario} | {self.acknowledged:,} | {self.in_doubt:,} | {self.lost:,} | {self.refused:,} "
            f"| {self.longest:.1f} s | {lost} | {recovery} | {found} |"
        )


class Run:
    """One run of a scenario; its `strike` gets this object."""

    def __init__(self, stage: Stage, scenario: Scenario, scale: float) -> None:
        self.stage = stage
        self.scenario = scenario
        self.scale = scale
        self.report = Report(scenario.name)
        self.feeds: list[Feed] = []
        self._counter = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._mends: list[Callable[[], object]] = []

    async def hold(self, seconds: float, *, min_seconds: float = 0.5) -> None:
        """Let the fault last for `seconds` times the scale, and at least `min_seconds`."""
        await asyncio.sleep(max(seconds * self.scale, min_seconds))

    def forgive(self, moment: float) -> None:
        """Forgive the loss of operations that ran in the second before this moment (Unix seconds).

        An asynchronous replica may lack them when it is promoted.
        """
        self.forgive_since(moment - 1, moment)

    def forgive_since(self, since: float, until: float) -> None:
        """Forgive the loss of operations that ran between two moments (Unix seconds)."""
        assert self.scenario.loses
        self.report.forgiven.append((since, until))

    def afterwards(self, mend: Callable[[], object]) -> None:
        """Call `mend` in a thread after the sweep, so that the next scenario finds the stage as it was."""
        self._mends.append(mend)

    async def work(self, share: float) -> None:
        """Wait until the actors have done a share of the run's operations. Raise the error of an actor that failed."""
        count = self._counter.acknowledged + max(MIN_OPERATIONS, round(OPERATIONS * self.scale)) * share
        reached = asyncio.create_task(self._counter.reach(int(count), LOAD_SECONDS))
        await asyncio.wait([reached, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done():
                task.result()
        await reached

    async def perform(self) -> Report:
        """Carry out the run, from the first page to the sweep, and return its report."""
        for process in self.stage.processes:
            process.start_over()
        async with AsyncExitStack() as stack:
            await self._open_pages(stack)
            actors = self._actors()
            self._tasks = [asyncio.create_task(actor.run()) for actor in actors]
            stack.push_async_callback(end_tasks, *self._tasks)
            await self.work(1.0)
            await asyncio.gather(self.scenario.strike(self), self._come_and_go(stack))
            await self._recover()
            await self.work(0.5)
            for actor in actors:
                actor.is_stopped = True
            await asyncio.gather(*self._tasks)
            for feed, (since, until) in product(self.feeds, self.report.forgiven):
                feed.model.forgive(since, until)
            self.report.findings += await sweep(self.feeds, self.stage.processes)
            self._conclude()
        for mend in self._mends:
            await asyncio.to_thread(mend)
        return self.report

    async def _open_pages(self, stack: AsyncExitStack) -> None:
        """Open a page of either flavour for each person, at two processes."""
        run = self.stage.next_run()
        for number in range(max(MIN_FEEDS, round(FEEDS * self.scale))):
            subscriber_id = f"{self.scenario.name}-{run}-{number}"
            session = await create_session(self.stage.processes[0].server, subscriber_id)
            self.feeds.append(Feed(subscriber_id, session["token"], self.scenario.loses))
            for page in self._start_pages(self.feeds[-1], number, stack):
                await page.greeted()

    def _start_pages(self, feed: Feed, first: int, stack: AsyncExitStack) -> list[Page]:
        processes = self.stage.processes
        pages: list[Page] = []
        for offset, flavour in enumerate((PlainPage, SocketIoPage)):
            pages.append(flavour(processes[(first + offset) % len(processes)], feed.subscriber_id, feed.token))
            stack.push_async_callback(pages[-1].close)
            pages[-1].start()
        feed.pages += pages
        return pages

    async def _come_and_go(self, stack: AsyncExitStack) -> None:
        """Change who has pages during the fault: one person opens two more, one closes a page, and one all of them."""
        coming, leaving_one, leaving_all, *_ = self.feeds
        self._start_pages(coming, 1, stack)
        await asyncio.gather(leaving_one.pages[1].close(), *(page.close() for page in leaving_all.pages))

    def _actors(self) -> list[Actor]:
        return [
            Actor(feed, [other for other in self.feeds if other is not feed], self.stage.processes, self._counter)
            for feed in self.feeds
            for _ in range(ACTORS_A_FEED)
        ]

    async def _recover(self) -> None:
        """Measure the time to the first acknowledged trigger of each process."""
        ended = time.monotonic()
        first, *_ = self.feeds

        async def probe(process: Process) -> float:
            transaction = first.next_transaction()
            operation = first.model.begin("trigger", [transaction])
            body = {"name": WORKFLOW, "to": first.subscriber_id, "transactionId": transaction, "payload": {"n": 0}}
            while True:
                with suppress(Unanswered):
                    if (await process.send("POST", "/v1/events/trigger", body)).status_code == 201:
                        first.model.finish(operation)
                        return time.monotonic() - ended
                if time.monotonic() - ended > RECOVERY_SECONDS:
                    first.lose(operation)
                    process.findings.append(Finding(UNRECOVERED, f"{process.port} within {RECOVERY_SECONDS} s"))
                    return RECOVERY_SECONDS
                await asyncio.sleep(RETRY_SECONDS)

        self.report.recoveries = await asyncio.gather(*map(probe, self.stage.processes))

    def _conclude(self) -> None:
        pages = [page for feed in self.feeds for page in feed.pages]
        report, processes = self.report, self.stage.processes
        report.acknowledged, report.in_doubt = self._counter.acknowledged, self._counter.lost
        report.sockets, report.lost_sockets = len(pages), sum(page.losses for page in pages)
        report.lost = sum(feed.model.count_lost() for feed in self.feeds)
        report.refused = sum(process.statuses[503] for process in processes)
        report.longest = max(process.longest_seconds for process in processes)
        if report.lost_sockets and not self.scenario.closes:
            report.findings.append(Finding("closed sockets", f"{report.lost_sockets} of {report.sockets}"))
        for process in processes:
            process.check_log()
            report.findings += process.findings
