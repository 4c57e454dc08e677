"""Ends the processes of a test run when the run itself is gone, however it went (Ctrl-C, kill -9, a crash).

Run as a script. Standard input carries one process id a line: `+<pid>` to guard, `-<pid>` once it has ended. The end of
standard input means that the run is over, because its end of the pipe is closed even when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 3.0


def guarded_pids(lines: Iterable[str]) -> list[int]:
    """The processes still guarded when the lines end, oldest first."""
    pids: dict[int, None] = {}
    for line in lines:
        sign, pid = line[:1], int(line[1:])
        if sign == "+":
            pids[pid] = None
        else:
            pids.pop(pid, None)
    return list(pids)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(pids: list[int]) -> None:
    """Asks the newest first, so that a service is told before the store it stands on; then kills what is left."""
    send(reversed(pids), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(pids, signal.SIGKILL)


if __name__ == "__main__":
    end(guarded_pids(sys.stdin))
