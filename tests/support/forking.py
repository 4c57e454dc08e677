"""`python -m inbox …` without the second that an interpreter needs to import it: a fork of a process that has done so.

A test of the process itself (what it does from its first line on) starts an interpreter: see tests/runtime.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 60.0

Constants = Mapping[str, Any]
"""Other values for constants of the program, by their full names: {"inbox.jobs.GATHER_SECONDS": 1.0}."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.program"])


def _run(
    arguments: Sequence[str],
    outputs: tuple[Path, Path],
    env: Mapping[str, str],
    cwd: Path,
    constants: Constants,
    source: Path | None,
) -> None:
    """Make this fork what a new process with these arguments would be, and run the program."""
    os.setsid()
    if source:  # else standard input is empty
        sys.stdin = source.open()
    for stream, path in zip((sys.stdout, sys.stderr), outputs, strict=True):
        with path.open("ab") as file:
            os.dup2(file.fileno(), stream.fileno())
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    time.tzset()
    sys.argv = ["inbox", *arguments]
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(importlib.import_module(module), constant), name
        setattr(sys.modules[module], constant, value)

    from inbox.cli import main

    main()


class ForkedProcess:
    """A fork that runs the program, with those methods of `subprocess.Popen` that `ChildProcess` uses.

    `outputs`: the files to which it appends its standard output and its standard error. `source`: the file that it
    reads as its standard input.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        outputs: tuple[Path, Path],
        env: Mapping[str, str],
        cwd: Path,
        constants: Constants | None = None,
        source: Path | None = None,
    ) -> None:
        self.args = arguments
        task = (arguments, outputs, env, cwd, constants or {}, source)
        self._process = _context.Process(target=_run, args=task, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code


def run_command(
    *arguments: str, given: str = "", env: Mapping[str, str], constants: Constants | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end. `given` is its standard input."""
    with tempfile.TemporaryDirectory() as directory:
        source, output, errors = (Path(directory, name) for name in ("source", "output", "errors"))
        source.write_text(given)
        process = ForkedProcess(arguments, (output, errors), env, Path(directory), constants, source)
        try:
            code = process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(arguments, code, output.read_text(), errors.read_text())
