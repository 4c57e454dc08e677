"""Nothing that a test run starts outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .processes import REPOSITORY, ChildProcess, wait_until
from .reaper import guarded_pids, is_alive

RUN = """
import sys, time
from pathlib import Path
from tests.support.processes import ChildProcess
child = ChildProcess(["sleep", "60"], log_path=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_children_end_with_the_run(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path / "log")]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        os.killpg(run.pid, number)
    wait_until(lambda: not is_alive(child), "the child has ended")


def test_an_ended_process_is_no_longer_guarded() -> None:
    assert guarded_pids(["+10\n", "+20\n", "-10\n", "+30\n"]) == [20, 30]


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    for word in ("one", "two"):
        child = ChildProcess(["sh", "-c", f"echo {word}; echo {word} >&2; exit 3"], log_path=tmp_path / "log")
        assert child.wait() == 3
    assert child.log().split() == ["one", "one", "two", "two"]


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    child = ChildProcess(["sh", "-c", script], log_path=tmp_path / "log")
    wait_until(lambda: "ready" in child.log(), "the trap is set")
    with pytest.raises(subprocess.TimeoutExpired):
        child.terminate(seconds=0.2)
    assert child.exit_code == -signal.SIGKILL
