"""Work, counted: what templates, conditions and schemas of others may have computed while everybody else waits.

Counting gives the same result on a busy machine and on an idle one; the processor's clock is the last guard, for what
is dearer than it was counted.
"""

from __future__ import annotations

import time

CHARACTERS_PER_UNIT = 20
LOOK_EVERY_UNITS = 64


class TooMuchWork(Exception):
    """More was asked for than is granted."""


class Work:
    """Units of work that are left, and seconds of this thread's processor time. Once they are spent they stay so."""

    __slots__ = ("_ends", "_next_look", "left")

    def __init__(self, units: int, cpu_seconds: float) -> None:
        self.left = units
        self._next_look = units - LOOK_EVERY_UNITS
        self._ends = time.thread_time() + cpu_seconds

    def spend(self, units: int) -> None:
        """Takes units away. Raises TooMuchWork when there are no more of them, or no more time."""
        self.left -= units
        if self.left <= self._next_look:
            self._look()

    @property
    def seconds_left(self) -> float:
        """Of processor time, 0 at least."""
        return max(self._ends - time.thread_time(), 0.0)

    def _look(self) -> None:
        if self.left < 0 or time.thread_time() > self._ends:
            raise TooMuchWork("it takes too much work")
        self._next_look = max(self.left - LOOK_EVERY_UNITS, -1)


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
