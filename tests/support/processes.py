"""Child processes of a test run: each with its log in a file, each ended with the run."""

from __future__ import annotations

import functools
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .forking import Constants, ForkedProcess

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = range(20000, 32000)  # below the range the kernel takes outgoing ports from, so that none is taken meanwhile
STOP_SECONDS = 30.0


def _ports_of_this_worker() -> Iterator[int]:
    """Over and over, from anywhere: processes of one run share no port, so none takes what another has just found."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = random.SystemRandom().randrange(len(own))  # property tests seed the other one the same in every process
    return itertools.cycle([*own[start:], *own[:start]])


_ports = _ports_of_this_worker()


def free_port() -> int:
    """A loopback TCP port that nothing listens on, and that this process was not given lately."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("ports have no end")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Returns once `condition()` holds; for start-up only, where there is nothing to await.

    Raises AssertionError naming `what` after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


@functools.cache
def _reaper() -> subprocess.Popen[str]:
    script = Path(__file__).with_name("reaper.py")
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to the whole group; the reaper has to outlive it
        env={},
    )


def _tell_reaper(line: str) -> None:
    pipe = _reaper().stdin
    assert pipe is not None
    pipe.write(line + "\n")
    pipe.flush()


class ChildProcess:
    """A running process; standard output and error go to `log_path` (appended, so a restart keeps the history)."""

    def __init__(
        self, command: Sequence[str], *, log_path: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.command = list(command)
        self.log_path = log_path
        self._process = self._start(env, cwd)
        _tell_reaper(f"+{self.pid}")

    def _start(self, env: Mapping[str, str] | None, cwd: Path | None) -> subprocess.Popen[bytes] | ForkedProcess:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
                restore_signals=False,  # a file that may not grow is an error of a write, as a full disk, and no signal
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal number when a signal ended it."""
        return self._process.poll()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Does nothing when the process has already ended."""
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code. Raises subprocess.TimeoutExpired; the process is left as it was."""
        code = self._process.wait(seconds)
        _tell_reaper(f"-{self.pid}")
        return code

    def kill(self) -> int:
        """SIGKILL: the process has no say."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM; a process that has not ended after `seconds` is killed and the TimeoutExpired raised."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class ForkedChild(ChildProcess):
    """The program with these arguments, forked instead of started: see forking.py."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str],
        cwd: Path,
        constants: Constants | None = None,
    ) -> None:
        self._constants = constants
        super().__init__(arguments, log_path=log_path, env=env, cwd=cwd)

    def _start(self, env: Mapping[str, str] | None, cwd: Path | None) -> ForkedProcess:
        self.log_path.touch()
        outputs = (self.log_path, self.log_path)
        return ForkedProcess(self.command, outputs, env or os.environ.copy(), cwd or Path.cwd(), self._constants)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, from /proc (Linux)."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
