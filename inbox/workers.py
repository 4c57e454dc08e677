"""The loop of every background job; `inbox/jobs.py` lists the jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Self

from inbox import clock, metrics
from inbox.errors import Contention, ServiceUnavailable
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Pause after a failed run; doubled after each further one, up to the job's period."""
MIN_JITTER = 0.9
"""Shortened by up to a tenth; otherwise processes that start together would always query the store together."""

Run = Callable[[], Awaitable[float | None]]
"""Does what is due. Returns the seconds until the next run, if that is before the end of the period."""


@dataclass(eq=False)
class Worker:
    """One background job. While the context is open, it runs at once, after each period, and when `wake` is set.

    `claim` returns whether this process is to run the job now; without it every process does. After a wake the worker
    waits `gather_seconds`, so that one run does the work of many wakes. `finish` is awaited on exit, after the loop has
    ended. A run may be cancelled anywhere: a job must be safe to repeat.
    """

    name: str
    purpose: str
    run: Run
    period_seconds: float
    _: KW_ONLY
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    gather_seconds: float = 0.0
    claim: Callable[[], Awaitable[bool]] | None = None
    finish: Callable[[], Awaitable[None]] | None = None
    runs: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    last_run_ms: int | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._loop(), name=self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await end_tasks(self._task)
        if self.finish is not None:
            await self.finish()

    async def run_once(self) -> float | None:
        """Run the job if `claim` allows it. Return and raise what the job does."""
        if self.claim is not None and not await self.claim():
            return None
        self.runs, self.last_run_ms = self.runs + 1, clock.now_ms()
        metrics.JOB_RUNS.add((self.name,))
        return await self.run()

    async def _loop(self) -> None:
        failed_in_a_row = 0
        while True:
            self.wake.clear()
            try:
                seconds = await self.run_once()
            except Exception as error:
                self._note_failure(error)
                pause = min(RETRY_SECONDS * 2 ** min(failed_in_a_row, 20), max(RETRY_SECONDS, self.period_seconds))
                failed_in_a_row += 1
                await asyncio.sleep(_jittered(pause))  # even if woken: a run would fail the same way
                continue
            failed_in_a_row = 0
            period = _jittered(self.period_seconds)
            await self._pause(period if seconds is None else min(seconds, period))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()
            await asyncio.sleep(self.gather_seconds)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        metrics.JOB_FAILURES.add((self.name,))
        if isinstance(error, ServiceUnavailable):  # an outage has its own line in the log
            log.log(
                logging.INFO if isinstance(error, Contention) else logging.DEBUG,
                "%s postponed: %s",
                self.name,
                error,
                extra={"action": "job_put_off", "job": self.name},
            )
        else:
            log.error("%s failed", self.name, exc_info=error, extra={"action": "job_failed", "job": self.name})


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(MIN_JITTER, 1.0)
