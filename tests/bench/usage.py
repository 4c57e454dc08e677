"""What processes use: CPU time and memory, with their children and threads, from /proc (Linux)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import resident_bytes


def cpu_us(pid: int) -> float:
    """Microseconds that the threads of a process have been on a CPU."""
    used = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1000


class Processes:
    """Processes that are measured together, each with its children."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids

    def cpu_us(self) -> float:
        return sum(map(cpu_us, self._family()))

    def resident_bytes(self) -> int:
        return sum(map(resident_bytes, self._family()))

    def pin(self, core: int) -> None:
        """Run all of their threads on this core."""
        for pid in self._family():
            for task in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(task), {core})

    def _family(self) -> Iterator[int]:
        unseen = [*self._pids]
        while unseen:
            pid = unseen.pop()
            yield pid
            for task in os.listdir(f"/proc/{pid}/task"):
                unseen += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
