"""The loop of background jobs: when it runs, what it makes of failures, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inbox import workers
from inbox.errors import StoreUnavailable
from inbox.workers import Worker

LONG = 3600.0


class Job:
    """Counts its runs, raises what is put into `failures`, and tells when it has run so often."""

    def __init__(self, *failures: Exception, seconds: float | None = None) -> None:
        self.runs = 0
        self.failures = list(failures)
        self.seconds = seconds
        self._ran = asyncio.Condition()

    async def run(self) -> float | None:
        self.runs += 1
        async with self._ran:
            self._ran.notify_all()
        if self.failures:
            raise self.failures.pop(0)
        return self.seconds

    async def has_run(self, times: int) -> None:
        async with asyncio.timeout(10), self._ran:
            await self._ran.wait_for(lambda: self.runs >= times)


def worker_of(job: Job, period_seconds: float = LONG, **options: Any) -> Worker:
    return Worker("test", "counts", job.run, period_seconds, **options)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses after failures, without jitter, which take no time."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(workers.asyncio, "sleep", note)
    monkeypatch.setattr(workers, "MIN_JITTER", 1.0)
    return pauses


async def test_a_job_runs_at_once_and_after_each_period() -> None:
    job = Job()
    async with worker_of(job, 0.001) as worker:
        await job.has_run(3)
    assert (worker.runs >= 3, worker.failures) == (True, 0)
    assert worker.last_run_ms is not None


async def test_a_job_says_itself_when_it_is_to_run_again() -> None:
    job = Job(seconds=0.001)
    async with worker_of(job):
        await job.has_run(3)


async def test_a_wake_during_a_run_is_not_lost() -> None:
    wake, job = asyncio.Event(), Job()
    async with worker_of(job, wake=wake):
        await job.has_run(1)
        wake.set()
        await job.has_run(2)


async def test_many_wakes_are_gathered_for_one_run(pauses: list[float]) -> None:
    wake, job = asyncio.Event(), Job()
    async with worker_of(job, wake=wake, gather_seconds=7.0):
        await job.has_run(1)
        for _ in range(10):
            wake.set()
        await job.has_run(2)
    assert (job.runs, pauses) == (2, [7.0])


async def test_pauses_after_failures_double_up_to_the_period(pauses: list[float]) -> None:
    job = Job(*[ValueError() for _ in range(6)])
    async with worker_of(job, 10.0) as worker:
        await job.has_run(7)
    assert (worker.runs, worker.failures) == (7, 6)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


async def test_a_job_with_a_short_period_pauses_longer_after_a_failure(pauses: list[float]) -> None:
    job = Job(StoreUnavailable(), StoreUnavailable())
    async with worker_of(job, 0.001):
        await job.has_run(3)
    assert pauses[:2] == [1.0, 1.0]


async def test_a_success_ends_the_back_off(pauses: list[float]) -> None:
    wake, job = asyncio.Event(), Job(ValueError(), ValueError())
    async with worker_of(job, wake=wake):
        await job.has_run(3)
        job.failures.append(ValueError())
        wake.set()
        await job.has_run(5)
    assert pauses == [1.0, 2.0, 0.0, 1.0]


async def test_a_failure_is_logged_with_its_trace_but_an_outage_is_not(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(StoreUnavailable(), ValueError("broken"))
    async with worker_of(job):
        await job.has_run(3)
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.getMessage(), record.action, record.job) == ("test failed", "job_failed", "test")  # type: ignore[attr-defined]
    assert "ValueError: broken" in caplog.text
    assert pauses == [1.0, 2.0]


async def test_only_the_process_that_has_the_claim_runs_the_job() -> None:
    claims, asked, job = [True, False, False, True], asyncio.Event(), Job()

    async def claim() -> bool:
        if len(claims) == 1:
            asked.set()
        return claims.pop(0) if claims else False

    async with worker_of(job, 0.001, claim=claim) as worker:
        await asked.wait()
        await job.has_run(2)
    assert (job.runs, worker.runs) == (2, 2)


async def test_a_run_under_way_is_cancelled_and_then_the_job_is_finished() -> None:
    began, ended = asyncio.Event(), []

    async def run() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("run")

    async def finish() -> None:
        ended.append("finish")

    async with Worker("test", "waits", run, LONG, finish=finish):
        await began.wait()
    assert ended == ["run", "finish"]
