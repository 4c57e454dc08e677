"""The socket between the first process and a worker: both ends in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from inbox import worker_link
from inbox.metrics_snapshot import MetricsSnapshot, Scraped, Series
from inbox.multiprocess import Child
from inbox.worker_link import ParentLink, WorkerLink

SNAPSHOT: MetricsSnapshot = {
    "a_total": [Series(["x"], 1.5)],
    "b_seconds": [Series([], 0.5, list(range(50_000)))],  # more than the buffers of a socket hold
}


@dataclass
class Ends:
    """The first process's end, and what the worker does."""

    link: WorkerLink
    theirs: socket.socket
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    questions: int = 0
    fails: bool = False

    async def read(self) -> MetricsSnapshot:
        self.questions += 1
        await self.hold.wait()
        if self.fails:
            raise ValueError
        return {**SNAPSHOT, "c_total": [Series([], float(self.questions))]}


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    ends = Ends(WorkerLink(ours), theirs)
    worker = ParentLink(ends.lost.set, theirs.fileno())
    worker.serve(ends.read)
    assert await ends.link.wait_ready()
    yield ends
    await ends.link.close()
    async with asyncio.timeout(60):
        await ends.lost.wait()
    worker.close()
    theirs.close()


async def test_a_worker_that_hangs_or_has_ended_is_not_ready(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await asyncio.create_subprocess_exec("true")
    child, not_ready = Child(2, process, ends.link), {"inbox_ready": [Series([], 0.0)]}
    assert (await child.scrape()).snapshot == not_ready, "it does not serve yet"
    child.is_ready = True
    with monkeypatch.context() as patch:
        patch.setattr(worker_link, "ANSWER_SECONDS", 0.0)
        assert await child.scrape() == Scraped(not_ready, process.pid, 2)
    ends.hold.set()
    assert (await child.scrape()).snapshot.keys() == {*SNAPSHOT, "c_total"}
    await child.wait()
    assert (await child.scrape()).snapshot == not_ready


async def test_a_worker_answers_with_its_metrics(ends: Ends) -> None:
    ends.hold.set()
    for number in (1.0, 2.0, 3.0):
        assert await ends.link.read_metrics() == {**SNAPSHOT, "c_total": [Series([], number)]}


async def test_who_asks_meanwhile_gets_the_same_answer(ends: Ends) -> None:
    asking = [asyncio.create_task(ends.link.read_metrics()) for _ in range(5)]
    await asyncio.sleep(0)
    ends.hold.set()
    answers = await asyncio.gather(*asking)
    assert ends.questions == 1
    assert all(answer == answers[0] for answer in answers)


async def test_an_answer_that_is_late_is_not_that_of_the_next_question(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_link, "ANSWER_SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        await ends.link.read_metrics()
    monkeypatch.undo()
    ends.hold.set()
    assert (await ends.link.read_metrics())["c_total"] == [Series([], 1.0)], "of the first question"
    assert (await ends.link.read_metrics())["c_total"] == [Series([], 2.0)]


async def test_a_failure_in_the_worker_is_an_empty_answer_and_can_be_asked_again(ends: Ends) -> None:
    ends.hold.set()
    ends.fails = True
    assert await ends.link.read_metrics() == {}
    ends.fails = False
    assert (await ends.link.read_metrics()).keys() == {*SNAPSHOT, "c_total"}


async def test_a_worker_that_ends_is_a_lost_connection_for_all_who_ask() -> None:
    ours, theirs = socket.socketpair()
    link = WorkerLink(ours)
    asking = [asyncio.create_task(link.read_metrics()) for _ in range(3)]
    await asyncio.sleep(0)
    theirs.close()
    assert all(isinstance(one, ConnectionError) for one in await asyncio.gather(*asking, return_exceptions=True))
    await link.close()
    with pytest.raises(ConnectionError):
        await link.read_metrics()


async def test_a_link_that_closes_ends_the_question() -> None:
    ours, theirs = socket.socketpair()
    link = WorkerLink(ours)
    asking = asyncio.create_task(link.read_metrics())
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(ConnectionError):
        await asking
    theirs.close()
