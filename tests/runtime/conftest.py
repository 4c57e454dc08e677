"""The command `inbox` as a process of its own, in a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from inbox.embedded.files import command_line

from ..support.forking import Constants, run_command
from ..support.processes import REPOSITORY, ChildProcess, ForkedChild, free_port

READY_SECONDS = 60.0


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of the service and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_") and name != "PORT"}
    return {**inherited, "PYTHONUNBUFFERED": "1", **settings}


def run_interpreter(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m inbox …` to its end, from the first line of an interpreter."""
    return subprocess.run(
        [sys.executable, "-m", "inbox", *arguments],
        env=environment(**settings),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_inbox(
    *arguments: str, given: str = "", constants: Constants | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end, in a fork. `given` is its standard input."""
    return run_command(*arguments, given=given, env=environment(**settings), constants=constants)


def is_running(pid: int) -> bool:
    """Whether the process is there and has not ended as a zombie."""
    return bool(command_line(pid))


class Service:
    """`inbox serve` on a data directory and a free port; it can be started again.

    `forked`: it is a fork of an interpreter that has imported the program, else an interpreter of its own.
    """

    def __init__(self, home: Path, *, forked: bool, **settings: str) -> None:
        self.home = home
        self.forked = forked
        self.data = home / "data"
        self.port = free_port()
        where = {"INBOX_DATA_DIR": str(self.data), "INBOX_PORT": str(self.port)}
        self.settings = {**where, "INBOX_DRAIN_SECONDS": "0", **settings}
        self.process: ChildProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> ChildProcess:
        assert self.process is not None
        return self.process

    @property
    def store_pid(self) -> int:
        return int((self.data / "store.pid").read_text())

    def holder(self) -> Mapping[str, object]:
        """What the lock file says."""
        told: Mapping[str, object] = json.loads((self.data / "inbox.lock").read_text())
        return told

    def launch(self, *arguments: str) -> None:
        """Starts the process and does not wait."""
        env, log_path = environment(**self.settings), self.home / "service.log"
        if self.forked:
            self.process = ForkedChild(["serve", *arguments], env=env, log_path=log_path, cwd=REPOSITORY)
        else:
            command = [sys.executable, "-m", "inbox", "serve", *arguments]
            self.process = ChildProcess(command, env=env, log_path=log_path, cwd=REPOSITORY)

    async def start(self, *arguments: str) -> None:
        """Starts the process; returns once `/ready` answers 200."""
        self.launch(*arguments)
        await self.wait_status(200)

    async def wait_status(self, status: int, path: str = "/ready") -> httpx.Response:
        """The first response with this status; asks again and again meanwhile, for at most a minute."""
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(base_url=self.url, timeout=5, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    response = await client.get(path)
                    if response.status_code == status:
                        return response
                assert self.running.exit_code is None, f"the service ended:\n{self.log()}"
                assert time.monotonic() < deadline, f"{path} does not answer {status}:\n{self.log()}"
                await asyncio.sleep(0.01)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; the exit code."""
        self.running.signal(number)
        return await asyncio.to_thread(self.running.wait)

    def log(self) -> str:
        return self.running.log()

    def clean_up(self) -> None:
        """Ends what still runs: the service, and a store that a killed one left."""
        if self.process is not None and self.process.exit_code is None:
            self.process.terminate()
        with contextlib.suppress(OSError, ValueError):
            pid = self.store_pid
            if any(str(self.data) in argument for argument in command_line(pid)):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a path short enough for a socket in it, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="inbox-runtime-") as name:
        yield Path(name)


@pytest.fixture
def forked() -> bool:
    """Whether services are forks. A test of the process itself says no."""
    return True


@pytest.fixture
def make_service(home: Path, forked: bool) -> Iterator[Callable[..., Service]]:
    """Makes services, not started yet, each with a home of its own; whatever they leave ends with the test."""
    made: list[Service] = []

    def make(**settings: str) -> Service:
        own = home / f"service {len(made)}"
        own.mkdir()
        made.append(Service(own, forked=forked, **settings))
        return made[-1]

    yield make
    for service in made:
        service.clean_up()


def banner_value(output: str, label: str) -> str:
    """What the demo's banner shows behind a label."""
    found = re.search(rf"^  {label} +(\S+)$", output, re.MULTILINE)
    assert found, output
    return found[1]
