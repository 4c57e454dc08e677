"""Several processes of the service on one port: this one starts them, replaces them and owns the embedded store.

Each is `inbox serve` with a number, on a port that all of them share (SO_REUSEPORT). Its standard input is a socket to
this process (`inbox/worker_link.py`): it ends when it reads the end, since this process is gone then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from inbox import metrics
from inbox.embedded.access import open_store
from inbox.embedded.store import Store
from inbox.errors import StartupError
from inbox.listening import bind, service_url
from inbox.logs import toggle_debug
from inbox.masking import show_value
from inbox.metrics_port import metrics_port
from inbox.metrics_snapshot import MetricsSnapshot, Scraped, Series
from inbox.notify import READY, STOPPING, VARIABLE, notify
from inbox.settings import LogLevel, Settings, variable_name
from inbox.worker_link import WorkerLink

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LAST_DELAY_SECONDS = 5.0
STEADY_SECONDS = 10.0
READY_SECONDS = 60.0
END_SECONDS = 10.0
"""How long a process may take to end its jobs, after its sockets and requests have ended."""


_OF_FIRST_PROCESS = ("INBOX_DATA_DIR", "INBOX_DURABILITY", "INBOX_METRICS_HOST", "INBOX_METRICS_PORT", VARIABLE)
"""Variables that its workers do not get."""


class Child:
    """One running process."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, link: WorkerLink) -> None:
        self.number = number
        self.is_ready = False
        self.started_at = asyncio.get_running_loop().time()
        self._process = process
        self._link = link

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_ready(self) -> bool:
        """Return whether the process serves; False when it ended before, or is not ready within READY_SECONDS."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(READY_SECONDS):
                self.is_ready = await self._link.wait_ready()
        return self.is_ready

    async def scrape(self) -> Scraped:
        """Return the metrics of the process: only that it is not ready, if it does not serve or answer in time."""
        snapshot: MetricsSnapshot = {metrics.READY.name: [Series([], 0.0)]}
        if self.is_ready:
            with contextlib.suppress(TimeoutError, ConnectionError):
                snapshot = await self._link.read_metrics()
        return Scraped(snapshot, self.pid, self.number)

    async def wait(self) -> int:
        """Return the exit code: the negative signal number if a signal ended it."""
        code = await self._process.wait()
        await self._link.close()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. A process that does not serve yet has no handlers, and ends quietly only on SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number if self.is_ready else signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


class WorkerSlot:
    """One of the N processes: the one that runs now, and after its end or replacement the next one."""

    def __init__(self, command: list[str], environment: Mapping[str, str], number: int, end_seconds: float) -> None:
        self.children: set[Child] = set()
        self._command = [*command, "--worker", str(number)]
        self._environment = environment
        self._number = number
        self._end_seconds = end_seconds
        self._changes = asyncio.Lock()
        self._current: Child | None = None

    async def start(self) -> None:
        """Start the first process. Raise StartupError if it does not serve; it has said why."""
        self._current = child = await self._start()
        if not await child.wait_ready():
            await self._end(child, signal.SIGTERM)
            raise StartupError(f"worker {self._number} did not start")

    async def keep(self) -> None:
        """Start another process whenever the current one has ended by itself."""
        delay = FIRST_DELAY_SECONDS
        while child := self._current:
            code = await self._wait(child)
            if child is not self._current:
                continue
            log.error("worker %d ended with code %d", self._number, code, extra={"action": "worker_end"})
            if asyncio.get_running_loop().time() - child.started_at > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_SECONDS)
            async with self._changes:
                if child is self._current:
                    self._current = child = await self._start()
                    if not await child.wait_ready():
                        child.kill()

    async def replace(self) -> bool:
        """Start a new process, and end the old one when the new one serves. Return False if it does not serve."""
        async with self._changes:
            old, new = self._current, await self._start()
            if not await new.wait_ready():
                await self._end(new, signal.SIGKILL)
                return False
            self._current = new
        if old:
            await self._end(old, signal.SIGHUP)
        return True

    async def scrape(self) -> Scraped | None:
        """Return the metrics of the process that runs now; None before the first start."""
        return await self._current.scrape() if self._current else None

    async def wait_end(self) -> None:
        """Return once no process of this slot runs; kill what does not end in time."""
        await asyncio.gather(*(self._end(child) for child in self.children))

    async def _start(self) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=theirs.fileno(),
                env=dict(self._environment),
                start_new_session=True,  # Ctrl-C reaches this process only, which passes it on
            )
        child = Child(self._number, process, WorkerLink(ours))
        self.children.add(child)
        log.info("worker %d is process %d", self._number, child.pid, extra={"action": "worker_start"})
        return child

    async def _end(self, child: Child, number: signal.Signals | None = None) -> None:
        if number is signal.SIGKILL:
            child.kill()
        elif number:
            child.signal(number)
        try:
            async with asyncio.timeout(self._end_seconds):
                await self._wait(child)
        except TimeoutError:
            log.error("worker %d does not end", self._number, extra={"action": "worker_kill"})
            child.kill()
            await self._wait(child)

    async def _wait(self, child: Child) -> int:
        code = await child.wait()
        self.children.discard(child)
        return code


class Signals:
    """The signals of this process, which ends the current task at the first one that asks it to end."""

    def __init__(self, level: LogLevel) -> None:
        self.is_stopping = False
        self._level = level
        self.replace = asyncio.Event()
        self.slots: list[WorkerSlot] = []
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # which nohup sets
                loop.add_signal_handler(number, self._receive, number)
        loop.add_signal_handler(signal.SIGUSR1, self._toggle_debug)

    def _toggle_debug(self) -> None:
        toggle_debug(self._level)
        for slot in self.slots:
            for child in slot.children:
                if child.is_ready:
                    child.signal(signal.SIGUSR1)

    def _receive(self, number: signal.Signals) -> None:
        """Pass a signal on. At a terminal SIGHUP says that it was closed; else it asks for new processes."""
        if number == signal.SIGHUP and not (sys.stdin and sys.stdin.isatty()):
            self.replace.set()
            return
        notify(STOPPING)
        self.send(signal.SIGINT if number == signal.SIGHUP else number)
        if not self.is_stopping and self._task:
            self._task.cancel()
        self.is_stopping = True

    def raise_if_stopping(self) -> None:
        """Raise CancelledError after a signal: the cancellation may have been lost (`end_tasks`)."""
        if self.is_stopping:
            raise asyncio.CancelledError

    def send(self, number: signal.Signals) -> None:
        for slot in self.slots:
            for child in slot.children:
                child.signal(number)


def run_workers(settings: Settings, *, demo: bool = False) -> None:
    """Serve with `settings.workers` processes until SIGTERM or SIGINT, and replace them at each SIGHUP.

    Raise StartupError when the store or one of the first processes does not start.
    """
    if sys.platform == "win32":
        raise StartupError("INBOX_WORKERS: several processes on one port need a POSIX system")
    with asyncio.Runner() as runner:
        runner.run(_supervise(settings, demo))


async def _supervise(settings: Settings, demo: bool) -> None:
    signals = Signals(settings.log_level)
    try:
        async with open_store(settings) as store:
            await _serve_on(store, settings, demo, signals)
    except asyncio.CancelledError:
        if not signals.is_stopping:
            raise
    log.info("stopped", extra={"action": "stop"})


async def _serve_on(store: Store, settings: Settings, demo: bool, signals: Signals) -> None:
    signals.raise_if_stopping()
    for listener in bind(settings.host, settings.port):  # fails if another service has the port
        port = listener.getsockname()[1]
        listener.close()
    store.announce(service_url(settings.host, port) + settings.base_path)
    environment = _environment(settings, store.url, port)
    command = [sys.executable, "-m", "inbox", "serve", *(["--demo"] if demo else [])]
    end_seconds = settings.drains_for_seconds + settings.shutdown_seconds + END_SECONDS
    slots = [WorkerSlot(command, environment, number, end_seconds) for number in range(1, settings.workers + 1)]
    signals.slots = slots

    async def scrape_all() -> list[Scraped]:
        scraped = await asyncio.gather(*(slot.scrape() for slot in slots))
        return [one for one in scraped if one is not None]

    try:
        async with metrics_port(settings, scrape_all):
            await _serve(slots, signals.replace)
    finally:
        if not signals.is_stopping:
            signals.send(signal.SIGINT)
        await asyncio.gather(*(slot.wait_end() for slot in slots))


async def _serve(slots: list[WorkerSlot], is_replacement_asked: asyncio.Event) -> None:
    """Start all processes, the first alone, since it makes what a new store lacks. Then keep and replace them."""
    await slots[0].start()
    await asyncio.gather(*(slot.start() for slot in slots[1:]))
    notify(READY)
    async with asyncio.TaskGroup() as tasks:
        for slot in slots:
            tasks.create_task(slot.keep())
        tasks.create_task(_replace(slots, is_replacement_asked))


async def _replace(slots: list[WorkerSlot], is_asked: asyncio.Event) -> None:
    while await is_asked.wait():
        is_asked.clear()
        for number, slot in enumerate(slots, 1):
            if not await slot.replace():
                log.error("the new worker %d did not start; the old ones stay", number, extra={"action": "replace"})
                break
        else:
            log.info("all workers are replaced", extra={"action": "replace"})


def _environment(settings: Settings, store_url: str, port: int) -> dict[str, str]:
    """Return the variables of a process: those of this one, on the store and the port that it has chosen."""
    own: dict[str, Any] = {"redis_url": store_url, "host": settings.host, "port": port, "workers": 1}
    inherited = {**os.environ, **{variable_name(name): show_value(value) for name, value in own.items()}}
    return {name: value for name, value in inherited.items() if name not in _OF_FIRST_PROCESS}
