"""Work, counted: what templates, conditions and schemas of others may have computed while everybody else waits.

Counting gives the same result on a busy machine and on an idle one; the processor's clock is the last guard, for what
is dearer than it was counted.
"""

from __future__ import annotations

import time

CHARACTERS_PER_UNIT = 20
LOOKS = 500
"""How often the clock is looked at while the units last."""


class TooMuchWork(Exception):
    """More was asked for than is granted."""


class Work:
    """Units of work that are left, and seconds of this thread's processor time. Once they are spent they stay so."""

    __slots__ = ("_between_looks", "_cpu_seconds", "_ends", "_next_look", "left")

    def __init__(self, units: int, cpu_seconds: float) -> None:
        self.left = units
        self._between_looks = units // LOOKS
        self._next_look = units - self._between_looks
        self._cpu_seconds = cpu_seconds
        self._ends = 0.0

    def spend(self, units: int) -> None:
        """Takes units away. Raises TooMuchWork when there are no more of them, or no more time."""
        self.left -= units
        if self.left <= self._next_look:
            self._look()

    def seconds_left(self) -> float:
        """Of processor time, counted from when it is first asked for, or some of the units are spent; 0 at least."""
        now = time.thread_time()
        if not self._ends:
            self._ends = now + self._cpu_seconds
        return max(self._ends - now, 0.0)

    def _look(self) -> None:
        if self.left < 0 or not self.seconds_left():
            raise TooMuchWork("it takes too much work")
        self._next_look = max(self.left - self._between_looks, -1)


def weight(value: object) -> int:
    """Units for looking at a value once: 1 for a scalar, more for a long text; lists and objects with all in them."""
    if isinstance(value, str):
        return 1 + len(value) // CHARACTERS_PER_UNIT
    if isinstance(value, list | tuple | dict):
        return _weight_of_all(value)
    return 1 + len(value) if isinstance(value, range) else 1


def _weight_of_all(value: list[object] | tuple[object, ...] | dict[object, object]) -> int:
    units = 1
    waiting: list[object] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            units += len(part) // CHARACTERS_PER_UNIT
        elif isinstance(part, dict):
            units += len(part)
            waiting += part.values()
        elif isinstance(part, list | tuple):
            units += len(part)
            waiting += part
    return units
